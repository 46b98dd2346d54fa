"""The one interface of every drift detector: river's, and whole arrays beside it."""

from __future__ import annotations

import abc
import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river.base import DriftAndWarningDetector

#: Levels of a firing. A warning tells that a drift may be under way, once.
WARNING: Final = 1
DRIFT: Final = 2


class Firings(NamedTuple):
    """The drifts and warnings that f of some values set off.

    index: int64 (f,), which values, in order; before, after: float64 (f,), the means on both sides of a change, as far
    back as the detector remembered; kept: int64 (f,), how many values came after it; level: int8 (f,), WARNING or
    DRIFT. A fall is ``after < before``. At most one firing a value.
    """

    index: NDArray[np.int64]  # type: ignore[assignment]  # a tuple's own method of that name is of no use here
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    kept: NDArray[np.int64]
    level: NDArray[np.int8]

    @property
    def drifts(self) -> Firings:
        """The drifts alone."""
        return self.at(self.level == DRIFT)

    @property
    def warnings(self) -> Firings:
        """The warnings alone."""
        return self.at(self.level == WARNING)

    def at(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Firings:
        """Those that a mask (f,) or their places name."""
        return Firings(self.index[which], self.before[which], self.after[which], self.kept[which], self.level[which])

    @classmethod
    def of(cls, index: NDArray[np.int64], report: NDArray[np.float64]) -> Firings:
        """From what a kernel tells: index (f,) and columns before, after, kept, level (f, 4)."""
        return cls(index, report[:, 0], report[:, 1], report[:, 2].astype(np.int64), report[:, 3].astype(np.int8))


class Detector(DriftAndWarningDetector, abc.ABC):  # type: ignore[misc]  # river's types are not followed
    """Watches one value that should stay what it is.

    As in river, ``update`` takes one value; ``drift_detected`` and ``warning_detected`` tell what that value set off.
    A warning is told at the value that enters the zone of warning, not at each one inside it.

    >>> from streamimb.drift.adwin import ADWIN
    >>> one, many, values = ADWIN(), ADWIN(), [0.0] * 100 + [1.0] * 60
    >>> fired = []
    >>> for i, x in enumerate(values):
    ...     one.update(x)
    ...     fired += [i] if one.drift_detected else []
    >>> fired, many.update_many(values).drifts.index
    ([127], array([127]))
    """

    def update(self, x: float) -> None:
        """Take in one value.

        Raises ValueError, changing nothing, where it is not finite, too large to be squared or none that the detector
        watches, TypeError where it is no number.
        """
        try:
            finite = math.isfinite(x)
        except OverflowError:
            finite = False
        except TypeError:
            raise TypeError(f"a drift detector cannot watch {x!r}, a {type(x).__name__}: only numbers") from None
        if not finite:
            raise ValueError(f"a drift detector cannot watch {x!r:.60}: only finite values")
        self.update_many(np.array([x], np.float64))

    def update_many(self, values: ArrayLike) -> Firings:
        """Take in values, (m,), in order, as ``update`` would one by one; tell which of them set off what.

        Afterwards ``drift_detected`` and ``warning_detected`` are those of the last value. Raises ValueError, changing
        nothing, where a value is not finite, too large to be squared or none that the detector watches.
        """
        array = np.ascontiguousarray(values, np.float64)
        if array.ndim != 1 or not np.isfinite(array).all():
            raise ValueError("a drift detector watches one row of finite values")
        if len(array) == 0:
            return self._take(array)
        firings = self._take(array)
        last = int(firings.level[-1]) if len(firings.index) and firings.index[-1] == len(array) - 1 else 0
        self._drift_detected, self._warning_detected = last == DRIFT, last == WARNING
        return firings

    def tune(self, between: float) -> None:
        """Let there be so many values between two false alarms, as far as a parameter says that.

        Raises TypeError where none does.
        """
        raise TypeError(f"{type(self).__name__} has no parameter that says how often it is wrong (not {between:g})")

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Values taken since the last change that the detector saw, as far as it remembers."""

    @property
    @abc.abstractmethod
    def estimation(self) -> float:
        """What the watched value is now, as the detector sees it."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that the next value's treatment depends on, copied: arrays and scalars."""

    @abc.abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a detector that was made with the same arguments. Raises StateError."""

    @abc.abstractmethod
    def _take(self, values: NDArray[np.float64]) -> Firings:
        """Take in finite values."""
