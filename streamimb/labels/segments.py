"""What a snapshot copies of those that wait: rows that are new, and of the others what has changed.

A segment is a dict of plain arrays. ``serial``: int; ``ranges``: int64 (r, 2), positions from, to before, whose whole
rows it holds; ``rows``: their columns, one range after the other; ``changed``: the positions of other rows, int64
(m,) ascending, with the columns that change: ``y``, ``raw``, ``facts`` from DUE on, ``notes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.kernel import Array, leaf
from streamimb.labels import layout as at
from streamimb.labels.ledger import Ledger, Range
from streamimb.labels.ring import COLUMNS, Ring
from streamimb.learners.base import State

#: The facts that change after an event was accepted.
MUTABLE = slice(at.DUE, at.NUMBER + 1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state whose bulk is in segments.

    state: everything but what waits in bulk; segment: what is new or changed since the snapshot before (the first: all
    of it); drop: how many of the oldest segments kept, this one not among them, no restore of this or a later snapshot
    needs any more.
    """

    state: State
    segment: State
    drop: int


@leaf
def scan_changed(facts: Array, notes: Array, flagged: Array, oldest: int, fresh: int, out: Array) -> int:
    """Write down the changed positions from ``oldest`` to before ``fresh`` in flagged blocks; return how many.

    No event of these blocks counts as changed any more, the fresh ones neither.
    """
    n = 0
    for block in flagged:
        first = block << at.BLOCK_SHIFT
        for slot in range(first, min(first + (1 << at.BLOCK_SHIFT), len(notes))):
            if notes[slot, at.MARKS] & at.CHANGED:
                notes[slot, at.MARKS] &= ~at.CHANGED
                if oldest <= facts[slot, at.POSITION] < fresh:
                    out[n] = facts[slot, at.POSITION]
                    n += 1
    return n


def take_changed(ring: Ring, oldest: int, fresh: int) -> NDArray[np.int64]:
    """The changed positions from ``oldest`` to before ``fresh``, ascending; none is changed any more."""
    flagged = np.flatnonzero(ring.blocks.view(np.bool_))
    ring.blocks[flagged] = 0
    found = np.empty(len(flagged) << at.BLOCK_SHIFT, np.int64)
    return np.sort(found[: scan_changed(ring.facts, ring.notes, flagged, oldest, fresh, found)])


def without(positions: NDArray[np.int64], ranges: Sequence[Range]) -> NDArray[np.int64]:
    """Ascending positions that lie in none of the ranges."""
    for start, stop in ranges:
        first, last = np.searchsorted(positions, (start, stop))
        positions = np.delete(positions, slice(first, last))
    return positions


def pack(ring: Ring, serial: int, ranges: Sequence[Range], changed: NDArray[np.int64]) -> State:
    """A segment of the whole rows of ranges, and what has changed of other rows."""
    pieces = [ring.rows(*r) for r in ranges] or [ring.rows(0, 0)]
    one = len(pieces) == 1
    slots = ring.slots_of(changed)
    notes = ring.notes[slots]
    notes[:, at.MARKS] &= ~at.CHANGED
    return {
        "serial": serial,
        "ranges": np.array(ranges, np.int64).reshape(-1, 2),
        "rows": pieces[0] if one else {name: np.concatenate([p[name] for p in pieces]) for name in COLUMNS},
        "changed": {
            "position": changed,
            "y": ring.y[slots],
            "raw": ring.raw[slots],
            "facts": ring.facts[slots, MUTABLE],
            "notes": notes,
        },
    }


def needed(ledger: Ledger, segments: Sequence[State]) -> list[State]:
    """The segments that a restore reads; older ones may be there. Raises StateError where one is missing."""
    found = [s for s in segments if ledger.first <= s["serial"] <= ledger.serial]
    if [s["serial"] for s in found] != list(range(ledger.first, ledger.serial + 1)):
        raise StateError(
            f"the saved state needs segments {ledger.first} to {ledger.serial} of its waiting events, "
            f"these are {', '.join(str(s['serial']) for s in segments) or 'none'}"
        )
    return found


def unpack(ring: Ring, segment: State, oldest: int) -> None:
    """Write a segment's rows, and changes to rows of segments before it, as far as they are still remembered."""
    at_row = 0
    for start, stop in segment["ranges"].tolist():
        skip = min(max(oldest - start, 0), stop - start)
        ring.put(start + skip, {n: segment["rows"][n][at_row + skip : at_row + stop - start] for n in COLUMNS})
        at_row += stop - start
    changed = segment["changed"]
    kept = np.searchsorted(changed["position"], oldest)
    slots = ring.slots_of(changed["position"][kept:])
    ring.y[slots], ring.raw[slots] = changed["y"][kept:], changed["raw"][kept:]
    ring.facts[slots, MUTABLE], ring.notes[slots] = changed["facts"][kept:], changed["notes"][kept:]
