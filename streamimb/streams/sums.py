from __future__ import annotations

from typing import Final

import numpy as np

from streamimb.streams.families import Labels, Rows, names, numeric


class Sums:
    """Three features in [0, 10]; an event is positive where two of them sum to a bound or less.

    In the tradition of Street and Kim (KDD 2001), but drawn given the class, by the inverse of the sum's triangular
    distribution. The next concept sums another pair, and moves the bound.

    >>> X = Sums(seed=1).draw(np.random.default_rng(1), np.array([0, 1]), concept=0)
    >>> (X[:, 0] + X[:, 1] <= Sums.bound(0)).tolist()
    [False, True]
    """

    TOP: Final = 10.0
    PAIRS: Final = ((0, 1), (1, 2), (0, 2))
    BOUND_MIN: Final = 6.0
    BOUND_RANGE: Final = 5.0
    #: Steps by the golden section spread the bounds evenly, however many concepts there are.
    GOLDEN: Final = 0.618_033_988_749_895

    def __init__(self, seed: int) -> None:
        del seed  # concepts are the same for every seed, as in the field
        self.features = numeric(3)
        self.class_names = names(2)

    @classmethod
    def bound(cls, concept: int) -> float:
        """The largest sum of a positive event."""
        return cls.BOUND_MIN + cls.BOUND_RANGE * (concept * cls.GOLDEN % 1)

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        i, j = self.PAIRS[concept % len(self.PAIRS)]
        below = float(self._below(self.bound(concept)))
        u = rng.random(len(y))
        total = self._inverse(np.where(y == 1, u * below, below + u * (1 - below)))
        low = np.maximum(0, total - self.TOP)
        X = self.TOP * rng.random((len(y), 3))
        X[:, i] = low + rng.random(len(y)) * (np.minimum(self.TOP, total) - low)
        X[:, j] = total - X[:, i]
        return X

    @classmethod
    def _below(cls, total: float) -> float:
        """Probability that the sum of two uniform features is at most so much."""
        area = 2 * cls.TOP**2
        return total**2 / area if total <= cls.TOP else 1 - (2 * cls.TOP - total) ** 2 / area

    @classmethod
    def _inverse(cls, p: Rows) -> Rows:
        area = 2 * cls.TOP**2
        return np.asarray(np.where(p <= 0.5, np.sqrt(area * p), 2 * cls.TOP - np.sqrt(area * (1 - p))))
