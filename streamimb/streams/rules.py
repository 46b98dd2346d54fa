from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np

from streamimb.schema import Feature
from streamimb.streams.families import Labels, Rows, concept_generator, names


class Rules:
    """Four categorical features; an event is positive where two of them have certain values.

    In the tradition of STAGGER (Schlimmer and Granger, AAAI 1986): all combinations that satisfy the rule, and all
    that do not, are equally frequent in their class. The next concept's rule is about another pair of features.

    >>> family = Rules(seed=1)
    >>> family.positive(0).shape, int(family.positive(0).sum())
    ((625,), 100)
    """

    VALUES: Final = {
        "colour": ("red", "green", "blue", "white", "black"),
        "shape": ("disc", "square", "star", "ring", "cross"),
        "size": ("tiny", "small", "medium", "large", "huge"),
        "surface": ("smooth", "rough", "ribbed", "woven", "coated"),
    }
    #: So many of a feature's five values satisfy a rule.
    CHOSEN: Final = 2

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.features = tuple(Feature(name=n, type="categorical", categories=v) for n, v in self.VALUES.items())
        self.class_names = names(2)
        self._cells = np.stack(np.meshgrid(*[np.arange(5)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)

    def positive(self, concept: int) -> np.ndarray:
        """Which of the 625 combinations are positive, bool (625,)."""
        pairs = list(combinations(range(4), 2))
        i, j = pairs[concept % len(pairs)]
        rng = concept_generator(self._seed, concept)
        first, second = (rng.permutation(5)[: self.CHOSEN] for _ in "ij")
        return np.asarray(np.isin(self._cells[:, i], first) & np.isin(self._cells[:, j], second))

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        satisfied = self.positive(concept)
        X = np.empty((len(y), 4))
        for k, cells in enumerate((self._cells[~satisfied], self._cells[satisfied])):
            rows = y == k
            X[rows] = cells[rng.integers(len(cells), size=int(rows.sum()))]
        return X
