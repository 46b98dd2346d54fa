"""Filling a minority up with events between its own."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.kernel import Array, kernel, leaf, uniform
from streamimb.rebalance.base import Sampled
from streamimb.rebalance.buffers import HELD, Rings, make_rings, push
from streamimb.rebalance.features import Features, observe
from streamimb.rebalance.mixing import mix, neighbours_of_all, neighbours_of_class, number_of, others_among
from streamimb.rebalance.sizes import SIZES, count, lacking
from streamimb.rebalance.strategy import Strategy
from streamimb.schema import Schema

#: Rows are made so many lessons at a time, so that memory does not grow with the batch.
LESSONS_AT_ONCE: Final = 8_192
#: Neighbours of any class that tell whether an event is in danger (Han et al. 2005 call them m).
DANGER_NEIGHBOURS: Final = 10
#: Events of a class after which its share in danger has forgotten most; the least share that is made up for.
DANGER_HORIZON_EVENTS: Final = 200
DANGER_SHARE_MIN: Final = 0.05

# Columns of ``danger``: events of a class (decayed), and their share in danger.
EVENTS, SHARE, DANGER = range(3)
# Rows of what a kernel writes, beside the synthetic values.
REAL: Final = -1


class Smote(Strategy):
    """Synthetic events for each class that is small now: x + u (z - x), z one of x's nearest neighbours of its class.

    SMOTE (Chawla et al., JAIR 2002, section 4.2) on a stream: x is the lesson itself, z one of its ``neighbours``
    nearest among the last ``buffer`` lessons of its class, u uniform. There are target w_max / w_k - 1 for each lesson
    of class k, w the decayed weights of the classes, at most ``max_per_event`` (the fraction by chance), so that class
    k comes to ``target`` times the largest one's weight. A synthetic event weighs what its lesson does. Numbers stay
    within the user's bounds, categories and booleans are the commonest among the neighbours' (SMOTE-NC, section 6.1)
    or the lesson's own, ``fixed`` features the lesson's own; they count in distances like others.

    ``borderline``: bool (K,), the classes of which only events in danger are multiplied (see :class:`BorderlineSmote`).

    Memory: 4 d + 10 bytes an event, ``buffer`` events a class.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a"), Feature(name="b", type="boolean")], label=Label(classes=[0, 1]))
    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(1_000) < 0.02).astype(np.int16)
    >>> X = np.stack([rng.normal(3.0 * y), y], axis=1).astype(np.float32)
    >>> out = Smote(schema).sample(X, y, np.arange(1_000), np.ones(1_000))
    >>> np.bincount(y), np.bincount(out.y), np.bincount(out.y[out.synthetic])
    (array([984,  16]), array([984, 166]), array([  0, 150]))
    >>> [f"{a:.2f}" for a in X[y == 1, 0][:2]], [f"{a:.2f}" for a in out.X[out.synthetic, 0][:3]]
    (['0.58', '1.59'], ['1.47', '0.66', '0.76'])
    """

    name = "smote"

    def __init__(
        self, schema: Schema, config: SamplesConfig | None = None, *, seed: int = 1,
        classes: NDArray[np.bool_] | None = None, borderline: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(schema, config or SamplesConfig(), seed=seed, classes=classes)
        n_classes = schema.n_classes
        self._borderline = np.zeros(n_classes, np.bool_) if borderline is None else borderline.copy()
        self._targets = np.where(self.classes, self.config.smote.target, 0.0)
        self._buffers = self._hold(make_rings(n_classes, len(schema.features), self.config.buffer))
        self._sizes = np.zeros((SIZES, n_classes))
        self._danger = np.zeros((n_classes, DANGER))
        self._arrays |= {"sizes": self._sizes, "danger": self._danger}

    def _sample(self, X: Array, y: Array, events: Array, weights: Array) -> Sampled:
        own, m = self.config.smote, len(y)
        parts, start = [], 0
        room = 2 * min(m, LESSONS_AT_ONCE) + own.max_per_event + 1
        while start < m:
            rows = np.empty((room, 2), np.int64)
            made = np.empty((room, X.shape[1]), np.float32)
            start, r, s = _fill_up(
                X, y, events, weights, start, self._seed, self._targets, self._borderline, own.neighbours,
                own.max_per_event, own.categorical == "vote", self.config.decay, self._features, self._buffers,
                self._sizes, self._danger, rows, made,
            )  # fmt: skip
            parts.append((rows[:r], made[:s]))
        rows = np.concatenate([r for r, _ in parts]) if parts else np.zeros((0, 2), np.int64)
        origin, synthetic = rows[:, 0].copy(), rows[:, 1] != REAL
        values = X[origin]
        numbers = events[origin]
        numbers[synthetic] = rows[synthetic, 1]
        if parts:
            values[synthetic] = np.concatenate([s for _, s in parts])
        return Sampled(values, y[origin], weights[origin], origin, synthetic, numbers)


@kernel
def _fill_up(
    X: Array, y: Array, events: Array, weights: Array, start: int, seed: int, targets: Array, borderline: Array,
    neighbours: int, most: int, votes: bool, decay: float, features: Features, rings: Rings, sizes: Array,
    danger: Array, rows: Array, made: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Write rows (origin; REAL or a synthetic event's number) and the synthetic ones' values until either is full.

    Returns the lesson to go on with, the rows and the synthetic ones written.
    """
    distance = np.empty(rings.events.shape[1])
    best = np.empty((neighbours, 3))
    around = np.empty((DANGER_NEIGHBOURS, 3))
    r, s = 0, 0
    for i in range(start, len(y)):
        if r + most >= len(rows):
            return i, r, s
        rows[r, 0], rows[r, 1] = i, REAL
        r += 1
        k, w, event = int(y[i]), weights[i], events[i]
        if w <= 0.0:
            continue
        observe(features, X, i)
        count(sizes, k, w, decay)
        wanted = lacking(sizes, k, targets[k])
        if wanted > 0.0 and rings.marks[k, HELD] > 0:
            if borderline[k]:
                wanted *= _in_danger(features, X, i, k, rings, distance, around, danger)
            copies = int(min(wanted, float(most)) + uniform(seed, event, 0))
            if copies > 0:
                found = neighbours_of_class(features, X, i, k, rings, distance, best)
                for number in range(min(copies, most)):
                    mix(features, X, i, rings, best, found, votes, seed, event, number, made, s)
                    rows[r, 0], rows[r, 1] = i, number_of(event, number)
                    r += 1
                    s += 1
        push(rings, k, X, i, event, k)
    return len(y), r, s


@leaf
def _in_danger(
    features: Features, X: Array, i: int, k: int, rings: Rings, distance: Array, around: Array, danger: Array
) -> Any:
    """0 for a safe or lost event, for one in danger by how much it stands for the others; 1 while buffers are small."""
    held = rings.marks[k, HELD]
    if held < DANGER_NEIGHBOURS:
        return 1.0
    found = neighbours_of_all(features, X, i, held, rings, distance, around)
    others = others_among(around, found, k)
    hit = 1.0 if 2 * others >= found and others < found else 0.0
    n = danger[k, EVENTS] * (1.0 - 1.0 / DANGER_HORIZON_EVENTS) + 1.0
    danger[k, EVENTS] = n
    danger[k, SHARE] += (hit - danger[k, SHARE]) / n
    return hit / max(danger[k, SHARE], DANGER_SHARE_MIN)
