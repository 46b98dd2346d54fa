"""ADWIN's arithmetic on flat arrays, in the order of river's, so that both round alike."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from streamimb.drift.base import DRIFT, WARNING
from streamimb.kernel import Array, kernel, leaf, part

#: A larger value could not be squared and summed.
VALUE_ABS_MAX: Final = 1e100
# Over four roundings of a double.
ROUNDING: Final = 1e-15

# Columns of ``reals`` (n, 5) and of ``wholes`` (n, 11 + rows); how many buckets each row holds begins at COUNTS.
WIDTH, TOTAL, VARIANCE, DELTA, WARNING_DELTA = range(5)
USED, TICK, DETECTIONS, IGNORED, FIRED, WARNED, CLOCK, LENGTH_MIN, GRACE, KEEP, FULL, COUNTS = range(12)


@leaf
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


@part
def _add(d: int, x: float, buckets: Array, reals: Array, wholes: Array) -> None:
    """Put a value into the first row of buckets; merge the two oldest of each row that is full into the next."""
    before, total = reals[d, WIDTH], reals[d, TOTAL]
    reals[d, WIDTH] = before + 1.0
    reals[d, TOTAL] = total + x
    if before > 0.0:
        off = x - total / before
        reals[d, VARIANCE] += before * off * off / (before + 1.0)
    full = wholes[d, FULL]
    last = wholes[d, COUNTS]
    buckets[d, 2 * last] = x
    buckets[d, 2 * last + 1] = 0.0
    wholes[d, COUNTS] = last + 1

    row, at, size, per = 0, 0, 1.0, 1.0
    while wholes[d, COUNTS + row] == full and COUNTS + row + 1 < wholes.shape[1]:
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
    if wholes[d, COUNTS + row] == full:
        _drop_oldest(d, buckets, reals, wholes)


@kernel
def update(which: Array, value: Array, buckets: Array, reals: Array, wholes: Array) -> tuple[Array, Array, int]:
    """Give values to detectors; what fired, (before, after, kept, level); -1 or the first value that is refused.

    What is done for every value is a part, not a call: with three arrays that would cost more than the work.
    """
    fired = np.empty(len(which), np.int64)
    report = np.empty((len(which), 4))
    for i in range(len(which)):
        if which[i] < 0 or which[i] >= len(reals):
            return fired[:0], report[:0], i
    f = 0
    for i in range(len(which)):
        d, x = which[i], value[i]
        if not abs(x) <= VALUE_ABS_MAX:
            wholes[d, IGNORED] += 1
            continue
        if wholes[d, FIRED] == 1:
            _start_again(d, reals, wholes)

        _add(d, x, buckets, reals, wholes)
        wholes[d, TICK] += 1
        if wholes[d, TICK] == wholes[d, CLOCK]:
            wholes[d, TICK] = 0
            if reals[d, WIDTH] <= wholes[d, GRACE]:
                continue
            if _has_cut(d, DELTA, buckets, reals, wholes):
                fired[f] = i
                report[f, 0], report[f, 1], report[f, 2] = _shrink(d, buckets, reals, wholes)
                report[f, 3] = DRIFT
                f += 1
            elif reals[d, WARNING_DELTA] > 0.0 and _enters_warning(d, buckets, reals, wholes):
                fired[f] = i
                report[f, 0], report[f, 1], report[f, 2] = _sides(d, buckets, reals, wholes)
                report[f, 3] = WARNING
                f += 1
    return fired[:f].copy(), report[:f].copy(), -1


@leaf
def _start_again(d: int, reals: Array, wholes: Array) -> None:
    wholes[d, FIRED] = 0
    if wholes[d, KEEP] == 0:
        reals[d, WIDTH] = reals[d, TOTAL] = reals[d, VARIANCE] = 0.0
        wholes[d, USED] = 1
        wholes[d, TICK] = 0
        for row in range(COUNTS, wholes.shape[1]):
            wholes[d, row] = 0


@leaf
def _shrink(d: int, buckets: Array, reals: Array, wholes: Array) -> tuple[float, float, float]:
    """Drop what a cut tells to drop; return the means on both sides of the strongest cut and what came after it."""
    before, after, kept = _sides(d, buckets, reals, wholes)
    if wholes[d, KEEP] == 1:
        while reals[d, WIDTH] > kept:
            _drop_oldest(d, buckets, reals, wholes)
    else:
        _drop_oldest(d, buckets, reals, wholes)
        while _has_cut(d, DELTA, buckets, reals, wholes):
            _drop_oldest(d, buckets, reals, wholes)
    wholes[d, FIRED] = 1
    wholes[d, WARNED] = 0
    wholes[d, DETECTIONS] += 1
    return before, after, kept


@leaf
def _enters_warning(d: int, buckets: Array, reals: Array, wholes: Array) -> bool:
    """Whether there is a cut at the level of warnings, and was none when it was looked for last."""
    before = wholes[d, WARNED]
    wholes[d, WARNED] = int(_has_cut(d, WARNING_DELTA, buckets, reals, wholes))
    return bool(wholes[d, WARNED] > before)


@leaf
def _sides(d: int, buckets: Array, reals: Array, wholes: Array) -> tuple[float, float, float]:
    """The means on both sides of the strongest cut and what came after it."""
    n0, u0 = _strongest_cut(d, buckets, reals, wholes)
    kept = reals[d, WIDTH] - n0
    return u0 / n0, (reals[d, TOTAL] - u0) / kept, kept


@leaf
def _has_cut(d: int, delta: int, buckets: Array, reals: Array, wholes: Array) -> bool:
    """Whether the means of the two parts differ too much at any bucket's edge, at the significance in column delta."""
    n0, n1, u0, u1 = 0.0, reals[d, WIDTH], 0.0, reals[d, TOTAL]
    length_min = float(wholes[d, LENGTH_MIN])
    confidence = math.log(2.0 * math.log(n1) / reals[d, delta])
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


@leaf
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


@leaf
def _epsilon(a: float, b: float, variance: float, confidence: float) -> float:
    m = 1.0 / a + 1.0 / b
    return math.sqrt(2.0 * m * variance * confidence) + 2.0 / 3.0 * confidence * m
