"""Outputs and offsets committed as one: what readers of committed records see, whatever becomes of checkpoints."""

import pytest

from streamimb.errors import BrokersAwayError, StateError, StorageError
from streamimb.sources.log import Partition
from tests.delivery.test_members import told_once
from tests.delivery.test_storage_faults import Clock
from tests.delivery.world import History, Probe, World, events

N = 200
EVENTS = Partition("events", 0)
TABLES = {"state": {"every_events": 20, "keep": 2}, "output": {"transactions": True}}


@pytest.fixture(scope="module")
def records():
    return events(13, N)


@pytest.fixture(scope="module")
def reference(records, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("reference"), records, **TABLES)
    assert world.serve()
    return world


def same(world, reference):
    assert world.learned()[0] == reference.learned()[0]
    for topic in ("predictions", "signals", "dead"):
        assert world.sent(topic) == reference.sent(topic)
    told_once(world)


def spoil(world, name, unit="topic"):
    (world.folder / unit / "checkpoints" / f"{name}.ckpt").write_bytes(b"no checkpoint")


def test_ten_crashes_between_checkpoint_and_commit(records, reference, tmp_path):
    """A crash loop writes checkpoint after checkpoint that nobody commits; the committed one is never pruned."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("written", 3))
    committed = world.log.groups["g"].committed[EVENTS].metadata
    for _ in range(10):
        assert not world.serve(Probe("written", 1))
        assert committed in [e.name for e in world.store().entries("topic")]
    assert len(world.store().entries("topic")) <= 4
    assert world.serve()
    same(world, reference)


def test_the_committed_checkpoint_is_rotten(records, reference, tmp_path):
    """An older one is restored, and what readers have seen already is not sent again."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("committed", 5))
    committed = world.log.groups["g"].committed[EVENTS]
    spoil(world, committed.metadata)
    history = History()
    assert world.serve(observer=history)
    assert history.heard("checkpoint cannot be used")
    restored = history.heard("restored")[0]
    assert restored[2] < committed.metadata
    assert [name for name, _ in restored[3]] == [committed.metadata]
    same(world, reference)


def test_a_second_crash_below_what_readers_have_seen(records, reference, tmp_path):
    """What was sent already stays known in the state, though the offsets committed since are lower."""
    world = World(tmp_path, records, **{**TABLES, "state": {"every_events": 20, "keep": 6}})
    assert not world.serve(Probe("committed", 6))
    names = [e.name for e in world.store().entries("topic")]
    seen = world.log.groups["g"].committed[EVENTS].offset
    for name in names[2:]:
        spoil(world, name)
    assert not world.serve(Probe("committed", 1))
    assert world.log.groups["g"].committed[EVENTS].offset < seen
    assert world.serve()
    same(world, reference)


def test_crashes_do_not_prune_the_older_one_that_is_used(records, reference, tmp_path):
    """While the committed one is rotten, the older one that was restored instead is kept, however often it crashes."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("committed", 5))
    spoil(world, world.log.groups["g"].committed[EVENTS].metadata)
    for _ in range(5):
        assert not world.serve(Probe("written", 1))
    assert world.serve()
    same(world, reference)


def test_nothing_older_is_left(records, tmp_path):
    """Where the committed checkpoint is rotten and there is none before it, it is refused: newer ones nobody saw."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("committed", 1))
    spoil(world, world.log.groups["g"].committed[EVENTS].metadata)
    with pytest.raises(StateError, match="committed offsets"):
        world.serve()


def test_a_first_checkpoint_that_was_never_committed(records, reference, tmp_path):
    """Nobody has seen what it holds: the next start begins anew, at the beginning."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("written", 1))
    history = History()
    assert world.serve(observer=history)
    assert history.heard("restored")[0][2] is None
    same(world, reference)


def test_the_group_forgot_its_offsets(records, tmp_path):
    """Checkpoints of committed transactions without committed offsets are refused: what readers saw is not known."""
    world = World(tmp_path, records, **TABLES)
    assert not world.serve(Probe("committed", 3))
    world.log.groups["g"].committed.clear()
    with pytest.raises(StateError, match=r"offsets\.retention\.minutes"):
        world.serve()


def test_partitions_that_cannot_all_be_saved_commit_nothing(records, tmp_path):
    """One transaction holds the outputs of every learner of a process: it waits until all of them are saved."""
    tables = {**TABLES, "state": {"every_events": 20, "scope": "partition"}, "budget": {"storage_seconds": 30}}
    world, clock = World(tmp_path, records * 2, partitions=2, **tables), Clock()
    member = world.join(clock=clock, sleep=clock.sleep)
    member.worker.owned  # noqa: B018
    member.source.poll(records_max=1, timeout_s=0)
    for number in (0, 1):
        member.source.seek(Partition("events", number), 0)
    folder = tmp_path / "partition-0" / "checkpoints"
    folder.write_bytes(b"")
    with pytest.raises(StorageError):
        for _ in range(100):
            clock.now += 2.0
            member.step()
    assert world.store().newest("partition-1") is not None
    assert not world.log.groups["g"].committed
    assert not world.sent("predictions")


def test_outputs_of_other_learners_go_with_an_aborted_transaction(records, tmp_path):
    """A partition that is lost takes the open transaction with it: the others go back to what they had committed."""
    tables = {**TABLES, "state": {"every_events": 1_000, "scope": "partition"}}
    alone = World(tmp_path / "alone", records, partitions=2, **tables)
    assert alone.serve()
    world = World(tmp_path / "world", records, partitions=2, **tables)
    member = world.join()
    member.step(4)
    assert not world.sent("predictions")
    lost = [p for p in member.worker.owned.partitions if p.number == 1]
    member.worker.owned.lost(lost)
    assert all(member.worker.owned.units["partition-0"].next[Partition("events", 0)] == 0 for _ in lost)
    member.worker.owned.assigned(lost)
    member.finish()
    member.leave()
    for number in (0, 1):
        assert world.learned(f"partition-{number}") == alone.learned(f"partition-{number}")
    assert world.sent("predictions") == alone.sent("predictions")
    told_once(world)


def test_brokers_away_at_the_commit(records, reference, tmp_path):
    """With a transaction open no last checkpoint is needed: the next start goes on from the committed one."""
    world, clock = World(tmp_path, records, **TABLES), Clock()

    def between(worker):
        if worker.owned.units["topic"].position > 100:
            world.log.away(10**6)

    with pytest.raises(BrokersAwayError):
        world.serve(clock=clock, sleep=clock.sleep, between=between)
    world.log.away(0)
    assert world.serve()
    same(world, reference)


def test_an_older_owners_transaction_ends_before_its_commits_are_read(records, reference, tmp_path):
    """A new owner shuts out the older producer first: what that would commit later cannot pass unseen."""
    world = World(tmp_path, records, **TABLES)
    order = []
    worker, source = world.worker()
    begin, committed = worker._outgoing._sink._inner.begin, source.committed
    worker._outgoing._sink._inner.begin = lambda: (order.append("fence"), begin())
    source.committed = lambda partitions: (order.append("committed"), committed(partitions))[1]
    source.subscribe(worker.owned.topics, worker.owned)
    worker.step()
    assert order[:2] == ["fence", "committed"]


def test_a_transaction_commits_the_offsets_of_every_learner_whose_outputs_it_holds(records, tmp_path):
    """One learner's checkpoint is due, the other's is not: both are saved, and both partitions' offsets committed."""
    tables = {**TABLES, "state": {"every_events": 30, "scope": "partition"}, "source": {"poll_records_max": 12}}
    world = World(tmp_path, records, partitions=2, **tables)
    member = world.join()
    while not world.log.groups["g"].committed:
        member.step()
    assert world.log.groups["g"].committed.keys() == {Partition("events", 0), Partition("events", 1)}
