"""Outcomes kept in memory: for tests, and for programs that want them in hand."""

from __future__ import annotations

from streamimb.outcome import Outcome


class MemorySink:
    """Keeps every outcome in ``outcomes``; nothing bounds it."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.closed = False

    def write(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def finish(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        if not self.closed:
            self.outcomes.clear()
