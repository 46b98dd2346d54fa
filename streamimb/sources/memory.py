"""Batches that are already there: for tests, and for programs that make their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamimb.batch import Batch
from streamimb.sources.base import Pair


class MemorySource:
    """A sequence of batches, or of batches with what was refused among them, as a source."""

    def __init__(self, batches: Iterable[Batch | Pair]) -> None:
        self._pairs: list[Pair] = [(b, []) if isinstance(b, Batch) else b for b in batches]
        self._done = 0

    @property
    def bytes_total(self) -> int | None:
        """Size of the feature matrices."""
        return sum(batch.X.nbytes for batch, _ in self._pairs)

    @property
    def bytes_done(self) -> int:
        """How much of it has been given."""
        return self._done

    def batches(self) -> Iterator[Pair]:
        """The batches, in order."""
        self._done = 0
        for batch, rejected in self._pairs:
            self._done += batch.X.nbytes
            yield batch, rejected
