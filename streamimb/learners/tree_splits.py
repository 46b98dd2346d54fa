"""Where a leaf would be split best: information gain over candidates of each observed feature.

Numeric features: the classes' Gaussians, cut at evenly spaced candidates (Pfahringer, Holmes, Kirkby, PAKDD 2008).
Categorical ones: each bucket against the rest, and the runs of buckets ordered by the share of one
class, which for two classes hold the best of all subsets (Breiman et al. 1984, section 4.2.2).
"""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, leaf
from streamimb.learners.tree_layout import (
    CANDIDATES,
    FIRST_BUCKET,
    MEAN,
    OFFERED,
    SPREAD,
    WEIGHT,
    Trees,
)

#: Candidates lie within so many standard deviations of some class: one wild value does not spread them.
REACH: Final = 3.0
#: Each side of a cut holds more than this share of the weight.
BRANCH_MIN: Final = 0.01
# Rows of ``work``, float64 (WORK_ROWS, max(K, BUCKETS_MAX)): the classes left of a cut and all of them, by weight; the
# buckets in the order of a class's share in them, and that share.
LEFT_OF, ALL, ORDER, SHARES = 0, 1, 2, 3
WORK_ROWS: Final = 4


@leaf
def scaled_entropy(work: Array, n_classes: int, side: int) -> float:
    """Entropy in bits times weight of the left (0), the right (1) or both sides (2) of a cut."""
    total = 0.0
    heap = 0.0
    for k in range(n_classes):
        n = work[ALL, k]
        if side == 0:
            n = work[LEFT_OF, k]
        elif side == 1:
            n = max(n - work[LEFT_OF, k], 0.0)
        if n > 0.0:
            total += n
            heap += n * math.log2(n)
    return total * math.log2(total) - heap if total > 0.0 else 0.0


@leaf
def gain(work: Array, n_classes: int, branch: float, before: float) -> float:
    """Information gain in bits of a cut whose left classes and all classes are in ``work``; 0 for a cut too uneven.

    before: the scaled entropy of both sides together, which is that of all cuts of a feature.
    """
    left = 0.0
    total = 0.0
    for k in range(n_classes):
        left += work[LEFT_OF, k]
        total += work[ALL, k]
    if min(left, total - left) <= branch * total:
        return 0.0
    after = scaled_entropy(work, n_classes, 0) + scaled_entropy(work, n_classes, 1)
    return (before - after) / total


@leaf
def below(trees: Trees, t: int, slot: int, b: int, cut: float) -> Any:
    """How much of a class's weight lies at or below a cut, by its Gaussian."""
    n = trees.observed[t, slot, b + WEIGHT]
    if n <= 0.0:
        return 0.0
    off = cut - trees.observed[t, slot, b + MEAN]
    variance = trees.observed[t, slot, b + SPREAD] / n
    if variance <= 0.0:
        return n if off >= 0.0 else 0.0
    z = off / math.sqrt(variance)
    if z > 4.0:
        return n
    return 0.5 * n * (1.0 + math.erf(z * 0.7071067811865476)) if z > -4.0 else 0.0


@leaf
def span(trees: Trees, t: int, slot: int, f: int, width: int, n_classes: int) -> Any:
    """Between which values candidates lie: within the values seen and within REACH of some class."""
    low, high = 1e300, -1e300
    b = f * width
    for _ in range(n_classes):
        n = trees.observed[t, slot, b + WEIGHT]
        if n > 0.0:
            # Rounding may put a sum of squares a little below 0.
            reach = REACH * math.sqrt(max(trees.observed[t, slot, b + SPREAD], 0.0) / n)
            low = min(low, trees.observed[t, slot, b + MEAN] - reach)
            high = max(high, trees.observed[t, slot, b + MEAN] + reach)
        b += trees.features.shape[2] * width
    return max(low, trees.ranges[t, slot, f, 0]), min(high, trees.ranges[t, slot, f, 1])


@leaf
def best_cut(trees: Trees, t: int, slot: int, f: int, width: int, n_classes: int, work: Array) -> Any:
    """The best gain of a numeric feature and its cut."""
    stride = trees.features.shape[2] * width
    low, high = span(trees, t, slot, f, width, n_classes)
    best, best_at = 0.0, 0.0
    if not low < high:
        return best, best_at
    for k in range(n_classes):
        work[ALL, k] = trees.observed[t, slot, f * width + k * stride]
    candidates, before = int(trees.params[CANDIDATES]), scaled_entropy(work, n_classes, 2)
    for c in range(candidates):
        cut = low + (high - low) * (c + 1.0) / (candidates + 1.0)
        for k in range(n_classes):
            work[LEFT_OF, k] = below(trees, t, slot, f * width + k * stride, cut)
        found = gain(work, n_classes, BRANCH_MIN, before)
        if found > best:
            best, best_at = found, cut
    return best, best_at


@leaf
def _order_buckets(
    trees: Trees, t: int, slot: int, f: int, width: int, buckets: int, work: Array, n_classes: int
) -> None:
    """Buckets by the share of the leaf's largest class in them, in ``work[ORDER]``; insertion sort, ties by number."""
    stride = trees.features.shape[2] * width
    first = 0
    for k in range(n_classes):
        if work[ALL, k] > work[ALL, first]:
            first = k
    for v in range(buckets):
        at = f * width + FIRST_BUCKET + v
        total = 0.0
        for k in range(n_classes):
            total += trees.observed[t, slot, at + k * stride]
        share = trees.observed[t, slot, at + first * stride] / total if total > 0.0 else 2.0
        i = v
        while i > 0 and work[SHARES, i - 1] > share:
            work[SHARES, i] = work[SHARES, i - 1]
            work[ORDER, i] = work[ORDER, i - 1]
            i -= 1
        work[SHARES, i] = share
        work[ORDER, i] = v


@leaf
def best_subset(trees: Trees, t: int, slot: int, f: int, width: int, n_classes: int, work: Array) -> Any:
    """The best gain of a categorical feature and the mask of the buckets that go left."""
    stride = trees.features.shape[2] * width
    buckets = trees.buckets[trees.features[t, slot, f]]
    for k in range(n_classes):
        work[ALL, k] = trees.observed[t, slot, f * width + k * stride]
    before = scaled_entropy(work, n_classes, 2)
    best, best_mask = 0.0, 0
    for v in range(buckets):
        for k in range(n_classes):
            work[LEFT_OF, k] = trees.observed[t, slot, f * width + k * stride + FIRST_BUCKET + v]
        found = gain(work, n_classes, BRANCH_MIN, before)
        if found > best:
            best, best_mask = found, 1 << v
    if buckets < 3:
        return best, best_mask
    _order_buckets(trees, t, slot, f, width, buckets, work, n_classes)
    mask = 0
    for k in range(n_classes):
        work[LEFT_OF, k] = 0.0
    for i in range(buckets - 1):
        v = int(work[ORDER, i])
        mask |= 1 << v
        for k in range(n_classes):
            work[LEFT_OF, k] += trees.observed[t, slot, f * width + k * stride + FIRST_BUCKET + v]
        found = gain(work, n_classes, BRANCH_MIN, before)
        if found > best:
            best, best_mask = found, mask
    return best, best_mask


@leaf
def best_split(trees: Trees, t: int, slot: int, width: int, n_classes: int, work: Array) -> Any:
    """The best split of a leaf: its gain, the second feature's, its place, and its cut or its mask.

    A feature's gain counts for the share of the leaf's weight in which it was not missing. The place is -1 where no
    split gains anything.
    """
    best, second, place, cut, mask = 0.0, 0.0, -1, 0.0, 0
    stride = trees.features.shape[2] * width
    for f in range(trees.features.shape[2]):
        at, chosen = 0.0, 0
        if trees.buckets[trees.features[t, slot, f]] == 0:
            found, at = best_cut(trees, t, slot, f, width, n_classes, work)
        else:
            found, chosen = best_subset(trees, t, slot, f, width, n_classes, work)
        known = 0.0
        for k in range(n_classes):
            known += trees.observed[t, slot, f * width + k * stride]
        found *= known / max(trees.leaves[t, slot, OFFERED], known) if known > 0.0 else 0.0
        if found > best:
            second = best
            best, place, cut, mask = found, f, at, chosen
        elif found > second:
            second = found
    return best, second, place, cut, mask
