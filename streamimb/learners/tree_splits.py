"""Where a leaf would be split best: information gain over candidates of each observed feature.

Numeric features: the classes' Gaussians, cut at evenly spaced candidates (Pfahringer, Holmes, Kirkby, PAKDD 2008).
Categorical ones: each bucket against the rest, and the runs of buckets ordered by the share of one
class, which for two classes hold the best of all subsets (Breiman et al. 1984, section 4.2.2).
"""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, leaf
from streamimb.learners.tree_bounds import SLACK, bound_cuts, left_entropy, share_left, term
from streamimb.learners.tree_layout import (
    ALL,
    BOUNDS,
    BRANCH_MIN,
    BUCKET,
    CANDIDATES,
    CLASS_START,
    CLASS_STEP,
    FIRST_BUCKET,
    LEFT_OF,
    MEAN,
    OFFERED,
    ORDER,
    SHARES,
    SPREAD,
    Trees,
)

#: Candidates lie within so many standard deviations of some class: one wild value does not spread them.
REACH: Final = 3.0
#: By so many bits rounding may take a gain above its bound, by such a share weights away from their sum.
EDGE: Final = 1e-9
#: A class that lies on one value is taken for so narrow.
DEVIATION_MIN: Final = 1e-150


@leaf
def scaled_entropy(work: Array, row: int, n_classes: int) -> float:
    """Entropy in bits times weight of the classes whose weights are in a row of ``work``."""
    total = 0.0
    heap = 0.0
    for k in range(n_classes):
        n = work[row, k]
        if n > 0.0:
            total += n
            heap += n * math.log2(n)
    return total * math.log2(total) - heap if total > 0.0 else 0.0


@leaf
def _right_entropy(work: Array, n_classes: int) -> float:
    """The scaled entropy of what a cut leaves on the right."""
    total = 0.0
    heap = 0.0
    for k in range(n_classes):
        n = max(work[ALL, k] - work[LEFT_OF, k], 0.0)
        if n > 0.0:
            total += n
            heap += n * math.log2(n)
    return total * math.log2(total) - heap if total > 0.0 else 0.0


@leaf
def gain(work: Array, n_classes: int, branch: float, before: float, floor: float) -> float:
    """Information gain in bits of a cut whose left classes and all classes are in ``work``.

    0 for a cut too uneven, and perhaps for one whose gain is not above ``floor``. before: the scaled entropy of both
    sides together, which is that of all cuts of a feature.
    """
    left = 0.0
    total = 0.0
    for k in range(n_classes):
        left += work[LEFT_OF, k]
        total += work[ALL, k]
    if min(left, total - left) <= branch * total:
        return 0.0
    if before - left_entropy(work, LEFT_OF, n_classes, left, total - left) < (floor - EDGE) * total:
        return 0.0
    after = scaled_entropy(work, LEFT_OF, n_classes) + _right_entropy(work, n_classes)
    return (before - after) / total


@leaf
def below(trees: Trees, t: int, slot: int, k: int, f: int, cut: float) -> Any:
    """How much of a class's weight lies at or below a cut, by a feature's Gaussian."""
    n_observed = trees.features.shape[2]
    n = trees.observed[t, slot, k, f]
    if n <= 0.0:
        return 0.0
    off = cut - trees.observed[t, slot, k, MEAN * n_observed + f]
    variance = trees.observed[t, slot, k, SPREAD * n_observed + f] / n
    if variance <= 0.0:
        return n if off >= 0.0 else 0.0
    z = off / math.sqrt(variance)
    if z > 4.0:
        return n
    return 0.5 * n * (1.0 + math.erf(z * 0.7071067811865476)) if z > -4.0 else 0.0


@leaf
def span(trees: Trees, t: int, slot: int, f: int, n_classes: int) -> Any:
    """Between which values candidates lie: within the values seen and within REACH of some class."""
    low, high = 1e300, -1e300
    n_observed = trees.features.shape[2]
    for k in range(n_classes):
        n = trees.observed[t, slot, k, f]
        if n > 0.0:
            # Rounding may put a sum of squares a little below 0.
            reach = REACH * math.sqrt(max(trees.observed[t, slot, k, SPREAD * n_observed + f], 0.0) / n)
            low = min(low, trees.observed[t, slot, k, MEAN * n_observed + f] - reach)
            high = max(high, trees.observed[t, slot, k, MEAN * n_observed + f] + reach)
    return max(low, trees.ranges[t, slot, 0, f]), min(high, trees.ranges[t, slot, 1, f])


@leaf
def place_candidates(
    trees: Trees, t: int, slot: int, f: int, n_classes: int, low: float, high: float, work: Array
) -> float:
    """Lay a numeric feature's candidates out in ``work`` as ``share_left`` reads them; the weight of all classes."""
    step, total = (high - low) / (int(trees.params[CANDIDATES]) + 1.0), 0.0
    n_observed = trees.features.shape[2]
    for k in range(n_classes):
        n = trees.observed[t, slot, k, f]
        work[ALL, k] = n
        total += n
        if n > 0.0:
            variance = max(trees.observed[t, slot, k, SPREAD * n_observed + f] / n, 0.0)  # rounding may leave it below
            narrow = 1.0 / max(math.sqrt(variance), DEVIATION_MIN)
            work[CLASS_START, k] = (low - trees.observed[t, slot, k, MEAN * n_observed + f]) * narrow
            work[CLASS_STEP, k] = step * narrow
    return total


@leaf
def best_cut(trees: Trees, t: int, slot: int, f: int, n_classes: int, work: Array, floor: float) -> Any:
    """The best gain of a numeric feature and its cut, where that gain is above ``floor``."""
    low, high = span(trees, t, slot, f, n_classes)
    best, best_at = 0.0, 0.0
    if not low < high:
        return best, best_at
    total = place_candidates(trees, t, slot, f, n_classes, low, high, work)
    candidates, before = int(trees.params[CANDIDATES]), scaled_entropy(work, ALL, n_classes)
    bound_cuts(work, n_classes, candidates, total)
    for c in range(candidates):
        wanted = max(best, floor) - SLACK * n_classes
        if work[BOUNDS, c] < wanted:
            continue
        left = share_left(work, n_classes, c + 1.0)
        if before - left_entropy(work, SHARES, n_classes, left, total - left) < wanted * total:
            continue
        cut = low + (high - low) * (c + 1.0) / (candidates + 1.0)
        for k in range(n_classes):
            work[LEFT_OF, k] = below(trees, t, slot, k, f, cut)
        found = gain(work, n_classes, BRANCH_MIN, before, 0.0)
        if found > best:
            best, best_at = found, cut
    return best, best_at


@leaf
def _weigh_buckets(trees: Trees, t: int, slot: int, f: int, buckets: int, n_classes: int, work: Array) -> None:
    """The weight of each bucket, in ``work[BUCKET]``, from those of the classes in ``work[ALL]``."""
    n_observed, known = trees.features.shape[2], 0.0
    for k in range(n_classes):
        known += work[ALL, k]
    rest, v = known, 0
    while v < buckets and rest > EDGE * known:  # codes are mostly low ones: above them all buckets are empty
        total = 0.0
        for k in range(n_classes):
            total += trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f]
        work[BUCKET, v] = total
        rest -= total
        v += 1
    while v < buckets:
        work[BUCKET, v] = 0.0
        v += 1


@leaf
def _order_buckets(trees: Trees, t: int, slot: int, f: int, buckets: int, work: Array, n_classes: int) -> Any:
    """Buckets that hold something by the share of the leaf's largest class in them, in ``work[ORDER]``: how many.

    Insertion sort, ties by number.
    """
    first = 0
    for k in range(n_classes):
        if work[ALL, k] > work[ALL, first]:
            first = k
    n_observed, held = trees.features.shape[2], 0
    for v in range(buckets):
        if work[BUCKET, v] <= 0.0:
            continue
        share = trees.observed[t, slot, first, (FIRST_BUCKET + v) * n_observed + f] / work[BUCKET, v]
        i = held
        while i > 0 and work[SHARES, i - 1] > share:
            work[SHARES, i] = work[SHARES, i - 1]
            work[ORDER, i] = work[ORDER, i - 1]
            i -= 1
        work[SHARES, i] = share
        work[ORDER, i] = v
        held += 1
    return held


@leaf
def bound_subsets(
    trees: Trees, t: int, slot: int, f: int, buckets: int, n_classes: int, work: Array, before: float
) -> Any:
    """At most what any subset of a feature's buckets gains: what all of them apart would, by a table of logarithms."""
    n_observed, known, after = trees.features.shape[2], 0.0, 0.0
    for v in range(buckets):
        n = work[BUCKET, v]
        if n <= 0.0:
            continue
        known += n
        share = 1.0 / n
        for k in range(n_classes):
            after += n * term(min(trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f] * share, 1.0))
    return (before - after) / known + EDGE if known > 0.0 else 0.0


@leaf
def best_subset(trees: Trees, t: int, slot: int, f: int, n_classes: int, work: Array, floor: float) -> Any:
    """The best gain of a categorical feature and the mask of the buckets that go left, where it is above ``floor``."""
    n_observed = trees.features.shape[2]
    buckets = trees.buckets[trees.features[t, slot, f]]
    for k in range(n_classes):
        work[ALL, k] = trees.observed[t, slot, k, f]
    before = scaled_entropy(work, ALL, n_classes)
    _weigh_buckets(trees, t, slot, f, buckets, n_classes, work)
    best, best_mask = 0.0, 0
    if floor > 0.0 and bound_subsets(trees, t, slot, f, buckets, n_classes, work, before) < floor:
        return best, best_mask
    for v in range(buckets):
        if work[BUCKET, v] <= 0.0:
            continue
        for k in range(n_classes):
            work[LEFT_OF, k] = trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f]
        found = gain(work, n_classes, BRANCH_MIN, before, max(best, floor))
        if found > best:
            best, best_mask = found, 1 << v
    if buckets < 3:
        return best, best_mask
    held = _order_buckets(trees, t, slot, f, buckets, work, n_classes)
    mask = 0
    for k in range(n_classes):
        work[LEFT_OF, k] = 0.0
    for i in range(min(held, buckets - 1)):
        v = int(work[ORDER, i])
        mask |= 1 << v
        for k in range(n_classes):
            work[LEFT_OF, k] += trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f]
        found = gain(work, n_classes, BRANCH_MIN, before, max(best, floor))
        if found > best:
            best, best_mask = found, mask
    return best, best_mask


@leaf
def best_split(trees: Trees, t: int, slot: int, n_classes: int, work: Array, alone: Any) -> Any:
    """The best split of a leaf: its gain, the second feature's, its place, and its cut or its mask.

    A feature's gain counts for the share of the leaf's weight in which it was not missing. The place is -1 where no
    split gains anything. ``alone``: only the best is asked for, and the second gain may be too small.
    """
    best, second, place, cut, mask = 0.0, 0.0, -1, 0.0, 0
    for f in range(trees.features.shape[2]):
        known = 0.0
        for k in range(n_classes):
            known += trees.observed[t, slot, k, f]
        if known <= 0.0:
            continue
        share = known / max(trees.leaves[t, slot, OFFERED], known)
        floor = 0.999999 * (best if alone else second) / share
        at, chosen = 0.0, 0
        if trees.buckets[trees.features[t, slot, f]] == 0:
            found, at = best_cut(trees, t, slot, f, n_classes, work, floor)
        else:
            found, chosen = best_subset(trees, t, slot, f, n_classes, work, floor)
        found *= share
        if found > best:
            second = best
            best, place, cut, mask = found, f, at, chosen
        elif found > second:
            second = found
    return best, second, place, cut, mask
