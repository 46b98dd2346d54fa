"""What a leaf knows of its classes: observing a row, naive Bayes, and which of two answers to trust.

Naive Bayes adaptive leaves: Gama, Rocha, Medas, KDD 2003; Holmes, Kirkby, Pfahringer, ECML 2005.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, part
from streamimb.learners.tree_layout import (
    BAYES,
    CATEGORIES,
    COUNTS,
    FIRST_BUCKET,
    LEARNED,
    LESSONS,
    LOG,
    MEAN,
    NUMBERS,
    OFFERED,
    PLAIN,
    SCALE,
    SINCE,
    SPREAD,
    SQUARES,
    TOTAL,
    UNSEEN,
    Trees,
)

# Rows of ``values``, float64 (VALUE_ROWS, F): what ``gather`` makes of a row, and room for what each feature tells. Of
# its categories, one after the other: where their bucket's and their feature's weight is among an observer's numbers,
# and what the latter counts beside; how many there are.
NUMBER, TERM, PLACE, OWN, PRIOR, HELD = 0, 1, 2, 3, 4, 5
VALUE_ROWS: Final = 6

# Unsigned, as NumPy's meaning of a negative index keeps loops over features from taking several at once.
_MEAN, _SPREAD, _SCALE, _LOG = np.uint64(MEAN), np.uint64(SPREAD), np.uint64(SCALE), np.uint64(LOG)

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
#: So many features share a division; a weight is far below the size whose power of so many would not be finite.
GROUP: Final = 4
#: A product of likelihoods is put into logarithms before it gets smaller.
PRODUCT_MIN: Final = 1e-200
#: A class whose likelihood is so far below the likeliest's counts as none: its share is far below the floor's.
FAR_OFF: Final = -35.0
#: A leaf's class counts as seen so often, in proportion to nothing: no probability is 0.
CLASS_PRIOR: Final = 0.05


@part
def settle(trees: Trees, t: int, slot: int, k: int, f: int) -> None:
    """Make ready what the density of one class's feature needs: 1 / (2 variance) and minus half its logarithm."""
    n_observed, observed = trees.features.shape[2], trees.observed
    n = observed[t, slot, k, f]
    wide = (trees.ranges[t, slot, 1, f] - trees.ranges[t, slot, 0, f]) / RANGE_DEVIATIONS
    variance = (observed[t, slot, k, SPREAD * n_observed + f] + PRIOR_WEIGHT * wide * wide) / (n + PRIOR_WEIGHT)
    variance = max(variance, VARIANCE_MIN)
    observed[t, slot, k, SCALE * n_observed + f] = 0.5 / variance
    observed[t, slot, k, LOG * n_observed + f] = -0.5 * math.log(variance) if n > 0.0 else UNSEEN


@part
def bucket_of(v: float, buckets: int) -> int:
    """The bucket of a category's code: most codes are small, and a division costs as much as ten comparisons."""
    code = int(v)
    return code if 0 <= code < buckets else code % buckets


@part
def gather(trees: Trees, t: int, slot: int, X: Array, row: int, values: Array) -> None:
    """A row's values of the features that a leaf observes, into ``values``, float64 (VALUE_ROWS, F), missing: NaN.

    Numeric ones in NUMBER, where categories are missing; those in rows of their own, where missing ones are left out.
    """
    n_observed = trees.features.shape[2]
    for f in range(n_observed):
        values[NUMBER, f] = X[row, trees.features[t, slot, f]]
    if trees.params[CATEGORIES] <= 0.0:
        return
    held = 0
    for f in range(n_observed):
        buckets, v = trees.buckets[trees.features[t, slot, f]], values[NUMBER, f]
        if buckets > 0:
            values[NUMBER, f] = math.nan
            if v == v:
                values[PLACE, held] = (FIRST_BUCKET + bucket_of(v, buckets)) * n_observed + f
                values[OWN, held] = f
                values[PRIOR, held] = BUCKET_PRIOR * buckets
                held += 1
    values[HELD, 0] = held


@part
def observe(trees: Trees, t: int, slot: int, values: Array, y: int, w: float) -> None:
    """Count a row of class y with weight w > 0 in a leaf. Missing values are not counted."""
    n_observed = trees.features.shape[2]
    leaves, observed, ranges = trees.leaves, trees.observed, trees.ranges
    leaves[t, slot, LEARNED] += w
    leaves[t, slot, SQUARES] += w * w
    leaves[t, slot, SINCE] += w
    leaves[t, slot, LESSONS] += 1.0
    leaves[t, slot, TOTAL] += w
    leaves[t, slot, OFFERED] += w
    leaves[t, slot, COUNTS + y] += w
    fresh = leaves[t, slot, COUNTS + y] < SETTLE_WEIGHT or int(leaves[t, slot, LESSONS]) % SETTLE_LESSONS == 0
    if trees.params[CATEGORIES] > 0.0:
        for c in range(int(values[HELD, 0])):
            observed[t, slot, y, int(values[OWN, c])] += w
            observed[t, slot, y, int(values[PLACE, c])] += w
        if trees.params[NUMBERS] <= 0.0:
            return
    size = np.uint64(n_observed)
    for f in range(size):
        v = values[NUMBER, f]
        known = v == v
        n, mean = observed[t, slot, y, f], observed[t, slot, y, _MEAN * size + f]
        more = n + w
        off = v - mean
        moved = mean + off * w / more
        spread = observed[t, slot, y, _SPREAD * size + f]
        low, high = ranges[t, slot, 0, f], ranges[t, slot, 1, f]
        observed[t, slot, y, f] = more if known else n
        observed[t, slot, y, _MEAN * size + f] = moved if known else mean
        observed[t, slot, y, _SPREAD * size + f] = spread + w * off * (v - moved) if known else spread
        ranges[t, slot, 0, f] = v if v < low else low
        ranges[t, slot, 1, f] = v if v > high else high
    for f in range(n_observed):
        v = values[NUMBER, f]
        if v == v and (fresh or observed[t, slot, y, LOG * n_observed + f] <= UNSEEN):
            settle(trees, t, slot, y, f)


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
def _log_densities(trees: Trees, t: int, slot: int, k: int, values: Array) -> Any:
    """The sum of the log-densities of a row's numeric values under a class."""
    n_observed, observed = trees.features.shape[2], trees.observed
    size = np.uint64(n_observed)
    for f in range(size):
        v = values[NUMBER, f]
        off = v - observed[t, slot, k, _MEAN * size + f]
        far = off * off * observed[t, slot, k, _SCALE * size + f]
        density = observed[t, slot, k, _LOG * size + f] - (DISTANCE_MAX if far > DISTANCE_MAX else far)
        values[TERM, f] = density if v == v else 0.0
    whole = n_observed - n_observed % 4
    one, two, three, four = 0.0, 0.0, 0.0, 0.0  # no sum waits for the one before
    for f in range(0, whole, 4):
        one += values[TERM, f]
        two += values[TERM, f + 1]
        three += values[TERM, f + 2]
        four += values[TERM, f + 3]
    total = one + two + (three + four)
    for f in range(whole, n_observed):
        total += values[TERM, f]
    if total > 0.5 * UNSEEN:
        return total
    total = 0.0
    for f in range(n_observed):
        v, term = values[NUMBER, f], values[TERM, f]
        if v == v and term < 0.5 * UNSEEN:
            term = _log_wide(trees.ranges[t, slot, 0, f], trees.ranges[t, slot, 1, f], v)
        total += term
    return total


@part
def _log_shares(trees: Trees, t: int, slot: int, k: int, values: Array) -> Any:
    """The sum of the logarithms of how often a class had a row's categories."""
    observed, held = trees.observed, int(values[HELD, 0])
    total, product = 0.0, 1.0
    for first in range(0, held, GROUP):  # a division for several features
        over, under = 1.0, 1.0
        for c in range(first, min(first + GROUP, held)):
            over *= observed[t, slot, k, int(values[PLACE, c])] + BUCKET_PRIOR
            under *= observed[t, slot, k, int(values[OWN, c])] + values[PRIOR, c]
        product *= over / under
        if product < PRODUCT_MIN:
            total += math.log(product)
            product = 1.0
    return total + math.log(product) if product != 1.0 else total


@part
def joint(trees: Trees, t: int, slot: int, n_classes: int, values: Array, logs: Array) -> None:
    """The log-likelihood of a row under each class that a leaf has, up to what they share, into ``logs``, float64 (K,).

    values: what ``gather`` made of the row.
    """
    for k in range(n_classes):
        logs[k] = 0.0
        if trees.leaves[t, slot, COUNTS + k] > 0.0:
            if trees.params[NUMBERS] > 0.0:
                logs[k] = _log_densities(trees, t, slot, k, values)
            if trees.params[CATEGORIES] > 0.0:
                logs[k] += _log_shares(trees, t, slot, k, values)


@part
def plain(trees: Trees, t: int, slot: int, n_classes: int, out: Array) -> None:
    """Class probabilities by the leaf's counts, into ``out``, float64 (K,)."""
    total = trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes
    for k in range(n_classes):
        out[k] = (trees.leaves[t, slot, COUNTS + k] + CLASS_PRIOR) / total


@part
def bayes(trees: Trees, t: int, slot: int, n_classes: int, logs: Array, out: Array) -> None:
    """Class probabilities by naive Bayes, from log-likelihoods, into ``out``, float64 (K,), which may be ``logs``."""
    top = -1e300
    for k in range(n_classes):
        if logs[k] > top and trees.leaves[t, slot, COUNTS + k] > 0.0:
            top = logs[k]
    total = 0.0
    for k in range(n_classes):
        n, off = trees.leaves[t, slot, COUNTS + k], logs[k] - top
        out[k] = 0.0
        if n > 0.0:
            out[k] = n
            if off < 0.0:
                out[k] = n * math.exp(off) if off > FAR_OFF else 0.0
        total += out[k]
    if total <= 0.0:
        plain(trees, t, slot, n_classes, out)
        return
    floor = CLASS_PRIOR / (trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes)
    for k in range(n_classes):
        out[k] = floor + (1.0 - floor * n_classes) * out[k] / total


@part
def only_class(trees: Trees, t: int, slot: int, n_classes: int) -> Any:
    """The one class that a leaf has, -1 where there are several or none."""
    found = -1
    for k in range(n_classes):
        if trees.leaves[t, slot, COUNTS + k] > 0.0:
            if found >= 0:
                return -1
            found = k
    return found


@part
def certain(trees: Trees, t: int, slot: int, only: int, n_classes: int, out: Array) -> None:
    """What naive Bayes answers where a leaf has one class, whatever the row, into ``out``, float64 (K,)."""
    n = trees.leaves[t, slot, COUNTS + only]
    floor = CLASS_PRIOR / (trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes)
    for k in range(n_classes):
        out[k] = floor
    out[only] = floor + (1.0 - floor * n_classes) * n / n


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
