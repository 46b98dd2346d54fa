"""How a synthetic event is made of an event and a neighbour of its class: kernels of the SMOTE strategies."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamimb.kernel import Array, leaf, mix64, uniform
from streamimb.rebalance.base import SYNTHETIC_EVENT_MIN
from streamimb.rebalance.buffers import HELD, Rings, nearest
from streamimb.rebalance.features import NUMERIC, Features, distances


@leaf
def neighbours_of_class(
    features: Features, X: Array, i: int, k: int, rings: Rings, distance: Array, best: Array
) -> int:
    """Find row i's nearest buffered events of class k into ``best``, float64 (neighbours, 3); how many there are."""
    held = rings.marks[k, HELD]
    distances(features, X, i, rings.values, k, held, distance)
    return int(nearest(distance, held, k, best, 0))


@leaf
def neighbours_of_all(
    features: Features, X: Array, i: int, most: int, rings: Rings, distance: Array, best: Array
) -> int:
    """The same over up to ``most`` events of each class."""
    found = 0
    for ring in range(len(rings.marks)):
        held = min(rings.marks[ring, HELD], most)
        distances(features, X, i, rings.values, ring, held, distance)
        found = nearest(distance, held, ring, best, found)
    return found


@leaf
def others_among(best: Array, found: int, k: int) -> int:
    """How many of the events in ``best`` are not of class k."""
    others = 0
    for a in range(found):
        others += best[a, 1] != k
    return others


@leaf
def mix(
    features: Features, X: Array, i: int, rings: Rings, best: Array, found: int, votes: bool, seed: int, event: int,
    number: int, out: Array, at: int,
) -> None:  # fmt: skip
    """Write synthetic event ``number`` of row i to out[at]: on the line to one of its ``found`` neighbours.

    A value that the event lacks stays missing, one that the neighbour lacks is the event's own.
    """
    chosen = min(int(uniform(seed, event, 1 + 2 * number) * found), found - 1)
    gap = uniform(seed, event, 2 + 2 * number)
    ring, place = int(best[chosen, 1]), int(best[chosen, 2])
    for j in range(X.shape[1]):
        own = X[i, j]
        out[at, j] = own
        if features.fixed[j] or np.isnan(own):
            continue
        if features.kinds[j] == NUMERIC:
            base, other = np.float64(own), np.float64(rings.values[ring, j, place])
            value = base if np.isnan(other) else base + gap * (other - base)
            out[at, j] = min(max(value, features.bounds[0, j]), features.bounds[1, j])
        elif votes:
            out[at, j] = _vote(own, rings, j, best, found)


@leaf
def _vote(own: Any, rings: Rings, j: int, best: Array, found: int) -> Any:
    """The commonest of an event's and its neighbours' categories; the event's own, else the nearest's, where tied."""
    winner, most = own, 0
    for a in range(-1, found):
        value = own if a < 0 else rings.values[int(best[a, 1]), j, int(best[a, 2])]
        if np.isnan(value):
            continue
        votes = 1 if value == own else 0
        for b in range(found):
            votes += rings.values[int(best[b, 1]), j, int(best[b, 2])] == value
        if votes > most:
            winner, most = value, votes
    return winner


@leaf
def number_of(event: int, number: int) -> Any:
    """The number to which draws for a synthetic event belong, from SYNTHETIC_EVENT_MIN on."""
    mixed = mix64(np.uint64(event) + mix64(np.uint64(number + 1)))
    return np.int64(mixed >> np.uint64(2)) + SYNTHETIC_EVENT_MIN
