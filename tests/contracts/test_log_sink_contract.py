"""What every LogSink does: in memory, and to a real broker by either client."""

import pytest

from streamimb.errors import ConfigError, FencedError
from streamimb.sinks.log import Message
from streamimb.sources.log import Committed
from tests.broker.log_worlds import Told, join, messages, read, values_of


def reader(world, topic, group=None):
    source = world.source(group or world.group())
    told = Told(source)
    source.subscribe([topic], told)
    join(told, shares=[1])
    return told


def test_what_is_flushed_is_there_in_order(world):
    """Bytes, keys and headers arrive as given, in order; nothing at all is a record too."""
    topic = world.topic()
    sink = world.sink()
    sink.send(messages(topic, b"a", b"b"))
    sink.send([Message(topic, None, b"k", [("h", b"x"), ("h", b"y")]), Message(topic, None, None)])
    sink.flush()
    source = reader(world, topic).source
    found = []
    while sum(map(len, found)) < 4:
        found += source.poll(records_max=10, timeout_s=0.2)
    assert [v for r in found for v in r.values] == [b"a", b"b", None, None]
    assert [k for r in found for k in r.keys] == [None, None, b"k", None]
    assert [list(h) for r in found for h in r.headers][2] == [("h", b"x"), ("h", b"y")]


def test_a_topic_that_does_not_exist_is_named(world):
    """Sending to an unknown topic is an error of the configuration."""
    sink = world.sink()
    with pytest.raises(ConfigError, match="no-such-topic"):
        sink.send(messages("no-such-topic", b"a"))
        sink.flush()


def test_a_transaction_is_seen_once_it_is_committed(world):
    """Before, readers see nothing; of an aborted one they never see anything."""
    topic = world.topic()
    sink = world.sink(f"id-{topic}")
    assert sink.transactional and not world.sink().transactional
    source = reader(world, topic).source
    sink.begin()
    sink.send(messages(topic, b"a", b"b"))
    sink.flush()
    assert source.poll(records_max=9, timeout_s=0.5) == []
    sink.commit({}, source.group())
    assert values_of(source, 2) == [b"a", b"b"]
    sink.begin()
    sink.send(messages(topic, b"never"))
    sink.flush()
    sink.abort()
    sink.begin()
    sink.send(messages(topic, b"c"))
    sink.commit({}, source.group())
    assert values_of(source, 1) == [b"c"]


def test_offsets_are_committed_with_the_transaction(world):
    """The group's offsets and their notes are those of the last transaction that was committed."""
    events, out, group = world.topic(), world.topic(), world.group()
    world.append(events, [b"1", b"2", b"3"])
    told = reader(world, events, group)
    [only] = told.owned
    read(told.source, 3)
    sink = world.sink(f"id-{out}")
    sink.begin()
    sink.send(messages(out, b"a"))
    sink.commit({(events, 0): (2, "checkpoint-2")}, told.source.group())
    assert told.source.committed([only]) == {only: Committed(2, "checkpoint-2")}
    sink.begin()
    sink.send(messages(out, b"b"))
    sink.flush()
    sink.abort()
    assert told.source.committed([only]) == {only: Committed(2, "checkpoint-2")}


def test_a_newer_producer_fences_the_older(world):
    """Two of one transactional id: the older can neither write nor commit any more, and what it left open is undone."""
    topic = world.topic()
    old, new = world.sink(f"id-{topic}"), world.sink(f"id-{topic}")
    source = reader(world, topic).source
    old.begin()
    old.send(messages(topic, b"old"))
    old.flush()
    new.begin()
    new.send(messages(topic, b"new"))
    with pytest.raises(FencedError):
        old.send(messages(topic, b"late"))
        old.commit({}, source.group())
    new.commit({}, source.group())
    assert values_of(source, 1) == [b"new"]


def test_a_member_that_is_out_cannot_commit_by_transaction(world):
    """Offsets of a generation that is over end the transaction with an error, and nothing of it is seen."""
    events, out, group = world.topic(), world.topic(), world.group()
    told = reader(world, events, group)
    sink, old_group = world.sink(f"id-{out}"), told.source.group()
    world.kill(told.source)
    other = reader(world, events, group)
    sink.begin()
    sink.send(messages(out, b"never"))
    with pytest.raises(FencedError):
        sink.commit({(events, 0): (1, "")}, old_group)
    sink.abort()
    assert other.source.committed(list(other.owned)) == {}
