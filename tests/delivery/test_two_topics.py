"""Features and labels in two topics: read in step, by the records' own timestamps, features first at one time."""

import json

import numpy as np
import pytest

from streamimb.errors import ConfigError
from tests.delivery.world import History, Probe, World

N = 120
SECOND = 1_000_000


def two_topics(folder, labels_topic="labels", partitions=1, label_partitions=None, delay=10, **tables):
    """A world with a history of both: the label of each event comes so many seconds after it."""
    source = {"labels_topic": labels_topic, "poll_records_max": 30}
    tables = {"state": {"every_events": 25}, "label": {"wait": "1h"}, "source": source} | tables
    world = World(folder, [], partitions=partitions, **tables)
    world.log.create(labels_topic, label_partitions or partitions)
    world.idle = 3 * N  # what is held back is not read any more
    rng = np.random.default_rng(4)
    for i in range(N):
        now, number = SECOND * (i + 1), i % partitions
        x = float(rng.normal())
        told = {"id": f"e{i}", "time": now, "x": x, "z": 0.5, "c": "a"}
        world.log.append("events", json.dumps(told).encode(), number=number, timestamp=now)
        label = {"id": f"e{i}", "time": now, "label": "fraud" if x > 1 else "legit"}
        at = number % (label_partitions or partitions)
        world.log.append(labels_topic, json.dumps(label).encode(), number=at, timestamp=now + delay * SECOND)
    return world


class Labels(History):
    """When, and from which topic, records came to be learned."""

    def __init__(self):
        super().__init__()
        self.order = []

    def consumed(self, records):
        rank = 0 if records.partition.topic == "events" else 1
        self.order += [(int(t), rank) for t in records.timestamps]


@pytest.mark.parametrize("labels_topic", ["labels", "a-topic-that-sorts-first"])
def test_catching_up_reads_labels_after_their_features(tmp_path, labels_topic):
    """A service that comes late to both topics learns as one that was there: in order of time, features first."""
    world = two_topics(tmp_path, labels_topic)
    told = Labels()
    assert world.serve(observer=told)
    assert told.order == sorted(told.order)
    assert len(told.order) == 2 * N


def test_a_topic_that_is_far_ahead_waits_in_bounds(tmp_path):
    """Of a partition that is ahead no more is held than source.buffer_records_max and one poll; then it is paused."""
    source = {"labels_topic": "labels", "poll_records_max": 30, "buffer_records_max": 20}
    world = two_topics(tmp_path, source=source, delay=10 * N)
    member = world.join(observer=(told := Labels()))
    held = []
    for _ in range(60):
        member.step()
        held.append(max((sum(map(len, h)) for h in member.worker._aligner._held.values()), default=0))
    member.finish()
    member.leave()
    assert max(held) <= 50
    assert told.order == sorted(told.order) and len(told.order) == 2 * N


@pytest.mark.parametrize("scope", ["topic", "partition"])
def test_crashes_with_two_topics(tmp_path, scope):
    """Wherever the process dies, both topics go on from one state."""
    state = {"every_events": 25, "scope": scope}
    unit = "topic" if scope == "topic" else "partition-0"
    reference = two_topics(tmp_path / "reference", state=state)
    probe = Probe()
    assert reference.serve(probe)
    for point in ("polled", "processed", "flushed", "written", "committed"):
        world = two_topics(tmp_path / point, state=state)
        for nth in (max(1, probe.seen[point] // 3), max(1, probe.seen[point] // 3)):
            assert not world.serve(Probe(point, nth))
        assert world.serve()
        assert world.learned(unit) == reference.learned(unit), point
        assert world.sent("predictions") == reference.sent("predictions")


def test_partitions_given_again_while_records_are_held(tmp_path):
    """What was held back of partitions that were lost and given again is dropped, and fetched again."""
    reference = two_topics(tmp_path / "reference")
    assert reference.serve()
    world = two_topics(tmp_path / "world")
    member = world.join()
    for _ in range(3):
        member.step()
        world.log.expire(member.source.member)
        member.step()
    member.finish()
    member.leave()
    assert world.learned() == reference.learned()


def test_unequal_partitions_are_refused_where_each_has_a_learner(tmp_path):
    """Under the scope partition both topics need as many partitions; else it ends with 78, saying what to do."""
    world = two_topics(tmp_path, partitions=2, label_partitions=1, state={"scope": "partition"})
    with pytest.raises(ConfigError, match="as many partitions") as told:
        world.serve()
    assert told.value.exit_code == 78


def test_unequal_partitions_are_no_matter_for_one_learner(tmp_path):
    """Under the scope topic they may differ."""
    world = two_topics(tmp_path, partitions=2, label_partitions=1)
    told = Labels()
    assert world.serve(observer=told)
    assert told.order == sorted(told.order) and len(told.order) == 2 * N
