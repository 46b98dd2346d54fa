"""How one tree answers, learns and grows (Domingos, Hulten, KDD 2000: the Hoeffding tree)."""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb import lanes
from streamimb.kernel import Array, leaf, part
from streamimb.learners.tree_bayes import (
    bayes,
    certain,
    gather,
    joint,
    observe,
    only_class,
    plain,
    share_out,
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
    HORIZON,
    LEARNED,
    LEAVES,
    LEFT,
    LOG_DELTA,
    MASK,
    NODE_COLUMNS,
    OFFERED,
    PLAIN,
    SINCE,
    SLOT,
    SPREAD,
    SQUARES,
    SURETY,
    TIE,
    TOTAL,
    Rows,
    Scratch,
    Trees,
)
from streamimb.learners.tree_screen import may_split
from streamimb.learners.tree_splits import best_split

#: In place of naive Bayes's class: nobody has needed it so far.
UNASKED: Final = -1
#: An attempt to split is due at the earliest when a leaf has learned this share of its weight since the last one.
GRACE_SHARE: Final = 0.15


@part
def side_of(trees: Trees, node: int, rows: Rows, value: int) -> Any:
    """The side, 0 or 1, on which a row leaves a node, without a branch that depends on the row.

    node: its number among those of all trees; value: the number among all of ``rows`` of the row's value that the node
    splits by. One that is missing is above no cut, and its code is sent to the heavier side.
    """
    code, mask = lanes.number(rows.codes, value), lanes.number(trees.nodes, node * NODE_COLUMNS + MASK)
    return int(lanes.number(rows.numbers, value) > lanes.number(trees.cuts, node)) + 1 - ((mask >> code) & 1)


@part
def route(trees: Trees, t: int, rows: Rows, row: int) -> Any:
    """The leaf's node that a row comes to; a missing value follows the heavier branch."""
    root, here = t * trees.nodes.shape[1], row * rows.codes.shape[1]
    node = root
    feature = lanes.number(trees.nodes, node * NODE_COLUMNS + FEATURE)
    while feature >= 0:
        left = root + lanes.number(trees.nodes, node * NODE_COLUMNS + LEFT)
        # Both are read before it is known which is wanted: the way down is a chain of reads.
        to_left = lanes.number(trees.nodes, left * NODE_COLUMNS + FEATURE)
        to_right = lanes.number(trees.nodes, (left + 1) * NODE_COLUMNS + FEATURE)
        side = side_of(trees, node, rows, here + feature)
        node = left + side
        feature = to_left ^ ((to_left ^ to_right) & -side)
    return node - root


@part
def answer(trees: Trees, t: int, node: int, rows: Rows, row: int, scratch: Scratch) -> Any:
    """Class probabilities of a row at a leaf into ``scratch.votes``, and naive Bayes's class.

    Naive Bayes where it was right no less often than the majority class, else the leaf's counts. Its class is UNASKED
    where it was not needed, as in a leaf of one class; else the row stays gathered for its lesson.
    """
    out = scratch.votes
    n_classes = trees.observed.shape[2]
    slot = trees.nodes[t, node, SLOT]
    if not trusts_bayes(trees, t, slot):
        plain(trees, t, slot, n_classes, out)
        return UNASKED
    only = only_class(trees, t, slot, n_classes)
    if only >= 0:
        certain(trees, t, slot, only, n_classes, out)
        return UNASKED
    gather(trees, t, slot, rows, row, scratch)
    joint(trees, t, slot, n_classes, scratch)
    bayes(trees, t, slot, n_classes, scratch.logs, out)
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
            if buckets > 0:
                share_out(trees, t, slot, k, f)


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
    trees: Trees, t: int, node: int, rows: Rows, row: int, y: int, w: float, guess: int, n_classes: int,
    scratch: Scratch,
) -> None:  # fmt: skip
    """Learn a row of class y with weight w > 0 at its leaf, for which naive Bayes guessed ``guess``; perhaps split."""
    slot = trees.nodes[t, node, SLOT]
    leaves, logs = trees.leaves, scratch.logs
    if guess == UNASKED:
        gather(trees, t, slot, rows, row, scratch)
        guess = only_class(trees, t, slot, n_classes)
        if guess < 0:
            joint(trees, t, slot, n_classes, scratch)
            bayes(trees, t, slot, n_classes, logs, logs)
            guess = top_class(logs, n_classes)
    if guess == y:
        leaves[t, slot, BAYES] += w
    if _majority(trees, t, slot, n_classes) == y:
        leaves[t, slot, PLAIN] += w
    observe(trees, t, slot, scratch, y, w)
    if leaves[t, slot, SINCE] >= max(trees.params[GRACE], GRACE_SHARE * leaves[t, slot, LEARNED]):
        leaves[t, slot, SINCE] = 0.0
        _attempt(trees, t, node, slot, n_classes, scratch.work)
    if leaves[t, slot, TOTAL] > trees.params[HORIZON]:
        _scale_leaf(trees, t, slot, 0.5)
