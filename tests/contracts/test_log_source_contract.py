"""What every LogSource does: in memory, and of a real broker by either client."""

import time

import pytest

from streamimb.delivery.aligner import Aligner
from streamimb.errors import ConfigError, FencedError
from streamimb.sources.log import Committed, Partition
from tests.broker.log_worlds import Told, join, messages, read, values_of


def member(world, group, topic, scope="topic", **options):
    """A member that has joined or will, and what it was told."""
    source = world.source(group, scope, **options)
    told = Told(source)
    source.subscribe([topic] if isinstance(topic, str) else topic, told)
    return told


def test_records_come_whole_and_in_order(world):
    """Offsets, timestamps, keys, values and headers are those that were written; a value of None is a tombstone."""
    topic = world.topic()
    world.append(topic, [b"one", b""], key=b"k", headers=[("h", b"1"), ("h", b"2")])
    world.append(topic, [None], key=b"k")
    one = member(world, world.group(), topic)
    join(one, shares=[1])
    found = []
    while sum(map(len, found)) < 3:
        found += one.source.poll(records_max=10, timeout_s=0.2)
    assert [v for r in found for v in r.values] == [b"one", b"", None]
    assert [k for r in found for k in r.keys] == [b"k"] * 3
    assert [list(h) for r in found for h in r.headers] == [[("h", b"1"), ("h", b"2")]] * 2 + [[]]
    assert [o for r in found for o in r.offsets.tolist()] == [0, 1, 2]
    assert {t for r in found for t in r.timestamps.tolist()} == {1_000_000}


def test_a_poll_gives_no_more_than_asked_for(world):
    """records_max bounds a poll, and nothing is left out."""
    topic = world.topic()
    world.append(topic, [b"%d" % i for i in range(25)])
    one = member(world, world.group(), topic)
    join(one, shares=[1])
    sizes, values = [], []
    while len(values) < 25:
        for records in one.source.poll(records_max=7, timeout_s=0.2):
            sizes.append(len(records))
            values += records.values
    assert values == [b"%d" % i for i in range(25)] and max(sizes) <= 7


def test_seek_goes_anywhere(world):
    """Fetching goes on at the offset that was sought, back or forth, whatever was fetched before."""
    topic = world.topic()
    world.append(topic, [b"%d" % i for i in range(10)])
    one = member(world, world.group(), topic)
    [[only]] = join(one, shares=[1])
    assert values_of(one.source, 10)[0] == b"0"
    one.source.seek(only, 7)
    assert values_of(one.source, 3) == [b"7", b"8", b"9"]
    one.source.seek(only, 2)
    assert values_of(one.source, 2, records_max=2) == [b"2", b"3"]


def test_a_paused_partition_gives_nothing(world):
    """What is paused is kept back, the others go on; resumed, it goes on where it was."""
    topic = world.topic(2)
    world.append(topic, [b"a", b"b", b"c"], number=0)
    world.append(topic, [b"x", b"y"], number=1)
    one = member(world, world.group(), topic)
    [[first, _]] = join(one, shares=[2])
    one.source.pause([first])
    assert sorted(values_of(one.source, 2)) == [b"x", b"y"]
    assert one.source.poll(records_max=9, timeout_s=0.3) == []
    one.source.resume([first])
    assert values_of(one.source, 3) == [b"a", b"b", b"c"]


def test_what_is_committed_is_read_back_with_its_note(world):
    """Offsets and metadata of a commit are the group's, for any member; what was never committed is left out."""
    topic, group = world.topic(2), world.group()
    one = member(world, group, topic)
    [[first, second]] = join(one, shares=[2])
    one.source.commit({first: Committed(3, "checkpoint-000007")})
    assert one.source.committed([first, second]) == {first: Committed(3, "checkpoint-000007")}
    one.source.commit({first: Committed(5), second: Committed(1, "n")})
    assert one.source.committed([first, second]) == {first: Committed(5, ""), second: Committed(1, "n")}


def test_bounds_show_what_is_retained(world):
    """The first retained offset and the end; a gap below a position is seen by them."""
    topic = world.topic(2)
    world.append(topic, [b"%d" % i for i in range(6)])
    one = member(world, world.group(), topic)
    first, second = one.source.partitions(topic)
    assert one.source.bounds([first, second]) == {first: (0, 6), second: (0, 0)}
    world.forget_before(topic, 0, 4)
    assert one.source.bounds([first])[first] == (4, 6)


def test_lag_is_what_is_still_to_come(world):
    """Once something was fetched the lag is known, and it falls to nothing."""
    topic = world.topic()
    world.append(topic, [b"%d" % i for i in range(10)])
    one = member(world, world.group(), topic)
    [[only]] = join(one, shares=[1])
    read(one.source, 4, records_max=4)
    assert one.source.lag() == {only: 6}
    read(one.source, 6)
    assert one.source.lag() == {only: 0}


def test_a_topic_that_does_not_exist_is_named(world):
    """Neither subscribing nor asking for partitions takes an unknown topic."""
    source = world.source(world.group())
    with pytest.raises(ConfigError, match="no-such-topic"):
        source.partitions("no-such-topic")
    with pytest.raises(ConfigError, match="no-such-topic"):
        source.subscribe(["no-such-topic"], Told(source))


def test_one_topic_has_one_id(world):
    """A topic's id stays, and another topic has another."""
    topic, other = world.topic(), world.topic()
    source = world.source(world.group())
    assert source.topic_id(topic) == source.topic_id(topic) != source.topic_id(other)


def test_under_the_topic_scope_one_owns_all_and_keeps_it(world):
    """A member that joins stands by and moves nothing; when the owner leaves, it takes over everything."""
    topic, group = world.topic(3), world.group()
    one = member(world, group, topic)
    join(one, shares=[3])
    two = member(world, group, topic)
    for _ in range(20):
        one.source.keep_alive()
        assert two.source.poll(records_max=1, timeout_s=0.05) == []
    assert one.heard == [("assigned", [Partition(topic, n) for n in range(3)])] and two.owned == set()
    one.source.close(leave=True)
    join(two, shares=[3])


def test_under_the_partition_scope_two_share(world):
    """A member that joins gets half; only what moves is given up, and what is committed then still counts."""
    topic, group = world.topic(4), world.group()
    world.append(topic, [b"a", b"b"], number=3)
    one = member(world, group, topic, "partition")
    [every] = join(one, shares=[4])
    one.commits = {p: Committed(int(p.number == 3), "at the hand-over") for p in every}
    two = member(world, group, topic, "partition")
    kept, moved = join(one, two, shares=[2, 2])
    assert [kind for kind, _ in one.heard] == ["assigned", "revoked"] and one.heard[1][1] == moved
    assert [h for h in two.heard if h[1]] == [("assigned", moved)] and sorted(kept + moved) == every
    assert two.source.committed(every) == {p: one.commits[p] for p in moved}
    assert read(two.source, 1) == [(3, 1, b"b")]
    with pytest.raises(FencedError):
        one.source.commit({moved[0]: Committed(2)})


def test_two_topics_are_shared_out_together(world):
    """Under the partition scope, partitions of one number go to one member."""
    events, labels, group = world.topic(3), world.topic(3), world.group()
    one = member(world, group, [events, labels], "partition")
    join(one, shares=[6])
    two = member(world, group, [events, labels], "partition")
    for owned in join(one, two, shares=[4, 2]):
        numbers = {t: {p.number for p in owned if p.topic == t} for t in (events, labels)}
        assert numbers[events] == numbers[labels]


def test_a_member_that_is_taken_for_dead_may_not_commit(world):
    """Its partitions go to another, its commit is refused, and it is told that they are lost, not revoked."""
    topic, group = world.topic(2), world.group()
    one = member(world, group, topic)
    [every] = join(one, shares=[2])
    two = member(world, group, topic)
    two.source.keep_alive()
    world.kill(one.source)
    join(two, shares=[2])
    with pytest.raises(FencedError):
        one.source.commit({every[0]: Committed(1)})
    for _ in range(200):
        one.source.keep_alive()
        two.source.keep_alive()
        if one.heard[1:]:
            break
    assert one.heard[1] == ("lost", every)
    assert two.source.committed(every) == {}


def test_a_static_member_has_its_partitions_again_at_once(world):
    """One that comes back under its name takes what it had, without a rebalance; its older self is fenced."""
    topic, group = world.topic(2), world.group()
    one = member(world, group, topic, instance="first")
    [every] = join(one, shares=[2])
    two = member(world, group, topic, instance="second")
    for _ in range(20):
        one.source.keep_alive()
        two.source.poll(records_max=1, timeout_s=0.05)
    again = member(world, group, topic, instance="first")
    join(again, shares=[2])
    assert two.heard == [("assigned", [])]
    with pytest.raises(FencedError):
        one.source.commit({every[0]: Committed(1)})
    again.source.commit({every[0]: Committed(2)})


def test_the_older_self_of_a_static_member_is_told_as_it_polls(world):
    """It learns nothing more, though it has nothing to commit."""
    topic, group = world.topic(), world.group()
    one = member(world, group, topic, instance="first")
    join(one, shares=[1])
    again = member(world, group, topic, instance="first")
    join(again, shares=[1])
    until = time.monotonic() + 60
    with pytest.raises(FencedError):
        while time.monotonic() < until:
            one.source.poll(records_max=1, timeout_s=0.1)
            again.source.keep_alive()


def test_a_static_member_that_leaves_hands_over(world):
    """Closing with leave gives others its partitions at once."""
    topic, group = world.topic(), world.group()
    one = member(world, group, topic, instance="first")
    join(one, shares=[1])
    two = member(world, group, topic, instance="second")
    for _ in range(10):
        one.source.keep_alive()
        two.source.keep_alive()
    one.source.close(leave=True)
    join(two, shares=[1])


def test_offsets_are_found_by_time(world):
    """The first record that is no older; nothing of a partition whose records are all older."""
    topic = world.topic()
    world.append(topic, [b"one", b"two"])
    one = member(world, world.group(), topic)
    [[only]] = join(one, shares=[1])
    assert one.source.since([only], 1_000_000) == one.source.since([only], 999_500) == {only: 0}
    assert one.source.since([only], 1_000_001) == {}


def test_the_position_passes_what_nobody_reads(world):
    """Behind a transaction's marker; before the first record of one that is open, which is where bounds end too."""
    topic = world.topic()
    sink = world.sink(f"id-{topic}")
    one = member(world, world.group(), topic)
    [[only]] = join(one, shares=[1])
    sink.begin()
    sink.send(messages(topic, b"a"))
    sink.commit({}, one.source.group())
    assert values_of(one.source, 1) == [b"a"]
    sink.begin()
    sink.send(messages(topic, b"open"))
    sink.flush()
    until = time.monotonic() + 60
    while one.source.position(only) < 2 and time.monotonic() < until:
        assert one.source.poll(records_max=9, timeout_s=0.2) == []
    assert one.source.position(only) == 2 == one.source.bounds([only])[only][1]
    sink.abort()


def test_an_open_transaction_holds_up_no_other_topic(world):
    """Two topics are read in step: of one whose next record is of an open transaction, nothing can come now."""
    first, second = world.topic(), world.topic()
    sink = world.sink(f"id-{first}")
    sink.begin()
    sink.send(messages(first, b"open"))
    sink.flush()
    world.append(second, [b"label"])
    one = member(world, world.group(), [first, second])
    [owned] = join(one, shares=[2])
    aligner = Aligner(one.source, [first, second], 100, lambda call: call())
    found, until = [], time.monotonic() + 60
    while not found and time.monotonic() < until:
        aligner.owned(dict.fromkeys(owned, 0))
        aligner.put(one.source.poll(records_max=9, timeout_s=0.2))
        found = [value for records in aligner.ready() for value in records.values]
    assert found == [b"label"]
    sink.abort()


def test_who_gets_nothing_is_told_so(world):
    """A second member of a topic of one partition has joined, and stands by."""
    topic, group = world.topic(), world.group()
    one = member(world, group, topic, "partition")
    join(one, shares=[1])
    two, deadline = member(world, group, topic, "partition"), time.monotonic() + 60
    while not one.heard or not two.heard:
        assert time.monotonic() < deadline, (one.heard, two.heard)
        join(one, two, shares=[1, 0])
        two.source.keep_alive()
        one.source.keep_alive()
    assert two.heard == [("assigned", [])]
