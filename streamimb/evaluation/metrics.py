"""Quality as functions of a confusion matrix C (K, K): rows are true classes, columns decided ones.

C holds counts or decayed weights. Undefined is NaN: a class without events has no recall and no F1, one that was never
decided no precision. What averages over classes (G-mean, balanced accuracy, macro-F1, kappa, MCC) does so over the
classes that have events, and is undefined where fewer than two have: one true class leaves nothing to tell apart.
Wherever two classes have events, the values are scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.kernel import Array, leaf

Vector = NDArray[np.float64]


def recall(C: ArrayLike) -> Vector:
    """Share of each class's events that was decided as it, (K,).

    >>> recall([[90, 10], [1, 3]]).tolist()
    [0.9, 0.75]
    """
    rows, _, hits = margins(C)
    return _ratio(hits, rows)


def precision(C: ArrayLike) -> Vector:
    """Share of the events decided as each class that belong to it, (K,)."""
    _, cols, hits = margins(C)
    return _ratio(hits, cols)


def specificity(C: ArrayLike) -> Vector:
    """Share of the other classes' events that was not decided as the class, (K,)."""
    rows, cols, hits = margins(C)
    others = rows.sum() - rows
    return _ratio(others - (cols - hits), others)


def f_beta(C: ArrayLike, beta: float = 1.0) -> Vector:
    """Weighted harmonic mean of precision and recall, (K,): recall counts beta times as much (van Rijsbergen 1979)."""
    rows, cols, hits = margins(C)
    square = beta * beta
    return _ratio((1 + square) * hits, np.where(rows > 0, square * rows + cols, 0.0))


def f1(C: ArrayLike) -> Vector:
    """Harmonic mean of precision and recall, (K,)."""
    return f_beta(C, 1.0)


def macro_f1(C: ArrayLike) -> float:
    """Mean F1 of the classes that have events."""
    return _mean(f1(C), C)


def balanced_accuracy(C: ArrayLike) -> float:
    """Mean recall of the classes that have events."""
    return _mean(recall(C), C)


def g_mean(C: ArrayLike) -> float:
    """Geometric mean of the recalls of the classes that have events (Kubat and Matwin 1997)."""
    with np.errstate(divide="ignore"):
        return float(np.exp(_mean(np.log(recall(C)), C)))


def accuracy(C: ArrayLike) -> float:
    """Share of events decided rightly."""
    rows, _, hits = margins(C)
    return float(hits.sum() / rows.sum()) if rows.sum() > 0 else np.nan


def kappa(C: ArrayLike) -> float:
    """Agreement beyond chance (Cohen 1960)."""
    rows, cols, hits = margins(C)
    if np.count_nonzero(rows) < 2:
        return np.nan
    n = rows.sum()
    chance = (rows * cols).sum() / n**2
    return float((hits.sum() / n - chance) / (1 - chance))


def mcc(C: ArrayLike) -> float:
    """Matthews correlation, for many classes as Gorodkin 2004; 0, its limit, where all decisions are the same."""
    rows, cols, hits = margins(C)
    if np.count_nonzero(rows) < 2:
        return np.nan
    n = rows.sum()
    spread = (n**2 - (rows**2).sum()) * (n**2 - (cols**2).sum())
    return float((hits.sum() * n - (rows * cols).sum()) / np.sqrt(spread)) if spread > 0 else 0.0


def margins(C: ArrayLike) -> tuple[Vector, Vector, Vector]:
    """Sums of the rows, sums of the columns, and the diagonal, each float64 (K,)."""
    table = np.asarray(C, np.float64)
    return table.sum(1), table.sum(0), table.diagonal()


def _ratio(part: Vector, whole: Vector) -> Vector:
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _mean(values: Vector, C: ArrayLike) -> float:
    present = margins(C)[0] > 0
    return float(values[present].mean()) if present.sum() >= 2 else np.nan


@leaf
def overall(rows: Array, cols: Array, hits: Array, out: Array) -> None:
    """Write G-mean, balanced accuracy, kappa, MCC and macro-F1 to out (5,) from a confusion matrix's margins (K,)."""
    out[:] = np.nan
    present, n, hit, log_recall, recalls, f1s = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    both, rows_squared, cols_squared = 0.0, 0.0, 0.0
    for k in range(len(rows)):
        n += rows[k]
        hit += hits[k]
        both += rows[k] * cols[k]
        rows_squared += rows[k] * rows[k]
        cols_squared += cols[k] * cols[k]
        if rows[k] > 0:
            present += 1
            recalls += hits[k] / rows[k]
            log_recall += np.log(hits[k] / rows[k]) if hits[k] > 0 else -np.inf
            f1s += 2 * hits[k] / (rows[k] + cols[k])
    if present < 2:
        return
    out[0] = np.exp(log_recall / present)
    out[1] = recalls / present
    out[2] = (hit * n - both) / (n * n - both)
    spread = (n * n - rows_squared) * (n * n - cols_squared)
    out[3] = (hit * n - both) / np.sqrt(spread) if spread > 0 else 0.0
    out[4] = f1s / present
