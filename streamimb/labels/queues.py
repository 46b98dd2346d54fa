"""The store's two small structures: a binary heap of (time, position), and an open hash of ids."""

from __future__ import annotations

import numpy as np

from streamimb.kernel import Array, leaf, mix64
from streamimb.labels.layout import BLOCK_SHIFT, CHANGED, KEY, MARKS

EMPTY = -1


@leaf
def heap_push(heap: Array, size: int, time: int, position: int) -> int:
    """Add an entry to a min-heap, int64 (capacity, 2), of ``size`` entries; return the new size."""
    i = size
    while i > 0:
        up = (i - 1) >> 1
        if heap[up, 0] < time or (heap[up, 0] == time and heap[up, 1] < position):
            break
        heap[i, 0], heap[i, 1] = heap[up, 0], heap[up, 1]
        i = up
    heap[i, 0], heap[i, 1] = time, position
    return size + 1


@leaf
def heap_pop(heap: Array, size: int) -> int:
    """Remove the least entry; return the new size."""
    size -= 1
    time, position = heap[size, 0], heap[size, 1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (
            heap[right, 0] < heap[child, 0] or (heap[right, 0] == heap[child, 0] and heap[right, 1] < heap[child, 1])
        ):
            child = right
        if time < heap[child, 0] or (time == heap[child, 0] and position < heap[child, 1]):
            break
        heap[i, 0], heap[i, 1] = heap[child, 0], heap[child, 1]
        i = child
    heap[i, 0], heap[i, 1] = time, position
    return size


@leaf
def hash_find(table: Array, facts: Array, key: int) -> int:
    """The position remembered under a key, or -1. ``table``: int64 (power of two,) of positions."""
    mask = len(table) - 1
    i = np.int64(mix64(key)) & mask
    while table[i] != EMPTY:
        if facts[table[i] & (len(facts) - 1), KEY] == key:
            return int(table[i])
        i = (i + 1) & mask
    return -1


@leaf
def hash_add(table: Array, key: int, position: int) -> None:
    """Remember a position under a key that is not there yet."""
    mask = len(table) - 1
    i = np.int64(mix64(key)) & mask
    while table[i] != EMPTY:
        i = (i + 1) & mask
    table[i] = position


@leaf
def hash_remove(table: Array, facts: Array, key: int) -> None:
    """Forget a key; later entries of the run move up, so that no tombstones pile up."""
    mask = len(table) - 1
    i = np.int64(mix64(key)) & mask
    while table[i] != EMPTY and facts[table[i] & (len(facts) - 1), KEY] != key:
        i = (i + 1) & mask
    if table[i] == EMPTY:
        return
    hole = i
    while True:
        i = (i + 1) & mask
        if table[i] == EMPTY:
            break
        home = np.int64(mix64(facts[table[i] & (len(facts) - 1), KEY])) & mask
        if ((i - home) & mask) >= ((i - hole) & mask):
            table[hole] = table[i]
            hole = i
    table[hole] = EMPTY


@leaf
def hash_fill(table: Array, facts: Array, notes: Array, blocks: Array, oldest: int, stop: int) -> None:
    """Remember a range of positions in an empty table (none: of no places), and flag the blocks of changed ones."""
    for position in range(oldest, stop):
        slot = position & (len(facts) - 1)
        if len(table) > 0:
            hash_add(table, facts[slot, KEY], position)
        if notes[slot, MARKS] & CHANGED:
            blocks[slot >> BLOCK_SHIFT] = 1
