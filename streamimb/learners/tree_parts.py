"""What each feature adds to the answer of trees: along the path, then in the leaf's naive Bayes.

Along the path a feature adds the difference of the class shares of the two nodes that its split lies between (Saabas
2014; Palczewska et al. 2013). In a leaf that trusts naive Bayes, features enter one after the other, and each adds what
the posterior moves; that is done in both directions and the mean taken, as it depends on the order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streamimb.kernel import Array, kernel, leaf
from streamimb.learners.forest_kernels import tree_of, vote_of
from streamimb.learners.tree_bayes import (
    BUCKET_PRIOR,
    CLASS_PRIOR,
    bayes,
    log_density,
    trusts_bayes,
)
from streamimb.learners.tree_kernels import side_of
from streamimb.learners.tree_layout import (
    BUCKETS_MAX,
    COUNTS,
    FEATURE,
    FIRST_BUCKET,
    INVERSE,
    LEFT,
    MISSING,
    NODES,
    OBSERVED,
    SLOT,
    Rows,
    Trees,
)


@leaf
def _count_nodes(trees: Trees, t: int, counts: Array) -> None:
    """The classes' weights at each node of a tree, float64 (N, K): children come after their parent."""
    n_classes = counts.shape[1]
    for node in range(trees.sizes[t, NODES] - 1, -1, -1):
        for k in range(n_classes):
            if trees.nodes[t, node, FEATURE] < 0:
                counts[node, k] = trees.leaves[t, trees.nodes[t, node, SLOT], COUNTS + k]
            else:
                left = trees.nodes[t, node, LEFT]
                counts[node, k] = counts[left, k] + counts[left + 1, k]


@leaf
def _share(counts: Array, node: Any, out: Array) -> None:
    total, n_classes = 0.0, counts.shape[1]
    for k in range(n_classes):
        total += counts[node, k] + CLASS_PRIOR
    for k in range(n_classes):
        out[k] = (counts[node, k] + CLASS_PRIOR) / total


@leaf
def _observe_one(trees: Trees, t: int, slot: Any, f: Any, rows: Rows, row: Any, logs: Array) -> None:
    """Add one observed feature's log-likelihood under each class."""
    n_observed, observed = trees.features.shape[2], trees.observed
    j = trees.features[t, slot, f]
    v, code = rows.numbers[row, j], rows.codes[row, j]
    if code == MISSING:
        return
    for k in range(observed.shape[2]):
        if code < BUCKETS_MAX:
            n = observed[t, slot, k, (FIRST_BUCKET + code) * n_observed + f] + BUCKET_PRIOR
            logs[k] += math.log(n * observed[t, slot, k, INVERSE * n_observed + f])
        else:
            logs[k] += log_density(trees, t, slot, k, f, float(v))


@leaf
def _add_bayes(
    trees: Trees, t: int, slot: Any, rows: Rows, row: Any, vote: float, logs: Array, now: Array,
    before: Array, out: Array,
) -> None:  # fmt: skip
    n_classes, n_observed = trees.observed.shape[2], int(trees.params[OBSERVED])
    for direction in range(2):
        for k in range(n_classes):
            logs[k] = 0.0
        bayes(trees, t, slot, n_classes, logs, before)
        for step in range(n_observed):
            f = step if direction == 0 else n_observed - 1 - step
            _observe_one(trees, t, slot, f, rows, row, logs)
            bayes(trees, t, slot, n_classes, logs, now)
            for k in range(n_classes):
                out[row, trees.features[t, slot, f], k] += 0.5 * vote * (now[k] - before[k])
                before[k] = now[k]


@leaf
def _add_path(
    trees: Trees, t: int, counts: Array, rows: Rows, row: Any, vote: float, now: Array, before: Array, out: Array
) -> int:
    """Add what the splits on a row's way move; the leaf's node."""
    d, n_classes = out.shape[1] - 1, out.shape[2]
    node = 0
    _share(counts, node, before)
    for k in range(n_classes):
        out[row, d, k] += vote * before[k]
    feature = trees.nodes[t, 0, FEATURE]
    while feature >= 0:
        side = side_of(trees, t * trees.nodes.shape[1] + node, rows, row * rows.codes.shape[1] + feature)
        node = trees.nodes[t, node, LEFT] + side
        _share(counts, node, now)
        for k in range(n_classes):
            out[row, feature, k] += vote * (now[k] - before[k])
            before[k] = now[k]
        feature = trees.nodes[t, node, FEATURE]
    return node


@kernel
def tree_parts(trees: Trees, roles: Array, skill: Array, rows: Rows, out: Array) -> None:
    """Split the answers of n rows among their features, into ``out``, float64 (n, d + 1, K), zeros before.

    The last is what the trees answer before they see a feature; over all, parts sum up to the class probabilities.
    """
    n_classes = out.shape[2]
    counts = np.zeros((trees.nodes.shape[1], n_classes))
    room = trees.leaves.shape[2] - COUNTS  # as many as are taken at once
    logs, now, before = np.zeros(room), np.zeros(room), np.zeros(room)
    votes = 0.0
    for m in range(len(roles)):
        t = tree_of(roles, m)
        vote = vote_of(skill, t, n_classes)
        votes += vote
        _count_nodes(trees, t, counts)
        for row in range(len(rows.numbers)):
            node = _add_path(trees, t, counts, rows, row, vote, now, before, out)
            slot = trees.nodes[t, node, SLOT]
            if trusts_bayes(trees, t, slot):
                _add_bayes(trees, t, slot, rows, row, vote, logs, now, before, out)
    for row in range(len(rows.numbers)):
        for j in range(out.shape[1]):
            for k in range(n_classes):
                out[row, j, k] /= votes
