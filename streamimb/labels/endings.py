"""How an event's wait ends: a label that becomes known, expiry, maturity; and when it is forgotten."""

from __future__ import annotations

from streamimb.kernel import Array, leaf, part
from streamimb.labels import layout as at
from streamimb.labels.queues import hash_remove, heap_pop, heap_push

#: Later than any event and any expiry.
NEVER = (1 << 63) - 1
#: The queue of labels that are due out of order is looked through for forgotten ones from this size on.
DUES_MIN = 64
#: Most outputs that one step of the walk can add to each list.
STEP = 4


@part
def lesson(facts: Array, c: Array, ops: Array, outs: Array, slot: int, kind: int, again: bool) -> None:
    """Write one lesson on the tape, after a second prediction where the first was made in another row.

    Thresholds and calibration are for the model of now: with labels a week late the first prediction was another's.
    """
    n = outs[at.OUT_OPS]
    if again:
        ops[n, 0], ops[n, 1], ops[n, 2], ops[n, 3] = slot, at.AGAIN, facts[slot, at.POSITION], -1
        n += 1
    ops[n, 0], ops[n, 1], ops[n, 2], ops[n, 3] = slot, kind, facts[slot, at.POSITION], outs[at.OUT_MATURED]
    outs[at.OUT_OPS] = n + 1
    facts[slot, at.LESSON] = c[at.SEGMENT]


@part
def touch(notes: Array, blocks: Array, slot: int) -> None:
    """Say that a remembered event changes: the next snapshot holds it anew."""
    notes[slot, at.MARKS] |= at.CHANGED
    blocks[slot >> at.BLOCK_SHIFT] = 1


@part
def head(facts: Array, notes: Array, heap: Array, c: Array) -> int:
    """The oldest event, by time, that has not matured; -1 for none."""
    mask = len(facts) - 1
    while c[at.RIPE] < c[at.NEXT] and notes[c[at.RIPE] & mask, at.MARKS] & (at.BEHIND | at.EMITTED):
        c[at.RIPE] += 1
    in_order = c[at.RIPE] if c[at.RIPE] < c[at.NEXT] else -1
    if c[at.RIPE_HEAP] == 0:
        return int(in_order)
    behind = heap[0, 1]
    if in_order < 0:
        return int(behind)
    time = facts[in_order & mask, at.TIME]
    if heap[0, 0] < time or (heap[0, 0] == time and behind < in_order):
        return int(behind)
    return int(in_order)


@part
def mature(
    facts: Array, notes: Array, blocks: Array, y: Array, heap: Array, c: Array, matured: Array, outs: Array,
    event: int,
) -> None:  # fmt: skip
    """Pass the head on as mature."""
    slot = event & (len(facts) - 1)
    n = outs[at.OUT_MATURED]
    matured[n, 0], matured[n, 1], matured[n, 2] = slot, y[slot], facts[slot, at.KNOWN]
    matured[n, 3], matured[n, 4] = facts[slot, at.POSITION], facts[slot, at.TIME]
    outs[at.OUT_MATURED] = n + 1
    if notes[slot, at.STATUS] != at.DROPPED:
        facts[slot, at.NUMBER] = c[at.MATURED]
        c[at.MATURED] += 1
    if notes[slot, at.MARKS] & at.BEHIND:
        c[at.RIPE_HEAP] = heap_pop(heap, c[at.RIPE_HEAP])
    notes[slot, at.MARKS] |= at.EMITTED
    touch(notes, blocks, slot)


@part
def settle(
    facts: Array, notes: Array, blocks: Array, y: Array, heap: Array, c: Array, matured: Array, outs: Array
) -> bool:  # fmt: skip
    """Pass on all events that are mature; False where the output is full."""
    while True:
        event = head(facts, notes, heap, c)
        if event < 0 or notes[event & (len(facts) - 1), at.STATUS] == at.WAITING:
            return True
        if outs[at.OUT_MATURED] + STEP > len(matured):
            return False
        mature(facts, notes, blocks, y, heap, c, matured, outs, event)


@leaf
def expire(
    facts: Array, notes: Array, blocks: Array, y: Array, c: Array, ops: Array, outs: Array, slot: int, when: int
) -> None:  # fmt: skip
    """End an event's wait: it takes the class that stands for silence, or drops out."""
    c[at.N_WAITING] -= 1
    touch(notes, blocks, slot)
    facts[slot, at.KNOWN] = when
    if c[at.EXPIRES_AS] < 0:
        notes[slot, at.STATUS] = at.DROPPED
        c[at.N_DROPPED] += 1
        return
    y[slot] = c[at.EXPIRES_AS]
    notes[slot, at.STATUS] = at.EXPIRED
    c[at.N_EXPIRED] += 1
    lesson(facts, c, ops, outs, slot, at.LEARN_EXPIRED, True)


@leaf
def apply_label(
    facts: Array, notes: Array, blocks: Array, y: Array, c: Array, ops: Array, fixes: Array, outs: Array,
    event: int, label: int, known: int,
) -> int:  # fmt: skip
    """Give a label to a remembered event; DONE, or CUT (the label is not given yet), or CORRECTED (done, stop here).

    An event whose wait was over by then expires first, whether or not others have shown that it is.
    """
    slot = event & (len(facts) - 1)
    status = notes[slot, at.STATUS]
    end = facts[slot, at.TIME] + c[at.WAIT]
    if status == at.WAITING and known > end:
        expire(facts, notes, blocks, y, c, ops, outs, slot, end)
        return at.CUT
    if status == at.WAITING:
        touch(notes, blocks, slot)
        y[slot], facts[slot, at.KNOWN] = label, known
        notes[slot, at.STATUS] = at.LABELLED
        c[at.N_WAITING] -= 1
        c[at.N_LABELLED] += 1
        lesson(facts, c, ops, outs, slot, at.LEARN_LABEL, True)
        return at.DONE
    if status == at.DROPPED or (y[slot] == label and status == at.EXPIRED):
        c[at.N_LATE] += 1
        return at.DONE
    if y[slot] == label:
        c[at.N_TWICE] += 1
        return at.DONE
    if facts[slot, at.LESSON] == c[at.SEGMENT]:
        return at.CUT
    touch(notes, blocks, slot)
    old = y[slot]
    y[slot], facts[slot, at.KNOWN] = label, known
    notes[slot, at.STATUS] = at.LABELLED
    c[at.N_CORRECTED] += 1
    lesson(facts, c, ops, outs, slot, at.LEARN_CORRECTED, False)
    if notes[slot, at.MARKS] & at.EMITTED:
        fixes[0, 0], fixes[0, 1], fixes[0, 2], fixes[0, 3] = slot, facts[slot, at.NUMBER], old, label
        outs[at.OUT_CORRECTED] = 1
        return at.CORRECTED
    return at.DONE


@leaf
def purge_dues(dues: Array, c: Array) -> None:
    """Take forgotten events out of the queue of labels that are due."""
    kept = 0
    for i in range(c[at.DUE_HEAP]):
        time, other = dues[i, 0], dues[i, 1]
        if other >= c[at.OLDEST]:
            kept = heap_push(dues, kept, time, other)
    c[at.DUE_HEAP] = kept


@leaf
def add_due(dues: Array, c: Array, due: int, event: int) -> None:
    """Put a label among those that are due out of order; forgotten events leave once they outnumber the others."""
    if c[at.DUE_HEAP] >= 2 * (c[at.NEXT] - c[at.OLDEST]) + DUES_MIN:
        purge_dues(dues, c)
    c[at.DUE_HEAP] = heap_push(dues, c[at.DUE_HEAP], due, event)


@part
def next_due(facts: Array, notes: Array, heap: Array, c: Array) -> int:
    """The event whose label becomes known next; -1 for none."""
    mask = len(facts) - 1
    c[at.DUE_NEXT] = max(c[at.DUE_NEXT], c[at.OLDEST])
    while c[at.DUE_NEXT] < c[at.NEXT] and (
        notes[c[at.DUE_NEXT] & mask, at.PENDING] < 0 or notes[c[at.DUE_NEXT] & mask, at.MARKS] & at.AHEAD_DUE
    ):
        c[at.DUE_NEXT] += 1
    while c[at.DUE_HEAP] > 0 and heap[0, 1] < c[at.OLDEST]:  # forgotten under pressure
        c[at.DUE_HEAP] = heap_pop(heap, c[at.DUE_HEAP])
    in_order = c[at.DUE_NEXT] if c[at.DUE_NEXT] < c[at.NEXT] else -1
    if c[at.DUE_HEAP] == 0:
        return int(in_order)
    if in_order < 0:
        return int(heap[0, 1])
    due = facts[in_order & mask, at.DUE]
    if heap[0, 0] < due or (heap[0, 0] == due and heap[0, 1] < in_order):
        return int(heap[0, 1])
    return int(in_order)


@part
def release(
    facts: Array, notes: Array, blocks: Array, y: Array, ripe: Array, dues: Array, c: Array,
    ops: Array, matured: Array, fixes: Array, outs: Array, now: int,
) -> int:  # fmt: skip
    """Let happen what is due before ``now``: labels that become known, and expiry. At one time labels win."""
    mask = len(facts) - 1
    while True:
        if not settle(facts, notes, blocks, y, ripe, c, matured, outs) or outs[at.OUT_OPS] + STEP > len(ops):
            return at.CUT
        due = next_due(facts, notes, dues, c)
        event = head(facts, notes, ripe, c)  # still waits, or it would have settled
        if due < 0 and event < 0:
            return at.DONE
        due_time = facts[due & mask, at.DUE] if due >= 0 else NEVER
        end = facts[event & mask, at.TIME] + c[at.WAIT] if event >= 0 else NEVER
        if min(due_time, end) >= now:
            return at.DONE
        if due_time <= end:
            slot = due & mask
            outcome = apply_label(facts, notes, blocks, y, c, ops, fixes, outs, due, notes[slot, at.PENDING], due_time)
            if outcome == at.CUT:
                return at.CUT
            notes[slot, at.PENDING] = -1
            touch(notes, blocks, slot)
            if notes[slot, at.MARKS] & at.AHEAD_DUE:
                c[at.DUE_HEAP] = heap_pop(dues, c[at.DUE_HEAP])
            if outcome == at.CORRECTED:
                return at.CORRECTED
        else:
            expire(facts, notes, blocks, y, c, ops, outs, event & mask, end)


@part
def forget(
    facts: Array, notes: Array, blocks: Array, y: Array, table: Array, ripe: Array, c: Array, matured: Array,
    outs: Array,
) -> bool:  # fmt: skip
    """Forget the oldest events that nothing can happen to any more, or that the bound leaves no room for.

    Room is made for one event more. False where the output is full.
    """
    mask = len(facts) - 1
    while c[at.OLDEST] < c[at.NEXT]:
        slot = c[at.OLDEST] & mask
        over = c[at.NEXT] - c[at.OLDEST] >= c[at.EVENTS_MAX]
        settled = notes[slot, at.MARKS] & at.EMITTED and notes[slot, at.PENDING] < 0
        kept = (
            facts[slot, at.TIME] + c[at.REMEMBER] >= max(c[at.WATERMARK], c[at.ROW_TIME])
            or c[at.NEXT] - c[at.OLDEST] <= c[at.REMEMBER_EVENTS]
        )
        if not over and (not settled or kept):
            return True
        while not notes[slot, at.MARKS] & at.EMITTED:  # over the bound: the head gives up waiting
            if outs[at.OUT_MATURED] + STEP > len(matured):
                return False
            event = head(facts, notes, ripe, c)
            if notes[event & mask, at.STATUS] == at.WAITING:
                notes[event & mask, at.STATUS] = at.DROPPED
                facts[event & mask, at.KNOWN] = c[at.WATERMARK]
                c[at.N_WAITING] -= 1
                c[at.N_EVICTED] += 1
            mature(facts, notes, blocks, y, ripe, c, matured, outs, event)
        if c[at.HAS_ID]:
            hash_remove(table, facts, facts[slot, at.KEY])
        c[at.OLDEST] += 1
    return True
