"""Permutation importance for the positive class: what PR-AUC falls by when one feature tells nothing.

Breiman 2001, section 10, on average precision. A feature's values are replaced by those of other events, each drawn
as often as it is in the stream, so that what is kept in plenty of a rare class does not distort it. The interval is of
a Bayesian bootstrap over events (Rubin 1981), the replaced and the true scores drawn together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.explain.recent import Sample
from streamimb.kernel import Array, kernel, leaf, uniform

#: Replacements of a feature that are averaged, replicates of the bootstrap, and fewest events of either class.
REPEATS: Final = 3
REPLICATES: Final = 200
EVENTS_MIN: Final = 10

Floats = NDArray[np.float64]
Predict = Callable[[NDArray[np.float32]], Floats]


@dataclass(frozen=True, slots=True)
class Importance:
    """Of d features what PR-AUC falls by without each, (d, 3): value, low, high; ``area``: PR-AUC with all of them."""

    drops: Floats
    area: float
    events: int
    positives: int


def importance(
    score: Predict, sample: Sample, *, seed: int = 1, repeats: int = REPEATS, replicates: int = REPLICATES,
    confidence: float = 0.95,
) -> Importance | None:  # fmt: skip
    """Permutation importance on a sample; None where it holds fewer than EVENTS_MIN events of either class.

    score: float64 (n,) from float32 (n, d), the higher the likelier positive. Same sample and seed, same result.

    >>> X = np.random.default_rng(1).normal(size=(400, 2)).astype(np.float32)
    >>> found = importance(lambda X: X[:, 0].astype(float), Sample(X, X[:, 0] > 1, np.ones(400)))
    >>> [bool(low > 0) for _, low, _ in found.drops]
    [True, False]
    """
    X, y = sample.X, sample.is_positive
    positives = int(y.sum())
    if min(positives, len(y) - positives) < EVENTS_MIN:
        return None
    d = X.shape[1]
    scores = np.empty((1 + repeats * d, len(X)))
    scores[0] = score(X)
    donors = np.empty((repeats, len(X)), np.int64)
    draw_donors(np.cumsum(sample.weight), seed, donors)
    for j in range(d):
        for r in range(repeats):
            replaced = X.copy()
            replaced[:, j] = X[donors[r], j]
            scores[1 + j * repeats + r] = score(replaced)
    order = np.argsort(-scores, axis=1, kind="stable")
    areas = np.empty((replicates + 1, len(scores)))
    measure(order, scores, y, sample.weight, seed, areas)
    fall = areas[:, :1] - areas[:, 1:].reshape(replicates + 1, d, repeats).mean(axis=2)
    tail = (1 - confidence) / 2
    low, high = np.quantile(fall[1:], [tail, 1 - tail], axis=0)
    drops = np.stack([fall[0], np.minimum(low, fall[0]), np.maximum(high, fall[0])], axis=1)
    return Importance(drops, float(areas[0, 0]), len(X), positives)


@leaf
def draw_donors(cumulated: Array, seed: int, donors: Array) -> None:
    """Of each event, whose value it gets: int64 (repeats, n); cumulated: float64 (n,), the sums of the weights."""
    n = len(cumulated)
    for r in range(len(donors)):
        for i in range(n):
            u = uniform(seed, i, r) * cumulated[n - 1]
            low, high = 0, n - 1
            while low < high:
                middle = (low + high) // 2
                if cumulated[middle] <= u:
                    low = middle + 1
                else:
                    high = middle
            donors[r, i] = low


@leaf
def _area(order: Array, score: Array, y: Array, weight: Array) -> float:
    """Weighted average precision; events of one score count together."""
    total, hits, seen, area, gained = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(order)):
        at = order[i]
        seen += weight[at]
        if y[at]:
            hits += weight[at]
            gained += weight[at]
        if i + 1 == len(order) or score[order[i + 1]] != score[at]:
            area += gained * hits / seen if seen > 0.0 else 0.0
            total += gained
            gained = 0.0
    return area / total if total > 0.0 else 0.0


@kernel
def measure(order: Array, scores: Array, y: Array, weight: Array, seed: Any, out: Array) -> None:
    """Areas of s scores (s, n) in the sample, then in replicates of it: float64 (1 + replicates, s)."""
    drawn = weight.copy()
    for r in range(len(out)):
        if r > 0:
            for i in range(len(weight)):
                drawn[i] = -np.log(1.0 - uniform(seed, i, 1_000 + r)) * weight[i]
        for s in range(len(scores)):
            out[r, s] = _area(order[s], scores[s], y, drawn)
