"""The kernel that walks a batch: it releases labels, expires, joins, and says what is to be predicted and learned.

It may stop before any row and goes on from there, so that no output can overflow and nothing that must happen
between two events (a new Plan, a correction) is passed over. Where it stops depends on the stream alone, or makes
no difference to what follows.
"""

from __future__ import annotations

from streamimb.batch import WITH_EVENT, Kind
from streamimb.kernel import Array, leaf, part
from streamimb.labels import layout as at
from streamimb.labels.clock import ACCEPTED, falls_back, far_ahead, judge_time
from streamimb.labels.early import hold, take
from streamimb.labels.endings import STEP, add_due, apply_label, forget, lesson, release, settle, touch
from streamimb.labels.queues import hash_add, hash_find, heap_push

LABEL_ROW = int(Kind.LABEL)
REFUSED, LABEL_NOW, PARKED = 0, 1, 2
TURNED_AWAY = -1  # a row that is refused for its time


@part
def due_of(c: Array, known: int) -> int:
    """When the label that came with the row in hand is known."""
    if c[at.DELAY] >= 0:
        return int(c[at.ROW_TIME] + c[at.DELAY])
    return int(c[at.ROW_TIME] if known == WITH_EVENT else known)


@part
def accept(
    facts: Array, notes: Array, y: Array, X: Array, table: Array, ripe: Array, dues: Array, c: Array,
    ops: Array, outs: Array, key: int, label: int, known: int, rows: Array, i: int,
) -> None:  # fmt: skip
    """Take a new event in: it is predicted, and learned where its label is known at once."""
    event, now = c[at.NEXT], c[at.ROW_TIME]
    slot = event & (len(facts) - 1)
    for j in range(rows.shape[1]):
        X[slot, j] = rows[i, j]
    facts[slot, at.KEY], facts[slot, at.TIME], facts[slot, at.POSITION] = key, now, event
    facts[slot, at.DUE], facts[slot, at.KNOWN], facts[slot, at.NUMBER] = 0, 0, -1
    facts[slot, at.LESSON] = -1
    notes[slot, at.PENDING], notes[slot, at.MARKS], notes[slot, at.STATUS] = -1, 0, at.WAITING
    y[slot] = -1
    n = outs[at.OUT_OPS]
    ops[n, 0], ops[n, 1], ops[n, 2], ops[n, 3] = slot, at.PREDICT, event, i
    outs[at.OUT_OPS] = n + 1
    if now < c[at.WATERMARK]:
        notes[slot, at.MARKS] |= at.BEHIND
        c[at.RIPE_HEAP] = heap_push(ripe, c[at.RIPE_HEAP], now, event)
    c[at.WATERMARK] = max(c[at.WATERMARK], now)
    c[at.NEXT] = event + 1
    if c[at.HAS_ID]:
        hash_add(table, key, event)
    if label < 0:
        if not c[at.AWAITED]:
            notes[slot, at.STATUS] = at.DROPPED
            c[at.N_DROPPED] += 1
        else:
            c[at.N_WAITING] += 1
        return
    due = due_of(c, known)
    if due <= now:
        y[slot], facts[slot, at.KNOWN], notes[slot, at.STATUS] = label, due, at.LABELLED
        c[at.N_LABELLED] += 1
        lesson(facts, c, ops, outs, slot, at.LEARN_LABEL, False)
        return
    c[at.N_WAITING] += 1
    facts[slot, at.DUE], notes[slot, at.PENDING] = due, label
    if due < c[at.DUE_MAX]:
        notes[slot, at.MARKS] |= at.AHEAD_DUE
        add_due(dues, c, due, event)
    c[at.DUE_MAX] = max(c[at.DUE_MAX], due)


@leaf
def twin(
    facts: Array, notes: Array, blocks: Array, y: Array, dues: Array, c: Array, event: int, label: int, due: int
) -> int:  # fmt: skip
    """What is made of an event's second copy: REFUSED, or it stands for a label, LABEL_NOW or PARKED until it is due.

    It is news only where the first copy brought no label, or another one.
    """
    slot = event & (len(facts) - 1)
    pending = notes[slot, at.PENDING]
    has_it = notes[slot, at.STATUS] == at.LABELLED and y[slot] == label
    if label < 0 or has_it or (pending == label and facts[slot, at.DUE] <= due):
        return REFUSED
    if due <= max(c[at.WATERMARK], c[at.ROW_TIME]):
        return LABEL_NOW
    if pending >= 0:
        return REFUSED
    facts[slot, at.DUE], notes[slot, at.PENDING] = due, label
    notes[slot, at.MARKS] |= at.AHEAD_DUE
    touch(notes, blocks, slot)
    add_due(dues, c, due, event)
    return PARKED


@leaf
def reject(rejected: Array, outs: Array, row: int, reason: int) -> None:
    """Write down a row that is refused."""
    n = outs[at.OUT_REJECTED]
    rejected[n, 0], rejected[n, 1] = row, reason
    outs[at.OUT_REJECTED] = n + 1


@leaf
def join(table: Array, facts: Array, c: Array, key: int) -> int:
    """The remembered event that a label names; -1 for none."""
    if c[at.HAS_ID]:
        return hash_find(table, facts, key)
    return key if c[at.OLDEST] <= key < c[at.NEXT] else -1


@part
def hear(
    kinds: Array, labels: Array, keys: Array, label_times: Array, facts: Array, notes: Array, blocks: Array, y: Array,
    dues: Array, early: Array, early_table: Array, c: Array, ops: Array, rejected: Array, fixes: Array, outs: Array,
    event: int, i: int,
) -> int:  # fmt: skip
    """Take in a label alone, or what a second event of an id brings; say why the walk stops here, if it does."""
    known, fate = c[at.WATERMARK], LABEL_NOW
    if kinds[i] != LABEL_ROW:
        known = due_of(c, label_times[i])
        fate = twin(facts, notes, blocks, y, dues, c, event, labels[i], known)
    elif label_times[i] != WITH_EVENT and not (c[at.HAS_TIME] and far_ahead(c, label_times[i])):
        known = label_times[i]
    stop = at.DONE
    if event < 0 and labels[i] >= 0 and c[at.EARLY_MAX] > 0:
        hold(early, early_table, c, keys[i], labels[i], known)
    elif event < 0 or labels[i] < 0:
        c[at.N_UNKNOWN] += kinds[i] == LABEL_ROW
    elif fate == LABEL_NOW:
        stop = apply_label(facts, notes, blocks, y, c, ops, fixes, outs, event, labels[i], known)
    if fate == REFUSED:
        reject(rejected, outs, i, at.REJECT_DUPLICATE)
        c[at.N_DUPLICATE] += 1
    return stop


@part
def begin(
    times: Array, facts: Array, notes: Array, blocks: Array, y: Array, table: Array, ripe: Array, dues: Array,
    early: Array, c: Array, ops: Array, matured: Array, rejected: Array, fixes: Array, outs: Array, i: int,
) -> int:  # fmt: skip
    """Begin an event's row: what is due before its time happens, and room is made. TURNED_AWAY, or why to stop."""
    if not c[at.BEGUN]:
        if outs[at.OUT_OPS] > 0 and falls_back(c, times[i]):
            return at.CUT
        refused = judge_time(facts, notes, ripe, dues, early, c, times[i])
        if refused != ACCEPTED:
            reject(rejected, outs, i, refused)
            return TURNED_AWAY
    stop = release(facts, notes, blocks, y, ripe, dues, c, ops, matured, fixes, outs, c[at.ROW_TIME])
    if stop == at.DONE and not forget(facts, notes, blocks, y, table, ripe, c, matured, outs):
        return at.CUT
    return int(stop)


@part
def welcome(
    labels: Array, keys: Array, label_times: Array, rows: Array, X: Array, y: Array, facts: Array, notes: Array,
    table: Array, ripe: Array, dues: Array, early: Array, early_table: Array, c: Array, ops: Array, outs: Array, i: int,
) -> int:  # fmt: skip
    """Take a new event in, with the label that is held for it; RENEW where a boundary comes first."""
    boundary = c[at.NEXT] % c[at.EVERY] == 0 or c[at.NEXT] % c[at.EVERY_OTHER] == 0
    if boundary and c[at.NEXT] > 0 and c[at.BEGUN] == 1:
        c[at.BEGUN] = 2
        return at.RENEW
    label, known = int(labels[i]), label_times[i]
    if c[at.EARLY_NEXT] > c[at.EARLY_OLDEST]:
        held, since = take(early, early_table, c, keys[i], label)
        if held >= 0:
            label, known = held, since
    accept(facts, notes, y, X, table, ripe, dues, c, ops, outs, keys[i], label, known, rows, i)
    return at.DONE


@leaf
def advance(
    kinds: Array, labels: Array, keys: Array, times: Array, label_times: Array, rows: Array, start: int,
    X: Array, y: Array, facts: Array, notes: Array, blocks: Array, table: Array, ripe: Array, dues: Array,
    early: Array, early_table: Array, c: Array, ops: Array, matured: Array, rejected: Array, fixes: Array, outs: Array,
) -> int:  # fmt: skip
    """Walk a batch from row ``start`` until it is used up or something must happen first; say why it stopped.

    ops: int64 (·, 4) slot, kind, position, row (a lesson's: how many of ``matured`` came before it); matured: int64
    (·, 5) slot, label, known at, position, time; rejected: int64 (·, 2) row, reason; fixes: int64 (1, 4) slot, number,
    old label, new label; outs: how much of each, and the row to go on from.
    """
    for j in range(len(outs)):
        outs[j] = 0
    c[at.SEGMENT] += 1
    i = start
    stop = at.DONE if settle(facts, notes, blocks, y, ripe, c, matured, outs) else at.CUT
    while stop == at.DONE and i < len(kinds):
        if outs[at.OUT_OPS] + STEP > len(ops) or outs[at.OUT_REJECTED] + STEP > len(rejected):
            stop = at.CUT
            break
        if kinds[i] != LABEL_ROW:
            stop = begin(
                times, facts, notes, blocks, y, table, ripe, dues, early, c, ops, matured, rejected, fixes, outs, i
            )  # fmt: skip
            if stop == TURNED_AWAY:
                stop = at.DONE
                i += 1
                continue
            if stop != at.DONE:
                break
        event = join(table, facts, c, keys[i]) if kinds[i] == LABEL_ROW or c[at.HAS_ID] else -1
        if kinds[i] == LABEL_ROW or event >= 0:
            stop = hear(
                kinds, labels, keys, label_times, facts, notes, blocks, y, dues, early, early_table, c, ops, rejected,
                fixes, outs, event, i,
            )  # fmt: skip
        else:
            stop = welcome(
                labels, keys, label_times, rows, X, y, facts, notes, table, ripe, dues, early, early_table, c, ops,
                outs, i,
            )  # fmt: skip
        if stop == at.CUT or stop == at.RENEW:
            break
        c[at.BEGUN] = 0
        i += 1
        if stop == at.DONE and not settle(facts, notes, blocks, y, ripe, c, matured, outs):
            stop = at.CUT
    outs[at.OUT_ROW] = i
    return stop
