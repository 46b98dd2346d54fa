"""Where a service begins: at its checkpoint's offsets, shown to be those of this topic; or after a replay's end."""

import json

import pytest

from streamimb.errors import GapError, StateError
from streamimb.pipeline import Pipeline
from streamimb.sources.log import Partition
from tests.delivery.world import SCHEMA, History, Probe, World, config, events

N = 160
EVENTS = Partition("events", 0)
STATE = {"every_events": 25}


@pytest.fixture(scope="module")
def records():
    return events(19, N)


@pytest.fixture(scope="module")
def reference(records, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("reference"), records, state=STATE)
    assert world.serve()
    return world


def crashed(folder, records, **tables):
    """A world whose process died in the middle, and the offset at which its state stands."""
    world = World(folder, records, **{"state": STATE, **tables})
    assert not world.serve(Probe("committed", 3))
    return world, world.store().restore("topic").offsets[EVENTS]


def test_events_that_are_no_longer_retained(records, tmp_path):
    """It ends with 70 and says exactly which offsets are gone, before it learns anything."""
    world, offset = crashed(tmp_path, records)
    world.log.retain(EVENTS, offset + 7)
    with pytest.raises(GapError, match=rf"offsets {offset} to {offset + 6} \(7 records\)") as told:
        world.serve()
    assert told.value.exit_code == 70
    assert world.store().restore("topic").offsets[EVENTS] == offset


def test_events_that_are_retained_to_the_last(records, reference, tmp_path):
    """What lies before the checkpoint's offset may be gone: that is learned."""
    world, offset = crashed(tmp_path, records)
    world.log.retain(EVENTS, offset)
    assert world.serve()
    assert world.learned() == reference.learned()


def test_a_gap_is_skipped_where_the_configuration_says_so(records, tmp_path):
    """With source.missing_offsets = "skip" it goes on behind the gap, and says what it left out."""
    world, offset = crashed(tmp_path, records, source={"missing_offsets": "skip"})
    world.log.retain(EVENTS, offset + 7)
    history = History()
    assert world.serve(observer=history)
    assert f"offsets {offset} to {offset + 6} (7 records)" in history.heard("partition begins")[0][1]["note"]
    assert world.store().restore("topic").offsets[EVENTS] == len(records)


def test_a_topic_that_was_made_anew(records, tmp_path):
    """Another topic of the same name is refused, even where it has as many records."""
    world, _ = crashed(tmp_path, records)
    world.log.create("events")
    for i, record in enumerate(records):
        world.log.append("events", record, timestamp=i)
    with pytest.raises(GapError, match="made anew"):
        world.serve()


def test_a_topic_that_has_gone_backwards(records, tmp_path):
    """A topic that ends before the checkpoint's offset has lost records: refused, with both offsets."""
    world, offset = crashed(tmp_path, records)
    del world.log.lane(EVENTS).entries[offset - 5 :]
    with pytest.raises(GapError, match=f"ends at offset {offset - 5}, but {offset} comes next"):
        world.serve()


def test_the_checkpoint_counts_whatever_was_committed(records, reference, tmp_path):
    """Offsets that an operator moved, forwards or backwards, neither lose events nor have them learned twice."""
    for moved in (0, len(records)):
        world, _ = crashed(tmp_path / str(moved), records)
        group = world.log.groups["g"]
        group.committed[EVENTS] = group.committed[EVENTS]._replace(offset=moved)
        assert world.serve()
        assert world.learned() == reference.learned()


def test_what_is_delivered_again_is_passed_over(records, reference, tmp_path):
    """Records that the client gives once more are counted, and learned once."""
    world = World(tmp_path, records, state=STATE)
    member = world.join(observer=(history := History()))
    member.step(2)
    member.source.seek(EVENTS, 10)
    member.finish()
    member.leave()
    assert sum(told[2] for told in history.heard("redelivered")) == 64
    assert world.learned() == reference.learned()


def test_what_waits_for_labels_survives_crashes(tmp_path):
    """Events whose labels come after three crashes are scored and learned as if nobody had died."""
    stamp = 1_000_000
    features = [{"id": f"e{i}", "time": stamp * (i + 1), "x": i % 7 / 3, "z": 1.0, "c": "a"} for i in range(60)]
    labels = [
        {"id": f"e{i}", "time": stamp * (i + 1), "label": ("legit", "fraud")[i % 5 == 0], "label_time": stamp * 61}
        for i in range(60)
    ]
    records = [json.dumps(told).encode() for told in [*features, *labels]]
    tables = {"state": {"every_events": 10, "keep": 2}, "source": {"poll_records_max": 10}, "label": {"wait": "1d"}}
    reference = World(tmp_path / "reference", records, **tables)
    assert reference.serve()
    world = World(tmp_path / "world", records, **tables)
    for nth in (2, 2, 1):
        assert not world.serve(Probe("committed", nth))
    waiting = world.store().restore("topic")
    assert waiting.segments and waiting.meta["position"] >= 40
    assert world.serve()
    assert world.learned() == reference.learned()
    assert world.sent("predictions") == reference.sent("predictions")


def replayed(world, until):
    """A checkpoint as a replay's end leaves it: state without offsets, and up to when it has learned."""
    pipeline = Pipeline(SCHEMA, world.config)
    snapshot = pipeline.snapshot()
    claim = world.store().claim("topic", owner="replay", group="")
    meta = {"learned_until": until, "position": 0}
    claim.write(snapshot.state, [snapshot.segment], snapshot.drop, {}, meta)


@pytest.mark.parametrize("transactions", [False, True])
def test_a_service_begins_after_a_replays_end(records, tmp_path, transactions):
    """Of each partition the first event is the first one after the last that the replay learned; also after a crash."""
    world = World(tmp_path, records, state=STATE, output={"transactions": transactions})
    replayed(world, until := 50_000_000)
    assert not world.serve(Probe("written", 1))
    history = History()
    assert world.serve(observer=history)
    assert history.heard("restored")[0][2] is not None, "the replay's end, or what was learned since"
    told = [json.loads(value) for value in world.sent("predictions").values()]
    first = min(told, key=lambda row: row["offset"])
    assert first["time"] == "1970-01-01T00:00:51Z"
    ids = {json.loads(r)["id"] for r in records if r and r.startswith(b'{"id": "e') and b'"x"' in r}
    assert {row["id"] for row in told} == {i for i in ids if int(i[1:]) * 1_000_000 >= until}


def test_a_replays_end_that_lies_further_on_than_a_poll(records, tmp_path):
    """A crash while the service still reads what the replay had learned does not make it forget where it begins."""
    world = World(tmp_path, records, state={"every_events": 1_000, "every_seconds": 0.01})
    replayed(world, 100_000_000)
    for nth in (1, 2):
        world.serve(Probe("committed", nth))
    assert world.serve()
    told = [json.loads(value) for value in world.sent("predictions").values()]
    assert min(row["time"] for row in told) == "1970-01-01T00:01:41Z"


def test_a_live_key_may_change(records, tmp_path):
    """The objective may be another at the next start; the state goes on."""
    world, offset = crashed(tmp_path, records)
    world.config = config(state=STATE, control={"objective": "kappa"})
    history = History()
    assert world.serve(observer=history)
    assert history.heard("restored")[0][2] is not None
    assert world.store().restore("topic").offsets[EVENTS] == len(records) > offset


def test_a_key_that_shapes_state_may_not(records, tmp_path):
    """Another window is refused with 70, naming the key with both values; nothing is written."""
    world, _ = crashed(tmp_path, records)
    newest = world.store().newest("topic")
    world.config = config(state=STATE, control={"every": 41})
    with pytest.raises(StateError, match=r"control\.every was 40, is 41") as told:
        world.serve()
    assert told.value.exit_code == 70
    assert world.store().newest("topic") == newest


def test_markers_are_passed(records, tmp_path):
    """A transaction's marker that retention removes is no gap: the state stands behind it."""
    world = World(tmp_path, records[:40], state=STATE)
    transaction = world.log.open("producer")
    last = world.log.append("events", records[40], transaction=transaction)
    world.log.finish(transaction, "committed")
    assert world.serve()
    assert world.store().restore("topic").offsets[EVENTS] == last + 2
    world.log.retain(EVENTS, last + 2)
    assert world.serve()
