"""The same few things to do with every log: what the contract tests of sources and sinks stand on."""

import time

from streamimb.sinks.log import Message
from streamimb.sinks.memory_log import MemoryLogSink
from streamimb.sources.log import Committed, Partition
from streamimb.sources.memory_log import MemoryLog, MemorySource

WAITS_AT_MOST_S = 60


class Told:
    """A membership that writes down what it is told, and goes on at the committed offsets or at the first record."""

    def __init__(self, source, *, commits=None):
        self.source, self.commits = source, commits
        self.owned, self.heard = set(), []

    def assigned(self, partitions):
        self.heard.append(("assigned", sorted(partitions)))
        self.owned.update(partitions)
        committed = self.source.committed(partitions)
        for partition, (first, _) in self.source.bounds(partitions).items():
            self.source.seek(partition, committed.get(partition, Committed(first)).offset)

    def revoked(self, partitions):
        self.heard.append(("revoked", sorted(partitions)))
        if self.commits is not None:
            self.source.commit({p: self.commits[p] for p in partitions if p in self.commits})
        self.owned.difference_update(partitions)

    def lost(self, partitions):
        self.heard.append(("lost", sorted(partitions)))
        self.owned.difference_update(partitions)


class MemoryWorld:
    """A log in memory."""

    has_static_members = True

    def __init__(self):
        self.log, self._groups = MemoryLog(), 0

    def topic(self, partitions=1):
        name = f"t{len(self.log.topics)}"
        self.log.create(name, partitions)
        return name

    def group(self):
        self._groups += 1
        return f"g{self._groups}"

    def source(self, group, scope="topic", instance=None, **settings):
        return MemorySource(self.log, group, scope=scope, group_instance_id=instance)

    def sink(self, transactional_id=None):
        return MemoryLogSink(self.log, transactional_id=transactional_id)

    def append(self, topic, values, number=0, key=None, headers=()):
        for value in values:
            self.log.append(topic, value, key, headers, number=number, timestamp=1_000_000)

    def forget_before(self, topic, number, offset):
        self.log.retain(Partition(topic, number), offset)

    def kill(self, source):
        """The process of a source is gone, and the broker has noticed."""
        self.log.expire(source.member)

    def close(self):
        pass


class KafkaWorld:
    """A real broker, with the sources and sinks of one client."""

    has_static_members = True

    def __init__(self, broker, make_source, make_sink):
        from kafka import KafkaProducer

        self.broker, self._make_source, self._make_sink = broker, make_source, make_sink
        self.topic, self.group, self.forget_before = broker.topic, broker.group, broker.forget_before
        self._producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=5)
        self._opened = []

    def source(self, group, scope="topic", instance=None, **settings):
        settings = self.broker.settings | {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 200} | settings
        source = self._make_source(settings, group, scope=scope, group_instance_id=instance, patience_s=10.0)
        self._opened.append(source)
        return source

    def sink(self, transactional_id=None):
        sink = self._make_sink(self.broker.settings, transactional_id=transactional_id, patience_s=10.0)
        self._opened.append(sink)
        return sink

    def append(self, topic, values, number=0, key=None, headers=()):
        for value in values:
            self._producer.send(topic, value, key=key, partition=number, headers=list(headers), timestamp_ms=1_000)
        self._producer.flush()

    def kill(self, source):
        """Its heartbeats end: the broker takes it for dead after the session timeout."""
        source._coordinator._close_heartbeat()
        time.sleep(4)

    def close(self):
        self._producer.close()
        for opened in self._opened:
            try:
                opened.close(leave=True)
            except TypeError:
                opened.close()


def join(*members, shares):
    """Let members take part until they own so many partitions each; what each owns."""
    deadline = time.monotonic() + WAITS_AT_MOST_S
    while tuple(len(m.owned) for m in members) != tuple(shares):
        assert time.monotonic() < deadline, [m.heard for m in members]
        for member in members:
            member.source.keep_alive()
        time.sleep(0.02)
    return [sorted(m.owned) for m in members]


def read(source, n, records_max=1_000):
    """Poll until n records have come: (partition number, offset, value)."""
    found, deadline = [], time.monotonic() + WAITS_AT_MOST_S
    while len(found) < n:
        assert time.monotonic() < deadline, found
        for records in source.poll(records_max=records_max, timeout_s=0.2):
            number = records.partition.number
            found += [(number, o, v) for o, v in zip(records.offsets.tolist(), records.values, strict=True)]
    return found


def values_of(source, n, **how):
    return [value for _, _, value in read(source, n, **how)]


def messages(topic, *values, key=None):
    return [Message(topic, value, key) for value in values]
