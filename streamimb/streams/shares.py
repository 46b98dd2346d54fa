"""Schedules of class shares, each with a text form: constant, ramp, step, flip, back, fixed shares, rotate.

Where two classes are meant, the number is the share of the positive class, the last one; with more classes the others
have equal parts of the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import ConfigError
from streamimb.streams.drifts import Drift
from streamimb.streams.forms import checked_share, head_of, pieces, position, rising, share, written

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

KEY: Final = "ratio"
#: Fixed shares must sum to one this nearly.
SUM_ERROR_MAX: Final = 1e-6


class Ratio(ABC):
    """Says which part of the events each class has, anywhere in the stream. ``str`` gives the text form."""

    def shares(self, at: Positions, n: int, classes: int) -> Floats:
        """Shares float64 (m, K) at positions int64 (m,) of a stream of n events."""
        positive = self.positive(at, n)[:, None]
        return np.hstack([np.repeat((1 - positive) / (classes - 1), classes - 1, axis=1), positive])

    @abstractmethod
    def positive(self, at: Positions, n: int) -> Floats:
        """The positive class's share, float64 (m,), at positions int64 (m,) of a stream of n events."""

    @abstractmethod
    def drifts(self, n: int) -> list[Drift]:
        """The drifts among the first n events."""

    def fits(self, classes: int) -> None:  # noqa: B027  most fit any number of classes
        """Raises ConfigError where the schedule is for another number of classes."""


@dataclass(frozen=True, slots=True)
class Constant(Ratio):
    """The same share throughout: ``0.01``.

    >>> Constant(0.01).shares(np.arange(1), 10, 3).round(3).tolist()
    [[0.495, 0.495, 0.01]]
    """

    value: float

    def __post_init__(self) -> None:
        checked_share(self.value, KEY)

    def positive(self, at: Positions, n: int) -> Floats:  # noqa: ARG002  however long
        return np.full(len(at), self.value)

    def drifts(self, n: int) -> list[Drift]:  # noqa: ARG002  none, however long
        return []

    def __str__(self) -> str:
        return written(self.value)


@dataclass(frozen=True, slots=True)
class Step(Ratio):
    """One share until a position, another from there on, and so on: ``step:0.1@20000->0.01``.

    >>> Step.read("0.1@20->0.01@40->0.5").positive(np.array([0, 19, 20, 40]), 50).tolist()
    [0.1, 0.1, 0.01, 0.5]
    """

    values: tuple[float, ...]
    positions: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.positions) + 1:
            raise ConfigError(f"{KEY}: {len(self.positions)} steps need {len(self.positions) + 1} shares")
        for value in self.values:
            checked_share(value, KEY)
        rising(self.positions, KEY)

    @classmethod
    def read(cls, text: str) -> Self:
        """From what follows ``step:``. Raises ConfigError."""
        *steps, last = pieces(text, "->", KEY)
        cut = [step.partition("@") for step in steps]
        if not cut or "@" in last or not all(sign for _, sign, _ in cut):
            raise ConfigError(f"{KEY}: 'step:{text}' is not written as step:0.1@20000->0.01")
        return cls((*(share(v, KEY) for v, _, _ in cut), share(last, KEY)), tuple(position(p, KEY) for _, _, p in cut))

    def positive(self, at: Positions, n: int) -> Floats:  # noqa: ARG002  however long
        return np.array(self.values)[np.searchsorted(np.array(self.positions, np.int64), at, side="right")]

    def drifts(self, n: int) -> list[Drift]:
        moves = zip(self.positions, self.values[:-1], self.values[1:], strict=True)
        return [Drift(p, "share", _moved(a, b)) for p, a, b in moves if p < n and a != b]

    def __str__(self) -> str:
        steps = zip(self.values[:-1], self.positions, strict=True)
        return "step:" + "".join(f"{written(v)}@{p}->" for v, p in steps) + written(self.values[-1])


@dataclass(frozen=True, slots=True)
class Flip(Ratio):
    """The minority becomes the majority at once: ``flip:0.01->0.99@25000``; without a position, halfway.

    >>> Flip.read("0.01->0.99").positive(np.array([4, 5]), 10).tolist()
    [0.01, 0.99]
    """

    before: float
    after: float
    position: int | None = None

    def __post_init__(self) -> None:
        checked_share(self.before, KEY)
        checked_share(self.after, KEY)
        if (self.before - 0.5) * (self.after - 0.5) >= 0:
            raise ConfigError(f"{KEY}: {_moved(self.before, self.after)} is no flip: roles change only across one half")

    @classmethod
    def read(cls, text: str) -> Self:
        """From what follows ``flip:``. Raises ConfigError."""
        values, _, place = text.partition("@")
        before, after = _values("flip", values, 2)
        return cls(before, after, position(place, KEY) if place else None)

    def _at(self, n: int) -> int:
        return n // 2 if self.position is None else self.position

    def positive(self, at: Positions, n: int) -> Floats:
        return np.where(at < self._at(n), self.before, self.after)

    def drifts(self, n: int) -> list[Drift]:
        moved = f"{_moved(self.before, self.after)}, roles flip"
        return [Drift(self._at(n), "share", moved)] if 0 < self._at(n) < n else []

    def __str__(self) -> str:
        place = "" if self.position is None else f"@{self.position}"
        return f"flip:{written(self.before)}->{written(self.after)}{place}"


@dataclass(frozen=True, slots=True)
class Ramp(Ratio):
    """A straight line through two shares (``ramp:0.5->0.01``), or there and back (``back:0.5->0.01->0.5``).

    Over the whole stream, or between two positions: ``ramp:0.5->0.01@10000..20000``. Only the latter does not depend
    on how long the stream is.

    >>> Ramp.read("ramp", "0.5->0.1@10..20").positive(np.array([0, 10, 15, 20, 99]), 100).round(3).tolist()
    [0.5, 0.5, 0.3, 0.1, 0.1]
    >>> Ramp.read("back", "0.5->0.1->0.5").positive(np.array([0, 25, 50, 75]), 100).round(3).tolist()
    [0.5, 0.3, 0.1, 0.3]
    """

    values: tuple[float, ...]
    span: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.values) not in (2, 3):
            raise ConfigError(f"{KEY}: a ramp has two shares, there and back three; not {len(self.values)}")
        for value in self.values:
            checked_share(value, KEY)
        if self.span is not None:
            rising(self.span, KEY)

    @classmethod
    def read(cls, name: Literal["ramp", "back"], text: str) -> Self:
        """From what follows ``ramp:`` or ``back:``. Raises ConfigError."""
        values, _, place = text.partition("@")
        found = _values(name, values, 2 if name == "ramp" else 3)
        if not place:
            return cls(found)
        first, dots, last = place.partition("..")
        if not dots:
            raise ConfigError(f"{KEY}: '{name}:{text}' needs two positions, written as @10000..20000")
        return cls(found, (position(first, KEY), position(last, KEY)))

    def _knots(self, n: int) -> list[int]:
        first, last = (0, n) if self.span is None else self.span
        return [first, last] if len(self.values) == 2 else [first, (first + last) // 2, last]

    def positive(self, at: Positions, n: int) -> Floats:
        return np.asarray(np.interp(at, self._knots(n), self.values))

    def drifts(self, n: int) -> list[Drift]:
        knots = self._knots(n)
        moves = zip(knots[:-1], knots[1:], self.values[:-1], self.values[1:], strict=True)
        return [Drift(p, "share", _moved(a, b), q - p) for p, q, a, b in moves if p < n and a != b]

    def __str__(self) -> str:
        place = "" if self.span is None else f"@{self.span[0]}..{self.span[1]}"
        return f"{'ramp' if len(self.values) == 2 else 'back'}:{'->'.join(map(written, self.values))}{place}"


@dataclass(frozen=True, slots=True)
class Shares(Ratio):
    """A fixed share for each class in their order: ``0.9/0.07/0.03``.

    With ``every`` they go round, each class taking the share of the one before it (``rotate:0.9/0.07/0.03@10000``).

    >>> Shares.read("rotate", "0.9/0.07/0.03@10").shares(np.array([0, 10]), 20, 3).tolist()
    [[0.9, 0.07, 0.03], [0.03, 0.9, 0.07]]
    """

    values: tuple[float, ...]
    every: int | None = None

    def __post_init__(self) -> None:
        for value in self.values:
            checked_share(value, KEY)
        if len(self.values) < 2 or abs(sum(self.values) - 1) > SUM_ERROR_MAX:
            raise ConfigError(f"{KEY}: {self} sums to {sum(self.values):.6g}: shares of two or more classes sum to 1")
        if self.every is not None and self.every < 1:
            raise ConfigError(f"{KEY}: {self} turns every {self.every} events: at least 1 is needed")

    @classmethod
    def read(cls, name: Literal["shares", "rotate"], text: str) -> Self:
        """From fixed shares, or from what follows ``rotate:``. Raises ConfigError."""
        values, _, every = text.partition("@")
        if bool(every) != (name == "rotate"):
            raise ConfigError(f"{KEY}: {text!r} is not written as 0.9/0.07/0.03 or rotate:0.9/0.07/0.03@10000")
        return cls(tuple(share(v, KEY) for v in pieces(values, "/", KEY)), position(every, KEY) if every else None)

    def fits(self, classes: int) -> None:
        if len(self.values) != classes:
            raise ConfigError(f"{KEY}: {self} has {len(self.values)} shares, but the stream has {classes} classes")

    def shares(self, at: Positions, n: int, classes: int) -> Floats:  # noqa: ARG002  however long
        turns = np.zeros_like(at) if self.every is None else at // self.every
        return np.asarray(np.array(self.values)[(np.arange(classes)[None, :] - turns[:, None]) % classes])

    def positive(self, at: Positions, n: int) -> Floats:
        return self.shares(at, n, len(self.values))[:, -1]

    def drifts(self, n: int) -> list[Drift]:
        turns = [] if self.every is None or len(set(self.values)) == 1 else range(self.every, n, self.every)
        return [Drift(p, "share", "every class takes the share of the one before it") for p in turns]

    def __str__(self) -> str:
        listed = "/".join(map(written, self.values))
        return listed if self.every is None else f"rotate:{listed}@{self.every}"


def parse_ratio(text: str) -> Ratio:
    """A schedule from its text form. Raises ConfigError, which names the nearest form.

    >>> parse_ratio("0.01"), str(parse_ratio("back: 0.5 -> 0.01 -> 0.5"))
    (Constant(value=0.01), 'back:0.5->0.01->0.5')
    """
    if "/" in text and ":" not in text:
        return Shares.read("shares", text)
    if text.strip()[:1].isdigit() or text.strip()[:1] in (".", "-"):
        return Constant(share(text, KEY))
    name, rest = head_of(text, ("ramp", "back", "step", "flip", "rotate"), KEY)
    if name == "step":
        return Step.read(rest)
    if name == "flip":
        return Flip.read(rest)
    if name == "rotate":
        return Shares.read("rotate", rest)
    return Ramp.read("ramp" if name == "ramp" else "back", rest)


def _values(name: str, text: str, many: int) -> tuple[float, ...]:
    found = pieces(text, "->", KEY)
    if len(found) != many:
        example = "->".join(["0.5", "0.01", "0.5"][:many])
        raise ConfigError(f"{KEY}: '{name}:{text}' is not written as {name}:{example}")
    return tuple(share(v, KEY) for v in found)


def _moved(before: float, after: float) -> str:
    return f"positive share {written(before)} -> {written(after)}"
