"""Families of concepts: what events of a class look like. Each draws X given y exactly, without rejecting any draw."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamimb.schema import Feature

Rows = NDArray[np.float64]
Labels = NDArray[np.int64]

#: Concept c of a class that was redefined v times is number c + v * VERSION.
VERSION: Final = 1 << 32
#: What a family's own random numbers are for: no purpose of a chunk's.
_CONCEPT: Final = 0xC0


class Family(Protocol):
    """Events of K classes under numbered concepts."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The d columns; a category's code is its place in the feature's list, a boolean is 0 or 1."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The K classes; the last is the positive one."""
        ...

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        """Rows float64 (m, d) of the classes int64 (m,), all under one concept, drawn with the generator given."""
        ...


def generator(seed: int, purpose: int, i: int, concept: int) -> np.random.Generator:
    """Random numbers of their own for every purpose, number i (below 2^32) and concept.

    The seed stands last: it alone may take several words of the entropy, so that no two meanings read the same.
    """
    return np.random.default_rng([purpose, i, concept % VERSION, concept // VERSION, seed])


def concept_generator(seed: int, concept: int, k: int = 0) -> np.random.Generator:
    """The random numbers that define a concept, or class k of it: the same wherever it is drawn."""
    return generator(seed, _CONCEPT, k, concept)


def numeric(n: int) -> tuple[Feature, ...]:
    """Numeric columns x1, x2, ..."""
    return tuple(Feature(name=f"x{i + 1}") for i in range(n))


def names(n: int) -> tuple[str, ...]:
    """The names of n classes where they mean nothing: ``rest`` and ``rare``, or c1, c2, ...

    >>> names(2), names(3)
    (('rest', 'rare'), ('c1', 'c2', 'c3'))
    """
    return ("rest", "rare") if n == 2 else tuple(f"c{i + 1}" for i in range(n))
