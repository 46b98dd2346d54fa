"""How a forest carries out a tape: each member in turn over all of it, so that its arrays stay near; votes add up.

Online bagging (Oza, Russell 2001) with each lesson's weight in the Poisson draw (OOB, UOB: Wang, Minku, Yao, TKDE 2015)
and its mean raised (leveraging bagging: Bifet, Holmes, Pfahringer, ECML 2010); background trees (adaptive random
forests: Gomes et al., Machine Learning 2017).
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from streamimb.kernel import Array, leaf, part, uniform
from streamimb.learners.base import PREDICT
from streamimb.learners.forest_drift import DRIFTED, NOTHING, forget, watch
from streamimb.learners.tree_growth import plant
from streamimb.learners.tree_kernels import answer, learn, route
from streamimb.learners.tree_layout import DRIFT, LAMBDA, MEMORY, SEED, WARNING, Rows, Scratch, Trees

# Columns of ``roles``, int64 (M, ROLE_COLUMNS): which of a member's two trees answers, whether the other one grows in
# the background, and how many warnings and drifts there were.
ACTIVE, GROWING, WARNINGS, DRIFTS = 0, 1, 2, 3
ROLE_COLUMNS: Final = 4

# Columns of ``skill``, float64 (T, 1 + 2 K): the mean recall of the classes seen, then each class's recall and lessons.
SKILL, RECALL = 0, 1


class Steps(NamedTuple):
    """A tape for kernels: as ``Tape`` has it; each lesson's weight and the chance that none is drawn, float64 (t,)."""

    rows: Array
    kinds: Array
    events: Array
    weights: Array
    none: Array


#: A draw's mean is at most this; beyond it the draw is scaled up.
POISSON_MEAN_MAX: Final = 30.0
#: No member's vote counts for less.
VOTE_MIN: Final = 0.01


@part
def mean_drawn(mean: float) -> float:
    """The mean of the draw that is made for one: not above POISSON_MEAN_MAX."""
    return mean / max(mean / POISSON_MEAN_MAX, 1.0)


@leaf
def chances_of_none(kinds: Array, weights: Array, params: Array, out: Array) -> None:
    """The probability that a member's draw is 0, for each lesson of a tape, once for all members."""
    for i in range(len(kinds)):
        if kinds[i] != PREDICT:
            out[i] = math.exp(-mean_drawn(weights[i] * params[LAMBDA]))


@part
def poisson(mean: float, none: float, u: float) -> float:
    """The Poisson number of which ``u`` in [0, 1) is the quantile; above POISSON_MEAN_MAX, one of that mean scaled up.

    none: the probability of 0.

    >>> [poisson(1.0, math.exp(-1.0), u) for u in (0.0, 0.5, 0.9, 0.99)]
    [0.0, 1.0, 2.0, 4.0]
    """
    if u < none:
        return 0.0
    drawn, p, total, k = mean_drawn(mean), none, none, 0.0
    while u >= total and p > 1e-18:
        k += 1.0
        p *= drawn / k
        total += p
    return k * (mean / drawn)


@part
def tree_of(roles: Array, m: int) -> Any:
    """The number of the tree that answers for a member."""
    return m + len(roles) * roles[m, ACTIVE]


@part
def judge(skill: Array, t: int, y: int, right: float, n_classes: int, memory: float) -> None:
    """Keep each class's recall, decayed by its own lessons, and the mean over the classes seen."""
    seen = skill[t, RECALL + n_classes + y] + 1.0
    skill[t, RECALL + n_classes + y] = min(seen, memory)
    skill[t, RECALL + y] += (right - skill[t, RECALL + y]) / min(seen, memory)
    total, classes = 0.0, 0.0
    for k in range(n_classes):
        if skill[t, RECALL + n_classes + k] > 0.0:
            total += skill[t, RECALL + k]
            classes += 1.0
    skill[t, SKILL] = total / classes


@part
def vote_of(skill: Array, t: int, n_classes: int) -> Any:
    """What a tree's vote counts: how far its mean recall is above chance."""
    return max((skill[t, SKILL] * n_classes - 1.0) / (n_classes - 1.0), VOTE_MIN)


@leaf
def _start(trees: Trees, skill: Array, t: int) -> None:
    plant(trees, t)
    for c in range(skill.shape[1]):
        skill[t, c] = 0.0


@leaf
def plant_forest(trees: Trees, roles: Array, skill: Array, window: Array) -> None:
    """A forest that has learned nothing."""
    for t in range(len(trees.sizes)):
        _start(trees, skill, t)
    for m in range(len(roles)):
        for c in range(ROLE_COLUMNS):
            roles[m, c] = 0
        forget(window, m)


@leaf
def _react(trees: Trees, roles: Array, skill: Array, window: Array, m: int, found: int) -> None:
    """A warning starts a tree in the background, which a drift puts in the old one's place."""
    other = m + len(roles) * (1 - roles[m, ACTIVE])
    if found == DRIFTED:
        roles[m, DRIFTS] += 1
        if roles[m, GROWING] == 0:
            _start(trees, skill, other)
        roles[m, ACTIVE] = 1 - roles[m, ACTIVE]
        roles[m, GROWING] = 0
        forget(window, m)
    elif roles[m, GROWING] == 0:
        roles[m, WARNINGS] += 1
        roles[m, GROWING] = 1
        _start(trees, skill, other)


@part
def _is_top(P: Array, y: int, n_classes: int) -> float:
    """Whether class y is the first of the likeliest."""
    for k in range(n_classes):
        if P[k] > P[y] or (P[k] == P[y] and k < y):
            return 0.0
    return 1.0


@part
def _drawn(params: Array, m: int, tape: Steps, i: int) -> Any:
    """The weight with which a member learns a tape's i-th operation."""
    weight = tape.weights[i]
    if weight <= 0.0 or params[LAMBDA] <= 0.0:
        return weight
    u = uniform(int(params[SEED]), tape.events[i], m)
    return poisson(weight * params[LAMBDA], tape.none[i], u) / params[LAMBDA]


@part
def _lesson(
    m: int, t: int, node: int, guess: int, trees: Trees, roles: Array, skill: Array, window: Array, rows: Rows,
    row: int, y: int, w: float, scratch: Scratch,
) -> None:  # fmt: skip
    """Learn one row with weight w > 0: the member's tree, the one in its background, its skill, its watch."""
    n_classes, params = trees.observed.shape[2], trees.params
    right = _is_top(scratch.votes, y, n_classes)
    judge(skill, t, y, right, n_classes, params[MEMORY])
    learn(trees, t, node, rows, row, y, w, guess, n_classes, scratch)
    if params[DRIFT] <= 0.0:
        return
    if roles[m, GROWING] == 1:
        other = m + len(roles) * (1 - roles[m, ACTIVE])
        node = route(trees, other, rows, row)
        guess = answer(trees, other, node, rows, row, scratch)
        judge(skill, other, y, _is_top(scratch.votes, y, n_classes), n_classes, params[MEMORY])
        learn(trees, other, node, rows, row, y, w, guess, n_classes, scratch)
    found = watch(window, m, 1.0 - right, w, params[WARNING], params[DRIFT])
    if found != NOTHING:
        _react(trees, roles, skill, window, m, found)


@leaf
def run_member(
    m: int, trees: Trees, roles: Array, skill: Array, window: Array, rows: Rows, y: Array, tape: Steps,
    scratch: Scratch, out: Array, plane: int,
) -> None:  # fmt: skip
    """Let one member carry out a whole tape and add its votes to ``out[plane]``, float64 (predicted, K).

    A lesson that it does not draw costs no more than the draw: the tree, its skill and its watch do not hear of it.
    """
    votes, n_classes = scratch.votes, trees.observed.shape[2]
    j = 0
    w = 0.0
    node, guess, known = 0, 0, -1  # what the last operation found out, if that was a prediction of this row
    for i in range(len(tape.rows)):
        t = tree_of(roles, m)
        row = tape.rows[i]
        if tape.kinds[i] != PREDICT:
            w = _drawn(trees.params, m, tape, i)
            if w <= 0.0:
                known = -1
                continue
        if known != row:
            node = route(trees, t, rows, row)
            guess = answer(trees, t, node, rows, row, scratch)
        if tape.kinds[i] == PREDICT:
            vote = vote_of(skill, t, n_classes)
            for k in range(n_classes):
                out[plane, j, k] += vote * votes[k]
            j += 1
            known = row
            continue
        known = -1
        _lesson(m, t, node, guess, trees, roles, skill, window, rows, row, y[row], w, scratch)


@leaf
def run_members(
    first: int, last: int, trees: Trees, roles: Array, skill: Array, window: Array, rows: Rows, y: Array, tape: Steps,
    scratch: Scratch, out: Array,
) -> None:  # fmt: skip
    """Let the members from ``first`` to before ``last`` carry out a whole tape, one after the other.

    out: float64 (1, predicted, K), to which all add their votes, or with a plane for each of these members.
    """
    for m in range(first, last):
        plane = min(m - first, len(out) - 1)
        run_member(m, trees, roles, skill, window, rows, y, tape, scratch, out, plane)


@leaf
def add_votes(votes: Array, out: Array) -> None:
    """Add members' votes, float64 (M, predicted, K), in their order to those of the members before, ``out[0]``."""
    for m in range(len(votes)):
        for j in range(votes.shape[1]):
            for k in range(votes.shape[2]):
                out[0, j, k] += votes[m, j, k]


@leaf
def normalise(out: Array) -> None:
    """Votes to probabilities, row by row of ``out[0]``."""
    for i in range(out.shape[1]):
        total = 0.0
        for k in range(out.shape[2]):
            total += out[0, i, k]
        for k in range(out.shape[2]):
            out[0, i, k] /= total
