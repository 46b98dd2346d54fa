"""What each feature adds to the linear learner's margins."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamimb.kernel import Array, kernel, leaf
from streamimb.learners.linear_kernels import (
    BASE,
    BINS,
    CROSSES,
    KIND,
    NUMERIC,
    SIZE,
    _encode,
)


@leaf
def _add(table: Array, slot: Any, value: Any, share: float, out: Array, row: Any, feature: Any) -> None:
    if table.shape[1] == 2:
        out[row, feature, 1] += share * value * table[slot, 0]
        return
    for k in range(out.shape[2]):
        out[row, feature, k] += share * value * table[slot, k]


@kernel
def linear_parts(X: Array, layout: Array, params: Array, table: Array, stats: Array, knots: Array, out: Array) -> None:
    """Split the margins of n rows among their features, into ``out``, float64 (n, d + 1, K), zeros before.

    A feature's part is the sum of weight times value over its own slots, and half of that over each pair's; the last
    is the bias. Over all they sum up to the margins, whose softmax the learner answers (of two classes the first has
    the margin 0).
    """
    d = X.shape[1]
    slots = 1 + 3 * d + (d * (d - 1) // 2 if params[CROSSES] > 0.0 else 0)
    index, value, cells = np.empty(slots, np.int64), np.empty(slots), np.empty(d, np.int64)
    for row in range(len(X)):
        n = _encode(X, row, layout, params, stats, knots, index, value, cells)
        _add(table, index[0], value[0], 1.0, out, row, d)
        i = 1
        for j in range(d):
            _add(table, index[i], value[i], 1.0, out, row, j)
            i += 1
            first = layout[j, BASE]
            while (
                params[BINS] > 0.0 and layout[j, KIND] == NUMERIC and np.isfinite(X[row, j]) and i < n
                and first <= index[i] < first + layout[j, SIZE]
            ):  # fmt: skip
                _add(table, index[i], value[i], 1.0, out, row, j)
                i += 1
        if params[CROSSES] > 0.0:
            for j in range(1, d):
                for other in range(j):
                    _add(table, index[i], value[i], 0.5, out, row, j)
                    _add(table, index[i], value[i], 0.5, out, row, other)
                    i += 1
