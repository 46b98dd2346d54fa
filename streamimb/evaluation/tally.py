"""What a prequential evaluation counts: the kernels, and the layout of the arrays that they work on.

``ring_labels`` int16 (capacity, 2), true and decided, and ``ring_scores`` float32 (capacity, K) hold event number i in
row i & (capacity - 1). ``ints`` is [COUNT, START, SHORT, BLOCK | seen (K) | sizes in the rarest
window (K) | confusions (4, K, K) | histogram (P, 2,
bins)], ``floats`` is [sums | calibration (bins, 4) | decayed confusion (K, K)]. P, the number of one-vs-rest rankings, is
one for two classes (the positive's) and K for more.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.evaluation.calibration import add_calibration
from streamimb.evaluation.metrics import overall
from streamimb.evaluation.ranking import LOG_LOSS_CLIP, areas_of_keys
from streamimb.kernel import Array, kernel

#: Scalars of ``ints``: events counted; first event of the rarest window; classes short of ``rarest`` in it; first of the block.
COUNT: Final = 0
START: Final = 1
SHORT: Final = 2
BLOCK: Final = 3
SEEN: Final = 4

#: Confusion matrices of ``ints``.
IN_ALL: Final = 0
IN_RAREST: Final = 1
IN_EVENTS: Final = 2
IN_BLOCK: Final = 3

#: Scalars of ``floats``: sums and sums of squares of the losses, the weight of the next event in the decayed confusion
#: (it grows; dividing by it is the decay), then (blocks, sum, sum of squares) of each block metric.
BRIER_SUM: Final = 0
LOSS_SUM: Final = 2
GROWTH: Final = 4
BLOCK_SUMS: Final = 5
SUMS: Final = 17
GROWTH_MAX: Final = 1e200

#: Rows of ``setup``.
CLASSES: Final = 0
POSITIVE: Final = 1
RAREST_LEAST: Final = 2
EVENTS_MIN: Final = 3
EVENTS_MAX: Final = 4
EVENTS_PLAIN: Final = 5
MANTISSA_BITS: Final = 6
CALIBRATION_BINS: Final = 7

#: Octaves of odds that the histogram tells apart on either side of one half: scores from 2^-33 to 1 - 2^-24.
OCTAVES: Final = 32
#: Above so many classes, the consecutive windows are not ranked: it would cost more than all the rest.
CLASSES_RANKED_MAX: Final = 32


@kernel
def score_bin(score: float, mantissa_bits: int) -> int:
    """Bin of a score in [0, 1], rising with it: 2^mantissa_bits bins an octave of the nearer of p and 1 - p.

    The bins are read off the float's bits, so that they are near enough even in the logit (0.003 wide at eight bits), as
    fine near 0 and 1 as at one half, and the same on every machine.
    """
    half = OCTAVES << mantissa_bits
    near = np.float32(score if score < 0.5 else 1.0 - score)
    octaves = np.int64(near.view(np.uint32) >> np.uint32(23 - mantissa_bits))
    place = min(max(octaves - ((126 - OCTAVES) << mantissa_bits), 0), half - 1)
    return place if score < 0.5 else 2 * half - 1 - place


@kernel
def losses(row: Array, c: int, positive: int) -> tuple[float, float]:
    """Brier and log-loss of one event's scores (K,) and class: two classes count the positive's error only."""
    if len(row) == 2:
        brier = (row[positive] - (1.0 if c == positive else 0.0)) ** 2
    else:
        brier = 0.0
        for k in range(len(row)):
            brier += (row[k] - (1.0 if c == k else 0.0)) ** 2
    own = np.float64(row[c])
    return brier, -np.log(min(max(own, LOG_LOSS_CLIP), 1.0 - LOG_LOSS_CLIP))


@kernel
def outcome(row: Array, c: int, positive: int) -> tuple[float, bool]:
    """What calibration is about: the positive's score and whether it was one; of many classes, the top score and its hit."""
    if len(row) == 2:
        return np.float64(row[positive]), c == positive
    top = 0
    for k in range(len(row)):
        if row[k] > row[top]:
            top = k
    return np.float64(row[top]), c == top


@kernel
def add_scores(
    scores: Array, y: Array, weight: float, setup: Array, floats: Array, calibration: Array, histogram: Array
) -> None:
    """Count events' scores in the totals, or with weight -1 take them back."""
    positive, bits, single = setup[POSITIVE], setup[MANTISSA_BITS], len(histogram) == 1
    step = np.int64(weight)
    for e in range(len(y)):
        row, c = scores[e], y[e]
        brier, loss = losses(row, c, positive)
        floats[BRIER_SUM] += weight * brier
        floats[BRIER_SUM + 1] += weight * brier * brier
        floats[LOSS_SUM] += weight * loss
        floats[LOSS_SUM + 1] += weight * loss * loss
        score, hit = outcome(row, c, positive)
        add_calibration(calibration, score, hit, weight)
        for p in range(len(histogram)):
            k = positive if single else p
            histogram[p, 1 if c == k else 0, score_bin(row[k], bits)] += step


@kernel
def held(scores: Array) -> Array:
    """A copy within [0, 1], without a negative zero."""
    out = np.empty_like(scores)
    for e in range(scores.shape[0]):
        for k in range(scores.shape[1]):
            out[e, k] = min(scores[e, k], np.float32(1.0)) if scores[e, k] > 0 else np.float32(0.0)
    return out


@kernel
def count(
    ring_labels: Array, ring_scores: Array, ints: Array, floats: Array, setup: Array,
    decay: float, y: Array, decision: Array, scores: Array,
) -> bool:  # fmt: skip
    """Count events in order; False, and nothing counted, where a class is out of range or a score is not finite.

    The ring must have room for the longest window that can arise.
    """
    K, least, plain = setup[CLASSES], setup[RAREST_LEAST], setup[EVENTS_PLAIN]
    if not acceptable(y, decision, scores, K):
        return False
    seen = ints[SEEN : SEEN + K]
    in_rarest = ints[SEEN + K : SEEN + 2 * K]
    tables = ints[SEEN + 2 * K : SEEN + 2 * K + 4 * K * K].reshape(4, K, K)
    histogram = ints[SEEN + 2 * K + 4 * K * K :]
    histogram = histogram.reshape(1 if K == 2 else K, 2, 2 * OCTAVES << setup[MANTISSA_BITS])
    bins = setup[CALIBRATION_BINS]
    calibration = floats[SUMS : SUMS + 4 * bins].reshape(bins, 4)
    decayed = floats[SUMS + 4 * bins :].reshape(K, K)
    mask = len(ring_labels) - 1
    scores = held(scores)
    add_scores(scores, y, 1.0, setup, floats, calibration, histogram)
    for e in range(len(y)):
        number, c, d = ints[COUNT], y[e], decision[e]
        if number - ints[START] >= setup[EVENTS_MAX]:
            leave(ring_labels, ints, tables, in_rarest, least)
        if number >= plain:
            old = ring_labels[(number - plain) & mask]
            tables[IN_EVENTS, old[0], old[1]] -= 1
        slot = number & mask
        ring_labels[slot, 0] = c
        ring_labels[slot, 1] = d
        for k in range(K):
            ring_scores[slot, k] = scores[e, k]
        for t in range(4):
            tables[t, c, d] += 1
        if not seen[c]:
            seen[c] = 1
            ints[SHORT] += 1
        in_rarest[c] += 1
        if in_rarest[c] == least:
            ints[SHORT] -= 1
        ints[COUNT] = number + 1
        while ints[SHORT] == 0 and number + 1 - ints[START] > setup[EVENTS_MIN]:
            if in_rarest[ring_labels[ints[START] & mask, 0]] == least:
                break
            leave(ring_labels, ints, tables, in_rarest, least)
        decayed[c, d] += floats[GROWTH]
        floats[GROWTH] /= decay
        if floats[GROWTH] > GROWTH_MAX:
            decayed /= floats[GROWTH]
            floats[GROWTH] = 1.0
        if number + 1 - ints[BLOCK] == plain:
            close_block(ring_labels, ring_scores, ints, floats, setup, tables[IN_BLOCK])
    return True


@kernel
def acceptable(y: Array, decision: Array, scores: Array, K: int) -> bool:
    """Whether every class is in range and every score finite."""
    for e in range(len(y)):
        if y[e] < 0 or y[e] >= K or decision[e] < 0 or decision[e] >= K:
            return False
        for k in range(K):
            if not np.isfinite(scores[e, k]):
                return False
    return True


@kernel
def leave(ring_labels: Array, ints: Array, tables: Array, in_rarest: Array, least: int) -> None:
    """The oldest event leaves the rarest window."""
    old = ring_labels[ints[START] & (len(ring_labels) - 1)]
    tables[IN_RAREST, old[0], old[1]] -= 1
    if in_rarest[old[0]] == least:
        ints[SHORT] += 1
    in_rarest[old[0]] -= 1
    ints[START] += 1


@kernel
def close_block(
    ring_labels: Array, ring_scores: Array, ints: Array, floats: Array, setup: Array, table: Array
) -> None:
    """Add the block's G-mean, kappa, PR-AUC and ROC-AUC, where defined, to their sums, and begin the next block."""
    K = setup[CLASSES]
    rows, cols, hits, values = np.zeros(K), np.zeros(K), np.zeros(K), np.empty(5)
    for i in range(K):
        hits[i] = table[i, i]
        for j in range(K):
            rows[i] += table[i, j]
            cols[j] += table[i, j]
    overall(rows, cols, hits, values)
    kept = np.full(4, np.nan)
    kept[0], kept[1] = values[0], values[2]
    if K <= CLASSES_RANKED_MAX:
        ranked = rank(ring_labels, ring_scores, ints[BLOCK], ints[COUNT], setup)
        kept[2], kept[3] = ranked[1], ranked[0]
    for b in range(4):
        if not np.isnan(kept[b]):
            floats[BLOCK_SUMS + 3 * b] += 1.0
            floats[BLOCK_SUMS + 3 * b + 1] += kept[b]
            floats[BLOCK_SUMS + 3 * b + 2] += kept[b] ** 2
    table[:, :] = 0
    ints[BLOCK] = ints[COUNT]


@kernel
def rank(ring_labels: Array, ring_scores: Array, first: int, last: int, setup: Array) -> Array:
    """Exact areas and standard errors of events first to last, (4,) as :func:`areas` orders them.

    The positive's for two classes; else the mean over the classes that have both positives and negatives, and of their
    errors, which bounds the mean's own from above. NaN where there is none.
    """
    n, mask = last - first, len(ring_labels) - 1
    K = setup[CLASSES]
    total, ranked = np.zeros(4), 0
    bits = ring_scores.view(np.uint32)
    keys = np.empty(n, np.uint32)
    for k in range(K):
        if K == 2 and k != setup[POSITIVE]:
            continue
        for i in range(n):
            slot = (first + i) & mask
            keys[i] = (bits[slot, k] << np.uint32(1)) | np.uint32(ring_labels[slot, 0] == k)
        found = areas_of_keys(keys)
        if not np.isnan(found[0]):
            ranked += 1
            for a in range(4):
                total[a] += found[a]
    if ranked == 0:
        total[:] = np.nan
        return total
    return total / ranked


@kernel
def window_sums(ring_labels: Array, ring_scores: Array, first: int, last: int, setup: Array) -> Any:
    """Of events first to last: [Brier sum, sum of squares, log-loss sum, sum of squares], and the calibration table."""
    sums, table = np.zeros(4), np.zeros((setup[CALIBRATION_BINS], 4))
    mask = len(ring_labels) - 1
    for number in range(first, last):
        slot = number & mask
        c = ring_labels[slot, 0]
        brier, loss = losses(ring_scores[slot], c, setup[POSITIVE])
        sums[0] += brier
        sums[1] += brier * brier
        sums[2] += loss
        sums[3] += loss * loss
        score, hit = outcome(ring_scores[slot], c, setup[POSITIVE])
        add_calibration(table, score, hit, 1.0)
    return sums, table


@kernel
def correct(
    ring_labels: Array, ring_scores: Array, ints: Array, floats: Array, setup: Array,
    number: Array, old: Array, new: Array, decision: Array, scores: Array,
) -> bool:  # fmt: skip
    """Move events already counted from class old to new; False, and nothing moved, where they cannot have been counted."""
    K = setup[CLASSES]
    if not (acceptable(old, decision, scores, K) and acceptable(new, decision, scores, K)):
        return False
    for e in range(len(number)):
        if number[e] < 0 or number[e] >= ints[COUNT]:
            return False
    seen = ints[SEEN : SEEN + K]
    in_rarest = ints[SEEN + K : SEEN + 2 * K]
    tables = ints[SEEN + 2 * K : SEEN + 2 * K + 4 * K * K].reshape(4, K, K)
    histogram = ints[SEEN + 2 * K + 4 * K * K :]
    histogram = histogram.reshape(1 if K == 2 else K, 2, 2 * OCTAVES << setup[MANTISSA_BITS])
    bins = setup[CALIBRATION_BINS]
    calibration = floats[SUMS : SUMS + 4 * bins].reshape(bins, 4)
    scores = held(scores)
    for e in range(len(number)):
        first = (0, ints[START], max(ints[COUNT] - setup[EVENTS_PLAIN], 0), ints[BLOCK])
        for t in range(4):
            if number[e] >= first[t]:
                tables[t, old[e], decision[e]] -= 1
                tables[t, new[e], decision[e]] += 1
        if number[e] >= min(first[1], first[2]):
            ring_labels[number[e] & (len(ring_labels) - 1), 0] = new[e]
        if number[e] >= ints[START]:
            in_rarest[old[e]] -= 1
            in_rarest[new[e]] += 1
        one = slice(e, e + 1)  # taken back and counted again event by event, so that batches leave no trace in the sums
        add_scores(scores[one], old[one], -1.0, setup, floats, calibration, histogram)
        add_scores(scores[one], new[one], 1.0, setup, floats, calibration, histogram)
        seen[new[e]] = 1
    ints[SHORT] = 0
    for k in range(K):
        if seen[k] and in_rarest[k] < setup[RAREST_LEAST]:
            ints[SHORT] += 1
    return True


@kernel
def count_early(hits: Array, seen: Array, y: Array, decision: Array) -> bool:
    """Write each event's hit to its class's ring, hits uint8 (K, n); False, and nothing written, out of range."""
    for e in range(len(y)):
        if y[e] < 0 or y[e] >= len(seen) or decision[e] < 0 or decision[e] >= len(seen):
            return False
    for e in range(len(y)):
        c = y[e]
        hits[c, seen[c] % hits.shape[1]] = 1 if decision[e] == c else 0
        seen[c] += 1
    return True
