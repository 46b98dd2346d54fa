"""Kernels on scores: losses, calibration and ranking of single events, of windows, and of the whole run."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamimb.evaluation.calibration import add_calibration
from streamimb.evaluation.layout import (
    BRIER_SUM,
    CLASSES,
    DECAYED_BITS,
    GROWTH,
    GROWTH_MAX,
    LOSS_SUM,
    MANTISSA_BITS,
    OCTAVES,
    POSITIVE,
)
from streamimb.evaluation.ranking import LOG_LOSS_CLIP, areas_of_keys
from streamimb.kernel import Array, kernel, leaf, part


@part
def score_bin(score: Any, mantissa_bits: Any) -> Any:
    """Bin of a score in [0, 1], rising with it: 2^mantissa_bits bins an octave of the nearer of p and 1 - p.

    The bins are read off the float's bits, so that they are near enough even in the logit (0.0013 wide at most with ten
    bits), as fine near 0 and 1 as at one half, and the same on every machine.
    """
    half = OCTAVES << mantissa_bits
    near = np.float32(score if score < 0.5 else 1.0 - score)
    octaves = np.int64(near.view(np.uint32) >> np.uint32(23 - mantissa_bits))
    place = min(max(octaves - ((126 - OCTAVES) << mantissa_bits), 0), half - 1)
    return place if score < 0.5 else 2 * half - 1 - place


@part
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


@part
def outcome(row: Array, c: int, positive: int) -> tuple[float, bool]:
    """What calibration is about: the positive's score and whether it was one; of many classes, the top score's hit."""
    if len(row) == 2:
        return np.float64(row[positive]), c == positive
    top = 0
    for k in range(len(row)):
        if row[k] > row[top]:
            top = k
    return np.float64(row[top]), c == top


@part
def add_losses(sums: Array, brier: float, loss: float, weight: float) -> None:
    """Add to [Brier sum, sum of squares, log-loss sum, sum of squares]."""
    sums[BRIER_SUM] += weight * brier
    sums[BRIER_SUM + 1] += weight * brier * brier
    sums[LOSS_SUM] += weight * loss
    sums[LOSS_SUM + 1] += weight * loss * loss


@part
def add_scores(
    scores: Array, y: Array, decision: Array, decay: float, setup: Array, floats: Array, calibration: Array,
    histogram: Array, fading: Array, confusion: Array, sums: Array, table: Array, coarse: Array,
) -> None:  # fmt: skip
    """Count events' scores in the totals and, with growing weights, in what decays: ``fading`` and the parts of it."""
    coarser = setup[MANTISSA_BITS] - setup[DECAYED_BITS]
    for e in range(len(y)):
        row, c, weight = scores[e], y[e], floats[GROWTH]
        brier, loss = losses(row, c, setup[POSITIVE])
        add_losses(floats, brier, loss, 1.0)
        add_losses(sums, brier, loss, weight)
        score, hit = outcome(row, c, setup[POSITIVE])
        add_calibration(calibration, score, hit, 1.0)
        add_calibration(table, score, hit, weight)
        for p in range(len(histogram)):
            k = setup[POSITIVE] if len(histogram) == 1 else p
            side, place = 1 if c == k else 0, score_bin(row[k], setup[MANTISSA_BITS])
            histogram[p, side, place] += 1
            coarse[p, side, place >> coarser] += weight
        confusion[c, decision[e]] += weight
        floats[GROWTH] = weight / decay
        if floats[GROWTH] > GROWTH_MAX:
            for i in range(len(fading)):
                fading[i] /= floats[GROWTH]
            floats[GROWTH] = 1.0


@leaf
def move_scores(
    row: Array, old: int, new: int, setup: Array, floats: Array, calibration: Array, histogram: Array
) -> None:
    """Take an event back from class old and count it for new; one by one, so that cuts leave no trace in the sums."""
    for c, weight in ((old, -1), (new, 1)):
        brier, loss = losses(row, c, setup[POSITIVE])
        add_losses(floats, brier, loss, weight)
        score, hit = outcome(row, c, setup[POSITIVE])
        add_calibration(calibration, score, hit, weight)
        for p in range(len(histogram)):
            k = setup[POSITIVE] if len(histogram) == 1 else p
            histogram[p, 1 if c == k else 0, score_bin(row[k], setup[MANTISSA_BITS])] += weight


@kernel
def held(scores: Array) -> Array:
    """A copy within [0, 1], without a negative zero."""
    out = np.empty_like(scores)
    for e in range(scores.shape[0]):
        for k in range(scores.shape[1]):
            out[e, k] = min(scores[e, k], np.float32(1.0)) if scores[e, k] > 0 else np.float32(0.0)
    return out


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


@leaf
def window_sums(
    ring_labels: Array, ring_scores: Array, first: int, last: int, setup: Array, sums: Array, table: Array
) -> None:
    """Add events first to last to [Brier sum, sum of squares, log-loss sum, sum of squares] and to the table."""
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
