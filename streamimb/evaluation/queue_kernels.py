"""The days of a queue: counts, costs, and the k highest scores of each, in a ring of the last days.

A day's heap has its worst entry on top: the lowest score, among equals the latest event.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, kernel, leaf, part, uniform

DAY_US: Final = 86_400_000_000

# Columns of a day's counts, int64 (slots, COUNTS).
DAY, EVENTS, ALERTS, HELD, COUNTS = 0, 1, 2, 3, 4
# Marks, int64 (MARKS,): events so far, days opened so far, the first event that is counted.
SEEN, OPENED, FIRST, MARKS = 0, 1, 2, 3
# Sums, float64 (SUMS,): over all events, then over the days that left the ring.
ALL_COST, ALL_SQUARES, DAYS, ALERTS_SUM, ALERTS_SQUARES = 0, 1, 2, 3, 4
PRECISION_SUM, PRECISION_SQUARES, COST_SUM, COST_SQUARES = 5, 6, 7, 8
EVENTS_SUM, EVENTS_SQUARES, COST_EVENTS, HITS, SHOWN, SUMS = 9, 10, 11, 12, 13, 14


@leaf
def worse(scores: Array, numbers: Array, slot: int, i: int, j: int) -> bool:
    """Whether entry i of a day's heap ranks below entry j."""
    if scores[slot, i] != scores[slot, j]:
        return bool(scores[slot, i] < scores[slot, j])
    return bool(numbers[slot, i] > numbers[slot, j])


@leaf
def swap(scores: Array, numbers: Array, hits: Array, slot: int, i: int, j: int) -> None:
    """Exchange two entries of a day's heap."""
    score, number, hit = scores[slot, i], numbers[slot, i], hits[slot, i]
    scores[slot, i], numbers[slot, i], hits[slot, i] = scores[slot, j], numbers[slot, j], hits[slot, j]
    scores[slot, j], numbers[slot, j], hits[slot, j] = score, number, hit


@leaf
def offer(
    counts: Array, scores: Array, numbers: Array, hits: Array, slot: int, score: float, number: int, hit: int
) -> None:
    """Let an event into its day's heap where it is among the k highest; of equal scores the earlier stays."""
    k, held = scores.shape[1], counts[slot, HELD]
    if held < k:
        i = held
        scores[slot, i], numbers[slot, i], hits[slot, i] = score, number, hit
        counts[slot, HELD] += 1
        while i > 0 and worse(scores, numbers, slot, i, (i - 1) // 2):
            swap(scores, numbers, hits, slot, i, (i - 1) // 2)
            i = (i - 1) // 2
    elif score > scores[slot, 0]:
        scores[slot, 0], numbers[slot, 0], hits[slot, 0] = score, number, hit
        i = 0
        while 2 * i + 1 < k:
            child = 2 * i + 1
            if child + 1 < k and worse(scores, numbers, slot, child + 1, child):
                child += 1
            if not worse(scores, numbers, slot, child, i):
                break
            swap(scores, numbers, hits, slot, i, child)
            i = child


@leaf
def fold(counts: Array, cost: Array, hits: Array, slot: int, sums: Array) -> None:
    """Add a complete day to the sums."""
    alerts, events, spent = float(counts[slot, ALERTS]), float(counts[slot, EVENTS]), cost[slot]
    sums[DAYS] += 1.0
    sums[ALERTS_SUM] += alerts
    sums[ALERTS_SQUARES] += alerts * alerts
    sums[COST_SUM] += spent
    sums[COST_SQUARES] += spent * spent
    sums[EVENTS_SUM] += events
    sums[EVENTS_SQUARES] += events * events
    sums[COST_EVENTS] += spent * events
    found = 0.0
    for i in range(counts[slot, HELD]):
        found += hits[slot, i]
    precision = found / counts[slot, HELD]
    sums[PRECISION_SUM] += precision
    sums[PRECISION_SQUARES] += precision * precision
    sums[HITS] += found
    sums[SHOWN] += counts[slot, HELD]


@part
def slot_of(day: int, counts: Array, opened: int) -> int:
    """The ring's slot of a day, -1 where it is not held."""
    slots = len(counts)
    for back in range(min(opened, slots)):
        slot = (opened - 1 - back) % slots
        if counts[slot, DAY] == day:
            return slot
    return -1


@leaf
def count(
    time: Array, y: Array, decision: Array, score: Array, loss: Array, positive: int, block: int, counts: Array,
    cost: Array, scores: Array, numbers: Array, hits: Array, marks: Array, sums: Array,
) -> bool:  # fmt: skip
    """Count events; false, and nothing is counted, where a score or a loss is not finite or a loss is below 0.

    block: so many events in a row stand for a day where the stream has no times, 0 where it has. An event of a day
    that has left the ring is counted among all events only.
    """
    for i in range(len(y)):
        if not np.isfinite(score[i]) or (len(loss) and not 0.0 <= loss[i] < np.inf):
            return False
    slots = len(counts)
    for i in range(len(y)):
        day = marks[SEEN] // block if block else time[i] // DAY_US
        slot = (marks[OPENED] - 1) % slots
        if marks[OPENED] == 0 or day > counts[slot, DAY]:
            slot = marks[OPENED] % slots
            if marks[OPENED] >= slots:
                fold(counts, cost, hits, slot, sums)
            marks[OPENED] += 1
            counts[slot, DAY], cost[slot] = day, 0.0
            counts[slot, EVENTS] = counts[slot, ALERTS] = counts[slot, HELD] = 0
        elif day < counts[slot, DAY]:
            slot = slot_of(day, counts, marks[OPENED])
        hit = int(y[i] == positive)
        alert = int(decision[i] == positive)
        spent = loss[i] if len(loss) and hit != alert else 0.0
        sums[ALL_COST] += spent
        sums[ALL_SQUARES] += spent * spent
        if slot >= 0:
            counts[slot, EVENTS] += 1
            counts[slot, ALERTS] += alert
            cost[slot] += spent
            if counts[slot, HELD] < scores.shape[1] or score[i] > scores[slot, 0]:
                offer(counts, scores, numbers, hits, slot, score[i], marks[SEEN], hit)
        marks[SEEN] += 1
    return True


@leaf
def put_right(
    number: int, day: int, hit: int, spent: float, more: float, counts: Array, cost: Array, numbers: Array, hits: Array,
    marks: Array, sums: Array,
) -> None:  # fmt: skip
    """Event ``number`` of a day has another label: a hit or none; what it costs was ``spent`` and now is ``more``."""
    if number < marks[FIRST]:
        return
    sums[ALL_COST] = max(sums[ALL_COST] + more - spent, 0.0)
    sums[ALL_SQUARES] = max(sums[ALL_SQUARES] + more * more - spent * spent, 0.0)
    slot = slot_of(day, counts, marks[OPENED])
    if slot < 0:
        return
    cost[slot] = max(cost[slot] + more - spent, 0.0)
    for i in range(counts[slot, HELD]):
        if numbers[slot, i] == number:
            hits[slot, i] = hit


@kernel
def resampled_ratios(tops: Array, bottoms: Array, seed: Any, replicates: int) -> Array:
    """Replicates of sum(top) / sum(bottom), float64 (replicates, m), under exponential weights of the days.

    tops, bottoms: float64 (days, m). A Bayesian bootstrap over days (Rubin 1981), the same weights in every column.
    """
    days, m = tops.shape
    out = np.empty((replicates, m))
    top, bottom = np.empty(m), np.empty(m)
    for r in range(replicates):
        top[:], bottom[:] = 0.0, 0.0
        for d in range(days):
            weight = -np.log(1.0 - uniform(seed, r, d))
            for j in range(m):
                top[j] += weight * tops[d, j]
                bottom[j] += weight * bottoms[d, j]
        for j in range(m):
            out[r, j] = top[j] / bottom[j] if bottom[j] > 0 else np.nan
    return out
