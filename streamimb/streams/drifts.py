"""What a stream tells of its own drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Drift:
    """A true drift: from event ``position`` (the first that may be touched) on, over ``width`` events (0: at once).

    kind: ``share`` (class shares move), ``concept`` (what classes look like changes) or ``class`` (one class appears,
    vanishes or is redefined); detail: what happens, for people.
    """

    position: int
    kind: Literal["share", "concept", "class"]
    detail: str
    width: int = 0
