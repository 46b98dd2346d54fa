"""A file into a topic, and refused events looked at and sent back, on the real broker."""

import json
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

from streamimb.batch import Reason, Rejected
from streamimb.schema_toml import load_schema
from streamimb.sinks.clients import make_sink
from streamimb.sinks.dead_letters import dead_letter
from streamimb.sinks.log import Message
from streamimb.sources.clients import make_source
from streamimb.sources.log import Partition, Records
from streamimb_services.produce import Pace
from streamimb_services.rows import rows_of
from tests.broker.log_worlds import WAITS_AT_MOST_S, KafkaWorld, Told, join
from tests.services.conftest import SCHEMA


@pytest.fixture
def world(broker):
    made = KafkaWorld(broker, partial(make_source, "kafka-python"), partial(make_sink, "kafka-python"))
    yield made
    made.close()


def values_in(world, topic, n):
    source = world.source(world.group())
    told = Told(source)
    source.subscribe([topic], told)
    join(told, shares=[1])
    found, until = [], time.monotonic() + WAITS_AT_MOST_S
    while sum(map(len, found)) < n:
        assert time.monotonic() < until, found
        found += source.poll(records_max=1_000, timeout_s=0.2)
    return [(k, v, h) for r in found for k, v, h in zip(r.keys, r.values, r.headers, strict=True)]


@pytest.fixture
def contract(tmp_path):
    (tmp_path / "s.toml").write_text(SCHEMA)
    return tmp_path / "s.toml"


def test_rows_of_a_csv_are_typed_as_the_contract_says(tmp_path, contract):
    """Numbers are numbers, missing cells null, ids keys; text that should be a number stays, to be refused later."""
    (tmp_path / "a.csv").write_text("id,time,x,z,label,other\n7,100,1.5,,bad,q\n8,200,abc,2,good,q\n")
    [rows] = rows_of(str(tmp_path / "a.csv"), load_schema(contract))
    assert rows.keys == [b"7", b"8"]
    assert [json.loads(v) for v in rows.values] == [
        {"id": "7", "time": 100, "x": 1.5, "z": None, "label": "bad"},
        {"id": "8", "time": 200, "x": "abc", "z": 2, "label": "good"},
    ]


def test_lines_of_ndjson_go_as_they_are(tmp_path, contract):
    """What cannot be read is sent too: it is a dead letter's business."""
    (tmp_path / "a.ndjson").write_bytes(b'{"id": "a", "x": 1}\n{"x": \n\n{"id": 5}\n')
    [rows] = rows_of(str(tmp_path / "a.ndjson"), load_schema(contract))
    assert list(rows.values) == [b'{"id": "a", "x": 1}', b'{"x": ', b'{"id": 5}']
    assert list(rows.keys) == [b"a", None, b"5"]


def test_a_pace_is_kept():
    """So many a second from the first on, whatever the pieces."""
    now = [0.0]
    pace = Pace(100.0, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    for _ in range(40):
        pace.wait(pace.piece())
    assert pace.sent == 200 and now[0] == pytest.approx(2.0)


def test_produce_sends_every_row(world, streamimb, stream, contract):
    """A row is a record, keyed by its id, in order; with --loop, the file begins anew under other ids."""
    topic, path = world.topic(), stream(n=50)
    servers = world.broker.bootstrap
    result = streamimb("produce", path, "-t", topic, "-b", servers, "--schema", contract, "--loop", "--limit", "70")
    assert result.exit_code == 0, result.stderr
    found = values_in(world, topic, 70)
    ids = [f"e{i}" for i in range(50)] + [f"e{i}-1" for i in range(20)]
    assert [key.decode() for key, _, _ in found] == ids == [json.loads(value)["id"] for _, value, _ in found]
    assert json.loads(found[0][1]).keys() == {"id", "time", "x", "z", "label"}


def test_ctrl_c_ends_produce_with_what_was_sent(world, stream, contract):
    """Exit 130, and every record that was told of is there."""
    topic = world.topic()
    command = [sys.executable, "-m", "streamimb_services", "produce", str(stream(n=50)), "-t", topic, "-b",
               world.broker.bootstrap, "--schema", str(contract), "--loop", "--rate", "100"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    first = values_in(world, topic, 1)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    sent = int(told.split(" records in")[0].split()[-1].replace(",", ""))
    assert len(first) >= 1 and len(values_in(world, topic, sent)) == sent


def test_dead_letters_are_shown_and_sent_back(world, streamimb):
    """Peek tells why and where from; replay sends the original bytes, key and headers, and only what is asked for."""
    events, dead = world.topic(), world.topic()
    records = Records(
        Partition(events, 0), np.array([4, 5]), np.array([0, 0]), [b"k", None], [b"{bad", b"\xff"],
        [[("own", b"h")], []],
    )  # fmt: skip
    reasons = list(Reason)[:2]
    sink = world.sink()
    sink.send(
        [
            dead_letter(dead, Rejected(events, reason, None, "why", offset=4 + row), records, row, connector="g")
            for row, reason in enumerate(reasons)
        ]
    )
    sink.send([Message(dead, b"no letter at all")])
    sink.flush()
    shown = streamimb("dlq", "peek", "-t", dead, "-b", world.broker.bootstrap, "--json")
    assert shown.exit_code == 0, shown.stderr
    first = json.loads(shown.stdout.splitlines()[0])
    assert (first["reason"], first["topic"], first["offset"]) == (reasons[0].value, events, "4")
    assert first["value"] == "{bad" and len(shown.stdout.splitlines()) == 3
    sent = streamimb("dlq", "replay", "-t", dead, "-b", world.broker.bootstrap, "--reason", reasons[0].value)
    assert sent.exit_code == 0 and "1 records" in sent.stderr
    assert [(k, v, list(h)) for k, v, h in values_in(world, events, 1)] == [(b"k", b"{bad", [("own", b"h")])]
