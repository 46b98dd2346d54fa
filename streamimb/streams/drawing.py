"""How a chunk of events is drawn: classes, concepts, features, then what happens to the labels.

Each of these has random numbers of its own in every chunk, so that, for instance, a stream with label noise has the
same events as the one without.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL
from streamimb.durations import UNITS_US
from streamimb.streams.delays import NEVER
from streamimb.streams.families import VERSION, Family, Labels, Rows, generator
from streamimb.streams.spec import Spec

#: Events are drawn so many at once.
CHUNK_EVENTS: Final = 8_192
#: 2024-01-01, in microseconds since 1970: when every stream begins.
START_US: Final = 1_704_067_200_000_000
#: Small islands of rare positive events in each concept.
ISLANDS: Final = 5
#: How much of a rare event is its island; of a borderline one its own class, at least and at most.
ISLAND_PART: Final = 0.9
BORDER_PART: Final = (0.25, 0.5)

#: Which random numbers: the word before the chunk's.
_CLASS, _MIX, _FEATURES, _DIFFICULT, _ISLAND, _MISSING, _TIME, _NOISE, _DELAY = range(9)


class Drawing:
    """Chunks of one stream, each from the seed and its number alone."""

    def __init__(self, spec: Spec, n: int, seed: int) -> None:
        self._spec, self._n, self._seed = spec, n, seed
        self._family: Family = spec.family_of(seed)
        self._names = self._family.class_names
        self._numeric = np.array([f.type == "numeric" for f in self._family.features])
        self._noise = np.array(spec.noise.of(self._names))
        self._delays = spec.delay.of(self._names)

    def chunk(self, i: int) -> dict[str, NDArray[Any]]:
        """Arrays of CHUNK_EVENTS events, by the names of :class:`streamimb.streams.Stream`."""
        at = np.arange(i * CHUNK_EVENTS, (i + 1) * CHUNK_EVENTS, dtype=np.int64)
        present = self._spec.classes.present(at, self._names)
        y = self._classes(i, at, present)
        concept = self._concepts(i, at, y)
        X = self._features(i, y, concept, present)
        time = self._times(i, at)
        told = self._noisy(i, y, present)
        label_time = self._label_times(i, told, time)
        return {
            "X": X.astype(np.float32),
            "y": np.where(label_time == NEVER, NO_LABEL, told).astype(np.int16),
            "time": time,
            "label_time": label_time,
            "true_y": y.astype(np.int16),
            "concept": concept,
        }

    def _rng(self, purpose: int, i: int, concept: int = 0) -> np.random.Generator:
        return generator(self._seed, purpose, i, concept)

    def _classes(self, i: int, at: Labels, present: NDArray[np.bool_]) -> Labels:
        shares = self._spec.ratio.shares(at, self._n, len(self._names))
        return _chosen(self._rng(_CLASS, i).random(len(at)), shares, present)

    def _concepts(self, i: int, at: Labels, y: Labels) -> Labels:
        concept = self._spec.concept.at(at, self._rng(_MIX, i).random(len(at)))
        versions = self._spec.classes.versions(at, self._names)
        return concept + VERSION * versions[np.arange(len(at)), y]

    def _features(self, i: int, y: Labels, concept: Labels, present: NDArray[np.bool_]) -> Rows:
        X = np.empty((len(y), len(self._numeric)))
        for c in np.unique(concept).tolist():
            rows = np.flatnonzero(concept == c)
            X[rows] = self._family.draw(self._rng(_FEATURES, i, c), y[rows], c)
            if self._spec.borderline + self._spec.rare > 0:
                self._make_difficult(self._rng(_DIFFICULT, i, c), X, rows, y, c, present)
        if self._spec.missing > 0:
            X[self._rng(_MISSING, i).random(X.shape) < self._spec.missing] = np.nan
        return X

    def _make_difficult(
        self, rng: np.random.Generator, X: Rows, rows: Labels, y: Labels, concept: int, present: NDArray[np.bool_]
    ) -> None:
        """Move some positive events towards the others, or onto islands among them."""
        positive = rows[(y[rows] == len(self._names) - 1) & (present[rows, :-1].any(axis=1))]
        m, u = len(positive), rng.random(len(positive))
        other = self._others(rng, present[positive], concept)
        border, rare = u < self._spec.borderline, u >= 1 - self._spec.rare
        own_part = rng.uniform(*BORDER_PART, size=m)
        X[positive[border]] = self._blend(rng, X[positive], other, own_part)[border]
        islands = self._islands(concept)[rng.integers(ISLANDS, size=m)]
        X[positive[rare]] = self._blend(rng, islands, other, np.full(m, ISLAND_PART))[rare]

    def _others(self, rng: np.random.Generator, present: NDArray[np.bool_], concept: int) -> Rows:
        """Rows float64 (m, d) of present classes other than the positive one, as they are in the concept."""
        others = _chosen(rng.random(len(present)), np.ones(present.shape), present & ~self._is_positive())
        return self._family.draw(rng, others, concept % VERSION)

    def _is_positive(self) -> NDArray[np.bool_]:
        return np.asarray(np.arange(len(self._names)) == len(self._names) - 1)

    def _islands(self, concept: int) -> Rows:
        rng = self._rng(_ISLAND, 0, concept)
        everyone = np.ones((ISLANDS, len(self._names)), np.bool_)
        return self._others(rng, everyone, concept)

    def _blend(self, rng: np.random.Generator, a: Rows, b: Rows, part: Rows) -> Rows:
        """Between two rows: numbers by the part of ``a``, other features from it with that probability."""
        mixed = part[:, None] * a + (1 - part[:, None]) * b
        taken = np.where(rng.random(a.shape) < part[:, None], a, b)
        return np.where(self._numeric, mixed, taken)

    def _times(self, i: int, at: Labels) -> Labels:
        """Each event somewhere in its own interval, on a whole millisecond."""
        interval_ms = self._spec.interval_us // UNITS_US["ms"]
        within = (self._rng(_TIME, i).random(len(at)) * interval_ms).astype(np.int64)
        return START_US + (at * interval_ms + within) * UNITS_US["ms"]

    def _noisy(self, i: int, y: Labels, present: NDArray[np.bool_]) -> Labels:
        """Labels as they are told: some name another class that is there."""
        u = self._rng(_NOISE, i).random((2, len(y)))
        others = present & (np.arange(len(self._names)) != y[:, None])
        wrong = (u[0] < self._noise[y]) & others.any(axis=1)
        told = y.copy()
        told[wrong] = _chosen(u[1][wrong], np.ones(others[wrong].shape), others[wrong])
        return told

    def _label_times(self, i: int, told: Labels, time: Labels) -> Labels:
        """When labels are known, on whole milliseconds; what is told decides how late."""
        u = self._rng(_DELAY, i).random(len(told))
        known = np.empty_like(time)
        for k, delay in enumerate(self._delays):
            rows = told == k
            known[rows] = delay.label_times(time[rows], u[rows])
        return np.where(known == NEVER, NEVER, known // UNITS_US["ms"] * UNITS_US["ms"])


def _chosen(u: Rows, shares: Rows, present: NDArray[np.bool_]) -> Labels:
    """Classes int64 (m,), with probabilities proportional to shares (m, K) among those present.

    Where none of these has a share, they have equal ones.
    """
    parts = np.where(present, shares, 0.0)
    parts[parts.sum(axis=1) == 0] = present[parts.sum(axis=1) == 0]
    bounds = np.cumsum(parts, axis=1)
    found = (u[:, None] * bounds[:, -1:] >= bounds).sum(axis=1)
    last = present.shape[1] - 1 - np.argmax(present[:, ::-1], axis=1)
    return np.asarray(np.minimum(found, last))
