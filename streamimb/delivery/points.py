"""The points at which a process may die, named: tests let it die at each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: Called with the name of a point whenever it is reached.
Probe = Callable[[str], None]

#: In the order in which one piece of a batch passes them; those of writing a checkpoint lie between ``snapshot`` and
#: ``written``, and are the checkpoint's own.
POINTS: Final = (
    "polled", "decoded", "processed", "sent", "flushed", "snapshot", "written", "committed", "revoking", "assigned",
)  # fmt: skip


def no_probe(point: str) -> None:
    """Passes every point."""
