"""Weighing down minority labels that the events around them speak against."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.kernel import Array, kernel, leaf
from streamimb.rebalance.base import Sampled
from streamimb.rebalance.buffers import HELD, Rings, make_rings, nearest, push
from streamimb.rebalance.features import Features, distances, observe
from streamimb.rebalance.mixing import others_among
from streamimb.rebalance.sizes import COUNTS, SIZES, count, largest
from streamimb.rebalance.strategy import Strategy, weighed
from streamimb.schema import Schema

#: A class is a minority here below this share of the largest one's events.
MINORITY_SHARE: Final = 0.5
#: Events of a class after which its share of suspects has forgotten most.
SUSPECTS_HORIZON_EVENTS: Final = 100

#: With company of so large a share, suspects or not, an event is no suspect.
COMPANY_SHARE: Final = 0.5
#: Stands in a buffer for the class of an event under suspicion.
SUSPECT: Final = -1

# Columns of ``suspicion``: events of a class asked about (decayed), and their share of suspects.
EVENTS, SHARE, SUSPICION = range(3)


class Clean(Strategy):
    """Lessons of a small class whose nearest buffered neighbours are nearly all of other classes weigh ``weight``.

    Edited nearest neighbours (Wilson, IEEE Trans. SMC 1972) on the last ``buffer`` lessons of each class: a label is
    suspicious where ``disagree`` or more of its ``neighbours`` nearest are of other classes. Two things are changed for
    a stream. Suspects are buffered but do not speak for others, since wrong labels would vouch for each other. And it
    takes more than half of the nearest, suspects among them, to be of other classes: a minority that has moved is
    dense where it is now, and believed again as soon as it has company. A class is asked about while its buffer and the
    others' hold as many as there are neighbours, and while no more than ``suspects_max`` of its lessons are suspicious.

    ``suspects`` counts what was weighed down. Memory: 4 d + 10 bytes an event, ``buffer`` events a class.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(4_000) < 0.05).astype(np.int16)
    >>> X = rng.normal(6.0 * y)[:, None].astype(np.float32)
    >>> X[-1], y[-1] = 0.0, 1
    >>> clean = Clean(schema)
    >>> clean.sample(X, y, np.arange(4_000), np.ones(4_000)).weights[-1].tolist(), clean.suspects
    (0.0, array([0, 1]))
    """

    name = "clean"

    def __init__(
        self, schema: Schema, config: SamplesConfig | None = None, *, seed: int = 1,
        classes: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(schema, config or SamplesConfig(), seed=seed, classes=classes)
        n_classes = schema.n_classes
        self._buffers = self._hold(make_rings(n_classes, len(schema.features), self.config.buffer))
        self._sizes = np.zeros((SIZES, n_classes))
        self._suspicion = np.zeros((n_classes, SUSPICION))
        self._suspects = np.zeros(n_classes, np.int64)
        self._arrays |= {"sizes": self._sizes, "suspicion": self._suspicion, "suspects": self._suspects}

    @property
    def suspects(self) -> NDArray[np.int64]:
        """Lessons of each class that were weighed down so far, int64 (K,)."""
        return self._suspects.copy()

    def _sample(self, X: Array, y: Array, events: Array, weights: Array) -> Sampled:
        own, out = self.config.cleaning, np.empty(len(y))
        _suspect(
            X, y, events, weights, self.classes, own.neighbours, own.disagree, own.weight, own.suspects_max,
            self.config.decay, self._features, self._buffers, self._sizes, self._suspicion, self._suspects, out,
        )  # fmt: skip
        return weighed(X, y, events, out)


@kernel
def _suspect(
    X: Array, y: Array, events: Array, weights: Array, classes: Array, neighbours: int, disagree: float,
    factor: float, suspects_max: float, decay: float, features: Features, rings: Rings, sizes: Array,
    suspicion: Array, suspects: Array, out: Array,
) -> None:  # fmt: skip
    """Write each lesson's weight to out, float64 (m,)."""
    distance = np.empty(rings.events.shape[1])
    best = np.empty((neighbours, 3))
    for i in range(len(y)):
        k, w = int(y[i]), weights[i]
        out[i] = w
        if w <= 0.0:
            continue
        observe(features, X, i)
        count(sizes, k, w, decay)
        small = sizes[COUNTS, k] < MINORITY_SHARE * sizes[COUNTS, largest(sizes)]
        label = k
        if classes[k] and small and _can_tell(rings, k, neighbours):
            odd = _others(features, X, i, k, rings, distance, best, False) >= disagree
            odd = odd and _others(features, X, i, k, rings, distance, best, True) > COMPANY_SHARE
            n = suspicion[k, EVENTS] * (1.0 - 1.0 / SUSPECTS_HORIZON_EVENTS) + 1.0
            suspicion[k, EVENTS] = n
            suspicion[k, SHARE] += ((1.0 if odd else 0.0) - suspicion[k, SHARE]) / n
            if odd and suspicion[k, SHARE] <= suspects_max:
                out[i] = w * factor
                suspects[k] += 1
                label = SUSPECT
        push(rings, k, X, i, events[i], label)


@leaf
def _can_tell(rings: Rings, k: int, neighbours: int) -> bool:
    """Whether class k's buffer and the others' hold as many events as are asked."""
    others = 0
    for ring in range(len(rings.marks)):
        others += rings.marks[ring, HELD] if ring != k else 0
    return bool(rings.marks[k, HELD] >= neighbours and others >= neighbours)


@leaf
def _others(
    features: Features, X: Array, i: int, k: int, rings: Rings, distance: Array, best: Array, suspects: bool
) -> Any:
    """Share of other classes among the nearest buffered events of row i, with or without those under suspicion."""
    found = 0
    for ring in range(len(rings.marks)):
        held = rings.marks[ring, HELD]
        distances(features, X, i, rings.values, ring, held, distance)
        if not suspects:
            for b in range(held):
                distance[b] = np.inf if rings.labels[ring, b] == SUSPECT else distance[b]
        found = nearest(distance, held, ring, best, found)
    return others_among(best, found, k) / max(found, 1)
