"""When labels become known, and how often they are wrong; each with a text form, for all classes or one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from streamimb.durations import UNITS_US, parse_duration
from streamimb.errors import ConfigError
from streamimb.near import hint
from streamimb.streams.forms import checked_share, head_of, pieces, share, written

KEY: Final = "delay"
NOISE_KEY: Final = "noise"
#: The label time of a label that never comes.
NEVER: Final = np.iinfo(np.int64).max
#: A delay is cut here, so that no time overflows: a hundred years.
DELAY_MAX_US: Final = 36_525 * UNITS_US["d"]

Form = Literal["none", "fixed", "exp", "uniform", "lots", "never"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after its event a label is known.

    ``none`` (with the event), ``7d`` (always so long), ``exp:3d`` (exponential, by its mean), ``uniform:1d..7d``,
    ``lots:7d`` (all labels at the next whole multiple of so long since 1970), ``never``.

    >>> Delay.read("uniform:1s..3s").label_times(np.zeros(2, np.int64), np.array([0.0, 0.5])).tolist()
    [1000000, 2000000]
    """

    form: Form = "none"
    first_us: int = 0
    last_us: int = 0

    def __post_init__(self) -> None:
        for span in (self.first_us, self.last_us):
            if not 0 <= span <= DELAY_MAX_US:
                raise ConfigError(f"{KEY}: {self} is not between 0 and a hundred years")
        if self.form == "uniform" and self.last_us < self.first_us:
            raise ConfigError(f"{KEY}: {self} ends before it begins")
        if self.form == "lots" and not self.first_us:
            raise ConfigError(f"{KEY}: {self} needs some time between two lots")

    @classmethod
    def read(cls, text: str) -> Self:
        """From the text form. Raises ConfigError."""
        if text.strip()[:1].isdigit():
            return cls("fixed", parse_duration(text, has_time=True, key=KEY))
        name, rest = head_of(text, ("none", "never", "exp", "uniform", "lots"), KEY, "a duration alone, as 7d")
        if name == "uniform":
            first, _, last = rest.partition("..")
            return cls("uniform", *(parse_duration(t, has_time=True, key=KEY) for t in (first, last)))
        form = cast(Form, name)
        return cls(form, parse_duration(rest, has_time=True, key=KEY)) if name in ("exp", "lots") else cls(form)

    def label_times(self, time: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        """When labels are known, int64 (m,) microseconds, of events at ``time``, given their own uniform numbers."""
        if self.form == "never":
            return np.full(len(time), NEVER)
        if self.form == "lots":
            return np.asarray(-(-time // self.first_us) * self.first_us)
        if self.form == "exp":
            late = np.minimum(-self.first_us * np.log1p(-u), DELAY_MAX_US)
        elif self.form == "uniform":
            late = self.first_us + u * (self.last_us - self.first_us)
        else:
            late = np.full(len(time), self.first_us, np.float64)
        return np.asarray(time + late.astype(np.int64))

    def __str__(self) -> str:
        if self.form == "fixed":
            return _span(self.first_us)
        spans = {"exp": _span(self.first_us), "lots": _span(self.first_us)}
        spans["uniform"] = f"{_span(self.first_us)}..{_span(self.last_us)}"
        return f"{self.form}:{spans[self.form]}" if self.form in spans else self.form


@dataclass(frozen=True, slots=True)
class Delays:
    """A delay for each class: ``7d`` for all, or by name, as ``fraud=exp:3d,legit=never``; the rest have none."""

    rest: Delay = Delay()
    named: tuple[tuple[str, Delay], ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """From the text form. Raises ConfigError."""
        return cls(*_by_class(text, Delay.read, Delay(), KEY))

    @property
    def any(self) -> bool:
        """Whether some label does not come with its event."""
        return any(delay.form != "none" for delay in (self.rest, *(d for _, d in self.named)))

    def of(self, names: tuple[str, ...]) -> list[Delay]:
        """The classes' delays in their order. Raises ConfigError for a name that is no class."""
        return _in_order(names, self.named, self.rest, KEY)

    def __str__(self) -> str:
        return _said(self.named, self.rest, Delay())


@dataclass(frozen=True, slots=True)
class Noise:
    """The share of each class's labels that name another class: ``0.02`` for all, or by name, as ``fraud=0.2``."""

    rest: float = 0.0
    named: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for value in (self.rest, *(v for _, v in self.named)):
            checked_share(value, NOISE_KEY)

    @classmethod
    def read(cls, text: str) -> Self:
        """From the text form. Raises ConfigError."""
        return cls(*_by_class(text, lambda value: share(value, NOISE_KEY), 0.0, NOISE_KEY))

    @property
    def any(self) -> bool:
        """Whether some label is wrong."""
        return any(value > 0 for value in (self.rest, *(v for _, v in self.named)))

    def of(self, names: tuple[str, ...]) -> list[float]:
        """The classes' shares in their order. Raises ConfigError for a name that is no class."""
        return _in_order(names, self.named, self.rest, NOISE_KEY)

    def __str__(self) -> str:
        named = tuple((name, written(value)) for name, value in self.named)
        return _said(named, written(self.rest), "0")


def _by_class(text: str, read: Callable[[str], T], absent: T, key: str) -> tuple[T, tuple[tuple[str, T], ...]]:
    rest, named = absent, {}
    bare = 0
    for piece in pieces(text, ",", key):
        name, sign, value = piece.rpartition("=")
        if not sign:
            rest, bare = read(value), bare + 1
        elif name.strip() in named:
            raise ConfigError(f"{key}: class {name.strip()!r} is named twice")
        else:
            named[name.strip()] = read(value.strip())
    if bare > 1:
        raise ConfigError(f"{key}: {text!r} says two things of all classes")
    return rest, tuple(named.items())


def _in_order(names: tuple[str, ...], named: tuple[tuple[str, T], ...], rest: T, key: str) -> list[T]:
    for name, _ in named:
        if name not in names:
            raise ConfigError(f"{key}: no class is named {name!r} {hint(name, names)}")
    return [dict(named).get(name, rest) for name in names]


def _said(named: tuple[tuple[str, object], ...], rest: object, absent: object) -> str:
    parts = [f"{name}={value}" for name, value in named]
    return ",".join([str(rest), *parts] if rest != absent or not parts else parts)


def _span(span_us: int) -> str:
    """A duration that reads back the same, in the largest unit up to days that divides it."""
    whole = (unit for unit, size in UNITS_US.items() if unit != "w" and span_us % size == 0)
    unit = max(whole, key=UNITS_US.__getitem__)
    return f"{span_us // UNITS_US[unit]}{unit}" if span_us else "0s"
