"""Brokers that do not answer, outputs that are not taken, and a process that is told to stop."""

from itertools import pairwise

import pytest

from streamimb.delivery import worker as worker_module
from streamimb.errors import BrokersAwayError, OutputError, RefusedError
from streamimb.pipeline import Pipeline
from streamimb.sources.log import Partition
from tests.delivery.test_storage_faults import Clock
from tests.delivery.world import History, World, events

N = 200
EVENTS = Partition("events", 0)
STATE = {"every_events": 25}


@pytest.fixture(scope="module")
def records():
    return events(17, N)


@pytest.fixture(scope="module")
def reference(records, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("reference"), records, state=STATE)
    assert world.serve()
    return world


def same(world, reference):
    assert world.learned() == reference.learned()
    for topic in ("predictions", "signals", "dead"):
        assert world.sent(topic) == reference.sent(topic)


@pytest.mark.parametrize("of", [("source",), ("sink",), ("source", "sink")])
def test_brokers_that_come_back(records, reference, tmp_path, of):
    """Calls are made again until a broker answers: nothing is lost and nothing comes twice."""
    world, clock = World(tmp_path, records, state=STATE), Clock()
    history, gone = History(), []

    def between(worker):
        if min(worker.owned.units["topic"].position, 150) // 40 > len(gone):
            gone.append(1)
            world.log.away(6, of=of)

    assert world.serve(clock=clock, sleep=clock.sleep, between=between, observer=history, idle=60)
    assert len(gone) > 2 and ("brokers", None) in history.troubles
    assert clock.slept[:4] == [0.1, 0.2, 0.4, 0.8]
    same(world, reference)
    keys = [entry.key for _, entry in world.log.read("predictions")]
    assert len(keys) == len(set(keys))


def test_trouble_of_long_ago_does_not_count(records, reference, tmp_path):
    """Each time that brokers are away has a budget of its own."""
    world, clock = World(tmp_path, records, state=STATE, budget={"brokers_seconds": 10}), Clock()

    def between(worker):
        clock.now += 60.0
        if worker.owned.units["topic"].position < 150:
            world.log.away(2)

    assert world.serve(clock=clock, sleep=clock.sleep, between=between, idle=200)
    same(world, reference)


@pytest.mark.parametrize("flushed", [True, False])
def test_brokers_away_past_the_budget(records, reference, tmp_path, flushed):
    """It ends with 75, after a last checkpoint; without one where outputs before it are not acknowledged."""
    tables = {"state": {"every_events": 1_000}, "budget": {"brokers_seconds": 30}}
    world, clock = World(tmp_path, records, **tables), Clock()

    def between(worker):
        if worker.owned.units["topic"].position > 100:
            if flushed:
                worker._outgoing.flush()
            world.log.away(10**6)

    with pytest.raises(BrokersAwayError, match="the budget is 30 s") as told:
        world.serve(clock=clock, sleep=clock.sleep, between=between)
    assert told.value.exit_code == 75
    saved = world.store().restore("topic")
    assert (saved is not None) == flushed
    assert saved is None or saved.meta["position"] > 100
    assert not world.log.groups["g"].committed
    world.log.away(0)
    assert world.serve()
    same(world, reference)


def test_a_sink_that_is_down_stops_the_learning(records, reference, tmp_path):
    """While outputs cannot be sent nothing more is read, no offset moves, and all of it is sent in the end."""
    world, clock = World(tmp_path, records, state=STATE), Clock()
    held = []

    def sleep(seconds):
        clock.sleep(seconds)
        held.append((member.worker.owned.units["topic"].position, dict(world.log.groups["g"].committed)))

    member = world.join(clock=clock, sleep=sleep)
    member.step(2)
    world.log.away(7, of=("sink",))
    member.finish()
    member.leave()
    assert len(held) == 7 and all(h == held[0] for h in held)
    same(world, reference)


@pytest.mark.parametrize("topic", ["predictions", "dead"])
def test_an_output_that_is_refused_for_good(records, reference, tmp_path, topic):
    """It ends, and saves nothing that follows the lost output: the next start sends it again."""
    world = World(tmp_path, records, state=STATE)

    def between(worker):
        if worker.owned.units["topic"].position > 60:
            world.log.read_only = {topic}

    with pytest.raises(OutputError):
        world.serve(between=between)
    world.log.read_only = set()
    assert world.serve()
    same(world, reference)


def test_an_output_that_is_refused_once_is_not_forgotten(records, reference, tmp_path):
    """A producer tells of a refused message once, and then no more: what it belonged to is not saved all the same."""
    world = World(tmp_path, records, state={"every_events": 1_000})
    worker, _ = world.worker()
    sink, refused = worker._outgoing._sink._inner, []

    def flush():
        if not refused:
            refused.append(sink._waiting)
            raise OutputError("message too large")

    sink._eager, sink.flush = False, flush
    with pytest.raises(OutputError):
        worker.run(lambda: worker.owned.units and worker.owned.units["topic"].position > 50)
    assert world.store().newest("topic") is None
    assert not world.log.groups["g"].committed


def test_told_to_stop_in_mid_batch(records, reference, tmp_path, monkeypatch):
    """It finishes the piece, saves, commits and leaves; the next goes on with the next record."""
    monkeypatch.setattr(worker_module, "PIECE_RECORDS", 10)
    world = World(tmp_path, records, state={"every_events": 1_000}, source={"poll_records_max": 1_000})
    history, seen = History(), []
    worker, source = world.worker(observer=history, between=lambda _: seen.append(1))
    worker.run(lambda: len(seen) >= 7)
    saved = world.store().restore("topic")
    assert saved.offsets[EVENTS] == 70
    assert world.log.groups["g"].committed[EVENTS] == (70, saved.name)
    assert source.member.status == "out"
    assert world.serve(idle=60)
    same(world, reference)


def test_a_slow_learner_looks_up_often(records, reference, tmp_path, monkeypatch):
    """A piece shrinks to what takes a twentieth of a second, or to the least; what is learned is the same."""
    monkeypatch.setattr(worker_module, "PIECE_RECORDS_FIRST", 40)
    clock, sizes = Clock(), []

    class Slow(History):
        def consumed(self, records):
            sizes.append(len(records))

    def probe(point):
        if point == "decoded":
            clock.now += sizes[-1] / 100

    world = World(tmp_path, records, state=STATE, source={"poll_records_max": 1_000})
    assert world.serve(probe, observer=Slow(), clock=clock, idle=60)
    assert sizes[0] == 40 and set(sizes[1:-1]) == {worker_module.PIECE_RECORDS_MIN}
    assert world.learned() == reference.learned()


def test_learning_that_is_slower_than_the_groups_patience_is_told(records, tmp_path):
    """The membership is kept alive all the same."""
    clock, told = Clock(), []

    class Heard(History):
        def told(self, event, **facts):
            told.append((event, facts))

    def probe(point):
        if point == "decoded":
            clock.now += 20.0

    world = World(tmp_path, records, state=STATE, kafka={"max.poll.interval.ms": 10_000})
    assert world.serve(probe, observer=Heard(), clock=clock, idle=60)
    slow = [facts for event, facts in told if event == "learning is slower than max.poll.interval.ms"]
    assert slow and all(facts["seconds"] > 10 and facts["records"] > 0 for facts in slow)


def test_told_to_stop_while_no_broker_answers(records, reference, tmp_path):
    """It does not wait for the budget's end."""
    world, sleeps = World(tmp_path, records, state=STATE), []
    worker, source = world.worker(sleep=sleeps.append, between=lambda _: world.log.away(10**6))
    with pytest.raises(BrokersAwayError):
        worker.run(lambda: len(sleeps) >= 3)
    assert len(sleeps) == 3
    world.bury(source)
    world.log.away(0)
    assert world.serve()
    same(world, reference)


def test_the_membership_is_kept_alive_in_mid_batch(records, tmp_path, monkeypatch):
    """A batch that takes long is interrupted every second of it; what the group says then is obeyed at once."""
    monkeypatch.setattr(worker_module, "PIECE_RECORDS", 10)
    world = World(tmp_path, records, state={"every_events": 1_000}, source={"poll_records_max": 1_000})
    clock, alive, left = Clock(), [], []

    def between(worker):
        clock.now += 0.6
        if len(alive) == 3 and not left:
            left.append(worker.owned.units["topic"].next[EVENTS])
            other = world.join()
            world.log.move(EVENTS, other.source.member)

    member = world.join(clock=clock, between=between)
    keep_alive = member.source.keep_alive
    member.source.keep_alive = lambda: (alive.append(clock.now), keep_alive())
    member.step()
    assert len(alive) == 4 and all(1.0 < b - a < 2.0 for a, b in pairwise(alive))
    assert not member.worker.owned.partitions
    assert world.store().restore("topic").offsets[EVENTS] <= left[0] + 20 < len(records)


def test_too_many_in_a_row(records, tmp_path):
    """A row of refused records, wherever it lies in a batch, ends the process with 65; all are dead letters then."""
    bad = [b"{"] * 30
    for poll in (7, 1_000):
        world = World(
            tmp_path / str(poll), records[:50] + bad + records[50:], state=STATE,
            budget={"rejects_in_a_row": 25}, source={"poll_records_max": poll},
        )  # fmt: skip
        with pytest.raises(RefusedError, match="in a row") as told:
            world.serve()
        assert told.value.exit_code == 65
        offset = world.log.groups["g"].committed[EVENTS].offset
        assert offset >= 75
        assert {str(o).encode() for o in range(50, min(80, offset))} <= {key[-1] for key in world.sent("dead")}


def test_what_was_sent_twice_is_no_bad_release(records, tmp_path):
    """A producer that sends a thousand events again stops nobody; nor does it hide what is refused between them."""
    budget = {"rejects_in_a_row": 25, "rejects_share": 0.3, "rejects_window": 60}
    good = [r for r in records if r is not None and b'"x": ' in r and b'"x": "1"' not in r][:80]
    assert World(tmp_path / "twice", good * 3, state=STATE, budget=budget).serve()
    mixed = [r for event in good for r in (event, b"{")]
    with pytest.raises(RefusedError, match="records in a row"):
        World(tmp_path / "bad", good + mixed, state=STATE, budget=budget).serve()


def test_too_large_a_share(records, tmp_path):
    """Every second record refused among the last so many ends the process with 65."""
    mixed = [r for good in records[80:200] for r in (good, b"{", b"[")]
    budget = {"rejects_share": 0.6, "rejects_window": 60}
    world = World(tmp_path, records[:80] + mixed, state=STATE, budget=budget)
    with pytest.raises(RefusedError, match=r"rejects_share is 0\.6"):
        world.serve()
    budget["rejects_share"] = 0.8
    assert World(tmp_path / "more", records[:80] + mixed, state=STATE, budget=budget).serve()


def test_learning_that_breaks_off_is_not_saved(records, tmp_path, monkeypatch):
    """An error in the middle of learning leaves a state that belongs to no offset: the last checkpoint stays."""
    world = World(tmp_path, records, state={"every_events": 1_000})
    process = Pipeline.process

    def half(self, batch):
        if self.store.next_position < 60:
            return process(self, batch)
        process(self, batch.slice(0, len(batch) // 2))
        raise RefusedError("in the middle")

    monkeypatch.setattr(Pipeline, "process", half)
    with pytest.raises(RefusedError, match="in the middle"):
        world.serve()
    assert world.store().newest("topic") is None
