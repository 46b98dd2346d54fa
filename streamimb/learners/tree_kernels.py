"""How one tree answers, learns and grows (Domingos, Hulten, KDD 2000: the Hoeffding tree)."""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, leaf, part
from streamimb.learners.tree_bayes import (
    bayes,
    bucket_of,
    certain,
    gather,
    joint,
    observe,
    only_class,
    plain,
    top_class,
    trusts_bayes,
)
from streamimb.learners.tree_growth import split
from streamimb.learners.tree_layout import (
    BAYES,
    COUNTS,
    DEPTH,
    DEPTH_MAX,
    FEATURE,
    FIRST_BUCKET,
    GRACE,
    HEAVY,
    HORIZON,
    LEARNED,
    LEAVES,
    LEFT,
    LOG_DELTA,
    MASK,
    OFFERED,
    PLAIN,
    SINCE,
    SLOT,
    SPREAD,
    SQUARES,
    SURETY,
    TIE,
    TOTAL,
    Trees,
)
from streamimb.learners.tree_screen import may_split
from streamimb.learners.tree_splits import best_split

#: In place of naive Bayes's class: nobody has needed it so far.
UNASKED: Final = -1
#: An attempt to split is due at the earliest when a leaf has learned this share of its weight since the last one.
GRACE_SHARE: Final = 0.15


@part
def side_of(trees: Trees, t: int, node: int, feature: int, X: Array, row: int) -> int:
    """The side, 0 or 1, on which a row of X leaves a node that splits by a feature; a missing value: the heavier."""
    v = float(X[row, feature])
    if v != v:
        return int(trees.nodes[t, node, HEAVY])
    if trees.buckets[feature] == 0:
        return 1 if v > trees.cuts[t, node] else 0
    return int(1 - ((trees.nodes[t, node, MASK] >> bucket_of(v, trees.buckets[feature])) & 1))


@part
def route(trees: Trees, t: int, X: Array, row: int) -> int:
    """The leaf's node that a row of X comes to; a missing value follows the heavier branch."""
    node = 0
    feature = trees.nodes[t, 0, FEATURE]
    while feature >= 0:
        node = trees.nodes[t, node, LEFT] + side_of(trees, t, node, feature, X, row)
        feature = trees.nodes[t, node, FEATURE]
    return node


@part
def answer(trees: Trees, t: int, node: int, X: Array, row: int, values: Array, logs: Array, out: Array) -> Any:
    """Class probabilities of a row at a leaf into ``out``, float64 (K,), and naive Bayes's class.

    Naive Bayes where it was right no less often than the majority class, else the leaf's counts. Its class is UNASKED
    where it was not needed, as in a leaf of one class; else the row's values stay in ``values`` for its lesson.
    """
    n_classes = len(out)
    slot = trees.nodes[t, node, SLOT]
    if not trusts_bayes(trees, t, slot):
        plain(trees, t, slot, n_classes, out)
        return UNASKED
    only = only_class(trees, t, slot, n_classes)
    if only >= 0:
        certain(trees, t, slot, only, n_classes, out)
        return UNASKED
    gather(trees, t, slot, X, row, values)
    joint(trees, t, slot, n_classes, values, logs)
    bayes(trees, t, slot, n_classes, logs, out)
    return top_class(out, n_classes)


@part
def _majority(trees: Trees, t: int, slot: int, n_classes: int) -> int:
    best = 0
    for k in range(1, n_classes):
        if trees.leaves[t, slot, COUNTS + k] > trees.leaves[t, slot, COUNTS + best]:
            best = k
    return best


@leaf
def _scale_leaf(trees: Trees, t: int, slot: int, factor: float) -> None:
    """Forget a part of what a leaf has counted; means and densities stay."""
    for c in (LEARNED, SQUARES, PLAIN, BAYES, TOTAL, OFFERED):
        trees.leaves[t, slot, c] *= factor
    for c in range(COUNTS, trees.leaves.shape[2]):
        trees.leaves[t, slot, c] *= factor
    n_observed = trees.features.shape[2]
    for f in range(n_observed):
        buckets = trees.buckets[trees.features[t, slot, f]]
        for k in range(trees.observed.shape[2]):
            trees.observed[t, slot, k, f] *= factor
            if buckets == 0:
                trees.observed[t, slot, k, SPREAD * n_observed + f] *= factor
            for v in range(buckets):
                trees.observed[t, slot, k, (FIRST_BUCKET + v) * n_observed + f] *= factor


@leaf
def _classes_seen(trees: Trees, t: int, slot: int, n_classes: int) -> int:
    seen = 0
    for k in range(n_classes):
        if trees.leaves[t, slot, COUNTS + k] > 0.0:
            seen += 1
    return seen


@leaf
def lessons_worth(trees: Trees, t: int, slot: int) -> Any:
    """As how many lessons of equal weight those that a leaf learned are worth (Kish 1965)."""
    squares = trees.leaves[t, slot, SQUARES]
    return trees.leaves[t, slot, LEARNED] ** 2 / squares if squares > 0.0 else 0.0


@leaf
def least_gain(lessons: float, classes: int, surety: float) -> Any:
    """The gain in bits above which it is more than what chance gives.

    Under chance 2 ln 2 n gain is chi-squared with classes - 1 degrees of freedom (the G-test): it must be ``surety``
    standard deviations above its mean, which makes up for the best of many cuts having been chosen.
    """
    freedom = max(classes - 1.0, 1.0)
    return (freedom + surety * math.sqrt(2.0 * freedom)) / (1.3862943611198906 * max(lessons, 1e-300))


@leaf
def _attempt(trees: Trees, t: int, node: int, slot: int, n_classes: int, work: Array) -> None:
    """Split a leaf if its best feature is surely better than its second, and there is room."""
    full = trees.sizes[t, LEAVES] >= trees.leaves.shape[1]
    if full or trees.nodes[t, node, DEPTH] >= trees.params[DEPTH_MAX]:
        return
    top = trees.leaves[t, slot, COUNTS + _majority(trees, t, slot, n_classes)]
    if top >= trees.leaves[t, slot, TOTAL]:
        return
    seen, lessons = _classes_seen(trees, t, slot, n_classes), lessons_worth(trees, t, slot)
    least = least_gain(lessons, seen, trees.params[SURETY])
    if not may_split(trees, t, slot, n_classes, work, least):
        return
    e = math.log2(max(seen, 2)) * math.sqrt(trees.params[LOG_DELTA] / (2.0 * lessons))
    alone = e < trees.params[TIE]
    best, second, f, cut, mask = best_split(trees, t, slot, n_classes, work, alone)
    if f < 0 or best <= least:
        return
    if alone or best - second > e:
        split(trees, t, node, slot, f, cut, mask, n_classes, work)


@part
def learn(
    trees: Trees, t: int, node: int, X: Array, row: int, y: int, w: float, guess: int, n_classes: int, values: Array,
    logs: Array, work: Array,
) -> None:  # fmt: skip
    """Learn a row of class y with weight w > 0 at its leaf, for which naive Bayes guessed ``guess``; perhaps split."""
    slot = trees.nodes[t, node, SLOT]
    leaves = trees.leaves
    if guess == UNASKED:
        gather(trees, t, slot, X, row, values)
        guess = only_class(trees, t, slot, n_classes)
        if guess < 0:
            joint(trees, t, slot, n_classes, values, logs)
            bayes(trees, t, slot, n_classes, logs, logs)
            guess = top_class(logs, n_classes)
    if guess == y:
        leaves[t, slot, BAYES] += w
    if _majority(trees, t, slot, n_classes) == y:
        leaves[t, slot, PLAIN] += w
    observe(trees, t, slot, values, y, w)
    if leaves[t, slot, SINCE] >= max(trees.params[GRACE], GRACE_SHARE * leaves[t, slot, LEARNED]):
        leaves[t, slot, SINCE] = 0.0
        _attempt(trees, t, node, slot, n_classes, work)
    if leaves[t, slot, TOTAL] > trees.params[HORIZON]:
        _scale_leaf(trees, t, slot, 0.5)
