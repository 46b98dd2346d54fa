"""A past of any length in bounded memory: fine where it is recent, coarser the older it is."""

from __future__ import annotations

from collections import deque
from typing import Final

#: Rows of each level, how many rows of one level a row of the next stands for, and levels.
LEVEL_ROWS_MAX: Final = 150
THINNED: Final = 4
LEVELS_MAX: Final = 6

Row = list[float]


class History:
    """Rows in order; what falls out of a level goes on to the next one, every ``thinned``-th row of it.

    With a row a second the six levels hold 2.5 minutes, then 10, 40, ..., and 57 hours in all.

    >>> history = History(rows_max=4, thinned=2, levels=2)
    >>> for value in range(12): history.add([value])
    >>> [row[0] for row in history.rows()]
    [0, 2, 4, 6, 8, 9, 10, 11]
    """

    def __init__(self, rows_max: int = LEVEL_ROWS_MAX, thinned: int = THINNED, levels: int = LEVELS_MAX) -> None:
        self._thinned = thinned
        self._rows_max = rows_max
        self._levels: list[deque[Row]] = [deque() for _ in range(levels)]
        self._fallen = [0] * levels

    def add(self, row: Row) -> None:
        """Take the newest row."""
        for i, level in enumerate(self._levels):
            level.append(row)
            if len(level) <= self._rows_max:
                return
            row = level.popleft()
            self._fallen[i] += 1
            if (self._fallen[i] - 1) % self._thinned:
                return

    def rows(self) -> list[Row]:
        """All that is left, oldest first."""
        return [row for level in reversed(self._levels) for row in level]

    def __len__(self) -> int:
        return sum(map(len, self._levels))
