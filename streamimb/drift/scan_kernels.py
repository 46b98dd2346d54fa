"""The scan's arithmetic on flat arrays: buckets of a proportion, the likelihood ratio at every edge between them."""

from __future__ import annotations

import math
from typing import Final

from streamimb.kernel import Array, leaf, part

#: A row of buckets that is so long merges its two oldest.
FULL: Final = 5
#: Events of the rarer kind that the part must hold in which they are more frequent, and that the older part must be
#: expected to hold; also what closes a bucket early.
RARE_MIN: Final = 8.0
#: An open bucket is meant to hold so many events of the rarer kind, within these lengths.
RARE_WANTED: Final = 0.5
LENGTH_MAX: Final = 65_536.0
#: A warning is told once, and again only after the statistic fell below this share of its threshold.
REARM: Final = 0.75
#: The log likelihood ratio that a drift takes at least, however few events are wanted between false alarms.
THRESHOLD_MIN: Final = 5.5

#: Log odds at which an alarm is taken back, or stands for good.
DOUBT: Final = 3.0

# Columns of ``reals`` (n, 13) and of ``wholes`` (n, 6 + rows); how many buckets each row holds begins at COUNTS.
# PAST: what the last alarm dropped, while it is open whether that was one; RATE: before it, and halfway to that after
# it; ODDS: log odds, from what came since, for the rate before.
WIDTH, TOTAL, OPEN_WIDTH, OPEN_TOTAL, LIMIT, WANTED, WARNING_RATE, LENGTH_MIN = range(8)
PAST_WIDTH, PAST_TOTAL, RATE_BEFORE, RATE_AFTER, ODDS = range(8, 13)
USED, TAKEN, SINCE, PAST_SINCE, WARNED, DETECTIONS, COUNTS = range(7)

# Levels of a firing, as in drift.base.
WARNING: Final = 1
DRIFT: Final = 2


@leaf
def update(
    which: Array, value: Array, at: Array, buckets: Array, reals: Array, wholes: Array, fired: Array, report: Array
) -> tuple[int, int]:
    """Give values to detectors; return how many fired, and -1 or the first value that is refused.

    at: events of the stream so far at each value; empty where each detector's values are the stream. fired: int64
    (m,) gets which values did, report: float64 (m, 4) of each (before, after, kept, level).
    """
    for i in range(len(which)):
        if which[i] < 0 or which[i] >= len(reals) or not (0.0 <= value[i] <= 1.0):
            return 0, i
    f = 0
    for i in range(len(which)):
        d, x = which[i], value[i]
        wholes[d, TAKEN] += 1
        n, k = reals[d, OPEN_WIDTH] + 1.0, reals[d, OPEN_TOTAL] + x
        reals[d, OPEN_WIDTH], reals[d, OPEN_TOTAL] = n, k
        rare = k if 2.0 * reals[d, TOTAL] <= reals[d, WIDTH] else n - k
        if n < reals[d, LIMIT] and (rare < RARE_MIN or n < reals[d, LENGTH_MIN]):
            continue
        _judge(d, buckets, reals, wholes)
        _close(d, buckets, reals, wholes)
        now = at[i] if len(at) else wholes[d, TAKEN]
        level, n1, k1 = _look(d, now, buckets, reals, wholes)
        if level > 0:
            fired[f] = i
            report[f, 0] = (reals[d, TOTAL] - k1) / (reals[d, WIDTH] - n1)
            report[f, 1], report[f, 2], report[f, 3] = k1 / n1, n1, level
            f += 1
        if level == DRIFT:
            _forget(d, now, n1, buckets, reals, wholes)
        _set_limit(d, reals)
    return f, -1


@leaf
def _judge(d: int, buckets: Array, reals: Array, wholes: Array) -> None:
    """Say whether the last alarm was one, as far as the open bucket tells; if not, put the past before the window."""
    if reals[d, PAST_WIDTH] == 0.0:
        return
    n, k, p, q = reals[d, OPEN_WIDTH], reals[d, OPEN_TOTAL], reals[d, RATE_BEFORE], reals[d, RATE_AFTER]
    reals[d, ODDS] += k * math.log(p / q) + (n - k) * math.log((1.0 - p) / (1.0 - q))
    if abs(reals[d, ODDS]) < DOUBT:
        return
    row = wholes[d, USED]
    if reals[d, ODDS] > 0.0 and COUNTS + row < wholes.shape[1]:
        at = 2 * row * FULL
        buckets[d, at], buckets[d, at + 1] = reals[d, PAST_WIDTH], reals[d, PAST_TOTAL]
        reals[d, WIDTH] += reals[d, PAST_WIDTH]
        reals[d, TOTAL] += reals[d, PAST_TOTAL]
        wholes[d, COUNTS + row], wholes[d, USED] = 1, row + 1
        wholes[d, SINCE] = wholes[d, PAST_SINCE]
    reals[d, PAST_WIDTH] = reals[d, PAST_TOTAL] = reals[d, ODDS] = 0.0


@part
def _close(d: int, buckets: Array, reals: Array, wholes: Array) -> None:
    """Put the open bucket first in its row; merge the two oldest of each row that is full into the next."""
    last = wholes[d, COUNTS]
    buckets[d, 2 * last], buckets[d, 2 * last + 1] = reals[d, OPEN_WIDTH], reals[d, OPEN_TOTAL]
    wholes[d, COUNTS] = last + 1
    reals[d, WIDTH] += reals[d, OPEN_WIDTH]
    reals[d, TOTAL] += reals[d, OPEN_TOTAL]
    reals[d, OPEN_WIDTH] = reals[d, OPEN_TOTAL] = 0.0
    row, at = 0, 0
    while wholes[d, COUNTS + row] == FULL and COUNTS + row + 1 < wholes.shape[1]:
        to = at + 2 * (FULL + wholes[d, COUNTS + row + 1])
        buckets[d, to] = buckets[d, at] + buckets[d, at + 2]
        buckets[d, to + 1] = buckets[d, at + 1] + buckets[d, at + 3]
        wholes[d, COUNTS + row + 1] += 1
        _drop(d, row, 2, buckets, wholes)
        row, at = row + 1, at + 2 * FULL
    wholes[d, USED] = max(wholes[d, USED], row + 1)
    if wholes[d, COUNTS + row] == FULL:
        reals[d, WIDTH] -= buckets[d, at]
        reals[d, TOTAL] -= buckets[d, at + 1]
        _drop(d, row, 1, buckets, wholes)


@part
def _drop(d: int, row: int, count: int, buckets: Array, wholes: Array) -> None:
    left = wholes[d, COUNTS + row] - count
    at = 2 * row * FULL
    for j in range(at, at + 2 * left):
        buckets[d, j] = buckets[d, j + 2 * count]
    wholes[d, COUNTS + row] = left


@leaf
def _look(d: int, now: int, buckets: Array, reals: Array, wholes: Array) -> tuple[int, float, float]:
    """What the strongest split of the window says: DRIFT, WARNING or 0; length and total of its later part."""
    n, k = reals[d, WIDTH], reals[d, TOTAL]
    spread = k * (n - k)
    if spread <= 0.0:
        return 0, 0.0, 0.0
    drift, warning = thresholds(d, now, reals, wholes)
    least = REARM * warning
    scaled, whole = least * spread / n, _half(k, n)
    ones_rare = 2.0 * k <= n
    n0_min = RARE_MIN * n / min(k, n - k)
    best, best_n1, best_k1 = 0.0, 0.0, 0.0
    n1, k1 = 0.0, 0.0
    for row in range(wholes[d, USED]):
        at = 2 * row * FULL
        for j in range(at + 2 * wholes[d, COUNTS + row] - 2, at - 2, -2):
            n1 += buckets[d, j]
            k1 += buckets[d, j + 1]
            n0, k0 = n - n1, k - k1
            # Pearson's statistic is never below the likelihood ratio: most splits need no logarithm.
            gap = k1 * n0 - k0 * n1
            if n0 < n0_min or gap * gap <= scaled * n0 * n1:
                continue
            rare0, rare1 = (k0, k1) if ones_rare else (n0 - k0, n1 - k1)
            if (rare1 if (gap > 0.0) == ones_rare else rare0) < RARE_MIN:
                continue
            ratio = _half(k0, n0) + _half(k1, n1) - whole
            if ratio > best:
                best, best_n1, best_k1 = ratio, n1, k1
    if best < least:
        wholes[d, WARNED] = 0
    if best >= drift:
        return DRIFT, best_n1, best_k1
    if best >= warning and wholes[d, WARNED] == 0:
        wholes[d, WARNED] = 1
        return WARNING, best_n1, best_k1
    return 0, 0.0, 0.0


@leaf
def thresholds(d: int, now: int, reals: Array, wholes: Array) -> tuple[float, float]:
    """Log likelihood ratios of a drift and of a warning, for the false alarms wanted at the present rate of checks.

    With T buckets between two false alarms, ln T: measured, T is what comes out at 1:1 and twice T for a rare class.
    """
    own = reals[d, WIDTH] / max(now - wholes[d, SINCE], reals[d, WIDTH])
    length = _length(reals[d, WIDTH], reals[d, TOTAL], reals[d, LENGTH_MIN])
    drift = max(math.log(max(reals[d, WANTED] * own / length, 1.0)), THRESHOLD_MIN)
    return drift, drift - math.log(reals[d, WARNING_RATE])


@leaf
def _half(k: float, n: float) -> float:
    """Log likelihood of k in n at its own best rate."""
    total = 0.0
    if k > 0.0:
        total += k * math.log(k / n)
    if n - k > 0.0:
        total += (n - k) * math.log((n - k) / n)
    return total


@leaf
def _forget(d: int, now: int, kept: float, buckets: Array, reals: Array, wholes: Array) -> None:
    """Drop what came before the last ``kept`` values, which came at the pace of the whole window."""
    pace = max((now - wholes[d, SINCE]) / reals[d, WIDTH], 1.0)
    width, total = reals[d, WIDTH], reals[d, TOTAL]
    while reals[d, WIDTH] > kept:
        row = wholes[d, USED] - 1
        at = 2 * row * FULL
        reals[d, WIDTH] -= buckets[d, at]
        reals[d, TOTAL] -= buckets[d, at + 1]
        _drop(d, row, 1, buckets, wholes)
        while wholes[d, USED] > 1 and wholes[d, COUNTS + wholes[d, USED] - 1] == 0:
            wholes[d, USED] -= 1
    reals[d, PAST_WIDTH], reals[d, PAST_TOTAL] = width - reals[d, WIDTH], total - reals[d, TOTAL]
    before = (reals[d, PAST_TOTAL] + 0.5) / (reals[d, PAST_WIDTH] + 1.0)
    after = (reals[d, TOTAL] + 0.5) / (reals[d, WIDTH] + 1.0)
    reals[d, RATE_BEFORE], reals[d, RATE_AFTER] = before, _between(before, after)
    reals[d, ODDS] = 0.0
    wholes[d, PAST_SINCE], wholes[d, SINCE] = wholes[d, SINCE], now - int(kept * pace)
    wholes[d, WARNED] = 0
    wholes[d, DETECTIONS] += 1


@leaf
def _between(p: float, q: float) -> float:
    """The rate whose log odds are halfway: where an alarm begins, the rate after it is seen larger than it is."""
    odds = math.sqrt(p / (1.0 - p) * q / (1.0 - q))
    return odds / (1.0 + odds)


@leaf
def _length(n: float, k: float, least: float) -> float:
    # One division: of whole numbers it is exact where the length is whole, so that rounding up adds nothing.
    return min(max(RARE_WANTED * (n + 2.0) / (min(k, n - k) + 1.0), least), LENGTH_MAX)


@part
def _set_limit(d: int, reals: Array) -> None:
    reals[d, LIMIT] = math.ceil(_length(reals[d, WIDTH], reals[d, TOTAL], reals[d, LENGTH_MIN]))
