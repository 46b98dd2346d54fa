"""A linear learner's weights, moved into a larger one: more features at the end, more classes at the end."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb.learners import linear_kernels as kernels

Floats = NDArray[np.float64]
Layout = NDArray[np.int64]


def widened(table: Floats, columns: int, classes: int, lessons: int) -> Floats:
    """Weights, float64 (slots, 2 columns), as those of ``classes`` classes, (slots, 2 C).

    A single column's margin m of the second class over the first becomes the margins -m/2 and m/2: the same softmax. A
    new class has weights of 0 but for the bias, in slot 0, which says that it was not among ``lessons`` lessons.

    >>> widened(np.array([[2.0, 5.0]]), 1, 3, 9).round(2).tolist()
    [[-1.0, 1.0, -2.3, 5.0, 5.0, 0.0]]
    """
    if columns == classes or classes == 2:
        return table.copy()
    weights, squares = table[:, :columns], table[:, columns:]
    if columns == 1:
        weights, squares = np.hstack([-weights / 2, weights / 2]), np.hstack([squares, squares])
    known = weights.shape[1]
    out = np.zeros((len(table), 2 * classes))
    out[:, :known], out[:, classes : classes + known] = weights, squares
    out[0, known:classes] = -math.log1p(lessons)
    return out


def move_slots(old: Floats, new: Floats, layouts: tuple[Layout, Layout], params: tuple[Floats, Floats]) -> None:
    """Write the slots of an old table into a new one of as many columns: bias, features, categories, pairs.

    layouts, params: the old learner's and the new one's, as ``linear_kernels`` reads them. What pairs of features had
    learned is left out where the new learner crosses no features.
    """
    new[0] = old[0]
    before, after = layouts
    for j in range(len(before)):
        first = int(before[j, kernels.MISSING])
        numeric = before[j, kernels.KIND] == kernels.NUMERIC
        start, size = int(before[j, kernels.BASE]), int(before[j, kernels.SIZE])
        own = 2 if numeric else 1
        to = int(after[j, kernels.MISSING])
        new[to : to + own] = old[first : first + own]
        base = int(after[j, kernels.BASE])
        new[base : base + size] = old[start : start + size]
    if all(p[kernels.CROSSES] > 0 for p in params):
        pairs = math.comb(len(before), 2)
        _move_pairs(old, new, pairs, *[(int(p[kernels.CROSS_BASE]), int(p[kernels.CELLS])) for p in params])


def _move_pairs(old: Floats, new: Floats, pairs: int, before: tuple[int, int], after: tuple[int, int]) -> None:
    (start, side), (base, wide) = before, after
    columns = old.shape[1]
    cells = old[start : start + pairs * side**2].reshape(pairs, side, side, columns)
    room = new[base : base + pairs * wide**2].reshape(pairs, wide, wide, columns)
    room[:, :side, :side] = cells
