"""From when to when a stream went, without times that slipped."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: The earliest times that are held, to see which of them slipped.
HELD: Final = 16
#: A time this long before all others, and so many times as long as these last, was a slip.
SLIP_US: Final = 365 * 86_400_000_000
SLIP: Final = 100


class Span:
    """The first and last times of a stream, however it is cut into batches.

    >>> span = Span()
    >>> span.take(np.array([7, 9, -10 * SLIP_US, 8]))
    >>> span.of(8), span.slipped
    ((7, 8), 1)
    """

    def __init__(self) -> None:
        self._first = np.zeros(0, np.int64)  # different times, rising
        self._last: int | None = None

    def take(self, time: NDArray[np.int64]) -> None:
        """Take in the times of events, microseconds (n,)."""
        if not len(time):
            return
        last = int(time.max())
        self._last = last if self._last is None else max(last, self._last)
        if len(self._first) == HELD:
            time = time[time < self._first[-1]]
        self._first = np.unique(np.concatenate([self._first, time]))[:HELD]

    @property
    def slipped(self) -> int:
        """How many of the earliest times lie absurdly far before the rest."""
        if self._last is None:
            return 0
        held = self._first
        for i in range(len(held) - 2, 0, -1):
            if held[i] - held[i - 1] > max(SLIP_US, SLIP * (held[-1] - held[i])):
                return i
        return 0

    def of(self, watermark: int) -> tuple[int | None, int | None]:
        """The first and the last time; watermark: the stream's own time now, which no time ahead of it moves."""
        if self._last is None:
            return None, None
        first = int(self._first[self.slipped])
        return first, max(first, min(self._last, watermark))
