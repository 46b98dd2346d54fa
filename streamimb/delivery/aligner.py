"""Several topics read in step: what the log gives is handed on in the order of the records' own timestamps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from streamimb.sources.log import LogSource, Partition, Records

#: Polls that brought nothing of a partition, after which a broker is asked whether there is anything.
QUIET_POLLS: Final = 2
Bounds = dict[Partition, tuple[int, int]]
Ask = Callable[[Callable[[], Bounds]], Bounds]


class Aligner:
    """Holds back what is ahead of partitions from which older records are still to come.

    A service that catches up would otherwise read a week of labels before the first of their events. A partition that
    has been read to its end holds up nobody; its end is where readers stop, before an open transaction's first record.
    topics: of records of one time, those of the first topic come first. ask: makes a call to brokers, again where none
    answers. ``records_max``: records of one partition that are held at most; the partition is paused beyond it.
    """

    def __init__(self, source: LogSource, topics: Sequence[str], records_max: int, ask: Ask) -> None:
        self._source, self._records_max, self._ask = source, records_max, ask
        self._quiet: dict[Partition, int] = {}
        self._rank = {topic: rank for rank, topic in enumerate(topics)}
        self._held: dict[Partition, deque[Records]] = {}
        self._turns: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    def owned(self, turns: Mapping[Partition, int]) -> None:
        """These are ours now, and no others; what is held of one whose turn is another is fetched again."""
        for gone in [p for p, turn in self._turns.items() if turns.get(p) != turn]:
            del self._held[gone]
        self._paused &= turns.keys()  # one that was begun anew is resumed by the next ``put``
        self._turns = dict(turns)
        for partition in turns:
            self._held.setdefault(partition, deque())

    def put(self, polled: list[Records]) -> None:
        """Take in what was polled; what is not ours any more is dropped."""
        self._quiet = {p: self._quiet.get(p, 0) + 1 for p in self._turns}
        for records in polled:
            self._quiet[records.partition] = 0
            if records.partition in self._held:
                self._held[records.partition].append(records)
        full = {p for p, held in self._held.items() if sum(map(len, held)) >= self._records_max}
        if full - self._paused:
            self._source.pause(full - self._paused)
        if self._paused - full:
            self._source.resume(self._paused - full)
        self._paused = full

    def ready(self) -> Iterator[Records]:
        """What may be learned now, oldest first; between two yields ownership may change."""
        ended: set[Partition] = set()
        while True:
            lag = self._source.lag()
            holding = [p for p, held in self._held.items() if held]
            awaited = {p for p, held in self._held.items() if not held and lag.get(p, 1) > 0}
            if holding and awaited - ended:
                ended |= self._ended(awaited)
            if not holding or awaited - ended:
                return
            first = min(holding, key=self._due)
            records = self._held[first].popleft()
            until = self._until(records, min((self._due(p) for p in holding if p != first), default=None))
            if until < len(records):
                self._held[first].appendleft(records.cut(until, len(records)))
            yield records.cut(0, until)

    def _ended(self, awaited: set[Partition]) -> set[Partition]:
        """Those that have come to where readers of committed records stop; asked only of those that bring nothing."""
        quiet = sorted(p for p in awaited if self._quiet.get(p, 0) >= QUIET_POLLS)
        if len(quiet) < len(awaited):
            return set()
        bounds = self._ask(lambda: self._source.bounds(quiet))
        return {p for p, (_, end) in bounds.items() if self._source.position(p) >= end}

    def holds(self, partition: Partition) -> bool:
        """Whether records of a partition wait here."""
        return bool(self._held.get(partition))

    def _due(self, partition: Partition) -> tuple[int, int, Partition]:
        return int(self._held[partition][0].timestamps[0]), self._rank[partition.topic], partition

    def _until(self, records: Records, other: tuple[int, int, Partition] | None) -> int:
        """How many of the records come before the other's turn, one at least."""
        if other is None:
            return len(records)
        time, rank, _ = other
        is_later = records.timestamps > time
        if self._rank[records.partition.topic] > rank:
            is_later |= records.timestamps == time
        later = np.flatnonzero(is_later)
        return max(1, int(later[0])) if len(later) else len(records)
