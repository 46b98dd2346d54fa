"""Whether a score of 0.3 comes true three times in ten: reliability by bins, expected calibration error.

Bins are equal parts of [0, 1], closed on the right, as scikit-learn's ``calibration_curve`` has them.
A table float64 (bins, 4) holds each bin's events, sum of scores, sum of outcomes, and sum of (score - outcome)^2.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.kernel import Array, leaf, part

COUNT: Final = 0
SCORE: Final = 1
OUTCOME: Final = 2
SQUARED: Final = 3


def calibration_table(y: ArrayLike, score: ArrayLike, bins: int = 10) -> NDArray[np.float64]:
    """The table of outcomes y, bool (n,), and scores (n,) in [0, 1]."""
    table = np.zeros((bins, 4))
    fill_calibration(table, np.asarray(y) != 0, np.asarray(score, np.float64))
    return table


def reliability(table: NDArray[np.float64]) -> list[tuple[float, float, int]]:
    """Mean score, share of outcomes and count of each bin that holds events, lowest score first.

    A count may be a sum of decayed weights, and is rounded.

    >>> reliability(calibration_table([0, 1, 1, 1], [0.25, 0.25, 0.75, 1.0], bins=2))
    [(0.25, 0.5, 2), (0.875, 1.0, 2)]
    """
    return [(float(s / n), float(o / n), round(n)) for n, s, o, _ in table if n > 0]


def expected_calibration_error(table: NDArray[np.float64]) -> tuple[float, float]:
    """The mean distance of score and share, weighted by count (Naeini et al. 2015), and its standard error.

    The error is the delta method's: within a bin, score - outcome varies by its own variance. NaN without events.
    """
    n = table[:, COUNT].sum()
    if n == 0:
        return np.nan, np.nan
    held = table[table[:, COUNT] > 0]
    gap = held[:, SCORE] - held[:, OUTCOME]
    spread = np.maximum(held[:, SQUARED] - gap**2 / held[:, COUNT], 0.0).sum()
    return float(np.abs(gap).sum() / n), float(np.sqrt(spread) / n)


@part
def add_calibration(table: Array, score: Any, outcome: bool, weight: float) -> None:
    """Count one event, or with weight -1 take it back."""
    b = min(max(int(np.ceil(score * len(table))) - 1, 0), len(table) - 1)
    hit = 1.0 if outcome else 0.0
    table[b, 0] += weight
    table[b, 1] += weight * score
    table[b, 2] += weight * hit
    table[b, 3] += weight * (score - hit) ** 2


@leaf
def fill_calibration(table: Array, y: Array, score: Array) -> None:
    """Count events y bool (n,), score float64 (n,)."""
    for i in range(len(y)):
        add_calibration(table, score[i], y[i], 1.0)
