"""What a tape's rows are to every tree: numbers and buckets, worked out once for all of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb import lanes
from streamimb.kernel import Array, leaf, part
from streamimb.learners.tree_layout import MISSING, NUMERIC, Rows


@part
def bucket_of(v: float, buckets: int) -> int:
    """The bucket of a category's code: most codes are small, and a division costs as much as ten comparisons."""
    code = int(v)
    return code if 0 <= code < buckets else code % buckets


@leaf
def _read(X: Array, buckets: Array, numbers: Array, codes: Array) -> None:
    d = X.shape[1]
    for row in range(len(X)):
        for j in range(d):
            v = X[row, j]
            if buckets[j] == 0:
                numbers[row, j] = v
                codes[row, j] = NUMERIC if v == v else MISSING
            else:
                numbers[row, j] = math.nan
                codes[row, j] = bucket_of(float(v), buckets[j]) if v == v else MISSING
        for j in range(d, numbers.shape[1]):
            numbers[row, j] = math.nan
            codes[row, j] = MISSING


def read(X: NDArray[np.float32], buckets: NDArray[np.int64]) -> Rows:
    """Rows of X, float32 (n, d), for trees whose columns have these buckets, int64 (d + 1,): five bytes a value."""
    shape = len(X), columns(X.shape[1] + 1)
    rows = Rows(np.empty(shape, np.float32), np.empty(shape, np.int8))
    _read(X, buckets, rows.numbers, rows.codes)
    return rows


def columns(needed: int) -> int:
    """So many columns, or up to three more: four are taken at once.

    >>> [columns(n) for n in (1, 4, 5)]
    [4, 4, 8]
    """
    return -(-needed // lanes.WIDTH) * lanes.WIDTH
