"""A bounded memory of recent mature events: the last positives, and others evenly spread over the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array, leaf, uniform

#: Events remembered of the positive class, and of the others.
POSITIVES_MAX: Final = 256
OTHERS_MAX: Final = 768
#: How fast the spacing of the others follows the share of positives: its weight of the past, an event.
FOLLOW: Final = 0.999
#: The share is never taken for less, so that some others are kept while no positive comes.
SHARE_MIN: Final = 1e-4
#: The draws of this memory belong to no member of an ensemble.
DRAWS: Final = 1 << 24

# Marks, int64 (MARKS,): events seen, others seen, positives and others that entered.
SEEN, OTHERS, POSITIVE, OTHER, MARKS = 0, 1, 2, 3, 4


@leaf
def feed(
    X: Array, slots: Array, y: Array, positive: int, rings: Array, facts: Array, marks: Array, pace: Array, seed: int
) -> None:
    """Remember the events X[slots]: rings float32 (2, n, d), others and positives; facts int64 (2, n), others seen."""
    ratio = OTHERS_MAX / POSITIVES_MAX
    for i in range(len(y)):
        which = 1 if y[i] == positive else 0
        pace[0] = FOLLOW * pace[0] + which
        pace[1] = FOLLOW * pace[1] + 1.0
        share = max(pace[0] / pace[1], SHARE_MIN)
        marks[SEEN] += 1
        size = POSITIVES_MAX if which else OTHERS_MAX
        if which == 0:
            marks[OTHERS] += 1
            if uniform(seed, marks[SEEN], DRAWS) >= ratio * share / (1.0 - share + 1e-12):
                continue
        at = marks[POSITIVE if which else OTHER] % size
        for j in range(X.shape[1]):
            rings[which, at, j] = X[slots[i], j]
        facts[which, at] = marks[OTHERS]
        marks[POSITIVE if which else OTHER] += 1


@dataclass(frozen=True, slots=True)
class Sample:
    """n remembered events: X float32 (n, d), others first; is_positive bool (n,); weight float64 (n,), how many events
    of the stream each stands for.
    """

    X: NDArray[np.float32]
    is_positive: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def thinned(self, n: int) -> Sample:
        """About n events, the newest of each class, that stand for as many of the stream together."""
        if len(self.X) <= n:
            return self
        rows, weight = [], []
        for of in (~self.is_positive, self.is_positive):
            all_of = np.flatnonzero(of)
            kept = all_of[-max(len(all_of) * n // len(self.X), 1) :]
            rows.append(kept)
            weight.append(np.full(len(kept), self.weight[all_of].sum() / max(len(kept), 1)))
        chosen = np.concatenate(rows)
        return Sample(self.X[chosen], self.is_positive[chosen], np.concatenate(weight))


class Recent:
    """Remembers mature events, at most POSITIVES_MAX and OTHERS_MAX of them; seed: which others."""

    def __init__(self, n_features: int, positive: int, *, seed: int = 1) -> None:
        self._positive, self._seed = positive, seed
        self._rings = np.zeros((2, max(POSITIVES_MAX, OTHERS_MAX), n_features), np.float32)
        self._facts = np.zeros((2, max(POSITIVES_MAX, OTHERS_MAX)), np.int64)
        self._marks, self._pace = np.zeros(MARKS, np.int64), np.zeros(2)

    @property
    def positives_seen(self) -> int:
        return int(self._marks[POSITIVE])

    def update(self, X: NDArray[np.float32], slots: NDArray[np.int64], y: NDArray[np.int16]) -> None:
        """Take mature events, rows ``slots`` of X, in event-time order; y: int16 (m,)."""
        feed(X, slots, y, self._positive, self._rings, self._facts, self._marks, self._pace, self._seed)

    def sample(self) -> Sample:
        """What is remembered, oldest first within others and within positives."""
        positives, others = (self._in_order(which) for which in (1, 0))
        since = 0
        if self._marks[POSITIVE] > POSITIVES_MAX:  # others from before the oldest positive are of another time
            since = int(self._facts[1, positives[0]])
            others = others[self._facts[0, others] > since]
        weight = np.ones(len(others) + len(positives))
        weight[: len(others)] = (self._marks[OTHERS] - since) / max(len(others), 1)
        X = np.concatenate([self._rings[0, others], self._rings[1, positives]])
        return Sample(X, np.arange(len(X)) >= len(others), weight)

    def _in_order(self, which: int) -> NDArray[np.int64]:
        size, entered = (POSITIVES_MAX, POSITIVE) if which else (OTHERS_MAX, OTHER)
        last = int(self._marks[entered])
        return np.arange(max(last - size, 0), last) % size
