"""Rings of the last events, one a class, stored feature by feature so that a row meets all of a ring at once.

Memory: 4 d + 10 bytes an event held, ``size`` events a ring; all rings of a sampler together hold no more than
``BUFFER_VALUES_MAX`` values.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from streamimb.errors import ConfigError
from streamimb.kernel import Array, leaf

#: Bounds the memory of the rings of one strategy at 256 MB.
BUFFER_VALUES_MAX: Final = 1 << 26

# Columns of ``Rings.marks``: events held, and the place that the next one takes.
HELD, PLACE = 0, 1


class Rings(NamedTuple):
    """values: float32 (R, d, size); events: int64 (R, size), stream positions; labels: int16 (R, size); marks: int64
    (R, 2).
    """

    values: Array
    events: Array
    labels: Array
    marks: Array


def make_rings(rings: int, features: int, size: int) -> Rings:
    """Empty rings. Raises ConfigError where they would not fit into memory."""
    if rings * features * size > BUFFER_VALUES_MAX:
        raise ConfigError(
            f"samples.buffer = {size}: {rings} buffers of {features} features hold up to "
            f"{BUFFER_VALUES_MAX // (rings * features)} events"
        )
    return Rings(
        np.zeros((rings, features, size), np.float32),
        np.zeros((rings, size), np.int64),
        np.zeros((rings, size), np.int16),
        np.zeros((rings, 2), np.int64),
    )


def forget(rings: Rings, before: int | None) -> None:
    """Drop the events older than a stream position, or all; the others keep their order.

    >>> rings = make_rings(1, 1, 4)
    >>> for i in range(6):
    ...     push(rings, 0, np.array([[i]], np.float32), 0, i, 1)
    >>> forget(rings, 4)
    >>> rings.events[0, :2], rings.values[0, 0, :2], rings.marks.tolist()
    (array([4, 5]), array([4., 5.], dtype=float32), [[2, 2]])
    """
    size = rings.events.shape[1]
    for r, (held, place) in enumerate(rings.marks.tolist()):
        order = (np.arange(held) + place - held) % size
        left = order[:0] if before is None else order[rings.events[r, order] >= before]
        for array in (rings.values, rings.events, rings.labels):
            kept = array[r][..., left].copy()
            array[r] = 0
            array[r][..., : len(left)] = kept
        rings.marks[r] = len(left), len(left) % size


def overwritten(rings: Rings) -> Rings:
    """What one push into each ring changes, copied: the marks, and of each ring what its next place holds."""
    ring, place = np.arange(len(rings.marks)), rings.marks[:, PLACE]
    return Rings(rings.values[ring, :, place], rings.events[ring, place], rings.labels[ring, place], rings.marks.copy())


def put_back(rings: Rings, held: Rings) -> None:
    """Take back what was pushed since, at most once into each ring.

    >>> rings = make_rings(1, 1, 2)
    >>> for i in range(3):
    ...     held = overwritten(rings)
    ...     push(rings, 0, np.array([[i]], np.float32), 0, i, 1)
    >>> put_back(rings, held)
    >>> rings.events, rings.values.ravel(), rings.marks
    (array([[0, 1]]), array([0., 1.], dtype=float32), array([[2, 0]]))
    """
    rings.marks[:] = held.marks
    ring, place = np.arange(len(rings.marks)), rings.marks[:, PLACE]
    rings.values[ring, :, place] = held.values
    rings.events[ring, place] = held.events
    rings.labels[ring, place] = held.labels


def possible(state: dict[str, Any], rings: Rings) -> bool:
    """Whether saved marks may be those of such rings."""
    held, place = state["marks"][:, HELD], state["marks"][:, PLACE]
    size = rings.events.shape[1]
    filling = (held < size) & (place == held) | (held == size) & (place >= 0) & (place < size)
    return bool(filling.all() and (held >= 0).all())


@leaf
def push(rings: Rings, ring: int, X: Array, i: int, event: int, label: int) -> None:
    """Put row i of X into a ring, in the place of its oldest event where it is full."""
    size = rings.events.shape[1]
    place = rings.marks[ring, PLACE]
    for j in range(X.shape[1]):
        rings.values[ring, j, place] = X[i, j]
    rings.events[ring, place] = event
    rings.labels[ring, place] = label
    rings.marks[ring, PLACE] = (place + 1) % size
    rings.marks[ring, HELD] = min(rings.marks[ring, HELD] + 1, size)


@leaf
def nearest(distance: Array, count: int, ring: int, best: Array, found: int) -> int:
    """Merge a ring's events into ``best``, float64 (k, 3) of distance, ring, place, nearest first; how many it holds.

    Of events equally far the one found first goes first; one infinitely far is none.
    """
    k = len(best)
    for b in range(count):
        far = distance[b]
        if far == np.inf or (found == k and far >= best[k - 1, 0]):
            continue
        at = found if found < k else k - 1
        while at > 0 and best[at - 1, 0] > far:
            best[at, 0] = best[at - 1, 0]
            best[at, 1] = best[at - 1, 1]
            best[at, 2] = best[at - 1, 2]
            at -= 1
        best[at, 0] = far
        best[at, 1] = ring
        best[at, 2] = b
        found = min(found + 1, k)
    return found
