"""Labels that come before their events: held so long, and so many, as the configuration says; then for nothing known.

A label is held from the stream's time as it came, or from its own time, when it became known, where that is later: it
may be read far ahead of the events. What comes before the stream's first event is judged and dated by that one's time.

Column 0 of what is held is the id's hash, as of an event's facts, so that the table of ids works on either.
"""

from __future__ import annotations

from typing import Any, Final

from streamimb.kernel import Array, leaf, part
from streamimb.labels import layout as at
from streamimb.labels.queues import hash_add, hash_find, hash_remove

# Columns of ``early``, int64 (slots, COLUMNS), slots a power of two; LABEL is NONE of one that is held no more.
LABEL: Final = 1
KNOWN: Final = 2
SINCE: Final = 3  # from when it is held; WATERMARK_NONE before the stream's first event
COLUMNS: Final = 4
NONE: Final = -1


@leaf
def _drop(early: Array, table: Array, c: Array, slot: int) -> None:
    """Hold a label no more: it is of an event that nobody knows."""
    hash_remove(table, early, early[slot, at.KEY])
    early[slot, LABEL] = NONE
    c[at.N_UNKNOWN] += 1


@leaf
def _drop_oldest(early: Array, table: Array, c: Array) -> None:
    slot = c[at.EARLY_OLDEST] & (len(early) - 1)
    if early[slot, LABEL] != NONE:
        _drop(early, table, c, slot)
    c[at.EARLY_OLDEST] += 1


@leaf
def let_go(early: Array, table: Array, c: Array, now: int) -> None:
    """Hold no more, of the oldest up to one that is held on, what has been held too long at a time of the stream."""
    while c[at.EARLY_OLDEST] < c[at.EARLY_NEXT]:
        slot = c[at.EARLY_OLDEST] & (len(early) - 1)
        if early[slot, LABEL] != NONE and early[slot, SINCE] + c[at.EARLY_SPAN] >= now:
            return
        _drop_oldest(early, table, c)


@leaf
def _find(early: Array, table: Array, c: Array, key: int, now: int) -> int:
    """The slot of the label that is held for an event at a time of the stream; -1 for none."""
    let_go(early, table, c, now)
    held = hash_find(table, early, key)
    if held < 0:
        return NONE
    slot = held & (len(early) - 1)
    if early[slot, SINCE] + c[at.EARLY_SPAN] < now:  # one that came before it is held on
        _drop(early, table, c, slot)
        return NONE
    return int(slot)


@leaf
def date(early: Array, c: Array, time: int) -> None:
    """Date what is held by the stream's time, which is told for the first time, or anew: what it was, was a slip."""
    for number in range(c[at.EARLY_OLDEST], c[at.EARLY_NEXT]):
        slot = number & (len(early) - 1)
        if c[at.HAS_TIME] and early[slot, KNOWN] > time and early[slot, KNOWN] - c[at.AHEAD_MAX] > time:
            early[slot, KNOWN] = time
        early[slot, SINCE] = max(early[slot, KNOWN], time)


@leaf
def hold(early: Array, table: Array, c: Array, key: int, label: int, known: int) -> None:
    """Hold a label whose event is not known; of two for one event the later counts."""
    now = c[at.WATERMARK]
    since = now if now == at.WATERMARK_NONE else max(known, now)
    slot = _find(early, table, c, key, now)
    if slot >= 0:
        if early[slot, LABEL] == label:
            c[at.N_TWICE] += 1
            return
        c[at.N_CORRECTED] += 1
        early[slot, LABEL], early[slot, KNOWN] = label, known
        early[slot, SINCE] = max(early[slot, SINCE], since)
        return
    if c[at.EARLY_NEXT] - c[at.EARLY_OLDEST] >= c[at.EARLY_MAX]:
        _drop_oldest(early, table, c)
    slot = c[at.EARLY_NEXT] & (len(early) - 1)
    early[slot, at.KEY], early[slot, LABEL] = key, label
    early[slot, KNOWN], early[slot, SINCE] = known, since
    hash_add(table, key, c[at.EARLY_NEXT])
    c[at.EARLY_NEXT] += 1
    c[at.N_EARLY] += 1


@part
def take(early: Array, table: Array, c: Array, key: int, own: int) -> Any:
    """The label that is held for an event that comes, and when it was known; NONE where there is nothing to give it.

    own: the label that the event brings itself, which counts, or NONE. Held no more in either case.
    """
    if c[at.WATERMARK] == at.WATERMARK_NONE:
        date(early, c, c[at.ROW_TIME])
    slot = _find(early, table, c, key, max(c[at.WATERMARK], c[at.ROW_TIME]))
    if slot < 0:
        return NONE, 0
    hash_remove(table, early, key)
    label = early[slot, LABEL]
    early[slot, LABEL] = NONE
    if own >= 0:
        c[at.N_TWICE if own == label else at.N_CORRECTED] += 1
        return NONE, 0
    return label, max(early[slot, KNOWN], c[at.ROW_TIME])
