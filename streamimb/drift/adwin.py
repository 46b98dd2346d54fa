"""ADWIN on flat arrays: a bank of detectors that one kernel call feeds, and the single detector that river knows.

Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007: the window is cut, and its older
part dropped, wherever the means of the two parts differ by more than ε = sqrt(2/m s² δ') + 2/(3m) δ', with 1/m = 1/n0 +
1/n1 and δ' = ln(2 ln(W) / δ). It is kept in buckets of 1, 2, 4, ... values, the variances after Babcock et al., PODS
2003. The arithmetic has the order of river 0.26's, so that both fire at the same values.

Memory: 16 bytes a bucket, ``max_buckets`` + 1 buckets in each of ``rows`` rows, 8 bytes a row and 128 beside: 3,456
bytes a detector with the defaults, for a window of up to 2e10 values; beyond that the oldest bucket goes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.adwin_kernels import (
    CLOCK,
    COUNTS,
    DELTA,
    DETECTIONS,
    FULL,
    IGNORED,
    LENGTH_MIN,
    TOTAL,
    USED,
    VALUE_ABS_MAX,
    VARIANCE,
    WARNING_DELTA,
    WIDTH,
    update,
)
from streamimb.drift.base import Detector, Firings
from streamimb.drift.tuning import significance
from streamimb.errors import StateError

#: Rows of buckets, of 2^row values each.
ROWS: Final = 32


class AdwinBank:
    """n ADWIN detectors in shared arrays.

    delta: significance, a number or (n,); warning_delta: that of warnings, larger, or 0 for none; clock: a cut is
    looked for at every so many values, a number or (n,); max_buckets: of one size; min_window_length: of either part;
    grace_period: no cut in a window up to so long. After a drift a detector goes on from what came after the most
    significant cut (``keep``) or from nothing, as river does.
    That cut is also what a firing's ``before``, ``after`` and ``kept`` are of. Values that are not finite, or beyond
    ``VALUE_ABS_MAX``, are ignored and counted.

    >>> bank = AdwinBank(2, delta=0.002)
    >>> values = np.stack([np.tile([0.0, 1.0], 500), np.repeat([0.2, 0.8], 500)], axis=1).ravel()
    >>> firings = bank.update(np.tile([0, 1], 1_000), values)  # the second moves, once
    >>> firings.index % 2, firings.before, firings.after, bank.estimation.round(2)
    (array([1]), array([0.2]), array([0.75]), array([0.5, 0.8]))
    """

    def __init__(
        self,
        n: int,
        delta: ArrayLike = 0.002,
        *,
        clock: ArrayLike = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        keep: bool = True,
        rows: int = ROWS,
        warning_delta: float = 0.0,
    ) -> None:
        deltas = np.broadcast_to(np.asarray(delta, np.float64), (n,))
        if not ((deltas > 0) & (deltas < 1)).all():
            raise ValueError(f"delta {delta!r} is not between 0 and 1")
        if not (warning_delta == 0 or (deltas < warning_delta).all()) or warning_delta >= 1:
            raise ValueError(f"warning_delta {warning_delta!r} is neither 0 nor between delta and 1")
        clocks = np.broadcast_to(np.asarray(clock, np.int64), (n,))
        if (clocks < 1).any() or max_buckets < 2 or min_window_length < 1 or grace_period < 0 or rows < 2:
            raise ValueError("clock and min_window_length are at least 1, max_buckets and rows 2, grace_period 0")
        self.buckets = np.zeros((n, rows * (max_buckets + 1) * 2))  # row by row, of each bucket its total and variance
        self.reals = np.zeros((n, WARNING_DELTA + 1))
        self.reals[:, DELTA], self.reals[:, WARNING_DELTA] = deltas, warning_delta
        self._made_with = self.reals[:, DELTA:].copy()  # those in force may be tuned
        self.wholes = np.zeros((n, COUNTS + rows), np.int64)
        self.wholes[:, USED] = 1
        self.wholes[:, CLOCK] = clocks
        self.wholes[:, LENGTH_MIN : FULL + 1] = min_window_length, grace_period, keep, max_buckets + 1

    def __len__(self) -> int:
        return len(self.reals)

    def update(
        self,
        which: NDArray[np.int64],
        value: NDArray[np.float64],
        at: NDArray[np.int64] | None = None,  # noqa: ARG002  # as every bank
    ) -> Firings:
        """Give value[i], float64 (m,), to detector which[i], int64 (m,), in order; tell what fired. ``at`` is not used.

        Raises ValueError, changing nothing, where ``which`` names no detector.
        """
        if len(which) != len(value):
            raise ValueError(f"{len(which)} detectors named for {len(value)} values")
        fired, report, bad = update(which, value, self.buckets, self.reals, self.wholes)
        if bad >= 0:
            raise ValueError(f"value {bad}: detector {which[bad]} of {len(self)}")
        return Firings.of(fired, report)

    def tune(self, between: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """As any bank: each ``clock`` values there is a look; a warning keeps its multiple of a drift's delta."""
        delta = significance(between * values / self.wholes[:, CLOCK])
        warning = delta * self._made_with[:, 1] / self._made_with[:, 0]
        self.reals[:, DELTA], self.reals[:, WARNING_DELTA] = delta, np.minimum(warning, (1.0 + delta) / 2.0)

    @property
    def width(self) -> NDArray[np.int64]:
        """Values in each window, int64 (n,)."""
        return self.reals[:, WIDTH].astype(np.int64)

    @property
    def total(self) -> NDArray[np.float64]:
        """Sum of each window, float64 (n,)."""
        return self.reals[:, TOTAL].copy()

    @property
    def variance(self) -> NDArray[np.float64]:
        """Sum of squared deviations in each window, float64 (n,)."""
        return self.reals[:, VARIANCE].copy()

    @property
    def estimation(self) -> NDArray[np.float64]:
        """Mean of each window, float64 (n,); NaN where it is empty."""
        width = self.reals[:, WIDTH]
        return self.reals[:, TOTAL] / np.where(width > 0, width, np.nan)

    @property
    def n_detections(self) -> NDArray[np.int64]:
        """Drifts of each detector so far, int64 (n,)."""
        return self.wholes[:, DETECTIONS].copy()

    @property
    def ignored(self) -> NDArray[np.int64]:
        """Values that each detector was given but could not take, int64 (n,)."""
        return self.wholes[:, IGNORED].copy()

    def state(self) -> dict[str, Any]:
        """The bank's arrays, copied."""
        arrays = {name: getattr(self, name).copy() for name in ("buckets", "reals", "wholes")}
        return {**arrays, "made_with": self._made_with.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a bank that was made with the same arguments. Raises StateError."""
        for name in ("buckets", "reals", "wholes"):
            mine, saved = getattr(self, name), state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"adwin: {name} does not fit a bank of {len(self)} detectors")
        same = np.array_equal(state.get("made_with", state["reals"][:, DELTA:]), self._made_with)
        if not same or not np.array_equal(state["wholes"][:, CLOCK : FULL + 1], self.wholes[:, CLOCK : FULL + 1]):
            raise StateError("adwin: the state was saved under other parameters")
        counts = state["wholes"][:, COUNTS:]
        rows, full = counts.shape[1], int(self.wholes[0, FULL])
        used = state["wholes"][:, USED]
        if counts.min(initial=0) < 0 or counts.max(initial=0) >= full or used.min() < 1 or used.max() > rows:
            raise StateError("adwin: the saved buckets are not possible")
        if not np.array_equal((counts * (1 << np.arange(rows))).sum(axis=1), state["reals"][:, WIDTH]):
            raise StateError("adwin: the saved buckets do not make up the saved width")
        for name in ("buckets", "reals", "wholes"):
            getattr(self, name)[:] = state[name]


class ADWIN(Detector):
    """Adaptive windowing: river's ``drift.ADWIN``, saved as plain arrays, fed by whole arrays.

    Parameters are river's. Fires at the same values as river's, which starts from nothing after a drift;
    ``keep=True`` goes on from what came after the most significant cut. ``n_detections`` counts all drifts so far.
    ``warning_delta``, larger than ``delta``, also tells of cuts at that significance, as warnings; river has none.

    >>> adwin = ADWIN()
    >>> firings = adwin.update_many(np.r_[np.tile([0.0, 1.0], 500), np.full(500, 5.0)])
    >>> firings.index, firings.before.round(2), firings.after.round(2)
    (array([1023]), array([0.5]), array([5.]))
    """

    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        keep: bool = False,
        warning_delta: float = 0.0,
    ) -> None:
        super().__init__()
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.keep = keep
        self.warning_delta = warning_delta
        self._bank = AdwinBank(
            1,
            delta,
            clock=clock,
            max_buckets=max_buckets,
            min_window_length=min_window_length,
            grace_period=grace_period,
            keep=keep,
            warning_delta=warning_delta,
        )

    def tune(self, between: float) -> None:
        """Each ``clock`` values there is a look; a warning keeps its multiple. ``delta`` stays as it was made."""
        self._bank.tune(np.array([between], np.float64), np.ones(1))

    @property
    def width(self) -> int:
        """Values in the window."""
        return int(self._bank.width[0])

    @property
    def total(self) -> float:
        """Sum of the window."""
        return float(self._bank.total[0])

    @property
    def variance(self) -> float:
        """Sum of squared deviations in the window."""
        return float(self._bank.variance[0])

    @property
    def n_detections(self) -> int:
        """Drifts so far."""
        return int(self._bank.n_detections[0])

    @property
    def estimation(self) -> float:
        """Mean of the window; 0 where it is empty, as river has it."""
        return self.total / self.width if self.width else 0.0

    def state(self) -> dict[str, Any]:
        return {
            **self._bank.state(),
            "drift_detected": self._drift_detected,
            "warning_detected": self._warning_detected,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._bank.restore(state)
        self._drift_detected, self._warning_detected = bool(state["drift_detected"]), bool(state["warning_detected"])

    def _take(self, values: NDArray[np.float64]) -> Firings:
        if len(values) and np.abs(values).max() > VALUE_ABS_MAX:
            raise ValueError(f"ADWIN is for bounded values: one is beyond {VALUE_ABS_MAX:g}")
        return self._bank.update(np.zeros(len(values), np.int64), values)
