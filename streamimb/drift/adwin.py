"""ADWIN on flat arrays: a bank of detectors that one kernel call feeds, and the single detector that river knows.

Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007: the window is cut, and its older
part dropped, wherever the means of the two parts differ by more than ε = sqrt(2/m s² δ') + 2/(3m) δ', with 1/m = 1/n0 +
1/n1 and δ' = ln(2 ln(W) / δ). It is kept in buckets of 1, 2, 4, ... values, the variances after Babcock et al., PODS
2003. The arithmetic has the order of river 0.26's, so that both fire at the same values.

Memory: 16 bytes a bucket, ``max_buckets`` + 1 buckets in each of ``rows`` rows, and 8 bytes a row: 3.5 kB a detector
with the defaults, for a window of up to 2e10 values; beyond that the oldest bucket goes.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.base import Detector, Firings
from streamimb.errors import StateError
from streamimb.kernel import Array, kernel

#: A larger value could not be squared and summed.
VALUE_ABS_MAX: Final = 1e100
# Over four roundings of a double.
ROUNDING: Final = 1e-15
#: Rows of buckets, of 2^row values each.
ROWS: Final = 32

# Columns of ``reals`` (n, 7) and of ``wholes`` (n, 10 + rows); how many buckets each row holds begins at COUNTS.
WIDTH, TOTAL, VARIANCE, DELTA, BEFORE, AFTER, KEPT = range(7)
USED, TICK, DETECTIONS, IGNORED, FIRED, CLOCK, LENGTH_MIN, GRACE, KEEP, FULL, COUNTS = range(11)


class AdwinBank:
    """n ADWIN detectors in shared arrays.

    delta: significance, a number or (n,); clock: a cut is looked for at every so many values, a number or (n,);
    max_buckets: of one size; min_window_length: of either part; grace_period: no cut in a window up to so long. After
    a drift a detector goes on from what came after the most significant cut (``keep``) or from nothing, as river does.
    That cut is also what a firing's ``before``, ``after`` and ``kept`` are of. Values that are not finite, or beyond
    ``VALUE_ABS_MAX``, are ignored and counted.
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
    ) -> None:
        deltas = np.broadcast_to(np.asarray(delta, np.float64), (n,))
        if not ((deltas > 0) & (deltas < 1)).all():
            raise ValueError(f"delta {delta!r} is not between 0 and 1")
        clocks = np.broadcast_to(np.asarray(clock, np.int64), (n,))
        if (clocks < 1).any() or max_buckets < 2 or min_window_length < 1 or grace_period < 0 or rows < 2:
            raise ValueError("clock and min_window_length are at least 1, max_buckets and rows 2, grace_period 0")
        self.buckets = np.zeros((n, rows * (max_buckets + 1) * 2))  # row by row, of each bucket its total and variance
        self.reals = np.zeros((n, KEPT + 1))
        self.reals[:, DELTA] = deltas
        self.wholes = np.zeros((n, COUNTS + rows), np.int64)
        self.wholes[:, USED] = 1
        self.wholes[:, CLOCK] = clocks
        self.wholes[:, LENGTH_MIN : FULL + 1] = min_window_length, grace_period, keep, max_buckets + 1

    def __len__(self) -> int:
        return len(self.reals)

    def update(self, which: NDArray[np.int64], value: NDArray[np.float64]) -> Firings:
        """Give value[i], float64 (m,), to detector which[i], int64 (m,), in order; tell what fired.

        Raises ValueError, changing nothing, where ``which`` names no detector.
        """
        if len(which) != len(value):
            raise ValueError(f"{len(which)} detectors named for {len(value)} values")
        fired, report, bad = _update(which, value, self.buckets, self.reals, self.wholes)
        if bad >= 0:
            raise ValueError(f"value {bad}: detector {which[bad]} of {len(self)}")
        return Firings(fired, report[:, 0], report[:, 1], report[:, 2].astype(np.int64))

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
        return {name: getattr(self, name).copy() for name in ("buckets", "reals", "wholes")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a bank that was made with the same arguments. Raises StateError."""
        for name in ("buckets", "reals", "wholes"):
            mine, saved = getattr(self, name), state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"adwin: {name} does not fit a bank of {len(self)} detectors")
        same = np.array_equal(state["reals"][:, DELTA], self.reals[:, DELTA])
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
    ) -> None:
        super().__init__()
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.keep = keep
        self._bank = AdwinBank(
            1,
            delta,
            clock=clock,
            max_buckets=max_buckets,
            min_window_length=min_window_length,
            grace_period=grace_period,
            keep=keep,
        )

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
        return {**self._bank.state(), "drift_detected": self._drift_detected}

    def restore(self, state: dict[str, Any]) -> None:
        self._bank.restore(state)
        self._drift_detected = bool(state["drift_detected"])

    def _take(self, values: NDArray[np.float64]) -> Firings:
        if len(values) and np.abs(values).max() > VALUE_ABS_MAX:
            raise ValueError(f"ADWIN is for bounded values: one is beyond {VALUE_ABS_MAX:g}")
        return self._bank.update(np.zeros(len(values), np.int64), values)


@kernel
def _update(which: Array, value: Array, buckets: Array, reals: Array, wholes: Array) -> tuple[Array, Array, int]:
    fired = np.empty(len(which), np.int64)
    report = np.empty((len(which), 3))
    for i in range(len(which)):
        if which[i] < 0 or which[i] >= len(reals):
            return fired[:0], report[:0], i
    f = 0
    for i in range(len(which)):
        d = which[i]
        if take(d, value[i], buckets, reals, wholes):
            fired[f] = i
            report[f, 0], report[f, 1], report[f, 2] = reals[d, BEFORE], reals[d, AFTER], reals[d, KEPT]
            f += 1
    return fired[:f].copy(), report[:f].copy(), -1


@kernel
def take(d: int, x: float, buckets: Array, reals: Array, wholes: Array) -> bool:
    """Give a value to detector d; tell whether a drift fired, what was before and after being left in ``reals``."""
    if not abs(x) <= VALUE_ABS_MAX:
        wholes[d, IGNORED] += 1
        return False
    if wholes[d, FIRED] == 1:
        wholes[d, FIRED] = 0
        if wholes[d, KEEP] == 0:
            reals[d, WIDTH] = reals[d, TOTAL] = reals[d, VARIANCE] = 0.0
            wholes[d, USED] = 1
            wholes[d, TICK] = 0
            wholes[d, COUNTS:] = 0
    _insert(d, x, buckets, reals, wholes)
    wholes[d, TICK] += 1
    if wholes[d, TICK] < wholes[d, CLOCK]:
        return False
    wholes[d, TICK] = 0
    if reals[d, WIDTH] <= wholes[d, GRACE]:
        return False
    if not _has_cut(d, buckets, reals, wholes):
        return False
    n0, u0 = _strongest_cut(d, buckets, reals, wholes)
    reals[d, BEFORE] = u0 / n0
    reals[d, AFTER] = (reals[d, TOTAL] - u0) / (reals[d, WIDTH] - n0)
    reals[d, KEPT] = reals[d, WIDTH] - n0
    if wholes[d, KEEP] == 1:
        while reals[d, WIDTH] > reals[d, KEPT]:
            _drop_oldest(d, buckets, reals, wholes)
    else:
        _drop_oldest(d, buckets, reals, wholes)
        while _has_cut(d, buckets, reals, wholes):
            _drop_oldest(d, buckets, reals, wholes)
    wholes[d, FIRED] = 1
    wholes[d, DETECTIONS] += 1
    return True


@kernel
def _insert(d: int, x: float, buckets: Array, reals: Array, wholes: Array) -> None:
    before, total = reals[d, WIDTH], reals[d, TOTAL]
    reals[d, WIDTH] = before + 1.0
    if before > 0.0:
        off = x - total / before
        reals[d, VARIANCE] += before * off * off / (before + 1.0)
    reals[d, TOTAL] = total + x
    full = wholes[d, FULL]
    last = wholes[d, COUNTS]
    buckets[d, 2 * last] = x
    buckets[d, 2 * last + 1] = 0.0
    wholes[d, COUNTS] = last + 1
    row, at, size, per = 0, 0, 1.0, 1.0
    while wholes[d, COUNTS + row] == full:
        if COUNTS + row + 1 == wholes.shape[1]:
            _drop_oldest(d, buckets, reals, wholes)
            return
        u0, u1 = buckets[d, at], buckets[d, at + 2]
        gap = u0 * per - u1 * per
        place = wholes[d, COUNTS + row + 1]
        to = at + 2 * (full + place)
        buckets[d, to] = u0 + u1
        buckets[d, to + 1] = buckets[d, at + 1] + buckets[d, at + 3] + size * 0.5 * gap * gap
        wholes[d, COUNTS + row + 1] = place + 1
        for j in range(at, at + 2 * full - 4):
            buckets[d, j] = buckets[d, j + 4]
        wholes[d, COUNTS + row] = full - 2
        row, at, size, per = row + 1, at + 2 * full, size * 2.0, per * 0.5
    wholes[d, USED] = max(wholes[d, USED], row + 1)


@kernel
def _drop_oldest(d: int, buckets: Array, reals: Array, wholes: Array) -> None:
    row = wholes[d, USED] - 1
    at = 2 * row * wholes[d, FULL]
    n, total, variance = float(1 << row), buckets[d, at], buckets[d, at + 1]
    width = reals[d, WIDTH] - n
    reals[d, WIDTH] = width
    reals[d, TOTAL] -= total
    gap = total / n - reals[d, TOTAL] / width
    reals[d, VARIANCE] -= variance + n * width * gap * gap / (n + width)
    left = wholes[d, COUNTS + row] - 1
    for j in range(at, at + 2 * left):
        buckets[d, j] = buckets[d, j + 2]
    wholes[d, COUNTS + row] = left
    if left == 0:
        wholes[d, USED] -= 1


@kernel
def _has_cut(d: int, buckets: Array, reals: Array, wholes: Array) -> bool:
    """Whether the means of the two parts differ too much at any bucket's edge."""
    n0, n1, u0, u1 = 0.0, reals[d, WIDTH], 0.0, reals[d, TOTAL]
    length_min = float(wholes[d, LENGTH_MIN])
    confidence = math.log(2.0 * math.log(n1) / reals[d, DELTA])
    variance = reals[d, VARIANCE] / n1
    least = (1.0 - 1e-9) * 2.0 * variance * confidence
    for row in range(wholes[d, USED] - 1, -1, -1):
        size = float(1 << row)
        at = 2 * row * wholes[d, FULL]
        for j in range(at, at + 2 * wholes[d, COUNTS + row], 2):
            n0 += size
            n1 -= size
            u0 += buckets[d, j]
            u1 -= buckets[d, j]
            if n1 < length_min:
                return False
            if n0 < length_min:
                continue
            # Most edges are far from a cut, which this tells without a division or a root: the first term of epsilon
            # alone is over the gap and all that rounding could add to it.
            a, b, x, y, n = n0 - length_min + 1.0, n1 - length_min + 1.0, u0 * n1, u1 * n0, n0 * n1
            gap = abs(x - y) + ROUNDING * (abs(x) + abs(y))
            if gap * gap * a * b <= least * (a + b) * n * n:
                continue
            if abs(u0 / n0 - u1 / n1) > _epsilon(a, b, variance, confidence):
                return True
    return False


@kernel
def _strongest_cut(d: int, buckets: Array, reals: Array, wholes: Array) -> tuple[float, float]:
    """Length and total of the older part at the edge where the gap is most times epsilon."""
    n0, n1, u0, u1 = 0.0, reals[d, WIDTH], 0.0, reals[d, TOTAL]
    length_min = float(wholes[d, LENGTH_MIN])
    confidence = math.log(2.0 * math.log(n1) / reals[d, DELTA])
    variance = reals[d, VARIANCE] / n1
    best, best_n0, best_u0 = 0.0, 0.0, 0.0
    for row in range(wholes[d, USED] - 1, -1, -1):
        size = float(1 << row)
        at = 2 * row * wholes[d, FULL]
        for j in range(at, at + 2 * wholes[d, COUNTS + row], 2):
            n0 += size
            n1 -= size
            u0 += buckets[d, j]
            u1 -= buckets[d, j]
            if n0 >= length_min and n1 >= length_min:
                epsilon = _epsilon(n0 - length_min + 1.0, n1 - length_min + 1.0, variance, confidence)
                if abs(u0 / n0 - u1 / n1) > best * epsilon:
                    best, best_n0, best_u0 = abs(u0 / n0 - u1 / n1) / epsilon, n0, u0
    return best_n0, best_u0


@kernel
def _epsilon(a: float, b: float, variance: float, confidence: float) -> float:
    m = 1.0 / a + 1.0 / b
    return math.sqrt(2.0 * m * variance * confidence) + 2.0 / 3.0 * confidence * m
