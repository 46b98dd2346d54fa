"""The arrays of those that are remembered: a ring of slots, and the table of ids, that grow as needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array
from streamimb.labels import layout as at
from streamimb.labels.queues import hash_fill
from streamimb.learners.base import State

#: Slots that a ring starts with.
SLOTS_MIN = 1_024
#: From so many slots on a ring is no larger than it must be.
SLOTS_MANY = 1 << 22
#: What is kept of an event.
COLUMNS = ("X", "y", "raw", "scores", "facts", "notes")


class Ring:
    """Columns of remembered events. An event's slot is its position modulo the number of slots, a power of two.

    Per slot: ``X`` float32 (slots, d), ``y`` int16, ``raw`` and ``scores`` float32 (slots, K) as predicted, ``facts``
    int64 and ``notes`` int16 with the columns of ``labels.layout``; ``blocks`` uint8, a flag for each 64 slots;
    ``table`` int64, the open hash of ids, of one place where ``named`` is false.
    """

    def __init__(self, d: int, k: int, *, named: bool) -> None:
        self._d, self._k, self._named = d, k, named
        self.allocate(SLOTS_MIN)

    def __len__(self) -> int:
        return len(self.y)

    def allocate(self, slots: int) -> None:
        """Start anew with so many empty slots."""
        self.X = np.zeros((slots, self._d), np.float32)
        self.y = np.full(slots, -1, np.int16)
        self.raw = np.zeros((slots, self._k), np.float32)
        self.scores = np.zeros((slots, self._k), np.float32)
        self.facts = np.zeros((slots, at.FACTS), np.int64)
        self.notes = np.zeros((slots, at.NOTES), np.int16)
        self._empty(slots)

    def _empty(self, slots: int) -> None:
        self.table = np.full(2 * slots if self._named else 1, -1, np.int64)
        self.blocks = np.zeros(((slots - 1) >> at.BLOCK_SHIFT) + 1, np.uint8)

    def grow(self, needed: int, oldest: int, stop: int) -> None:
        """Room for so many events; those at the positions from ``oldest`` to before ``stop`` are kept.

        One column after the other, so that only one is held twice at a time.
        """
        slots = 1 << ((needed if needed >= SLOTS_MANY else 2 * needed) - 1).bit_length()
        old = len(self)
        for name in COLUMNS:
            before = getattr(self, name)
            column = np.zeros((slots, *before.shape[1:]), before.dtype)
            for start, end in self.stretches(oldest, stop, old):
                _put(column, start, before[start & (old - 1) :][: end - start])
            setattr(self, name, column)
        self._empty(slots)
        self.index(oldest, stop)

    def stretches(self, start: int, stop: int, slots: int = 0) -> list[tuple[int, int]]:
        """A range of positions as ranges whose slots follow each other: one or two."""
        slots = slots or len(self)
        edge = (start | (slots - 1)) + 1
        return [(start, stop)] if stop <= edge else [(start, edge), (edge, stop)]

    def index(self, oldest: int, stop: int) -> None:
        """Enter events in the table of ids, and flag the blocks of those that are marked as changed."""
        hash_fill(self.table if self._named else self.table[:0], self.facts, self.notes, self.blocks, oldest, stop)

    def rows(self, start: int, stop: int) -> State:
        """Copies of the columns of a range of positions, in their order."""
        slots, parts = len(self), self.stretches(start, stop)
        copied: State = {}
        for name in COLUMNS:
            column = getattr(self, name)
            copied[name] = np.concatenate([column[a & (slots - 1) :][: b - a] for a, b in parts])
        return cleaned(copied)

    def put(self, start: int, columns: State) -> None:
        """Write columns as the events from position ``start`` on."""
        for name in COLUMNS:
            _put(getattr(self, name), start, columns[name])

    def slots_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slots of positions."""
        return positions & (len(self) - 1)


def _put(column: Array, start: int, values: Array) -> None:
    first = start & (len(column) - 1)
    fits = min(len(values), len(column) - first)
    column[first : first + fits] = values[:fits]
    column[: len(values) - fits] = values[fits:]


def cleaned(columns: State) -> State:
    """Take out of copied columns what is no part of the state."""
    columns["facts"][:, at.LESSON] = -1
    columns["notes"][:, at.MARKS] &= ~at.CHANGED
    return columns
