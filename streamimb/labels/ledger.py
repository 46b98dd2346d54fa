"""Which of the segments that were handed out hold what: when one falls away, and when rows must be written anew.

Positions are remembered without gaps, and forgotten oldest first, so a segment of new rows falls away by itself. What
grows beside the rows is the number of segments, and of records of changed rows: beyond a bound each snapshot writes
some rows of the oldest segment anew, so that it falls away with all the records that come before the copy.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

#: Segments kept before rows are written anew so that the oldest fall away.
SEGMENTS_MAX = 256
#: Records of changed rows kept, a remembered event and beside, before rows are written anew.
RECORDS_PER_EVENT_MAX = 2
RECORDS_MIN = 65_536
#: Rows that one snapshot writes anew at most, or as many as it holds in new rows and records where that is more.
REWRITTEN_ROWS_MAX = 16_384

#: Positions from the first up to, without, the second.
Range = tuple[int, int]


class Ledger:
    """The segments kept, oldest first: of each, the positions whose newest row it holds, and how many records.

    >>> ledger = Ledger()
    >>> ledger.add([(0, 100)], 0), ledger.add([(100, 150)], 20)
    (1, 2)
    >>> ledger.take(70, oldest=40), ledger.drop(oldest=40), ledger.take(5, oldest=40)
    ([(40, 110)], 1, [(110, 115)])
    """

    def __init__(self) -> None:
        self.serial = 0
        self._rows: deque[list[Range]] = deque()
        self._records: deque[int] = deque()
        self._total = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def first(self) -> int:
        """The serial number of the oldest segment that a restore needs."""
        return self.serial - len(self._rows) + 1

    @property
    def records(self) -> int:
        """Records of changed rows in the segments kept."""
        return self._total

    def add(self, rows: list[Range], records: int) -> int:
        """Enter a new segment; return its serial number."""
        self.serial += 1
        self._rows.append(list(rows))
        self._records.append(records)
        self._total += records
        return self.serial

    def is_crowded(self, events: int) -> bool:
        """Whether rows must be written anew, where so many events are remembered."""
        return len(self._rows) >= SEGMENTS_MAX or self._total > RECORDS_PER_EVENT_MAX * events + RECORDS_MIN

    def take(self, rows: int, oldest: int) -> list[Range]:
        """Give up so many remembered rows of the oldest segments: they are written anew. Neighbours are one range."""
        taken: list[Range] = []
        for ranges in self._rows:
            while ranges and rows > 0:
                start, stop = max(ranges[0][0], oldest), ranges[0][1]
                end = min(start + rows, stop)
                if start < end:
                    rows -= end - start
                    if taken and taken[-1][1] == start:
                        start = taken.pop()[0]
                    taken.append((start, end))
                if end < stop:
                    ranges[0] = (end, stop)
                else:
                    ranges.pop(0)
            if rows <= 0:
                break
        return taken

    def drop(self, oldest: int) -> int:
        """Strike out the oldest segments that hold no remembered event's newest row; return how many.

        Their records are of rows that are forgotten or were written anew after them.
        """
        dropped = 0
        while self._rows and all(stop <= oldest for _, stop in self._rows[0]):
            self._rows.popleft()
            self._total -= self._records.popleft()
            dropped += 1
        return dropped

    def state(self) -> dict[str, NDArray[np.int64] | int]:
        """rows: int64 (r, 3) serial, start, stop; records: int64 (segments,); serial: the newest segment's."""
        rows = [(self.first + i, *r) for i, ranges in enumerate(self._rows) for r in ranges]
        return {
            "serial": self.serial,
            "rows": np.array(rows, np.int64).reshape(-1, 3),
            "records": np.array(self._records, np.int64),
        }

    def restore(self, state: dict[str, NDArray[np.int64] | int]) -> None:
        """Go on from a saved state."""
        records, rows = np.asarray(state["records"]).tolist(), np.asarray(state["rows"]).tolist()
        self.serial = int(state["serial"])
        self._rows, self._records, self._total = deque([] for _ in records), deque(records), sum(records)
        for serial, start, stop in rows:
            self._rows[serial - self.first].append((start, stop))
