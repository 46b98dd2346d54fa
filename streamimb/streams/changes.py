"""Classes that appear, vanish or are redefined while the stream runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import ConfigError
from streamimb.near import hint
from streamimb.streams.drifts import Drift
from streamimb.streams.forms import head_of, pieces, position

KEY: Final = "classes"
Verb = Literal["appear", "vanish", "redefine"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one class from a position on: ``appear:c3@10000``, ``vanish:c1@20000``, ``redefine:c2@30000``.

    A class whose first change is to appear is absent before it. A redefined class is drawn from another concept of its
    own; in families whose classes share one boundary it then overlaps with the others.
    """

    verb: Verb
    name: str
    position: int

    def __str__(self) -> str:
        return f"{self.verb}:{self.name}@{self.position}"


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of a stream, in order of position.

    >>> changes = Changes.read("appear:c@10, redefine:b@20")
    >>> changes.present(np.array([9, 10]), ("a", "b", "c")).tolist()
    [[True, True, False], [True, True, True]]
    >>> changes.versions(np.array([19, 20]), ("a", "b", "c")).tolist()
    [[0, 0, 0], [0, 1, 0]]
    """

    changes: tuple[Change, ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """From the text form, changes separated by commas, or ``none``. Raises ConfigError."""
        if text.strip() in ("", "none"):
            return cls()
        return cls(tuple(sorted(map(_change, pieces(text, ",", KEY)), key=lambda change: change.position)))

    def fits(self, names: tuple[str, ...]) -> None:
        """Raises ConfigError where a change names no class, says what is so already, or leaves no class."""
        for change in self.changes:
            if change.name not in names:
                raise ConfigError(f"{KEY}: {change}: no class is named {change.name!r} {hint(change.name, names)}")
        here = dict(zip(names, self.present(np.zeros(1, np.int64) - 1, names)[0].tolist(), strict=True))
        for change in self.changes:
            if here[change.name] == (change.verb == "appear"):
                raise ConfigError(f"{KEY}: {change}: the class is {'there' if here[change.name] else 'absent'} then")
            if change.verb != "redefine":
                here[change.name] = change.verb == "appear"
            if not any(here.values()):
                raise ConfigError(f"{KEY}: {change} leaves no class")

    def present(self, at: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which classes are there, bool (m, K), at positions int64 (m,)."""
        out = np.ones((len(at), len(names)), np.bool_)
        first = {change.name: change.verb for change in reversed(self.changes) if change.verb != "redefine"}
        for k, name in enumerate(names):
            out[:, k] = first.get(name) != "appear"
        for change in self.changes:
            if change.verb != "redefine":
                out[at >= change.position, names.index(change.name)] = change.verb == "appear"
        return out

    def versions(self, at: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.int64]:
        """How often each class was redefined so far, int64 (m, K)."""
        out = np.zeros((len(at), len(names)), np.int64)
        for change in self.changes:
            if change.verb == "redefine":
                out[at >= change.position, names.index(change.name)] += 1
        return out

    def drifts(self, n: int) -> list[Drift]:
        """The drifts among the first n events."""
        told = {"appear": "appears", "vanish": "vanishes", "redefine": "is redefined"}
        return [Drift(c.position, "class", f"class {c.name} {told[c.verb]}") for c in self.changes if c.position < n]

    def __str__(self) -> str:
        return ",".join(map(str, self.changes)) or "none"


def _change(text: str) -> Change:
    verb, rest = head_of(text, ("appear", "vanish", "redefine"), KEY)
    name, sign, place = rest.rpartition("@")
    if not sign or not name.strip():
        raise ConfigError(f"{KEY}: {text!r} is not written as {verb}:CLASS@10000")
    return Change(cast(Verb, verb), name.strip(), position(place, KEY))
