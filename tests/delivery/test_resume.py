"""Resume equals uninterrupted: whatever dies wherever, the state and the outputs are those of a run nobody killed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.world import Later, Probe, World, events

N = 400
WRITE_POINTS = ("write: before write", "write: after prune")


@pytest.fixture(scope="module")
def records():
    return events(3, N)


def uninterrupted(folder, records, **tables):
    world = World(folder, records, **tables)
    probe = Probe()
    assert world.serve(probe)
    return world, probe.seen


def same(world, other):
    """State and outputs are the other's; each prediction once under its key."""
    assert world.learned() == other.learned()
    for topic in ("predictions", "signals", "dead"):
        assert world.sent(topic) == other.sent(topic)


def test_nothing_is_lost_without_a_crash(records, tmp_path):
    """Every accepted event has its prediction, every refused one its dead letter."""
    world, seen = uninterrupted(tmp_path, records)
    assert len(world.sent("predictions")) == world.store().restore("topic").meta["position"]
    assert len(world.sent("dead")) > 5
    assert seen["committed"] >= 4


@pytest.mark.parametrize("transactions", [False, True])
def test_a_crash_at_every_point(records, tmp_path, transactions):
    """At each named point, early and late in the run, a process dies and another goes on."""
    output = {"transactions": transactions}
    reference, seen = uninterrupted(tmp_path / "reference", records, output=output)
    for point, times in seen.items():
        for nth in sorted({1, times // 2, times} - {0}):
            name = f"{point}-{nth}".replace(" ", "-").replace(":", "")
            world = World(tmp_path / name, records, output=output)
            died = not world.serve(Probe(point, nth))
            assert died, f"{point} was not reached {nth} times"
            assert world.serve(), point
            same(world, reference)
            if transactions:
                told = [e.key for _, e in world.log.read("predictions")]
                assert len(told) == len(set(told)), f"{point} {nth}: a reader of committed records saw one twice"


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_crashes_at_random(records, tmp_path_factory, data):
    """Up to four crashes in a row, checkpoints written while the loop goes on, polls of any size."""
    draw = data.draw
    tables = {
        "output": {"transactions": draw(st.booleans())},
        "source": {"poll_records_max": draw(st.sampled_from([1, 7, 64, 1_000]))},
        "state": {"every_events": draw(st.sampled_from([20, 90, 1_000]))},
    }
    reference, seen = uninterrupted(tmp_path_factory.mktemp("r"), records, **tables)
    world = World(tmp_path_factory.mktemp("w"), records, **tables)
    for _ in range(draw(st.integers(1, 4))):
        point = draw(st.sampled_from(sorted(seen)))
        probe = Probe(point, draw(st.integers(1, seen[point])))
        world.serve(probe, Later(draw(st.integers(0, 20))))
    world.serve()
    same(world, reference)
