"""Several topics read in step: what the log gives is handed on in the order of the records' own timestamps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from streamimb.delivery.unit import cut
from streamimb.sources.log import LogSource, Partition, Records


class Aligner:
    """Holds back what is ahead of partitions from which older records are still to come.

    A service that catches up would otherwise read a week of labels before the first of their events. A partition that
    has been read to its end holds up nobody. ``records_max``: records of one partition that are held at most; the
    partition is paused beyond it.
    """

    def __init__(self, source: LogSource, records_max: int) -> None:
        self._source, self._records_max = source, records_max
        self._held: dict[Partition, deque[Records]] = {}
        self._paused: set[Partition] = set()

    def owned(self, partitions: set[Partition]) -> None:
        """These are ours now, and no others."""
        for gone in set(self._held) - partitions:
            del self._held[gone]
            self._paused.discard(gone)
        for partition in partitions:
            self._held.setdefault(partition, deque())

    def put(self, polled: list[Records]) -> None:
        """Take in what was polled; what is not ours any more is dropped."""
        for records in polled:
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
        while True:
            lag = self._source.lag()
            holding = [p for p, held in self._held.items() if held]
            if not holding or any(not held and lag.get(p, 1) > 0 for p, held in self._held.items()):
                return
            first = min(holding, key=lambda p: (int(self._held[p][0].timestamps[0]), p))
            rest = [int(self._held[p][0].timestamps[0]) for p in holding if p != first]
            records = self._held[first].popleft()
            until = len(records)
            if rest:
                later = np.flatnonzero(records.timestamps > min(rest))
                until = max(1, int(later[0])) if len(later) else until
            if until < len(records):
                self._held[first].appendleft(cut(records, until, len(records)))
            yield cut(records, 0, until)
