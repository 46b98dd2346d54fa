"""Bad events among good ones: each is a dead letter with all that came, and the good ones are learned once."""

import json

import pytest

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery import Worker
from streamimb.sinks.memory_log import MemoryLogSink
from streamimb.sources.log import Partition
from streamimb.sources.memory_log import MemoryLog, MemorySource
from tests.delivery.world import AtOnce, Crash, History, Mortal, Probe
from tests.faults.test_bad_events import BAD, SCHEMA, event

EVENTS = Partition("events", 0)
CONFIG = Config.model_validate({
    "learner": {"model": "linear"}, "control": {"objective": "f1", "every": 40}, "label": {"wait": "1d"},
    "limits": {"event_bytes_max": 20_000, "fields_max": 100},
    "source": {"topic": "events", "poll_records_max": 9}, "state": {"every_events": 10},
    "output": {"predictions": "predictions", "dead_letters": "dead"},
})  # fmt: skip
HEADERS = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""))


def topic():
    """The catalogue of bad events, two good ones before each; what is good by offset, what is bad by offset."""
    log, good, bad = MemoryLog(), {}, {}
    for name in ("events", "predictions", "dead"):
        log.create(name)
    for i, (name, (value, reason, field)) in enumerate(BAD.items()):
        for j in range(2):
            id_ = f"g{i}-{j}"
            known = event(id=id_, risk=i % 7, label=int(i % 9 == 0))
            good[log.append("events", known, timestamp=i)] = id_
        key = None if i % 3 == 0 else f"key-{i}".encode()
        bad[log.append("events", value, key, HEADERS, timestamp=i)] = (name, value, key, reason, field)
    return log, good, bad


def serve(log, folder, probe=lambda _: None, observer=None, eager=True):
    source, ticks = MemorySource(log, "g"), iter(range(10**9))
    worker = Worker(
        SCHEMA, CONFIG, Mortal(source, probe), Mortal(MemoryLogSink(log, eager=eager), probe),
        CheckpointStore(folder, setup=Setup(SCHEMA, CONFIG)), owner="o", executor=AtOnce(),
        clock=lambda: next(ticks) * 1e-3, sleep=lambda _: None, probe=probe, observer=observer,
    )  # fmt: skip
    try:
        worker.run(lambda: bool(source.lag()) and not any(source.lag().values()))
    except Crash:
        log.expire(source.member)
        return False
    return True


def check(log, good, bad, *, once):
    letters = {}
    for _, entry in log.read("dead"):
        told = dict(entry.headers)
        letters.setdefault(int(told["__connect.errors.offset"]), []).append(entry)
    assert letters.keys() == bad.keys()
    for offset, (name, value, key, reason, field) in bad.items():
        for entry in letters[offset]:
            told = dict(entry.headers)
            assert (entry.value, entry.key) == (value, key), name
            assert entry.headers[: len(HEADERS)] == HEADERS
            assert told["__streamimb.reason"] == reason.value.encode()
            assert told["__streamimb.field"] == (field or "").encode()
            assert (told["__connect.errors.topic"], told["__connect.errors.partition"]) == (b"events", b"0")
        assert len(letters[offset]) == 1 or not once
    assert {json.loads(e.value)["id"] for _, e in log.read("predictions")} == set(good.values())


def test_the_catalogue(tmp_path):
    """Forty and more kinds of bad events: all dead letters with original bytes, key and headers; good ones learned."""
    log, good, bad = topic()
    assert len(bad) >= 40
    history = History()
    assert serve(log, tmp_path, observer=history)
    check(log, good, bad, once=True)
    assert [offset for _, offset in history.events["topic"]] == sorted(good)


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("point", ["decoded", "processed", "sent", "flushed", "written", "committed"])
def test_the_catalogue_with_crashes(tmp_path, point, eager):
    """Every good event is learned once and no dead letter is lost, wherever the process dies, flushed or not."""
    log, good, bad = topic()
    history = History()
    for nth in (2, 3):
        assert not serve(log, tmp_path, Probe(point, nth), history, eager=eager)
    assert serve(log, tmp_path, observer=history, eager=eager)
    check(log, good, bad, once=False)
    assert [offset for _, offset in history.events["topic"]] == sorted(good)


def test_the_offset_moves_after_the_dead_letter(tmp_path):
    """Whenever an offset is committed, every dead letter below it is in its topic."""
    log, _, bad = topic()
    seen = []

    class Watching(History):
        def saved(self, unit, name, size, seconds, position):
            committed = log.groups["g"].committed[EVENTS].offset
            there = {int(dict(e.headers)["__connect.errors.offset"]) for _, e in log.read("dead")}
            assert {offset for offset in bad if offset < committed} <= there
            seen.append(committed)

    assert serve(log, tmp_path, observer=Watching(), eager=False)
    assert len(seen) > 5
