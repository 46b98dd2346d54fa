"""The one protocol of everything that takes down what the pipeline tells."""

from __future__ import annotations

from typing import Protocol

from streamimb.outcome import Outcome


class Sink(Protocol):
    """Takes outcomes in stream order; each sink reads the part of them that it is for.

    What a sink has written depends on the rows it was given, never on how they were cut into outcomes.
    """

    def write(self, outcome: Outcome) -> None:
        """Take one outcome. Raises OutputError where it cannot be kept."""
        ...

    def finish(self) -> None:
        """Write what is still held, so that ``close`` can hardly fail. Raises OutputError."""
        ...

    def close(self) -> None:
        """Write what is still held and put the result in place, whole. A second call does nothing."""
        ...

    def abort(self) -> None:
        """Leave nothing behind but what stood there before; after ``close`` it does nothing."""
        ...
