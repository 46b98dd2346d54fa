"""Kernels that count mature events, put them right, and note early ones, on the arrays of ``layout``."""

from __future__ import annotations

import numpy as np

from streamimb.evaluation.layout import (
    BLOCK,
    BLOCK_SUMS,
    CALIBRATION_BINS,
    CLASSES,
    CLASSES_RANKED_MAX,
    COUNT,
    DECAYED_BITS,
    EVENTS_MAX,
    EVENTS_MIN,
    EVENTS_PLAIN,
    IN_BLOCK,
    IN_EVENTS,
    IN_RAREST,
    MANTISSA_BITS,
    OCTAVES,
    RAREST_LEAST,
    SEEN,
    SHORT,
    START,
    SUMS,
)
from streamimb.evaluation.metrics import overall
from streamimb.evaluation.scoring import add_scores, held, move_scores, rank
from streamimb.kernel import Array, kernel, leaf, part


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
    fading = floats[SUMS + 4 * bins :]
    decayed = fading[: K * K].reshape(K, K)
    fading_losses = fading[K * K : K * K + 4]
    fading_calibration = fading[K * K + 4 : K * K + 4 + 4 * bins].reshape(bins, 4)
    fading_histogram = fading[K * K + 4 + 4 * bins :].reshape(len(histogram), 2, 2 * OCTAVES << setup[DECAYED_BITS])
    mask = len(ring_labels) - 1
    scores = held(scores)
    add_scores(scores, y, decision, decay, setup, floats, calibration, histogram, fading, decayed, fading_losses,
               fading_calibration, fading_histogram)  # fmt: skip
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
        if number + 1 - ints[BLOCK] == plain:
            close_block(ring_labels, ring_scores, ints, floats, setup, tables[IN_BLOCK])
    return True


@part
def acceptable(y: Array, decision: Array, scores: Array, K: int) -> bool:
    """Whether every class is in range and every score finite."""
    for e in range(len(y)):
        if y[e] < 0 or y[e] >= K or decision[e] < 0 or decision[e] >= K:
            return False
        for k in range(K):
            if not np.isfinite(scores[e, k]):
                return False
    return True


@part
def leave(ring_labels: Array, ints: Array, tables: Array, in_rarest: Array, least: int) -> None:
    """The oldest event leaves the rarest window."""
    old = ring_labels[ints[START] & (len(ring_labels) - 1)]
    tables[IN_RAREST, old[0], old[1]] -= 1
    if in_rarest[old[0]] == least:
        ints[SHORT] += 1
    in_rarest[old[0]] -= 1
    ints[START] += 1


@kernel
def close_block(ring_labels: Array, ring_scores: Array, ints: Array, floats: Array, setup: Array, table: Array) -> None:
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
def correct(
    ring_labels: Array, ints: Array, floats: Array, setup: Array, number: Array,
    old: Array, new: Array, decision: Array, scores: Array,
) -> bool:  # fmt: skip
    """Move events already counted from class old to new; False, and nothing moved, where that cannot have been."""
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
        move_scores(scores[e], old[e], new[e], setup, floats, calibration, histogram)
        seen[new[e]] = 1
    ints[SHORT] = 0
    for k in range(K):
        if seen[k] and in_rarest[k] < setup[RAREST_LEAST]:
            ints[SHORT] += 1
    return True


@leaf
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
