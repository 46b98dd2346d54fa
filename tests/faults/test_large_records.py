"""Records that are larger than the topics of outputs take, on the real broker: cut, told, and no crash loop."""

import hashlib
import json
import time

import pytest
from kafka import KafkaProducer

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery import Worker
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
    until = time.monotonic() + 30
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
