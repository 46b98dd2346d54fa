"""Tests on pairs of runs over the same events: McNemar's on decisions, DeLong's on rankings; Holm's correction of many.

Both tests take events as independent. Where mistakes come in bursts, the block bootstrap of
:mod:`streamimb.evaluation.compare` is the one to trust.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.evaluation.intervals import normal_quantile

#: Up to so many events the binomial is summed in whole numbers.
EXACT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class McNemar:
    """Events that one run decided rightly and the other did not, and the probability of as uneven a split.

    ``p_adjusted`` is corrected where several pairs were tested; NaN where one was.
    """

    a_only: int
    b_only: int
    p: float
    p_adjusted: float = math.nan


@dataclass(frozen=True, slots=True)
class DeLong:
    """The difference of two ROC-AUCs, its normal interval, and its p-value."""

    value: float
    low: float
    high: float
    p: float
    p_adjusted: float = math.nan


def mcnemar(a_right: ArrayLike, b_right: ArrayLike) -> McNemar:
    """McNemar's mid-p test: of the events that only one run has right, does either have more? bool (n,) each.

    The exact binomial p-value less half the probability of the split itself, doubled (Fagerland, Lydersen, Laake 2013):
    the exact one is too careful. 1 where the runs are right on the same events.

    >>> mcnemar([1, 1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1, 1])
    McNemar(a_only=6, b_only=1, p=0.0703125, p_adjusted=nan)
    """
    a, b = np.asarray(a_right, np.bool_), np.asarray(b_right, np.bool_)
    a_only, b_only = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    return McNemar(a_only, b_only, mid_p(a_only, b_only))


def mid_p(a_only: int, b_only: int) -> float:
    """Two-sided mid-p value of a split of a_only + b_only events under even odds.

    >>> mid_p(0, 5), mid_p(3, 3), mid_p(0, 0)
    (0.03125, 1.0, 1.0)
    """
    n, least = a_only + b_only, min(a_only, b_only)
    if n <= EXACT_MAX:
        tail = sum(math.comb(n, k) for k in range(least))
        return min(1.0, (2 * tail + math.comb(n, least)) / (1 << n))
    k = np.arange(1, least + 1)
    pmf = np.exp(np.concatenate([[0.0], np.cumsum(np.log((n + 1 - k) / k))]) - n * math.log(2))
    return min(1.0, float(2 * pmf[:-1].sum() + pmf[-1]))


def delong(y: ArrayLike, a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> DeLong:
    """DeLong's test of the AUC of ``a`` less that of ``b``; y: bool (n,); a, b: scores (n,).

    An event's placement is the share of the other class that it ranks rightly against, ties half; the difference of
    the areas varies as the mean difference of placements does in each class (DeLong, DeLong, Clarke-Pearson 1988).
    NaN where a class has fewer than two events.

    >>> told = delong([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [2, 1, 6, 5, 3, 4])
    >>> round(told.value, 3), round(told.p, 3)
    (0.222, 0.371)
    """
    positive = np.asarray(y) != 0
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return DeLong(math.nan, math.nan, math.nan, math.nan)
    of_a, of_b = placements(positive, np.asarray(a)), placements(positive, np.asarray(b))
    over = [of_a[of_class] - of_b[of_class] for of_class in (positive, ~positive)]
    value = float(over[0].mean())
    error = math.sqrt(sum(float(d.var(ddof=1)) / len(d) for d in over))
    if error == 0:
        return DeLong(value, value, value, 1.0 if value == 0 else 0.0)
    half = normal_quantile(confidence) * error
    return DeLong(value, value - half, value + half, 2 * NormalDist().cdf(-abs(value) / error))


def placements(positive: NDArray[np.bool_], score: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of each event, the share of the other class's events that it ranks rightly against, ties half, float64 (n,)."""
    out = np.empty(len(score))
    for own, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(score[~own])
        below = np.searchsorted(others, score[own], "left")
        upto = np.searchsorted(others, score[own], "right")
        share = (below + upto) / (2 * len(others))
        out[own] = share if sign > 0 else 1 - share
    return out


def holm(p: Sequence[float]) -> list[float]:
    """P-values of a family of tests, corrected so that any false finding is as rare as in one test (Holm 1979).

    NaN counts as no test.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    out = [math.nan] * len(p)
    tested = sorted((value, i) for i, value in enumerate(p) if not math.isnan(value))
    least = 0.0
    for rank, (value, i) in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * value))
        out[i] = least
    return out
