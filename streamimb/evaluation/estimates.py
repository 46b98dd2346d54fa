"""From bootstrap replicates to intervals: of one run's metric, and of the difference of two."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.evaluation import blocks
from streamimb.evaluation.intervals import (
    UNKNOWN,
    Interval,
    area_interval,
    bootstrap,
    f1_interval,
    percentiles,
    student_quantile,
    student_tail,
    wilson,
)
from streamimb.evaluation.names import CONFUSION_METRICS, F1, KAPPA, MCC, PR_AUC, PRECISION, RECALL, ROC_AUC
from streamimb.evaluation.ranking import areas
from streamimb.evaluation.replicates import Runs

#: Where a metric is undefined in a larger share of the replicates, it has no interval.
UNDEFINED_SHARE_MAX: Final = 0.1

Estimate = tuple[float, float, float]
Vector = NDArray[np.float64]


def difference_of(value: float, drawn: Vector, freedom: float, confidence: float) -> tuple[float, float, float, float]:
    """Of a difference and its replicates: value, low, high, and the p-value that goes with the interval.

    The interval is Student's of so many degrees of freedom about the value; p is what its tails leave beyond 0.

    >>> drawn = np.array([-1.0, 1.0] * 100)
    >>> [round(v, 3) for v in difference_of(4.01, drawn, 4, 0.95)]
    [4.01, 1.227, 6.793, 0.016]
    """
    defined = _defined(value, drawn)
    if defined is None:
        return value, *UNKNOWN, math.nan
    error = float(defined.std(ddof=1))
    if error == 0:
        return value, value, value, 1.0 if value == 0 else 0.0
    half = student_quantile(confidence, freedom) * error
    return value, value - half, value + half, student_tail(abs(value) / error, freedom)


def estimate_of(runs: Runs, i: int, metric: str, value: float, drawn: Vector, confidence: float, seed: int) -> Estimate:
    """Run number i's value, and the wider of its blocks' interval and that for events taken one by one."""
    defined = _defined(value, drawn)
    if defined is None:
        return value, *UNKNOWN
    # resampling ties events, which biases average precision: the percentiles are read about their own mean
    moved = value + defined - defined.mean()
    low, high = (float(end[0]) for end in percentiles(moved[:, None], (1 - confidence) / 2))
    single = _single(runs, i, metric, value, confidence, seed)
    if math.isnan(single[0]):
        return value, low, high
    least = -1.0 if metric in (KAPPA, MCC) else 0.0
    return value, max(least, min(low, single[0])), min(1.0, max(high, single[1]))


def _defined(value: float, drawn: Vector) -> Vector | None:
    """The replicates that are defined; None where the value, or too many of them, are not."""
    defined = drawn[~np.isnan(drawn)]
    if math.isnan(value) or len(drawn) - len(defined) > UNDEFINED_SHARE_MAX * len(drawn):
        return None
    return defined


def _single(runs: Runs, i: int, metric: str, value: float, confidence: float, seed: int) -> Interval:
    """An interval as if events were independent: it does not shrink to nothing where all of five were hit."""
    k, C = runs.positive, runs.confusion(i)
    hits, rows, cols = int(C[k, k]), int(C[k].sum()), int(C[:, k].sum())
    if metric in CONFUSION_METRICS:
        low, high = bootstrap(C, seed, confidence=confidence)
        place = CONFUSION_METRICS.index(metric)
        return float(low[place]), float(high[place])
    if metric in (ROC_AUC, PR_AUC) and len(runs.ranked) == 1:
        error = _area_errors(runs.rankings[i][0].marks)[metric]
        return area_interval(value, error, min(rows, len(runs.y) - rows), confidence)
    if metric in (RECALL, PRECISION):
        return wilson(hits, rows if metric == RECALL else cols, confidence)
    return f1_interval(hits, rows, cols, confidence) if metric == F1 else UNKNOWN


def _area_errors(marks: NDArray[np.uint8]) -> dict[str, float]:
    positive = (marks & blocks.OF_CLASS).astype(np.int64)
    group = np.cumsum(np.concatenate([[0], marks[:-1] >= blocks.LAST_OF_SCORE]))
    pos, neg = (np.bincount(group, side).astype(np.int64) for side in (positive, 1 - positive))
    _, _, roc, pr = areas(pos, neg)
    return {ROC_AUC: roc, PR_AUC: pr}
