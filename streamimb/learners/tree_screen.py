"""Whether a leaf's split can gain enough to be looked for: a bound from above, several times cheaper than the search.

Nearly all attempts to split end at a gain that chance explains. What a cut leaves of entropy is a sum of concave terms,
which linear interpolation in a table bounds from below, without logarithms; normal quantiles come from a table, too.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, leaf
from streamimb.learners.tree_layout import CANDIDATES, MEAN, OFFERED, SPREAD, WEIGHT, Trees
from streamimb.learners.tree_splits import ALL, LEFT_OF, ORDER, SHARES, best_subset, scaled_entropy, span

#: Steps of the table of -p log2 p over [0, 1].
TERM_STEPS: Final = 1024
#: Steps of the normal distribution's table for each standard deviation, over [-PHI_REACH, PHI_REACH].
PHI_STEPS: Final = 256
PHI_REACH: Final = 4.0
#: What interpolating the normal distribution may take from a bound, for each class, in bits.
SLACK: Final = 1e-4
#: A class that lies on one value is taken for so narrow.
DEVIATION_MIN: Final = 1e-150


def _terms() -> Array:
    p = np.arange(1, TERM_STEPS + 1) / TERM_STEPS
    return np.concatenate([[0.0], -p * np.log2(p), [0.0]])


def _normal() -> Array:
    z = np.arange(2 * int(PHI_REACH) * PHI_STEPS + 2) / PHI_STEPS - PHI_REACH
    return np.array([0.5 * math.erfc(-v * 0.7071067811865476) for v in z])


TERMS: Final = _terms()
NORMAL: Final = _normal()


@leaf
def term(p: float) -> Any:
    """At most -p log2 p, for p in [0, 1], and nearly that.

    >>> round(term(0.5), 6), 0.0 < term(0.001) < -0.001 * math.log2(0.001)
    (0.5, True)
    """
    place = p * TERM_STEPS
    i = np.uint64(place)
    return TERMS[i] + (place - i) * (TERMS[i + np.uint64(1)] - TERMS[i])


@leaf
def normal(z: float) -> Any:
    """The normal distribution's share below z, to a millionth; 0 or 1 beyond PHI_REACH.

    >>> round(normal(0.0), 6), round(normal(1.0), 5), normal(-5.0), normal(5.0)
    (0.5, 0.84134, 0.0, 1.0)
    """
    if z > PHI_REACH:
        return 1.0
    if z <= -PHI_REACH:
        return 0.0
    place = (z + PHI_REACH) * PHI_STEPS
    i = np.uint64(place)
    return NORMAL[i] + (place - i) * (NORMAL[i + np.uint64(1)] - NORMAL[i])


@leaf
def _left_entropy(work: Array, n_classes: int, left: float, right: float) -> float:
    """At most the scaled entropy of both sides of a cut, whose left classes are in ``work[SHARES]``."""
    to_left = 1.0 / left if left > 0.0 else 0.0
    to_right = 1.0 / right if right > 0.0 else 0.0
    on_left = on_right = 0.0
    for k in range(n_classes):
        n = work[SHARES, k]
        on_left += term(min(n * to_left, 1.0))
        on_right += term(min((work[ALL, k] - n) * to_right, 1.0))
    return left * on_left + right * on_right


@leaf
def _may_cut(trees: Trees, t: int, slot: int, f: int, width: int, n_classes: int, work: Array, least: float) -> bool:
    """Whether some candidate of a numeric feature may gain ``least`` bits of those rows in which it is known."""
    stride = trees.features.shape[2] * width
    low, high = span(trees, t, slot, f, width, n_classes)
    if not low < high:
        return False
    candidates = int(trees.params[CANDIDATES])
    step, total = (high - low) / (candidates + 1.0), 0.0
    for k in range(n_classes):
        b = f * width + k * stride
        n = trees.observed[t, slot, b + WEIGHT]
        work[ALL, k] = n
        total += n
        if n > 0.0:
            variance = max(trees.observed[t, slot, b + SPREAD] / n, 0.0)  # rounding may leave it a little below
            narrow = 1.0 / max(math.sqrt(variance), DEVIATION_MIN)
            work[LEFT_OF, k] = (low - trees.observed[t, slot, b + MEAN]) * narrow
            work[ORDER, k] = step * narrow
    most_left = scaled_entropy(work, n_classes, 2) - (least - SLACK * n_classes) * total
    for c in range(1, candidates + 1):
        left = 0.0
        for k in range(n_classes):
            n = work[ALL, k]
            work[SHARES, k] = n * normal(work[LEFT_OF, k] + c * work[ORDER, k]) if n > 0.0 else 0.0
            left += work[SHARES, k]
        if _left_entropy(work, n_classes, left, total - left) <= most_left:
            return True
    return False


@leaf
def may_split(trees: Trees, t: int, slot: int, width: int, n_classes: int, work: Array, least: float) -> bool:
    """Whether some split of a leaf may gain ``least`` bits, as ``best_split`` counts them."""
    stride = trees.features.shape[2] * width
    for f in range(trees.features.shape[2]):
        known = 0.0
        for k in range(n_classes):
            known += trees.observed[t, slot, f * width + k * stride]
        if known <= 0.0:
            continue
        wanted = least * max(trees.leaves[t, slot, OFFERED], known) / known
        if trees.buckets[trees.features[t, slot, f]] > 0:
            if best_subset(trees, t, slot, f, width, n_classes, work)[0] >= wanted:
                return True
        elif _may_cut(trees, t, slot, f, width, n_classes, work, wanted):
            return True
    return False
