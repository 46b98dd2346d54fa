"""How far each feature's values moved between two samples, and how far chance alone moves them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array, leaf, uniform

#: Relabellings that chance is measured by, and categories that are told apart (the others count as one).
RELABELLINGS: Final = 100
CATEGORIES_MAX: Final = 15

Floats = NDArray[np.float64]


@leaf
def _draw(seed: int, out: Array) -> None:
    for r in range(len(out)):
        for i in range(out.shape[1]):
            out[r, i] = uniform(seed, i, r)


def shifts(
    before: NDArray[np.float32], after: NDArray[np.float32], is_categorical: list[bool], *, seed: int = 1
) -> Floats:
    """Of each feature the distance of its values in two samples, (d, 2): the distance, and its p-value.

    Kolmogorov and Smirnov's of numbers, missing ones above all others; total variation of categories. before: (n, d),
    after: (m, d). p: the share of relabellings of the events that lie as far apart, never below 1 in RELABELLINGS + 1.
    NaN where a sample is empty.
    """
    d, n, m = len(is_categorical), len(before), len(after)
    if not n or not m:
        return np.full((d, 2), np.nan)
    draws = np.empty((RELABELLINGS, n + m))
    _draw(seed, draws)
    is_first = np.zeros((RELABELLINGS + 1, n + m), np.bool_)
    is_first[0, :n] = True
    np.put_along_axis(is_first[1:], np.argsort(draws, axis=1, kind="stable")[:, :n], True, axis=1)
    sign = np.where(is_first, 1 / n, -1 / m)
    out = np.empty((d, 2))
    for j in range(d):
        values = np.concatenate([before[:, j], after[:, j]]).astype(np.float64)
        found = _variation(values, sign) if is_categorical[j] else _kolmogorov(values, sign)
        out[j] = found[0], (1 + np.count_nonzero(found[1:] >= found[0] - 1e-12)) / (RELABELLINGS + 1)
    return out


def _kolmogorov(values: Floats, sign: Floats) -> Floats:
    values = np.where(np.isnan(values), np.inf, values)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.append(ordered[1:] != ordered[:-1], True)
    return np.asarray(np.abs(np.cumsum(sign[:, order], axis=1)[:, ends]).max(axis=1))


def _variation(values: Floats, sign: Floats) -> Floats:
    codes, place, counts = np.unique(values, return_inverse=True, return_counts=True, equal_nan=True)
    kept = np.argsort(-counts, kind="stable")[:CATEGORIES_MAX]
    group = np.full(len(codes), len(kept))
    group[kept] = np.arange(len(kept))
    moved = np.stack([sign[:, group[place] == g].sum(axis=1) for g in range(len(kept) + 1)], axis=1)
    return np.asarray(np.abs(moved).sum(axis=1) / 2)
