"""What a segment says of the store's slots, laid out in rows for the parts that sense: one pass each."""

from __future__ import annotations

from streamimb.kernel import Array, leaf
from streamimb.labels import layout as at


@leaf
def told_of(
    ops: Array, facts: Array, y: Array, notes: Array, n: int, rows: Array, slots: Array, times: Array, early_y: Array,
    early_decision: Array,
) -> tuple[int, int]:  # fmt: skip
    """Note row, slot and time of each prediction, from place n on, and class and decision of each label that came.

    ops: int64 (t, 4); facts, y and notes: the store's, by slot; rows, slots, times: int64; early_y, early_decision:
    int16. Returns how many predictions are noted now, and how many labels.
    """
    early = 0
    for i in range(len(ops)):
        slot, kind = ops[i, 0], ops[i, 1]
        if kind == at.PREDICT:
            rows[n], slots[n], times[n] = ops[i, 3], slot, facts[slot, at.TIME]
            n += 1
        elif kind in (at.LEARN_LABEL, at.LEARN_CORRECTED):
            early_y[early], early_decision[early] = y[slot], notes[slot, at.DECISION]
            early += 1
    return n, early


@leaf
def mature_of(
    matured: Array, notes: Array, scores: Array, raw: Array, positive: int, recall_from: int, shadows_from: int,
    whole: Array, small: Array, reals: Array, score: Array,
) -> int:  # fmt: skip
    """Write what is known of the events that matured with a label; return how many there are.

    matured: int64 (m, 5); notes, scores, raw: the store's, by slot; whole: int64 (3, rows) gets slot, position, time;
    small: int16 (4, rows) label, decision, shadows (from ``shadows_from`` on, else -1), and the decision where it tells
    of recall, from ``recall_from`` on, else -1; reals: float32 (2, rows, K) raw and scores; score: float32 (rows,), the
    positive class's.
    """
    n = 0
    for i in range(len(matured)):
        label = matured[i, 1]
        if label < 0:
            continue
        slot, position = matured[i, 0], matured[i, 3]
        whole[0, n], whole[1, n], whole[2, n] = slot, position, matured[i, 4]
        decision = notes[slot, at.DECISION]
        small[0, n], small[1, n] = label, decision
        small[2, n] = notes[slot, at.SHADOWS] if position >= shadows_from else -1
        small[3, n] = decision if position >= recall_from else -1
        for k in range(scores.shape[1]):
            reals[0, n, k], reals[1, n, k] = raw[slot, k], scores[slot, k]
        score[n] = scores[slot, positive]
        n += 1
    return n
