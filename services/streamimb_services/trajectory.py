"""How a value moved over a run, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from streamimb.outcome import Course

#: Points kept of a trajectory; beyond, neighbours are averaged in pairs.
POINTS_MAX: Final = 512


class Trajectory:
    """The means of equally long stretches of a series of any length; undefined values are left out of a mean.

    >>> t = Trajectory(points_max=4)
    >>> for value in range(8): t.add(value)
    >>> t.points()
    [0.5, 2.5, 4.5, 6.5]
    """

    def __init__(self, points_max: int = POINTS_MAX) -> None:
        self._points_max = points_max
        self._stretch = 1
        self._sums: list[float] = []
        self._counts: list[int] = []
        self._in_last = 0
        self.last = math.nan
        self.low = math.nan
        self.high = math.nan

    def add(self, value: float) -> None:
        """Take the next value; NaN where it is undefined."""
        if not self._sums or self._in_last == self._stretch:
            if len(self._sums) == self._points_max:
                self._halve()
            self._sums.append(0.0)
            self._counts.append(0)
            self._in_last = 0
        self._in_last += 1
        if not math.isnan(value):
            self._sums[-1] += value
            self._counts[-1] += 1
            self.last = value
            self.low, self.high = min(value, _or(self.low, value)), max(value, _or(self.high, value))

    def _halve(self) -> None:
        self._sums = [a + b for a, b in zip(self._sums[::2], self._sums[1::2], strict=True)]
        self._counts = [a + b for a, b in zip(self._counts[::2], self._counts[1::2], strict=True)]
        self._stretch *= 2
        self._in_last = self._stretch

    def points(self) -> list[float]:
        """The means, NaN for a stretch where nothing was defined."""
        return [s / c if c else math.nan for s, c in zip(self._sums, self._counts, strict=True)]


def _or(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


class Trajectories:
    """The trajectories that a summary draws: of the positive class, at every Plan."""

    def __init__(self) -> None:
        self.share, self.recall, self.threshold = Trajectory(), Trajectory(), Trajectory()

    def add(self, courses: Iterable[Course]) -> None:
        """Take what one outcome told."""
        for told in courses:
            self.share.add(told.share)
            self.recall.add(told.recall)
            self.threshold.add(told.threshold)
