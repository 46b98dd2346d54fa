"""A Kafka of a few lists: topics, consumer groups and transactions, all of it in one thread, so that tests decide
when a member joins, dies or is shut out, and when no broker answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streamimb.errors import BrokersAwayError, ConfigError, FencedError, OutputError
from streamimb.sources.log import Committed, Headers, Partition
from streamimb.sources.sharing import Scope, share


@dataclass(slots=True)
class Transaction:
    """What is written together; ``touched``: where it wrote."""

    status: Literal["open", "committed", "aborted"] = "open"
    touched: set[Partition] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, or the marker that ends a transaction: those take an offset too, and nobody reads them."""

    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()
    transaction: Transaction | None = None
    is_marker: bool = False

    @property
    def is_visible(self) -> bool:
        return not self.is_marker and (self.transaction is None or self.transaction.status == "committed")


@dataclass(slots=True)
class Lane:
    """One partition's entries from the offset ``first`` on."""

    entries: list[Entry] = field(default_factory=list)
    first: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.entries)

    def stable_end(self) -> int:
        """Where readers of committed records stop: at the first record of an open transaction."""
        for row, entry in enumerate(self.entries):
            if entry.transaction is not None and entry.transaction.status == "open":
                return self.first + row
        return self.end

    def since(self, time_us: int) -> int | None:
        """The first offset whose entry's time is no earlier, or None."""
        return next((self.first + row for row, entry in enumerate(self.entries) if entry.timestamp >= time_us), None)

    def read(self, offset: int, most: int) -> tuple[list[tuple[int, Entry]], int]:
        """Up to so many visible records from an offset on, and the offset to go on from."""
        found: list[tuple[int, Entry]] = []
        stop = self.stable_end()
        while offset < stop and len(found) < most:
            entry = self.entries[offset - self.first]
            if entry.is_visible:
                found.append((offset, entry))
            offset += 1
        return found, offset


@dataclass(eq=False, slots=True)
class Member:
    """One member of a group as the broker sees it."""

    group: Group
    topics: tuple[str, ...]
    instance: str | None = None
    status: Literal["in", "out", "fenced"] = "in"


class Group:
    """A consumer group: members in order of joining, what each holds and should hold, and what was committed."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.members: list[Member] = []
        self.holds: dict[Partition, Member] = {}
        self.target: dict[Partition, Member] = {}
        self.committed: dict[Partition, Committed] = {}
        self.generation = 0

    def commit(self, member: Member, offsets: Mapping[Partition, Committed]) -> None:
        """Commit for a member what it holds. Raises FencedError where it does not."""
        stranger = [p for p in offsets if self.holds.get(p) is not member]
        if member.status != "in" or stranger:
            raise FencedError(f"generation {self.generation} has given {sorted(stranger or offsets)} to others")
        self.committed.update(offsets)

    def remove(self, member: Member) -> None:
        """A member has left, or is taken for dead: what it held is free."""
        if member in self.members:
            self.members.remove(member)
        self.holds = {p: m for p, m in self.holds.items() if m is not member}

    def replace(self, old: Member, new: Member) -> None:
        """A static member is back: it has what it had, and its older self is fenced."""
        self.members[self.members.index(old)] = new
        self.holds = {p: m for p, m in self.holds.items() if m is not old}
        self.target = {p: new if m is old else m for p, m in self.target.items()}
        old.status = "fenced"


class MemoryLog:
    """Topics, groups and transactions in memory.

    ``time_us``: the timestamp of what is appended from now on, microseconds since 1970.

    >>> log = MemoryLog()
    >>> log.create("events", partitions=2)
    >>> log.append("events", b"{}", number=1)
    0
    >>> [entry.value for _, entry in log.read("events")]
    [b'{}']
    """

    def __init__(self) -> None:
        self.time_us = 0
        self.topics: dict[str, list[Lane]] = {}
        self.topic_ids: dict[str, str] = {}
        self.groups: dict[str, Group] = {}
        self.producers: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self.read_only: set[str] = set()
        self._created = 0
        self._away = {"source": 0, "sink": 0}

    # ------------------------------------------------------------------------------------------- what is kept

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic, or make it anew: empty, and with another id."""
        self._created += 1
        self.topics[topic] = [Lane() for _ in range(partitions)]
        self.topic_ids[topic] = f"topic-{self._created}"

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions; its groups share out again."""
        self.topics[topic] += [Lane() for _ in range(partitions - len(self.topics[topic]))]
        for group in self.groups.values():
            self.rebalance(group)

    def lanes(self, topic: str) -> list[Lane]:
        """The partitions of a topic. Raises ConfigError."""
        if topic not in self.topics:
            raise ConfigError(f"no topic {topic!r}; there are {', '.join(map(repr, sorted(self.topics))) or 'none'}")
        return self.topics[topic]

    def lane(self, partition: Partition) -> Lane:
        """One partition. Raises ConfigError."""
        return self.lanes(partition.topic)[partition.number]

    def append(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Headers = (), *, number: int = 0,
        timestamp: int | None = None, transaction: Transaction | None = None,
    ) -> int:  # fmt: skip
        """Write a record and return its offset. Raises OutputError where the topic takes none."""
        if topic in self.read_only:
            raise OutputError(f"topic {topic!r} refuses a record")
        lane = self.lanes(topic)[number]
        stamp = self.time_us if timestamp is None else timestamp
        lane.entries.append(Entry(stamp, key, value, tuple(headers), transaction))
        if transaction is not None:
            transaction.touched.add(Partition(topic, number))
        return lane.end - 1

    def fence(self, transactional_id: str) -> int:
        """A new producer of this id: its epoch. What an older one left open is aborted."""
        if self._open.get(transactional_id, Transaction("aborted")).status == "open":
            self.finish(self._open[transactional_id], "aborted")
        self.producers[transactional_id] = self.producers.get(transactional_id, 0) + 1
        return self.producers[transactional_id]

    def open(self, transactional_id: str) -> Transaction:
        """Open a transaction of a producer that was checked."""
        self._open[transactional_id] = Transaction()
        return self._open[transactional_id]

    def finish(self, transaction: Transaction, status: Literal["committed", "aborted"]) -> None:
        """End a transaction, with a marker in each partition that it wrote to."""
        transaction.status = status
        for partition in sorted(transaction.touched):
            self.lane(partition).entries.append(Entry(transaction=transaction, is_marker=True))

    def read(self, topic: str) -> list[tuple[int, Entry]]:
        """All that a reader of committed records sees, partition by partition: (offset, entry)."""
        return [found for lane in self.lanes(topic) for found in lane.read(lane.first, lane.end)[0]]

    def retain(self, partition: Partition, first: int) -> None:
        """Forget what lies before an offset."""
        lane = self.lane(partition)
        del lane.entries[: max(0, first - lane.first)]
        lane.first = max(first, lane.first)

    # -------------------------------------------------------------------------------------- what goes wrong

    def away(self, calls: int, *, of: Sequence[Literal["source", "sink"]] = ("source", "sink")) -> None:
        """Let the next so many calls of sources, and of sinks, find no broker."""
        self._away.update(dict.fromkeys(of, calls))

    def answer(self, kind: Literal["source", "sink"]) -> None:
        """What every call asks first. Raises BrokersAwayError."""
        if self._away[kind] > 0:
            self._away[kind] -= 1
            raise BrokersAwayError("no broker answers")

    def expire(self, member: Member) -> None:
        """The broker heard nothing of a member for too long: it is out, and does not know it yet."""
        if member.status == "in":
            member.status = "out"
            member.group.remove(member)
            self.rebalance(member.group)

    def move(self, partition: Partition, member: Member) -> None:
        """Plan that a member gets a partition: whoever has it is told to give it up when it next calls."""
        member.group.generation += 1
        member.group.target[partition] = member

    # ------------------------------------------------------------------------------------------------ groups

    def join(self, name: str, topics: Sequence[str], scope: Scope, instance: str | None) -> Member:
        """A new member of a group; a static one takes its older self's place. Raises ConfigError."""
        for topic in topics:
            self.lanes(topic)
        group = self.groups.setdefault(name, Group(scope))
        group.scope = scope
        member = Member(group, tuple(topics), instance)
        before = [m for m in group.members if instance is not None and m.instance == instance]
        if before:
            group.replace(before[0], member)
        else:
            group.members.append(member)
            self.rebalance(group)
        return member

    def leave(self, member: Member) -> None:
        """A member goes, and others may have what it held."""
        if member.status == "in":
            member.group.remove(member)
            member.status = "out"
            self.rebalance(member.group)

    def rebalance(self, group: Group) -> None:
        """Plan anew who should hold what; holders give up and take when they next call."""
        topics = {topic for member in group.members for topic in member.topics}
        every = [Partition(topic, n) for topic in topics for n in range(len(self.lanes(topic)))]
        wanted = {p: m for p, m in group.target.items() if m in group.members} | group.holds
        group.generation += 1
        group.target = share(every, group.members, wanted, group.scope)
