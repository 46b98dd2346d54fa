"""Ownership that moves: members join, leave, die and are taken for dead in mid-batch, in both scopes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamimb.errors import ConfigError, FencedError
from streamimb.sources.log import Partition
from tests.delivery.crew import ACTIONS, Crew
from tests.delivery.world import History, Later, Probe, World, events

N = 210
MANY = {"state": {"every_events": 25}, "source": {"poll_records_max": 60}}
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 6), st.sampled_from(ACTIONS), st.integers(0, 2)), max_size=14
)


def tables(scope, transactions=False):
    return MANY | {"state": MANY["state"] | {"scope": scope}, "output": {"transactions": transactions}}


@pytest.fixture(scope="module")
def records():
    return list(dict.fromkeys(r for r in events(5, N) if r is not None))


@pytest.fixture(scope="module")
def alone(records, tmp_path_factory):
    """One process that nobody disturbs, a learner a partition."""
    world = World(tmp_path_factory.mktemp("alone"), records, partitions=3, **tables("partition"))
    assert world.serve()
    return world


@pytest.fixture(scope="module")
def accepted(alone):
    """The accepted events: an event is one whatever the scope."""
    return {tuple(key.decode().rsplit("-", 2)[1:]) for key in alone.sent("predictions")}


def same_partitions(world, alone):
    for number in range(3):
        assert world.learned(f"partition-{number}") == alone.learned(f"partition-{number}")
    for topic in ("predictions", "signals", "dead"):
        assert world.sent(topic) == alone.sent(topic)


def each_once(world, history, accepted):
    """The state holds each event once, those of a partition in its order."""
    held = history.events["topic"][: world.store().restore("topic").meta["position"]]
    assert sorted(held) == sorted((int(p), int(o)) for p, o in accepted)
    for number in range(3):
        offsets = [offset for partition, offset in held if partition == number]
        assert offsets == sorted(offsets)


def told_once(world):
    told = [entry.key for _, entry in world.log.read("predictions")]
    assert len(told) == len(set(told)), "a reader of committed records saw a prediction twice"


def check(world, history, alone, accepted):
    if world.config.state.scope == "partition":
        same_partitions(world, alone)
    else:
        each_once(world, history, accepted)
    if world.config.output.transactions:
        told_once(world)


@pytest.mark.parametrize("transactions", [False, True])
def test_a_learner_a_partition_survives_a_crash_at_every_point(records, alone, tmp_path, transactions):
    """Each partition's learner goes on bit for bit where it was saved."""
    world = World(tmp_path / "reference", records, partitions=3, **tables("partition", transactions))
    probe = Probe()
    assert world.serve(probe)
    same_partitions(world, alone)
    for point, times in probe.seen.items():
        name = f"{point}".replace(" ", "-").replace(":", "")
        world = World(tmp_path / name, records, partitions=3, **tables("partition", transactions))
        assert not world.serve(Probe(point, max(1, times // 2)))
        assert world.serve(), point
        same_partitions(world, alone)
        if transactions:
            told_once(world)


@pytest.mark.parametrize("transactions", [False, True])
@pytest.mark.parametrize("scope", ["topic", "partition"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_members_come_and_go(records, alone, accepted, tmp_path_factory, monkeypatch, scope, transactions, steps):
    """Whoever joins, leaves, dies or is shut out in mid-batch: each event is learned once, in its partition's order."""
    world = World(tmp_path_factory.mktemp("w"), records, partitions=3, **tables(scope, transactions))
    crew = Crew(world, monkeypatch, history := History())
    for step in steps:
        crew.step(*step)
    crew.finish()
    check(world, history, alone, accepted)


@pytest.mark.parametrize("scope", ["topic", "partition"])
def test_partitions_lost_and_given_again_in_mid_batch(records, alone, accepted, tmp_path, monkeypatch, scope):
    """What a batch still holds after its partitions were lost and given again at once is fetched anew, not learned."""
    world = World(tmp_path, records, partitions=3, **tables(scope))
    crew = Crew(world, monkeypatch, history := History())
    crew.step(0)
    before = len(history.heard("restored"))
    crew.step(0, 2, "expire", 0)  # it was taken for dead, and is back, within one call
    assert len(history.heard("restored")) > before
    crew.finish()
    check(world, history, alone, accepted)


def test_what_is_revoked_in_mid_batch_is_saved_and_committed(records, tmp_path, monkeypatch):
    """The member that gives up stops at an event's edge, saves and commits; the other goes on exactly there."""
    world = World(tmp_path, records, partitions=3, **tables("partition"))
    crew = Crew(world, monkeypatch, History())
    crew.step(0)
    crew.step(0, 2, "join")
    crew.step(0)
    first = crew.members[0].worker.owned
    moved = {0, 1, 2} - {p.number for p in first.partitions}
    assert moved
    for number in moved:
        saved = world.store().restore(f"partition-{number}")
        committed = world.log.groups["g"].committed[Partition("events", number)]
        assert committed == (saved.offsets[Partition("events", number)], saved.name)


def test_ownership_stays_where_it_is_when_a_member_joins(records, tmp_path, monkeypatch):
    """Under the scope topic one learns and the others stand by, whoever of them was there first."""
    world = World(tmp_path, records, partitions=3, **tables("topic"))
    crew = Crew(world, monkeypatch, history := History())
    for which in (0, 0):
        crew.step(which)
    crew.join()
    for which in (0, 1, 0, 1):
        crew.step(which)
    first, second = (m.worker.owned for m in crew.members)
    assert (first.role, second.role) == ("owner", "standby")
    assert len(first.partitions) == 3 and not second.partitions
    assert len(history.heard("restored")) == 1
    for partition in sorted(first.partitions):
        world.log.move(partition, crew.members[1].source.member)
    for which in (0, 1, 0, 1):
        crew.step(which)
    crew.join()
    for which in (2, 0, 1, 2, 0, 1):
        crew.step(which)
    third = crew.members[2].worker.owned
    assert (first.role, second.role, third.role) == ("standby", "owner", "standby")
    assert len(second.partitions) == 3 and len(history.heard("restored")) == 2


def test_a_standby_follows_and_takes_over_from_what_it_has_at_hand(records, accepted, tmp_path, monkeypatch):
    """The standby has the newest checkpoint restored already, and reads none when the owner dies."""
    world = World(tmp_path, records, partitions=3, **tables("topic") | {"state": {"standby_seconds": 0.1}})
    crew = Crew(world, monkeypatch, history := History())
    crew.join()
    for which in (0, 0, 0, 1):
        crew.step(which)
    owner, standby = crew.members
    newest = world.store().newest("topic")
    assert standby.worker.owned.standby.unit.saved_name == newest
    monkeypatch.setattr(type(standby.worker.owned), "_read", None)
    crew.act("die", owner)
    crew.step(0)
    assert history.told_of[-1][:3] == ("restored", "topic", newest) or history.heard("restored")[-1][2] == newest
    monkeypatch.undo()
    crew.finish()
    each_once(world, history, accepted)


@pytest.mark.parametrize("scope", ["topic", "partition"])
def test_a_zombie_writes_neither_checkpoint_nor_offsets(records, tmp_path, monkeypatch, scope):
    """A member that was taken for dead and does not know it: its next checkpoint is refused, and it commits nothing."""
    world = World(tmp_path, records, partitions=2, **tables(scope))
    zombie, other = world.join(observer=History()), world.join()
    zombie.step(2)
    world.log.expire(zombie.source.member)
    other.step(3)
    units = sorted(other.worker.owned.units)
    other.worker._keeper.release(list(other.worker.owned.units.values()))
    names = {unit: world.store().newest(unit) for unit in units}
    offsets = dict(world.log.groups["g"].committed)
    for unit in zombie.worker.owned.units.values():
        unit.events = 10**6
    if scope == "topic":
        with pytest.raises(FencedError, match="belongs to"):
            for _ in range(2):
                zombie.worker._look()
    else:
        zombie.worker._look()
        zombie.worker._look()
        assert not zombie.worker.owned.units
    assert {unit: world.store().newest(unit) for unit in units} == names
    assert world.log.groups["g"].committed == offsets


def test_a_zombie_in_transactions_sends_nothing(records, tmp_path):
    """What a fenced owner had in its transaction no reader of committed records ever sees."""
    world = World(tmp_path, records, **tables("topic", transactions=True) | {"state": {"every_events": 1_000}})
    zombie = world.join()
    zombie.step()
    world.log.expire(zombie.source.member)
    other = world.join()
    other.step()
    other.worker._keeper.release(list(other.worker.owned.units.values()))
    seen = world.sent("predictions")
    with pytest.raises(FencedError):
        zombie.worker._keeper.release(list(zombie.worker.owned.units.values()))
    assert world.sent("predictions") == seen


def test_a_static_member_that_another_replaced_stops(records, tmp_path):
    """Two processes of one group.instance.id: the older is fenced, and ends with 76."""
    world = World(tmp_path, records)
    older = world.join(instance="one")
    older.step()
    world.join(instance="one").step()
    with pytest.raises(FencedError) as told:
        older.step()
    assert told.value.exit_code == 76


def test_a_fenced_process_raises_from_its_run(records, tmp_path):
    """The process whose unit another claims saves nothing more and ends with 76."""
    world = World(tmp_path, records, state={"every_events": 30})
    calls = iter(range(10**6))

    def claimed_by_another(_):
        if next(calls) == 4:
            world.store().claim("topic", owner="another", group="streamimb")

    with pytest.raises(FencedError, match="another"):
        world.serve(between=claimed_by_another)


def test_a_unit_that_a_straggler_claimed_is_taken_back(records, alone, tmp_path, monkeypatch):
    """A late claim shuts out the rightful owner of a partition: while the group gives it that, it goes on."""
    world = World(tmp_path, records, partitions=3, **tables("partition") | {"source": {"poll_records_max": 10}})
    crew = Crew(world, monkeypatch, history := History())
    crew.step(0)
    world.store().claim("partition-1", owner="straggler", group="streamimb")
    crew.finish()
    assert history.heard("unit lost")
    same_partitions(world, alone)


@pytest.mark.parametrize("scope", ["topic", "partition"])
def test_a_new_partition_begins_at_its_beginning(records, tmp_path, scope):
    """A partition that is added while the service runs is learned from its first record on."""
    world = World(tmp_path, records, partitions=2, **tables(scope))
    member = world.join(observer=(history := History()))
    member.finish()
    world.log.grow("events", 3)
    for i, record in enumerate(events(8, 20)):
        record = record and record.replace(b'"id": "e', b'"id": "new')
        world.log.append("events", record, number=2, timestamp=i)
    member.finish()
    unit = "topic" if scope == "topic" else "partition-2"
    learned = [offset for partition, offset in history.events[unit] if partition == 2]
    assert learned[0] == 0 and len(learned) > 10
    member.leave()
    assert world.store().restore(unit).offsets[Partition("events", 2)] == world.log.lane(Partition("events", 2)).end


@pytest.mark.parametrize("how", ["revoked", "stopped", "fenced"])
def test_a_checkpoint_under_way(records, tmp_path, how):
    """One that is being written when its unit is given up is waited for and committed; a fenced one is not."""
    world = World(tmp_path, records, state={"every_events": 20}, source={"poll_records_max": 500})
    member = world.join(executor=Later(10**9))
    member.step()
    unit = member.worker.owned.units["topic"]
    assert unit.saved_name is None and world.store().newest("topic") is None, "still under way"
    if how == "fenced":
        world.store().claim("topic", owner="another", group="streamimb")
        with pytest.raises(FencedError):
            member.worker.owned.revoked(sorted(member.worker.owned.partitions))
        assert world.store().newest("topic") is None
        assert not world.log.groups["g"].committed
        return
    if how == "revoked":
        member.worker.owned.revoked(sorted(member.worker.owned.partitions))
    else:
        member.worker._keeper.release([unit])
    saved = world.store().restore("topic")
    assert saved.offsets == unit.next
    assert world.log.groups["g"].committed[Partition("events", 0)] == (unit.next[Partition("events", 0)], saved.name)


def test_learners_of_partitions_do_not_begin_beside_a_whole_topics_state(records, tmp_path):
    """A state that they cannot go on from is not passed over without a word."""
    assert World(tmp_path, records).serve()
    world = World(tmp_path, records, partitions=2, state={"scope": "partition"})
    with pytest.raises(ConfigError, match=r"state\.url .* state\.scope = 'topic'"):
        world.serve()
    assert not world.sent("predictions")
