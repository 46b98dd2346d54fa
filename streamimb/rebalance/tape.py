"""From a segment's operations to the tape that the learner gets, with probes of whether it learns by heart.

A probe is a prediction more: of a synthetic row just before its lesson, or of an event just after a lesson that counts
for more than one, which is what the model makes of a copy. Both are held against the prediction made just before
the lesson of a new event.
"""

from __future__ import annotations

from typing import Final

from streamimb.kernel import Array, leaf
from streamimb.learners.base import LEARN, PREDICT

#: One in so many events is asked for again after its lesson; a power of two.
COPIES_ASKED_EVERY: Final = 8
# Columns of the probes, int64 (·, 3): place among the predictions, whether of a made row, class.
PLACE, MADE, CLASS = 0, 1, 2


@leaf
def lay_out(
    ops: Array, y: Array, weights: Array, trained: Array, decay: float, rows: Array, kinds: Array, events: Array,
    costs: Array, asked: Array, probes: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Write the tape of a segment; return its length and how many predictions are asked for and are probes.

    ops: int64 (t, 4) slot, kind, position; weights: float64 (t,); the tape's arrays hold 2 t, asked, int64, says which
    of its predictions are the segment's own, probes, int64 (2 t, 3). Lessons are counted into ``trained`` as by
    :func:`count_trained`.
    """
    n = predicted = own = probed = 0
    for i in range(len(ops)):
        slot, lesson = ops[i, 0], ops[i, 1] > 0
        rows[n], kinds[n], events[n], costs[n] = slot, LEARN if lesson else PREDICT, ops[i, 2], weights[i]
        n += 1
        if not lesson:
            asked[own] = predicted
            own, predicted = own + 1, predicted + 1
            continue
        for k in range(len(trained)):
            trained[k] *= decay
        trained[y[slot]] += weights[i]
        again = weights[i] > 1.0 and (ops[i, 2] & (COPIES_ASKED_EVERY - 1)) == 0
        if again and i > 0 and ops[i - 1, 0] == slot and ops[i - 1, 1] <= 0:
            for made in range(2):
                probes[probed, PLACE], probes[probed, MADE] = predicted - 1 + made, made
                probes[probed, CLASS] = y[slot]
                probed += 1
            rows[n], kinds[n], events[n], costs[n] = slot, PREDICT, ops[i, 2], 0.0
            n, predicted = n + 1, predicted + 1
    return n, own, probed


@leaf
def splice(
    ops: Array, starts: Array, sampled_y: Array, sampled_weights: Array, sampled_events: Array, synthetic: Array,
    rows: Array, kinds: Array, events: Array, costs: Array, asked: Array, probes: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """As :func:`lay_out`, each lesson replaced by the rows that a sampler gave for it.

    Row i of the learner's matrix is operation i's event, row t + r the sampler's row r; starts: int64 (lessons + 1,).
    """
    n = predicted = own = probed = lesson = 0
    for i in range(len(ops)):
        if ops[i, 1] <= 0:
            rows[n], kinds[n], events[n], costs[n] = i, PREDICT, ops[i, 2], 0.0
            asked[own] = predicted
            n, own, predicted = n + 1, own + 1, predicted + 1
            continue
        for r in range(starts[lesson], starts[lesson + 1]):
            if synthetic[r]:
                rows[n], kinds[n], events[n], costs[n] = len(ops) + r, PREDICT, sampled_events[r], 0.0
                n, predicted = n + 1, predicted + 1
            if synthetic[r] or (i > 0 and ops[i - 1, 1] <= 0 and ops[i - 1, 0] == ops[i, 0]):
                probes[probed, PLACE], probes[probed, MADE] = predicted - 1, int(synthetic[r])
                probes[probed, CLASS] = sampled_y[r]
                probed += 1
            rows[n], kinds[n], events[n], costs[n] = len(ops) + r, LEARN, sampled_events[r], sampled_weights[r]
            n += 1
        lesson += 1
    return n, own, probed


@leaf
def count_taught(ops: Array, y: Array, rows: Array, kinds: Array, tape_y: Array, taught: Array) -> None:
    """Count a segment's lessons and those of its tape by class, int64 (2, K)."""
    for i in range(len(ops)):
        if ops[i, 1] > 0:
            taught[0, y[ops[i, 0]]] += 1
    for i in range(len(rows)):
        if kinds[i] == LEARN:
            taught[1, tape_y[rows[i]]] += 1


@leaf
def count_trained(y: Array, weights: Array, trained: Array, decay: float) -> None:
    """Count rows that were learned into the decayed weight of each class, float64 (K,)."""
    for i in range(len(y)):
        for k in range(len(trained)):
            trained[k] *= decay
        trained[y[i]] += weights[i]
