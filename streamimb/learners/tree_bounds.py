"""Bounds from above on what a cut gains, several times cheaper than the gain itself.

What a cut leaves of entropy is a sum of concave terms, which linear interpolation in a table bounds from below, without
logarithms. Cheaper yet is a bound by the variance of the classes' shares.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, leaf, part
from streamimb.lanes import WIDTH
from streamimb.learners.tree_layout import ALL, BOUNDS, BRANCH_MIN, CLASS_START, CLASS_STEP, LEFTS, SHARES

#: Steps of the table of -p log2 p over [0, 1].
TERM_STEPS: Final = 1024
#: Beyond so many standard deviations a class has nothing.
PHI_REACH: Final = 4.0
#: What the normal distribution's error may take from a bound, for each class, in bits.
SLACK: Final = 1e-4
#: The same of the variance of the classes' shares.
VARIANCE_SLACK: Final = 4e-6
#: 1 / ln 2.
BITS: Final = 1.4426950408889634


def _terms() -> Array:
    p = np.arange(1, TERM_STEPS + 1) / TERM_STEPS
    return np.concatenate([[0.0], -p * np.log2(p), [0.0]])


TERMS: Final = _terms()


@leaf
def term(p: float) -> Any:
    """At most -p log2 p, for p in [0, 1], and nearly that.

    >>> round(term(0.5), 6), 0.0 < term(0.001) < 0.009966  # -p log2 p is 0.0099658
    (0.5, True)
    """
    place = p * TERM_STEPS
    i = np.uint64(place)
    return TERMS[i] + (place - i) * (TERMS[i + np.uint64(1)] - TERMS[i])


@part
def normal(z: float) -> Any:
    """The normal distribution's share below z, to 2e-7; 0 or 1 beyond PHI_REACH (Abramowitz, Stegun 1964, 7.1.28).

    No table and no branch: a loop over cuts takes several at once.

    >>> round(normal(0.0), 6), round(normal(1.0), 5), normal(-5.0), normal(5.0)
    (0.5, 0.84134, 0.0, 1.0)
    """
    x = abs(z) * 0.7071067811865476
    p = 1.0 + x * (0.0705230784 + x * (0.0422820123 + x * (0.0092705272 + x * (
        0.0001520143 + x * (0.0002765672 + x * 0.0000430638)))))  # fmt: skip
    p = p * p
    p = p * p
    p = p * p
    beyond = 0.5 / (p * p)
    beyond = 0.0 if x >= PHI_REACH * 0.7071067811865476 else beyond
    return 1.0 - beyond if z > 0.0 else beyond


@leaf
def left_entropy(work: Array, lefts: int, n_classes: int, left: float, right: float) -> float:
    """At most the scaled entropy of both sides of a cut, whose left classes are in the row ``lefts`` of ``work``."""
    to_left = 1.0 / left if left > 0.0 else 0.0
    to_right = 1.0 / right if right > 0.0 else 0.0
    on_left = on_right = 0.0
    for k in range(n_classes):
        n = work[lefts, k]
        on_left += term(min(n * to_left, 1.0))
        on_right += term(min(max(work[ALL, k] - n, 0.0) * to_right, 1.0))
    return left * on_left + right * on_right


@leaf
def share_left(work: Array, n_classes: int, c: float) -> float:
    """What a feature's c-th candidate sends left of each class, into ``work[SHARES]``, and of all.

    In ``work``: each class's weight, the place of candidate 0 in its standard deviations, and the step to the next.
    """
    left = 0.0
    for k in range(n_classes):
        n = work[ALL, k]
        work[SHARES, k] = n * normal(work[CLASS_START, k] + c * work[CLASS_STEP, k]) if n > 0.0 else 0.0
        left += work[SHARES, k]
    return left


@leaf
def bound_cuts(work: Array, n_classes: int, candidates: int, total: float) -> None:
    """At most what each candidate of a feature gains, in bits, into ``work[BOUNDS]``.

    0 for a cut too uneven to be made. In ``work`` is what ``share_left`` reads; total: the weight of all classes.

    The gain is the mean over classes of the divergence of the class's share on the left, x, from that of all, q. Over
    (x - q)^2 it is convex in x, hence largest for x = 0 or 1, where it is -(1 - m) ln(1 - m) / m over q (1 - q), m the
    smaller of q and 1 - q; and that is below 1 - m / 2 - m^2 / 6.
    """
    size = np.uint64((candidates + WIDTH - 1) // WIDTH * WIDTH)  # a processor takes as many at once
    for c in range(size):
        work[LEFTS, c] = 0.0
        work[BOUNDS, c] = 0.0
    for k in range(n_classes):
        n, start, step = work[ALL, k], work[CLASS_START, k], work[CLASS_STEP, k]
        if n > 0.0:
            for c in range(size):
                share = normal(start + (float(c) + 1.0) * step)
                work[LEFTS, c] += n * share
                work[BOUNDS, c] += n * share * share
    one = 1.0 / total
    for c in range(size):
        q = work[LEFTS, c] * one
        m = min(q, 1.0 - q)
        variance = max(work[BOUNDS, c] * one - q * q, 0.0) + VARIANCE_SLACK
        most = BITS * (1.0 - m * (0.5 + m / 6.0)) * variance / (q * (1.0 - q))
        work[BOUNDS, c] = most if m >= 0.99 * BRANCH_MIN else 0.0
