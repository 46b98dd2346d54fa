"""The store's clock: what an event's time is taken for, where it is absurd beside the stream's.

A far jump ahead is followed once ``time.ahead_confirm`` events in a row agree on it within ``time.ahead_max``. A first
event has nothing to be judged by: it stands until a second one lies near it, and is put right where as many in a row
agree that the stream lies far behind it.
"""

from __future__ import annotations

from streamimb.batch import TIME_LIMIT_US
from streamimb.kernel import Array, leaf, part
from streamimb.labels import layout as at
from streamimb.labels.early import date
from streamimb.labels.endings import add_due
from streamimb.labels.queues import heap_push

ACCEPTED = -1


@leaf
def far_ahead(c: Array, time: int) -> bool:
    """Whether a time lies absurdly far ahead of the stream; of none that has not begun."""
    if c[at.WATERMARK] == at.WATERMARK_NONE:
        return False
    return bool(time > c[at.WATERMARK] and time - c[at.AHEAD_MAX] > c[at.WATERMARK])


@leaf
def near_run(c: Array, time: int) -> bool:
    """Whether an event lies near the one before it that lay elsewhere."""
    return bool(c[at.AHEAD_RUN] > 0 and abs(time - c[at.AHEAD_TIME]) <= c[at.AHEAD_MAX])


@leaf
def falls_back(c: Array, time: int) -> bool:
    """Whether a row that begins will set the watermark back; what was told before must be read first."""
    if c[at.CONFIRMED] or not c[at.HAS_TIME] or c[at.WATERMARK] == at.WATERMARK_NONE:
        return False
    if not -TIME_LIMIT_US < time < c[at.WATERMARK] - c[at.AHEAD_MAX]:
        return False
    return bool(c[at.AHEAD_CONFIRM] == 1 or (near_run(c, time) and c[at.AHEAD_RUN] + 1 >= c[at.AHEAD_CONFIRM]))


@leaf
def agree(c: Array, time: int) -> bool:
    """Count an event that lies elsewhere; whether enough in a row agree where."""
    c[at.AHEAD_RUN] = c[at.AHEAD_RUN] + 1 if near_run(c, time) else 1
    c[at.AHEAD_TIME] = time
    if c[at.AHEAD_RUN] < c[at.AHEAD_CONFIRM]:
        return False
    c[at.AHEAD_RUN] = 0
    c[at.CONFIRMED] = 1
    return True


@leaf
def fall_back(facts: Array, notes: Array, ripe: Array, dues: Array, early: Array, c: Array, time: int) -> None:
    """Set the watermark back to a time, and events and held labels that lie far ahead of it too: they were a slip."""
    date(early, c, time)
    c[at.WATERMARK] = time
    c[at.DUE_MAX] = at.WATERMARK_NONE
    c[at.RIPE_HEAP] = 0  # entries keep to their events' times
    for event in range(c[at.OLDEST], c[at.NEXT]):
        slot = event & (len(facts) - 1)
        slipped = facts[slot, at.TIME] - c[at.AHEAD_MAX] > time
        if slipped:
            facts[slot, at.TIME] = time
            if not notes[slot, at.MARKS] & at.EMITTED:
                notes[slot, at.MARKS] |= at.BEHIND
        if notes[slot, at.MARKS] & at.BEHIND and not notes[slot, at.MARKS] & at.EMITTED:
            c[at.RIPE_HEAP] = heap_push(ripe, c[at.RIPE_HEAP], facts[slot, at.TIME], event)
        if notes[slot, at.PENDING] >= 0 and not notes[slot, at.MARKS] & at.AHEAD_DUE:
            if slipped and c[at.DELAY] >= 0:
                facts[slot, at.DUE] = time + c[at.DELAY]
            notes[slot, at.MARKS] |= at.AHEAD_DUE
            add_due(dues, c, facts[slot, at.DUE], event)


@part
def judge_time(facts: Array, notes: Array, ripe: Array, dues: Array, early: Array, c: Array, time: int) -> int:
    """Set ROW_TIME for a row that begins; why it is refused where its time is absurd, else ACCEPTED."""
    if not c[at.HAS_TIME]:
        c[at.ROW_TIME] = c[at.NEXT]
        c[at.BEGUN] = 1
        return ACCEPTED
    if not -TIME_LIMIT_US < time < TIME_LIMIT_US:
        return at.REJECT_TIME
    c[at.ROW_TIME] = time
    if c[at.WATERMARK] == at.WATERMARK_NONE:
        c[at.AHEAD_RUN] = 0
    elif far_ahead(c, time):
        if not agree(c, time):
            c[at.N_AHEAD] += 1
            if c[at.AHEAD_REFUSE]:
                return at.REJECT_AHEAD
            c[at.ROW_TIME] = c[at.WATERMARK]
    elif not c[at.CONFIRMED] and time + c[at.AHEAD_MAX] < c[at.WATERMARK]:
        if agree(c, time):
            fall_back(facts, notes, ripe, dues, early, c, time)
    else:
        c[at.AHEAD_RUN] = 0
        c[at.CONFIRMED] = 1
    c[at.BEGUN] = 1
    return ACCEPTED
