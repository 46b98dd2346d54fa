"""Intervals: Wilson's for rates and for what is like a rate, a bootstrap over events for the rest.

With a handful of rare events the interval is the message, so none here shrinks to nothing when all of five were hit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.evaluation.metrics import overall
from streamimb.kernel import Array, kernel, leaf, uniform

Interval = tuple[float, float]
#: Random draws of one bootstrap; many classes' confusion matrices get fewer replicates, but never fewer than the least.
BOOTSTRAP_DRAWS_MAX: Final = 200_000
REPLICATES_MIN: Final = 20
#: Quantiles of Student's t that are kept.
QUANTILES_MAX: Final = 1_024
#: Both are over long before.
FRACTION_TERMS_MAX: Final = 10_000
NEWTON_STEPS_MAX: Final = 50
UNKNOWN: Interval = (float("nan"), float("nan"))


@lru_cache
def normal_quantile(confidence: float) -> float:
    """Half-width of a two-sided normal interval, in standard deviations.

    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Score interval of a rate (Wilson 1927); counts may be decayed weights. NaN where n is 0.

    >>> [round(v, 4) for v in wilson(5, 5)]
    [0.5655, 1.0]
    """
    return _score_interval(successes, n, normal_quantile(confidence))


def _score_interval(successes: float, n: float, z: float) -> Interval:
    if not n > 0:
        return UNKNOWN
    z2 = z**2
    middle = (successes + z2 / 2) / (n + z2)
    half = (z2 * (successes * max(n - successes, 0.0) / n + z2 / 4)) ** 0.5 / (n + z2)
    return (0.0 if successes <= 0 else max(middle - half, 0.0)), (1.0 if successes >= n else min(middle + half, 1.0))


def f1_interval(hits: float, rows: float, cols: float, confidence: float = 0.95) -> Interval:
    """Interval of F1 = 2J / (1 + J), J = TP / (TP + FP + FN) being a rate: Wilson's, carried over."""
    if not rows > 0:
        return UNKNOWN
    low, high = wilson(hits, rows + cols - hits, confidence)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def f_beta_interval(hits: float, rows: float, cols: float, beta: float, confidence: float = 0.95) -> Interval:
    """Interval of F_beta = TP / (TP + a FN + (1 - a) FP), a = beta^2 / (1 + beta^2): a rate in weighted events.

    Wilson's, of as many events as would give a rate the standard error that the delta method finds for three Poisson
    counts; where that is 0, all three counts stand for the events.

    >>> [round(v, 3) for v in f_beta_interval(30, 40, 60, 1.0)]
    [0.484, 0.706]
    """
    if not rows > 0:
        return UNKNOWN
    missed, wrong, a = rows - hits, cols - hits, beta * beta / (1 + beta * beta)
    whole = hits + a * missed + (1 - a) * wrong
    value = hits / whole
    spread = hits * (1 - value) ** 2 + value**2 * (a * a * missed + (1 - a) ** 2 * wrong)
    n = value * (1 - value) * whole**2 / spread if 0 < value < 1 else rows + wrong
    return wilson(value * n, n, confidence)


def area_interval(value: float, error: float, n_least: float, confidence: float = 0.95) -> Interval:
    """Interval of an area under a curve: Wilson's, of as many events as would give a rate this standard error.

    The error is estimated from the n_least events of the smaller class, so Student's quantile stands for the normal's.
    Where the error is 0, as when all positives rank above all negatives, n_least stands for the events too.
    """
    if not np.isfinite(value):
        return UNKNOWN
    n = value * (1 - value) / error**2 if error > 0 and 0 < value < 1 else n_least
    return _score_interval(value * n, n, student_quantile(confidence, max(n_least - 1, 1)))


def student_tail(t: float, freedom: float) -> float:
    """Probability that Student's t lies at least so far from 0 on either side.

    The incomplete beta function I_x(f / 2, 1 / 2) at x = f / (f + t^2), f = ``freedom`` (Abramowitz, Stegun 26.7.1,
    26.5.27), by its continued fraction (26.5.8).

    >>> round(student_tail(4.0, 4), 4)
    0.0161
    """
    a, b, square = freedom / 2, 0.5, min(abs(t), 1e150) ** 2
    x, rest = freedom / (freedom + square), square / (freedom + square)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x)) * rest**b
    if x < (a + 1) / (a + b + 2):
        return float(front * _beta_fraction(a, b, x) / a)
    return float(1 - front * _beta_fraction(b, a, rest) / b)


@leaf
def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, from its front, as two running quotients."""
    upper, lower = 1.0, 1.0 / (1 - (a + b) * x / (a + 1))
    value = lower
    for m in range(1, FRACTION_TERMS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = value
        lower, upper = 1 / (1 + even * lower), 1 + even / upper
        value *= lower * upper
        lower, upper = 1 / (1 + odd * lower), 1 + odd / upper
        value *= lower * upper
        if abs(value - before) <= 1e-15 * abs(value):
            break
    return value


@lru_cache(maxsize=QUANTILES_MAX)
def student_quantile(confidence: float, freedom: float) -> float:
    """Half-width of a two-sided interval of Student's t, where :func:`student_tail` leaves 1 - confidence.

    Newton's method from Cornish and Fisher's expansion (Abramowitz, Stegun 26.7.5).

    >>> [round(student_quantile(0.95, f), 2) for f in (1, 7)]
    [12.71, 2.36]
    """
    z = normal_quantile(confidence)
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    half = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    for _ in range(NEWTON_STEPS_MAX):
        density = math.exp(half - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (student_tail(t, freedom) - (1 - confidence)) / (2 * density)
        t += step
        if abs(step) <= 1e-12 * t:
            break
    return float(t)


def mean_interval(n: float, total: float, squares: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and normal interval from n values' sum and sum of squares; NaN where n is 0, no interval up to 1.

    n may be a sum of decayed weights, the newest being 1.
    """
    if n <= 0:
        return np.nan, *UNKNOWN
    mean = total / n
    if n <= 1:
        return mean, *UNKNOWN
    half = normal_quantile(confidence) * (max(squares - total * mean, 0.0) / (n * (n - 1))) ** 0.5
    return mean, mean - half, mean + half


def bootstrap(
    C: ArrayLike, seed: int, replicates: int = 200, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high ends, (5,) each, of the metrics of :func:`streamimb.evaluation.metrics.overall`.

    A Bayesian bootstrap over events (Rubin 1981): an event's weight is exponential, hence a cell's is a gamma variate
    of its count. Each class with events adds half a hit and half a miss (Jeffreys' prior), the miss spread evenly
    over the other columns: a recall of 5 in 5 then varies as it should (Brown, Cai, DasGupta 2001). The ends are
    percentiles, widened to the value itself where that lies outside. Same seed, same interval.
    """
    table = np.ascontiguousarray(C, np.float64)
    value = np.empty(5)
    rows, cols = table.sum(1), table.sum(0)
    overall(rows, cols, table.diagonal().copy(), value)
    if np.isnan(value).any():
        return np.full(len(value), np.nan), np.full(len(value), np.nan)
    cells = np.argwhere((table > 0) | np.diag(rows > 0))
    draws = np.empty((min(replicates, max(BOOTSTRAP_DRAWS_MAX // len(cells), REPLICATES_MIN)), len(value)))
    resample(cells, table[cells[:, 0], cells[:, 1]], len(table), seed, draws)
    low, high = percentiles(draws, (1 - confidence) / 2)
    return np.minimum(low, value), np.maximum(high, value)


def percentiles(draws: NDArray[np.float64], tail: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The tail and 1 - tail quantiles of each column, interpolated."""
    ordered = np.sort(draws, axis=0)
    place = tail * (len(ordered) - 1)
    i, part = int(place), place - int(place)
    j = min(i + 1, len(ordered) - 1)
    return ordered[i] * (1 - part) + ordered[j] * part, ordered[-1 - i] * (1 - part) + ordered[-1 - j] * part


@leaf
def gamma_variate(shape: Any, seed: Any, draw: Any) -> Any:
    """A gamma variate of shape >= 1/2 that belongs to (seed, draw): Marsaglia and Tsang 2000."""
    d = shape - 1.0 / 3.0 if shape >= 1.0 else shape + 2.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    step = 0
    while True:
        radius = np.sqrt(-2.0 * np.log(1.0 - uniform(seed, draw, step)))
        x = radius * np.cos(2.0 * np.pi * uniform(seed, draw, step + 1))
        accept, boost = uniform(seed, draw, step + 2), uniform(seed, draw, step + 3)
        v = (1.0 + c * x) ** 3
        step += 4
        if v > 0 and np.log(1.0 - accept) < 0.5 * x * x + d - d * v + d * np.log(v):
            return d * v if shape >= 1.0 else d * v * (1.0 - boost) ** (1.0 / shape)


@kernel
def resample(cells: Array, weights: Array, K: int, seed: int, out: Array) -> None:
    """Write replicates of the overall metrics to out (replicates, 5); see :func:`bootstrap`.

    cells: int64 (e, 2), row and column of each; weights: float64 (e,), the confusion there. They are the cells off the
    diagonal that hold events, and the diagonal's of every class with events.
    """
    margins = np.empty((3, K))
    for r in range(len(out)):
        for k in range(K):
            margins[0, k], margins[1, k], margins[2, k] = 0.0, 0.0, 0.0
        missed = 0.0
        for e in range(len(cells)):
            i, j = cells[e, 0], cells[e, 1]
            draw = r * len(cells) + e
            if i != j:
                weight = gamma_variate(max(weights[e], 0.5), seed, draw)
            else:
                weight = gamma_variate(weights[e] + 0.5, seed, draw)
                margins[2, i] = weight
                miss = gamma_variate(0.5, seed, -1 - draw)
                margins[0, i] += miss
                margins[1, i] -= miss / (K - 1)
                missed += miss / (K - 1)
            margins[0, i] += weight
            margins[1, j] += weight
        for k in range(K):
            margins[1, k] += missed
        overall(margins[0], margins[1], margins[2], out[r])
