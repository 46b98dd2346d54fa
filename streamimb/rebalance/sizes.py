"""Decayed class sizes of what goes into a sampler and of what comes out.

S_k <- θ S_k + [y = k], B <- θ B + 1, w_k = S_k / B: the form whose bias is corrected, so that a minority event does not
make its class large. Which class is the minority is asked of the counts, how much to make of it of the weights: where
class weights balance the stream already, there is nothing left to add.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, leaf

# Rows of ``sizes``, float64 (SIZES, K): decayed counts and weights of the lessons.
COUNTS, WEIGHTS = 0, 1
SIZES: Final = 2
#: A class whose decayed events are fewer has gone; with a decay of 0.999 its last event is some 4,600 events past.
GONE: Final = 0.01


@leaf
def count(sizes: Array, k: int, weight: float, decay: float) -> None:
    """Count a lesson of class k."""
    for c in range(sizes.shape[1]):
        sizes[COUNTS, c] *= decay
        sizes[WEIGHTS, c] *= decay
    sizes[COUNTS, k] += 1.0
    sizes[WEIGHTS, k] += weight


@leaf
def largest(sizes: Array) -> int:
    """The class with most lessons now."""
    top = 0
    for c in range(1, sizes.shape[1]):
        if sizes[COUNTS, c] > sizes[COUNTS, top]:
            top = c
    return top


@leaf
def smallest(sizes: Array) -> int:
    """The class with fewest lessons now; -1 before the first.

    Of those that had any; and of those that are not gone, where there are two such.
    """
    present = 0
    for c in range(sizes.shape[1]):
        present += sizes[COUNTS, c] > GONE
    floor = GONE if present > 1 else 0.0
    low = -1
    for c in range(sizes.shape[1]):
        if sizes[COUNTS, c] > floor and (low < 0 or sizes[COUNTS, c] < sizes[COUNTS, low]):
            low = c
    return low


@leaf
def keep_rate(sizes: Array, k: int, target: float, least: float) -> Any:
    """Share of class k's weight that leaves the smallest class ``target`` times as heavy, at least ``least``.

    1 where the smallest class has ``target`` times as many lessons, or ``target`` is 0.
    """
    low = smallest(sizes)
    if target <= 0.0 or low < 0 or sizes[COUNTS, low] >= target * sizes[COUNTS, k]:
        return 1.0
    return min(max(sizes[WEIGHTS, low] / (target * sizes[WEIGHTS, k]), least), 1.0)


@leaf
def lacking(sizes: Array, k: int, target: float) -> Any:
    """How many more of each lesson of class k it takes to come to ``target`` times the largest class's weight.

    0 where it has ``target`` times as many lessons, or ``target`` is 0.
    """
    top = largest(sizes)
    if target <= 0.0 or sizes[COUNTS, k] >= target * sizes[COUNTS, top]:
        return 0.0
    return max(target * sizes[WEIGHTS, top] / sizes[WEIGHTS, k] - 1.0, 0.0)


@leaf
def tally(y: Array, weights: Array, origin: Array, m: int, decay: float, trained: Array, lessons: Array) -> None:
    """Count r rows out of m lessons into ``trained``, float64 (K,), and the lessons into ``lessons``, float64 (1,)."""
    at = 0
    for i in range(m):
        for c in range(len(trained)):
            trained[c] *= decay
        lessons[0] = lessons[0] * decay + 1.0
        while at < len(origin) and origin[at] == i:
            trained[y[at]] += weights[at]
            at += 1


def per_lesson(trained: Array, lessons: Array) -> Array:
    """The decayed weight of each class out for each lesson in, float64 (K,); NaN before the first.

    >>> per_lesson(np.array([3.0, 1.0]), np.array([2.0]))
    array([1.5, 0.5])
    """
    return trained / (lessons[0] if lessons[0] else np.nan)
