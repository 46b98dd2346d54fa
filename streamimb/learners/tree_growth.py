"""How a tree is planted and split, and what two new leaves take over from their parent."""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, leaf, uniform
from streamimb.learners.tree_bayes import settle, share_out
from streamimb.learners.tree_layout import (
    ALL,
    BY_LEAF,
    CARRY,
    COUNTS,
    DEPTH,
    FEATURE,
    FIRST_BUCKET,
    LEAF,
    LEAVES,
    LEFT,
    LEFT_OF,
    LOG,
    MASK,
    MEAN,
    MISSING,
    NODES,
    NOTHING_SEEN,
    NUMERIC,
    OBSERVED,
    OFFERED,
    PLANTED,
    SEED,
    SLOT,
    SPREAD,
    TOTAL,
    UNSEEN,
    Trees,
)
from streamimb.learners.tree_splits import below

#: Draws of features belong to no event: they are taken beyond any member's number.
FEATURE_DRAWS: Final = 1 << 20
#: Of a mask: what is missing goes left.
MISSING_BIT: Final = -(1 << MISSING)


@leaf
def _clear(trees: Trees, t: int, slot: int) -> None:
    """Make a slot that of a leaf that has seen nothing; its features stay."""
    for c in range(trees.leaves.shape[2]):
        trees.leaves[t, slot, c] = 0.0
    for k in range(trees.observed.shape[2]):
        for b in range(trees.observed.shape[3]):
            trees.observed[t, slot, k, b] = 0.0
    for f in range(trees.features.shape[2]):
        trees.ranges[t, slot, 0, f] = NOTHING_SEEN
        trees.ranges[t, slot, 1, f] = -NOTHING_SEEN


@leaf
def _mark_unseen(trees: Trees, t: int, slot: int) -> None:
    """Say of a cleared leaf's observers that they have seen nothing; its features are drawn by now."""
    n_observed = trees.features.shape[2]
    for k in range(trees.observed.shape[2]):
        for f in range(n_observed):
            if trees.buckets[trees.features[t, slot, f]] == 0:
                trees.observed[t, slot, k, LOG * n_observed + f] = UNSEEN
            else:
                share_out(trees, t, slot, k, f)


@leaf
def _make_leaf(trees: Trees, t: int, node: int, slot: int, depth: int) -> None:
    trees.nodes[t, node, FEATURE] = LEAF
    trees.nodes[t, node, SLOT] = slot
    trees.nodes[t, node, MASK] = 0
    trees.nodes[t, node, DEPTH] = depth
    trees.cuts[t, node] = 0.0


@leaf
def _draw_features(trees: Trees, t: int, slot: int, serial: int) -> None:
    """OBSERVED of the d columns, each set as likely, in order (Fan, Muller, Rezucha 1962: selection sampling)."""
    d, wanted = len(trees.buckets) - 1, int(trees.params[OBSERVED])
    taken = 0
    for j in range(d):
        u = uniform(int(trees.params[SEED]), serial * d + j, FEATURE_DRAWS + t) if wanted < d else 0.0
        if u * (d - j) < wanted - taken:
            trees.features[t, slot, taken] = j
            taken += 1
    for f in range(wanted, trees.features.shape[2]):
        trees.features[t, slot, f] = d


@leaf
def plant(trees: Trees, t: int) -> None:
    """Start a tree anew: a single leaf."""
    trees.sizes[t, NODES] = 1
    trees.sizes[t, LEAVES] = 1
    trees.sizes[t, PLANTED] += 1
    _make_leaf(trees, t, 0, 0, 0)
    _draw_features(trees, t, 0, trees.sizes[t, PLANTED] * trees.nodes.shape[1])
    _clear(trees, t, 0)
    _mark_unseen(trees, t, 0)


@leaf
def _divide(
    trees: Trees, t: int, slot: int, f: int, cut: float, mask: int, n_classes: int, work: Array,
    numeric: Any,
) -> float:  # fmt: skip
    """The share of each class that goes left, into ``work[LEFT_OF]``, and of all together."""
    total, left = 0.0, 0.0
    n_observed = trees.features.shape[2]
    for k in range(n_classes):
        n = trees.observed[t, slot, k, f]
        gone = 0.0
        if numeric:
            gone = below(trees, t, slot, k, f, cut)
        else:
            for v in range(trees.buckets[trees.features[t, slot, f]]):
                if (mask >> v) & 1:
                    gone += trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f]
        total += n
        left += gone
        work[LEFT_OF, k] = gone / n if n > 0.0 else 0.5
    return left / total if total > 0.0 else 0.5


@leaf
def _send_unseen(
    trees: Trees, t: int, node: int, slot: int, f: int, mask: int, n_classes: int, heavy_left: Any
) -> None:
    """Buckets that the leaf never saw, and what is missing, go where most rows go."""
    mask |= 1 << NUMERIC
    trees.nodes[t, node, MASK] = mask
    if not heavy_left:
        return
    for v in range(trees.buckets[trees.features[t, slot, f]]):
        n = 0.0
        for k in range(n_classes):
            n += trees.observed[t, slot, k, (FIRST_BUCKET + v) * trees.features.shape[2] + f]
        if n <= 0.0:
            mask |= 1 << v
    trees.nodes[t, node, MASK] = mask | MISSING_BIT


@leaf
def _endow(trees: Trees, t: int, slot: int, k: int, n: float, by_leaf: Any) -> None:
    trees.leaves[t, slot, COUNTS + k] = n
    trees.leaves[t, slot, TOTAL] += n
    if not by_leaf:
        trees.leaves[t, slot, OFFERED] += n


@leaf
def _share_buckets(
    trees: Trees, t: int, slot: int, right: int, k: int, f: int, split_on: Any, mask: int, buckets: int,
    to_left: float, to_right: float,
) -> None:  # fmt: skip
    n_left, n_right = 0.0, 0.0
    n, known, n_observed = trees.observed[t, slot, k, f], 0.0, trees.features.shape[2]
    for v in range(buckets):
        at = (FIRST_BUCKET + v) * n_observed + f
        if split_on and n > 0.0:
            if (mask >> v) & 1:
                trees.observed[t, right, k, at] = 0.0
            else:
                trees.observed[t, slot, k, at] = 0.0
        n_left += trees.observed[t, slot, k, at]
        n_right += trees.observed[t, right, k, at]
    known = n_left + n_right if split_on else n
    for v in range(buckets):
        at = (FIRST_BUCKET + v) * n_observed + f
        trees.observed[t, slot, k, at] *= to_left * known / n_left if n_left > 0.0 else 0.0
        trees.observed[t, right, k, at] *= to_right * known / n_right if n_right > 0.0 else 0.0
    trees.observed[t, slot, k, f] = to_left * known if n_left > 0.0 else 0.0
    trees.observed[t, right, k, f] = to_right * known if n_right > 0.0 else 0.0
    share_out(trees, t, slot, k, f)
    share_out(trees, t, right, k, f)


@leaf
def _truncate(
    trees: Trees, t: int, slot: int, k: int, f: int, mean: float, variance: float, cut: float, side: float
) -> None:
    """Mean and spread of the part of a Gaussian below (side -1) or above (1) a cut, per unit of weight kept."""
    n, n_observed = trees.observed[t, slot, k, f], trees.features.shape[2]
    if variance <= 0.0:
        return
    deviation = math.sqrt(variance)
    z = (cut - mean) / deviation
    tail = 0.5 * math.erfc(side * z * 0.7071067811865476)
    if tail < 1e-6:
        trees.observed[t, slot, k, MEAN * n_observed + f] = cut
        trees.observed[t, slot, k, SPREAD * n_observed + f] = 0.0
        return
    ratio = 0.3989422804014327 * math.exp(-0.5 * z * z) / tail
    trees.observed[t, slot, k, MEAN * n_observed + f] = mean + side * deviation * ratio
    kept = max(1.0 + side * z * ratio - ratio * ratio, 0.0)
    trees.observed[t, slot, k, SPREAD * n_observed + f] = n * variance * kept


@leaf
def _share_observer(
    trees: Trees, t: int, slot: int, right: int, f: int, k: int, split_on: Any, cut: float, mask: int,
    to_left: float, to_right: float,
) -> None:  # fmt: skip
    """Hand one observer's numbers to both children: of the feature split on, each gets the values of its side."""
    here, n_observed = trees.observed, trees.features.shape[2]
    for c in range(f, here.shape[3], n_observed):
        here[t, right, k, c] = here[t, slot, k, c]
    buckets = trees.buckets[trees.features[t, slot, f]]
    if buckets > 0:
        _share_buckets(trees, t, slot, right, k, f, split_on, mask, buckets, to_left, to_right)
        return
    n, spread = here[t, slot, k, f], SPREAD * n_observed + f
    if split_on and n > 0.0:
        mean, variance = here[t, slot, k, MEAN * n_observed + f], here[t, slot, k, spread] / n
        _truncate(trees, t, slot, k, f, mean, variance, cut, -1.0)
        _truncate(trees, t, right, k, f, mean, variance, cut, 1.0)
    for c in (f, spread):
        here[t, slot, k, c] *= to_left
        here[t, right, k, c] *= to_right
    settle(trees, t, slot, k, f)
    settle(trees, t, right, k, f)


@leaf
def _hand_down(
    trees: Trees, t: int, slot: int, right: int, f: int, cut: float, mask: int, n_classes: int,
    work: Array, numeric: Any,
) -> None:  # fmt: skip
    """What two children know from their parent: at most CARRY of its weight, its classes as the split divides them."""
    n_observed = trees.features.shape[2]
    kept = min(1.0, trees.params[CARRY] / max(trees.leaves[t, slot, TOTAL], 1e-300))
    for k in range(n_classes):
        work[ALL, k] = trees.leaves[t, slot, COUNTS + k]
    for g in range(n_observed):
        trees.features[t, right, g] = trees.features[t, slot, g]
    _clear(trees, t, right)
    by_leaf = trees.params[BY_LEAF] > 0.0
    if by_leaf:
        _clear(trees, t, slot)
    else:
        for c in range(trees.leaves.shape[2]):
            trees.leaves[t, slot, c] = 0.0
        for g in range(n_observed):
            for side in range(2):
                trees.ranges[t, right, side, g] = trees.ranges[t, slot, side, g]
        if numeric:
            trees.ranges[t, slot, 1, f] = min(trees.ranges[t, slot, 1, f], cut)
            trees.ranges[t, right, 0, f] = max(trees.ranges[t, right, 0, f], cut)
    for k in range(n_classes):
        share = work[LEFT_OF, k]
        _endow(trees, t, slot, k, kept * share * work[ALL, k], by_leaf)
        _endow(trees, t, right, k, kept * (1.0 - share) * work[ALL, k], by_leaf)
        if not by_leaf:
            for g in range(n_observed):
                _share_observer(trees, t, slot, right, g, k, g == f, cut, mask, kept * share, kept * (1.0 - share))


@leaf
def split(
    trees: Trees, t: int, node: int, slot: int, f: int, cut: float, mask: int, n_classes: int, work: Array
) -> None:
    """Give a leaf two children: the left one takes over its slot, the right one a new slot."""
    left, right_slot = trees.sizes[t, NODES], trees.sizes[t, LEAVES]
    trees.sizes[t, NODES] += 2
    trees.sizes[t, LEAVES] += 1
    depth = trees.nodes[t, node, DEPTH] + 1
    _make_leaf(trees, t, left, slot, depth)
    _make_leaf(trees, t, left + 1, right_slot, depth)
    numeric = trees.buckets[trees.features[t, slot, f]] == 0
    share = _divide(trees, t, slot, f, cut, mask, n_classes, work, numeric)
    trees.nodes[t, node, FEATURE] = trees.features[t, slot, f]
    trees.nodes[t, node, LEFT] = left
    trees.cuts[t, node] = cut
    _send_unseen(trees, t, node, slot, f, mask, n_classes, share >= 0.5)
    _hand_down(trees, t, slot, right_slot, f, cut, mask, n_classes, work, numeric)
    if trees.params[BY_LEAF] > 0.0:
        serial = trees.sizes[t, PLANTED] * trees.nodes.shape[1] + left
        _draw_features(trees, t, slot, serial)
        _draw_features(trees, t, right_slot, serial + 1)
        _mark_unseen(trees, t, slot)
        _mark_unseen(trees, t, right_slot)
