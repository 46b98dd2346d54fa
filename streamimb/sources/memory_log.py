"""A member of a group of a log in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from streamimb.errors import FencedError
from streamimb.sources.log import Committed, Membership, Partition, Records
from streamimb.sources.memory_broker import Entry, Member, MemoryLog
from streamimb.sources.sharing import Scope

__all__ = ["MemoryLog", "MemorySource"]


class MemorySource:
    """A LogSource of a log in memory: ownership moves when it calls ``poll`` or ``keep_alive``, and never else."""

    def __init__(
        self, log: MemoryLog, group: str = "streamimb", *, scope: Scope = "topic", group_instance_id: str | None = None
    ) -> None:
        self._log, self._group, self._scope, self._instance = log, group, scope, group_instance_id
        self._membership: Membership | None = None
        self._topics: tuple[str, ...] = ()
        self._member: Member | None = None
        self._owned: list[Partition] = []
        self._untold: list[Partition] = []
        self._joined = False
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._lag: dict[Partition, int] = {}
        self._turn = 0

    @property
    def member(self) -> Member:
        """What the broker knows of this one: for ``MemoryLog.expire`` and ``move``."""
        assert self._member is not None, "subscribe comes first"
        return self._member

    def subscribe(self, topics: Sequence[str], membership: Membership) -> None:
        self._log.answer("source")
        self._member = self._log.join(self._group, topics, self._scope, self._instance)
        self._topics, self._membership, self._joined = tuple(topics), membership, True

    def poll(self, *, records_max: int, timeout_s: float) -> list[Records]:
        """Whatever there is, at once: nothing in memory waits, so ``timeout_s`` asks for nothing."""
        del timeout_s
        self._log.answer("source")
        self._follow()
        taken = []
        for partition in self._in_turn():
            if records_max > 0 and partition in self._positions and partition not in self._paused:
                lane = self._log.lane(partition)
                found, self._positions[partition] = lane.read(max(self._positions[partition], lane.first), records_max)
                records_max -= len(found)
                if found:
                    taken.append(_records(partition, found))
        self._look()
        return taken

    def keep_alive(self) -> None:
        self._log.answer("source")
        self._follow()

    def _in_turn(self) -> list[Partition]:
        """Each partition comes first once."""
        self._turn += 1
        start = self._turn % max(1, len(self._owned))
        return self._owned[start:] + self._owned[:start]

    def _look(self) -> None:
        ends = {p: self._log.lane(p).stable_end() for p in self._owned}
        self._lag = {p: max(0, ends[p] - self._positions[p]) for p in self._owned if p in self._positions}

    def _follow(self) -> None:
        """Give up and take what the group's plan says."""
        assert self._membership is not None, "subscribe comes first"
        if self.member.status == "fenced":
            raise FencedError(f"another member of the name {self._instance} has taken this one's place")
        if self.member.status == "out":
            gone = self._drop(list(self._owned))
            self._member = self._log.join(self._group, self._topics, self._scope, self._instance)
            self._joined = True
            if gone:
                self._membership.lost(gone)
        group = self.member.group
        moved = [p for p in self._owned if group.target.get(p) is not self.member]
        if moved:
            self._membership.revoked(moved)
            for partition in self._drop(moved):
                group.holds.pop(partition, None)
        gained = sorted(p for p, m in group.target.items() if m is self.member and p not in group.holds)
        if gained:
            group.holds.update(dict.fromkeys(gained, self.member))
            self._owned = sorted([*self._owned, *gained])
            self._untold += gained
        if self._untold or self._joined:  # told again where the membership raised
            self._membership.assigned(list(self._untold))
            self._untold.clear()
            self._joined = False

    def _drop(self, partitions: list[Partition]) -> list[Partition]:
        for partition in partitions:
            self._owned.remove(partition)
            if partition in self._untold:
                self._untold.remove(partition)
            self._positions.pop(partition, None)
            self._lag.pop(partition, None)
            self._paused.discard(partition)
        return partitions

    def seek(self, partition: Partition, offset: int) -> None:
        self._positions[partition] = offset

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        self._paused.difference_update(partitions)

    def commit(self, offsets: Mapping[Partition, Committed]) -> None:
        self._log.answer("source")
        self.member.group.commit(self.member, offsets)

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        self._log.answer("source")
        known = self._log.groups[self._group].committed if self._group in self._log.groups else {}
        return {p: known[p] for p in partitions if p in known}

    def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        self._log.answer("source")
        return {p: (self._log.lane(p).first, self._log.lane(p).stable_end()) for p in partitions}

    def since(self, partitions: Sequence[Partition], time_us: int) -> dict[Partition, int]:
        self._log.answer("source")
        found = {p: self._log.lane(p).since(time_us) for p in partitions}
        return {p: offset for p, offset in found.items() if offset is not None}

    def partitions(self, topic: str) -> list[Partition]:
        self._log.answer("source")
        return [Partition(topic, number) for number in range(len(self._log.lanes(topic)))]

    def topic_id(self, topic: str) -> str:
        self._log.answer("source")
        return self._log.topic_ids.get(topic, "")

    def position(self, partition: Partition) -> int:
        return self._positions.get(partition, 0)

    def lag(self) -> dict[Partition, int]:
        return dict(self._lag)

    def group(self) -> Member:
        """The member: a transaction commits offsets for it."""
        return self.member

    def close(self, *, leave: bool) -> None:
        if leave and self._member is not None:
            self._log.leave(self._member)


def _records(partition: Partition, found: list[tuple[int, Entry]]) -> Records:
    return Records(
        partition,
        np.array([offset for offset, _ in found], dtype=np.int64),
        np.array([entry.timestamp for _, entry in found], dtype=np.int64),
        [entry.key for _, entry in found],
        [entry.value for _, entry in found],
        [entry.headers for _, entry in found],
    )
