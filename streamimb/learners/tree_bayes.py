"""What a leaf knows of its classes: observing a row, naive Bayes, and which of two answers to trust.

Naive Bayes adaptive leaves: Gama, Rocha, Medas, KDD 2003; Holmes, Kirkby, Pfahringer, ECML 2005.
"""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, part
from streamimb.learners.tree_layout import (
    BAYES,
    COUNTS,
    FIRST_BUCKET,
    LEARNED,
    LESSONS,
    LOG,
    MEAN,
    OFFERED,
    PLAIN,
    SCALE,
    SINCE,
    SPREAD,
    SQUARES,
    TOTAL,
    WEIGHT,
    Trees,
)

#: A class's variance counts the leaf's whole range, seen so many times: one event has no variance of its own.
PRIOR_WEIGHT: Final = 1.0
#: A range is so many standard deviations wide.
RANGE_DEVIATIONS: Final = 4.0
VARIANCE_MIN: Final = 1e-90
#: A value tells against a class at most as one so many times as far as exp(-half) would.
DISTANCE_MAX: Final = 12.0
#: Below so much weight a class's densities are made at each lesson, then at every SETTLE_LESSONS-th of the leaf.
SETTLE_WEIGHT: Final = 32.0
SETTLE_LESSONS: Final = 8
#: Each bucket of categories counts as seen so often.
BUCKET_PRIOR: Final = 0.5
#: A product of likelihoods is put into logarithms before it gets smaller.
PRODUCT_MIN: Final = 1e-200
#: A leaf's class counts as seen so often, in proportion to nothing: no probability is 0.
CLASS_PRIOR: Final = 0.05


@part
def settle(trees: Trees, t: int, slot: int, f: int, b: int) -> None:
    """Make ready what the density of one class's feature needs: 1 / (2 variance) and minus half its logarithm."""
    n = trees.observed[t, slot, b + WEIGHT]
    wide = (trees.ranges[t, slot, f, 1] - trees.ranges[t, slot, f, 0]) / RANGE_DEVIATIONS
    variance = (trees.observed[t, slot, b + SPREAD] + PRIOR_WEIGHT * wide * wide) / (n + PRIOR_WEIGHT)
    variance = max(variance, VARIANCE_MIN)
    trees.observed[t, slot, b + SCALE] = 0.5 / variance
    trees.observed[t, slot, b + LOG] = -0.5 * math.log(variance)


@part
def observe(trees: Trees, t: int, slot: int, X: Array, row: int, y: int, w: float, width: int) -> None:
    """Count a row of class y with weight w > 0 in a leaf. Missing values are not counted."""
    n_observed = trees.features.shape[2]
    leaves, observed = trees.leaves, trees.observed
    leaves[t, slot, LEARNED] += w
    leaves[t, slot, SQUARES] += w * w
    leaves[t, slot, SINCE] += w
    leaves[t, slot, LESSONS] += 1.0
    leaves[t, slot, TOTAL] += w
    leaves[t, slot, OFFERED] += w
    leaves[t, slot, COUNTS + y] += w
    fresh = leaves[t, slot, COUNTS + y] < SETTLE_WEIGHT or int(leaves[t, slot, LESSONS]) % SETTLE_LESSONS == 0
    b = y * n_observed * width
    for f in range(n_observed):
        j = trees.features[t, slot, f]
        v = float(X[row, j])
        if v == v:
            n = observed[t, slot, b] + w
            observed[t, slot, b] = n
            if trees.buckets[j] > 0:
                observed[t, slot, b + FIRST_BUCKET + int(v) % trees.buckets[j]] += w
            else:
                off = v - observed[t, slot, b + MEAN]
                observed[t, slot, b + MEAN] += off * w / n
                observed[t, slot, b + SPREAD] += w * off * (v - observed[t, slot, b + MEAN])
                if v < trees.ranges[t, slot, f, 0]:
                    trees.ranges[t, slot, f, 0] = v
                if v > trees.ranges[t, slot, f, 1]:
                    trees.ranges[t, slot, f, 1] = v
                if fresh:
                    settle(trees, t, slot, f, b)
        b += width


@part
def _log_wide(low: float, high: float, v: float) -> float:
    """The log-density of a numeric value for a class without values: the leaf's whole range is two deviations wide."""
    half = 0.5 * (high - low)
    if half < 0.0:
        return 0.0
    off = v - low - half
    variance = max(half * half, VARIANCE_MIN)
    return -0.5 * math.log(variance) - min(0.5 * off * off / variance, DISTANCE_MAX)


@part
def joint(
    trees: Trees, t: int, slot: int, X: Array, row: int, width: int, n_classes: int, logs: Array, products: Array
) -> None:
    """The log-likelihood of a row under each class into ``logs``, up to what the classes share; both float64 (K,)."""
    n_observed, observed = trees.features.shape[2], trees.observed
    stride = n_observed * width
    for k in range(n_classes):
        logs[k] = 0.0
        products[k] = 1.0
    for f in range(n_observed):
        j = trees.features[t, slot, f]
        v = float(X[row, j])
        if v != v:
            continue
        buckets = trees.buckets[j]
        b = f * width
        if buckets == 0:
            for k in range(n_classes):
                if observed[t, slot, b] > 0.0:
                    off = v - observed[t, slot, b + MEAN]
                    logs[k] += observed[t, slot, b + LOG] - min(off * off * observed[t, slot, b + SCALE], DISTANCE_MAX)
                else:
                    logs[k] += _log_wide(trees.ranges[t, slot, f, 0], trees.ranges[t, slot, f, 1], v)
                b += stride
            continue
        at = FIRST_BUCKET + int(v) % buckets
        for k in range(n_classes):
            products[k] *= (observed[t, slot, b + at] + BUCKET_PRIOR) / (observed[t, slot, b] + BUCKET_PRIOR * buckets)
            if products[k] < PRODUCT_MIN:
                logs[k] += math.log(products[k])
                products[k] = 1.0
            b += stride
    for k in range(n_classes):
        if products[k] != 1.0:
            logs[k] += math.log(products[k])


@part
def plain(trees: Trees, t: int, slot: int, n_classes: int, out: Array) -> None:
    """Class probabilities by the leaf's counts, into ``out``, float64 (K,)."""
    total = trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes
    for k in range(n_classes):
        out[k] = (trees.leaves[t, slot, COUNTS + k] + CLASS_PRIOR) / total


@part
def bayes(trees: Trees, t: int, slot: int, n_classes: int, logs: Array, out: Array) -> None:
    """Class probabilities by naive Bayes, from log-likelihoods, into ``out``, float64 (K,)."""
    top = -1e300
    for k in range(n_classes):
        if logs[k] > top and trees.leaves[t, slot, COUNTS + k] > 0.0:
            top = logs[k]
    total = 0.0
    for k in range(n_classes):
        n = trees.leaves[t, slot, COUNTS + k]
        out[k] = n * math.exp(min(logs[k] - top, 0.0)) if n > 0.0 else 0.0
        total += out[k]
    if total <= 0.0:
        plain(trees, t, slot, n_classes, out)
        return
    floor = CLASS_PRIOR / (trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes)
    for k in range(n_classes):
        out[k] = floor + (1.0 - floor * n_classes) * out[k] / total


@part
def top_class(values: Array, n_classes: int) -> Any:
    """The place of the largest of the first values, the first one where several are."""
    best = 0
    for k in range(1, n_classes):
        if values[k] > values[best]:
            best = k
    return best


@part
def trusts_bayes(trees: Trees, t: int, slot: int) -> Any:
    """Whether naive Bayes was right no less often than the majority class."""
    return trees.leaves[t, slot, BAYES] >= trees.leaves[t, slot, PLAIN]
