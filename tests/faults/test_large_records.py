"""Records that are larger than the topics of outputs take, on the real broker: cut, told, and no crash loop."""

import hashlib
import json
import time

import pytest
from kafka import KafkaProducer

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery import Worker
from streamimb.errors import OutputError
from streamimb.metrics import Exporter
from streamimb.sinks.clients import make_sink
from streamimb.sinks.kafka_limits import record_bytes
from streamimb.sources.clients import make_source
from tests.delivery.world import AtOnce
from tests.faults.test_bad_events import SCHEMA, event
from tests.services.test_produce import values_in, world  # noqa: F401  a fixture

LARGE = b"x" * 1_048_450
ZIPPED = b"{" + b"y" * 2_000_000


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_bound_that_cannot_be_read_is_told_and_can_be_given(world, tmp_path, client):  # noqa: F811
    """The broker refuses the letter: exit 74, with what to set; set, the letter is cut, and nothing was lost."""
    events, dead = world.topic(), world.broker.topic(max_message_bytes=20_000)
    plain = KafkaProducer(bootstrap_servers=world.broker.bootstrap)
    for i, value in enumerate([event(id="first"), b"x" * 50_000, event(id="last")]):
        plain.send(events, value, timestamp_ms=1 + i)
    plain.close()

    def run(**settings):
        config = Config.model_validate({
            "learner": {"model": "linear"}, "control": {"objective": "f1"}, "label": {"wait": "1d"},
            "kafka": world.broker.settings | settings, "output": {"dead_letters": dead},
            "source": {"topic": events, "group": f"g-{events}", "client": client},
        })  # fmt: skip
        exporter = Exporter(SCHEMA, config, version="0", wall=time.time)
        worker = Worker(
            SCHEMA, config, make_source(client, config.kafka, config.source.group), make_sink(client, config.kafka),
            CheckpointStore(tmp_path, setup=Setup(SCHEMA, config)), owner="o", executor=AtOnce(),
            clock=time.monotonic, sleep=time.sleep, observer=exporter, topic_bytes={},
        )  # fmt: skip
        until = time.monotonic() + 60
        worker.run(lambda: exporter.values.numbers["events_consumed_total"][()] >= 3 or time.monotonic() > until)

    with pytest.raises(OutputError, match=r"max\.request\.size"):
        run()
    run(**{"max.request.size": 20_000})
    ((_, value, headers),) = values_in(world, dead, 1)
    assert dict(headers)["__streamimb.truncated.bytes"] == b"50000" and 10_000 < len(value) < 20_000


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_large_dead_letter_is_cut(world, tmp_path, client):  # noqa: F811
    """Its headers tell what it was; letters and predictions beside it arrive whole."""
    events, dead, predictions = (world.topic() for _ in range(3))
    servers = world.broker.bootstrap
    producer = KafkaProducer(bootstrap_servers=servers, max_request_size=4_000_000, compression_type="gzip")
    plain = KafkaProducer(bootstrap_servers=servers)
    plain.send(events, event(id="first"), timestamp_ms=1)
    plain.send(events, b"{bad", timestamp_ms=2)
    plain.send(events, LARGE, timestamp_ms=3)
    plain.flush()
    for i, value in enumerate([ZIPPED, b"{worse", event(id="last")]):
        producer.send(events, value, timestamp_ms=4 + i)
    producer.flush()
    producer.close()
    plain.close()
    config = Config.model_validate({
        "learner": {"model": "linear"}, "control": {"objective": "f1"}, "label": {"wait": "1d"},
        "limits": {"event_bytes_max": 1_500_000},
        "kafka": world.broker.settings, "source": {"topic": events, "group": f"g-{events}", "client": client},
        "output": {"predictions": predictions, "dead_letters": dead},
    })  # fmt: skip
    source = make_source(client, config.kafka, config.source.group)
    sink = make_sink(client, config.kafka)
    exporter = Exporter(SCHEMA, config, version="0", wall=time.time)
    worker = Worker(
        SCHEMA, config, source, sink, CheckpointStore(tmp_path, setup=Setup(SCHEMA, config)), owner="o",
        executor=AtOnce(), clock=time.monotonic, sleep=time.sleep, observer=exporter,
        topic_bytes=record_bytes(config.kafka, [dead, predictions]),
    )  # fmt: skip
    until = time.monotonic() + 60
    worker.run(lambda: exporter.values.numbers["events_consumed_total"][()] >= 6 or time.monotonic() > until)
    letters = values_in(world, dead, 4)
    told = [dict(headers) for _, _, headers in letters]
    assert [v for _, v, _ in letters][::3] == [b"{bad", b"{worse"]
    for (_, value, _), headers, whole in zip(letters[1:3], told[1:3], [LARGE, ZIPPED], strict=True):
        assert whole.startswith(value) and len(value) > 900_000
        assert headers["__streamimb.truncated.bytes"] == str(len(whole)).encode()
        assert headers["__streamimb.truncated.sha256"] == hashlib.sha256(whole).hexdigest().encode()
    for headers in told:
        names = {name.removeprefix("__connect.errors.") for name in headers if name.startswith("__connect.errors.")}
        assert names == {
            "topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name", "exception.class.name",
            "exception.message", "exception.stacktrace",
        }  # fmt: skip
    ids = [json.loads(v)["id"] for _, v, _ in values_in(world, predictions, 2)]
    assert ids == ["first", "last"]
    assert exporter.values.numbers["dead_letters_cut_total"][()] == 2
