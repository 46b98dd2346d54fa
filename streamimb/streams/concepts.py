"""Schedules of concepts, each with a text form: none, sudden, gradual, recurring.

A concept is a number: what a family of streams makes of it is its own business, but another number looks different.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import ConfigError
from streamimb.streams.drifts import Drift
from streamimb.streams.forms import head_of, pieces, position, rising

KEY: Final = "concept"
#: Different concepts of one stream.
CONCEPTS_MAX: Final = 1 << 20


class Concepts(ABC):
    """Says which concept each event is drawn from. ``str`` gives the text form."""

    @abstractmethod
    def at(self, at: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Concepts int64 (m,) at positions int64 (m,), given uniform numbers u (m,) of the events' own."""

    @abstractmethod
    def drifts(self, n: int) -> list[Drift]:
        """The drifts among the first n events."""


@dataclass(frozen=True, slots=True)
class Static(Concepts):
    """One concept throughout: ``none``."""

    def at(self, at: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:  # noqa: ARG002  no mixing
        return np.zeros(len(at), np.int64)

    def drifts(self, n: int) -> list[Drift]:  # noqa: ARG002  none, however long
        return []

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class Moves(Concepts):
    """A new concept from each position on, at once (``sudden:10000,20000``) or over a width (``gradual:10000/2000``).

    Within a width, an event is of the new concept with a probability that rises on a straight line from 0 to 1.

    >>> Moves.read("sudden", "10,20").at(np.array([9, 10, 20]), np.zeros(3)).tolist()
    [0, 1, 2]
    >>> Moves.read("gradual", "10/4").at(np.array([9, 11, 12, 14]), np.full(4, 0.4)).tolist()
    [0, 0, 1, 1]
    """

    positions: tuple[int, ...]
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.positions or len(self.positions) != len(self.widths):
            raise ConfigError(f"{KEY}: {len(self.positions)} positions need as many widths, at least one")
        rising(self.positions, KEY)
        for start, width, following in zip(self.positions, self.widths, self.positions[1:], strict=False):
            if start + width > following:
                raise ConfigError(f"{KEY}: the drift at {start} lasts {width} events, past the next one at {following}")

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """From what follows ``sudden:`` or ``gradual:``. Raises ConfigError."""
        cut = [piece.partition("/") for piece in pieces(text, ",", KEY)]
        if any(bool(width) != (name == "gradual") for _, _, width in cut):
            example = "gradual:10000/2000" if name == "gradual" else "sudden:10000,20000"
            raise ConfigError(f"{KEY}: '{name}:{text}' is not written as {example}")
        widths = (position(width, KEY) if width else 0 for _, _, width in cut)
        return cls(tuple(position(start, KEY) for start, _, _ in cut), tuple(widths))

    def at(self, at: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        starts, widths = np.array(self.positions, np.int64), np.array(self.widths, np.int64)
        begun = np.searchsorted(starts, at, side="right")
        last = np.maximum(begun - 1, 0)
        there = (at - starts[last]) >= u * widths[last]
        return np.where((begun > 0) & ~there, begun - 1, begun)

    def drifts(self, n: int) -> list[Drift]:
        moves = enumerate(zip(self.positions, self.widths, strict=True))
        return [Drift(p, "concept", f"concept {i} -> {i + 1}", width) for i, (p, width) in moves if p < n]

    def __str__(self) -> str:
        if not any(self.widths):
            return "sudden:" + ",".join(map(str, self.positions))
        return "gradual:" + ",".join(f"{p}/{w}" for p, w in zip(self.positions, self.widths, strict=True))


@dataclass(frozen=True, slots=True)
class Recurring(Concepts):
    """Concepts that come back, each for ``every`` events: ``recurring:10000`` (two) or ``recurring:10000:3``.

    >>> Recurring(10, 3).at(np.array([0, 10, 20, 30]), np.zeros(4)).tolist()
    [0, 1, 2, 0]
    """

    every: int
    concepts: int = 2

    def __post_init__(self) -> None:
        if self.every < 1 or not 2 <= self.concepts <= CONCEPTS_MAX:
            raise ConfigError(f"{KEY}: {self} needs at least one event each and 2 to {CONCEPTS_MAX:,} concepts")

    @classmethod
    def read(cls, text: str) -> Self:
        """From what follows ``recurring:``. Raises ConfigError."""
        every, colon, concepts = text.partition(":")
        return cls(position(every, KEY), position(concepts, KEY) if colon else 2)

    def at(self, at: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:  # noqa: ARG002  at once
        return at // self.every % self.concepts

    def drifts(self, n: int) -> list[Drift]:
        k = self.concepts
        turns = enumerate(range(self.every, n, self.every))
        return [Drift(p, "concept", f"concept {i % k} -> {(i + 1) % k}, recurring") for i, p in turns]

    def __str__(self) -> str:
        return f"recurring:{self.every}" + ("" if self.concepts == 2 else f":{self.concepts}")


def parse_concept(text: str) -> Concepts:
    """A schedule from its text form. Raises ConfigError, which names the nearest form.

    >>> str(parse_concept("gradual: 10000/2000, 30000/5000"))
    'gradual:10000/2000,30000/5000'
    """
    name, rest = head_of(text, ("none", "sudden", "gradual", "recurring"), KEY)
    if name == "none":
        return Static()
    return Recurring.read(rest) if name == "recurring" else Moves.read(name, rest)
