"""What a leaf knows of its classes: observing a row, naive Bayes, and which of two answers to trust.

Naive Bayes adaptive leaves: Gama, Rocha, Medas, KDD 2003; Holmes, Kirkby, Pfahringer, ECML 2005.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from streamimb import lanes
from streamimb.kernel import Array, leaf, part
from streamimb.learners.tree_layout import (
    BAYES,
    BUCKETS_MAX,
    CATEGORIES,
    COUNTS,
    FIRST_BUCKET,
    INVERSE,
    LEARNED,
    LOG,
    MEAN,
    NUMBERS,
    OBSERVED,
    OFFERED,
    PLAIN,
    SCALE,
    SINCE,
    SPREAD,
    SQUARES,
    TOTAL,
    UNSEEN,
    Rows,
    Scratch,
    Trees,
)

# Rows of ``Scratch.places``.
PLACE, OWN = 0, 1

#: A class's variance counts the leaf's whole range, seen so many times: one event has no variance of its own.
PRIOR_WEIGHT: Final = 1.0
#: A range is so many standard deviations wide.
RANGE_DEVIATIONS: Final = 4.0
VARIANCE_MIN: Final = 1e-90
#: A value tells against a class at most as one so many times as far as exp(-half) would.
DISTANCE_MAX: Final = 12.0
#: Each bucket of categories counts as seen so often.
BUCKET_PRIOR: Final = 0.5
#: A product of shares is put into logarithms before it gets smaller; a share is above 1e-14.
PRODUCT_MIN: Final = 1e-200
#: No class's likelihood counts as farther below the likeliest's: its share is far below the floor's.
FAR_OFF: Final = -700.0
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
def share_out(trees: Trees, t: int, slot: int, k: int, f: int) -> None:
    """Make ready what the counts of one class's buckets are multiplied by to be shares."""
    n_observed = trees.features.shape[2]
    known = trees.observed[t, slot, k, f] + BUCKET_PRIOR * trees.buckets[trees.features[t, slot, f]]
    trees.observed[t, slot, k, INVERSE * n_observed + f] = 1.0 / known


@part
def gather(trees: Trees, t: int, slot: int, rows: Rows, row: int, scratch: Scratch) -> None:
    """A row as a leaf observes it, into ``scratch``: missing numbers are NaN, missing categories left out."""
    n_observed = trees.features.shape[2]
    if trees.params[NUMBERS] > 0.0:
        if trees.params[OBSERVED] == len(trees.buckets) - 1:
            first = row * rows.numbers.shape[1]
            for f in range(0, n_observed, lanes.WIDTH):
                lanes.store(scratch.values, f, lanes.load(rows.numbers, first + f))
        else:
            for f in range(n_observed):
                scratch.values[f] = rows.numbers[row, trees.features[t, slot, f]]
    if trees.params[CATEGORIES] <= 0.0:
        return
    held = 0
    for f in range(int(trees.params[OBSERVED])):
        column = trees.features[t, slot, f]
        code = rows.codes[row, column]
        if code < BUCKETS_MAX:
            scratch.places[PLACE, held] = (FIRST_BUCKET + code) * n_observed + f
            scratch.places[OWN, held] = f
            scratch.priors[held] = BUCKET_PRIOR * trees.buckets[column]
            held += 1
    scratch.held[0] = held


@part
def _count_buckets(trees: Trees, t: int, slot: int, scratch: Scratch, y: int, w: float) -> None:
    observed = trees.observed
    inverse = np.uint64(INVERSE * trees.features.shape[2])
    for c in range(scratch.held[0]):
        own = scratch.places[OWN, c]
        n = observed[t, slot, y, own] + w
        observed[t, slot, y, own] = n
        observed[t, slot, y, inverse + own] = 1.0 / (n + scratch.priors[c])
        observed[t, slot, y, scratch.places[PLACE, c]] += w


@part
def _first(trees: Trees, t: int, slot: int, k: int) -> Any:
    """Where among all of ``observed`` a class's numbers begin."""
    _, slots, classes, numbers = trees.observed.shape
    return ((t * slots + slot) * classes + k) * numbers


@part
def _count_numbers(trees: Trees, t: int, slot: int, scratch: Scratch, y: int, w: float) -> None:
    """Move one class's Gaussians, and make ready what their densities need."""
    n_observed, observed, ranges = trees.features.shape[2], trees.observed, trees.ranges
    here = _first(trees, t, slot, y)
    lowest = (t * ranges.shape[1] + slot) * 2 * n_observed
    floor, weight = lanes.all_of(VARIANCE_MIN), lanes.all_of(w)
    for f in range(0, n_observed, lanes.WIDTH):
        v = lanes.load(scratch.values, f)
        at, at_mean, at_spread = here + f, here + MEAN * n_observed + f, here + SPREAD * n_observed + f
        at_scale, at_log = here + SCALE * n_observed + f, here + LOG * n_observed + f
        n, mean, spread = lanes.load(observed, at), lanes.load(observed, at_mean), lanes.load(observed, at_spread)
        low, high = lanes.load(ranges, lowest + f), lanes.load(ranges, lowest + n_observed + f)
        low, high = lanes.least(v, low), lanes.most(v, high)
        more, off = n + weight, v - mean
        moved = mean + off * weight / more
        wider = spread + weight * off * (v - moved)
        wide = (high - low) * (1.0 / RANGE_DEVIATIONS)
        variance = (wider + wide * wide * PRIOR_WEIGHT) / (more + PRIOR_WEIGHT)
        variance = lanes.most(floor, variance)
        lanes.store(ranges, lowest + f, low)
        lanes.store(ranges, lowest + n_observed + f, high)
        lanes.store(observed, at, lanes.where_equal(v, v, more, n))
        lanes.store(observed, at_mean, lanes.where_equal(v, v, moved, mean))
        lanes.store(observed, at_spread, lanes.where_equal(v, v, wider, spread))
        lanes.store(observed, at_scale, lanes.where_equal(v, v, 0.5 / variance, lanes.load(observed, at_scale)))
        logs = lanes.log(variance) * -0.5
        lanes.store(observed, at_log, lanes.where_equal(v, v, logs, lanes.load(observed, at_log)))


@part
def observe(trees: Trees, t: int, slot: int, scratch: Scratch, y: int, w: float) -> None:
    """Count a row of class y with weight w > 0 in a leaf. Missing values are not counted."""
    leaves = trees.leaves
    leaves[t, slot, LEARNED] += w
    leaves[t, slot, SQUARES] += w * w
    leaves[t, slot, SINCE] += w
    leaves[t, slot, TOTAL] += w
    leaves[t, slot, OFFERED] += w
    leaves[t, slot, COUNTS + y] += w
    if trees.params[CATEGORIES] > 0.0:
        _count_buckets(trees, t, slot, scratch, y, w)
    if trees.params[NUMBERS] > 0.0:
        _count_numbers(trees, t, slot, scratch, y, w)


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
def log_density(trees: Trees, t: int, slot: int, k: int, f: int, v: float) -> Any:
    """The log-density of a numeric value under a class, which may have no values of the feature."""
    n_observed, observed = trees.features.shape[2], trees.observed
    log = observed[t, slot, k, LOG * n_observed + f]
    if log <= 0.5 * UNSEEN:
        return _log_wide(trees.ranges[t, slot, 0, f], trees.ranges[t, slot, 1, f], v)
    off = v - observed[t, slot, k, MEAN * n_observed + f]
    return log - min(off * off * observed[t, slot, k, SCALE * n_observed + f], DISTANCE_MAX)


@leaf
def _log_densities_of_some(trees: Trees, t: int, slot: int, k: int, scratch: Scratch) -> float:
    """As ``_log_densities``, where the class has no values of some features that the row has."""
    total = 0.0
    for f in range(trees.features.shape[2]):
        v = scratch.values[f]
        if v == v:
            total += log_density(trees, t, slot, k, f, v)
    return total


@part
def _log_densities(trees: Trees, t: int, slot: int, k: int, scratch: Scratch) -> Any:
    """The sum of the log-densities of a row's numeric values under a class."""
    n_observed, here = trees.features.shape[2], _first(trees, t, slot, k)
    found, none, most = lanes.all_of(0.0), lanes.all_of(0.0), lanes.all_of(DISTANCE_MAX)
    for f in range(0, n_observed, lanes.WIDTH):
        v = lanes.load(scratch.values, f)
        off = v - lanes.load(trees.observed, here + MEAN * n_observed + f)
        far = off * off * lanes.load(trees.observed, here + SCALE * n_observed + f)
        density = lanes.load(trees.observed, here + LOG * n_observed + f) - lanes.least(far, most)
        found = found + lanes.where_equal(v, v, density, none)
    told = lanes.total(found)
    return told if told > 0.5 * UNSEEN else _log_densities_of_some(trees, t, slot, k, scratch)


@part
def _share(trees: Trees, t: int, slot: int, k: int, scratch: Scratch, c: int) -> Any:
    """How often a class had a row's c-th category."""
    inverse = np.uint64(INVERSE * trees.features.shape[2]) + scratch.places[OWN, c]
    return (trees.observed[t, slot, k, scratch.places[PLACE, c]] + BUCKET_PRIOR) * trees.observed[t, slot, k, inverse]


@part
def _take_shares(trees: Trees, t: int, slot: int, k: int, scratch: Scratch) -> None:
    """Multiply how often a class had each of a row's categories, into its place among shares; if small, into logs."""
    held, product = scratch.held[0], 1.0
    whole = held - held % 4
    for c in range(0, whole, 4):  # so that hardly any product waits for the one before
        first = _share(trees, t, slot, k, scratch, c) * _share(trees, t, slot, k, scratch, c + 1)
        product *= first * (_share(trees, t, slot, k, scratch, c + 2) * _share(trees, t, slot, k, scratch, c + 3))
        if product < PRODUCT_MIN:
            scratch.logs[k] += math.log(product)
            product = 1.0
    for c in range(whole, held):
        product *= _share(trees, t, slot, k, scratch, c)
    scratch.shares[k] = product


@part
def joint(trees: Trees, t: int, slot: int, n_classes: int, scratch: Scratch) -> None:
    """The log-likelihood of a gathered row under each class that a leaf has, but for what they share, into its logs."""
    logs, shares = scratch.logs, scratch.shares
    for k in range(n_classes):
        logs[k], shares[k] = 0.0, 1.0
        if trees.leaves[t, slot, COUNTS + k] > 0.0:
            if trees.params[NUMBERS] > 0.0:
                logs[k] = _log_densities(trees, t, slot, k, scratch)
            if trees.params[CATEGORIES] > 0.0:
                _take_shares(trees, t, slot, k, scratch)
    if trees.params[CATEGORIES] > 0.0:
        for k in range(0, n_classes, lanes.WIDTH):
            lanes.store(logs, k, lanes.load(logs, k) + lanes.log(lanes.load(shares, k)))


@part
def plain(trees: Trees, t: int, slot: int, n_classes: int, out: Array) -> None:
    """Class probabilities by the leaf's counts, into ``out``, float64 (K,)."""
    total = trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes
    for k in range(n_classes):
        out[k] = (trees.leaves[t, slot, COUNTS + k] + CLASS_PRIOR) / total


@part
def bayes(trees: Trees, t: int, slot: int, n_classes: int, logs: Array, out: Array) -> None:
    """Class probabilities by naive Bayes, from log-likelihoods, into ``out``, as long as ``logs``, which it may be."""
    top = -1e300
    for k in range(n_classes):
        if logs[k] > top and trees.leaves[t, slot, COUNTS + k] > 0.0:
            top = logs[k]
    counts = (t * trees.leaves.shape[1] + slot) * trees.leaves.shape[2] + COUNTS
    likeliest, none, far, found = lanes.all_of(top), lanes.all_of(0.0), lanes.all_of(FAR_OFF), lanes.all_of(0.0)
    for k in range(0, n_classes, lanes.WIDTH):
        off = lanes.least(lanes.load(logs, k) - likeliest, none)
        weight = lanes.load(trees.leaves, counts + k) * lanes.exp(lanes.most(far, off))
        lanes.store(out, k, weight)
        found = found + weight
    total = lanes.total(found)
    if total <= 0.0:
        plain(trees, t, slot, n_classes, out)
        return
    floor = CLASS_PRIOR / (trees.leaves[t, slot, TOTAL] + CLASS_PRIOR * n_classes)
    share = (1.0 - floor * n_classes) / total
    for k in range(0, n_classes, lanes.WIDTH):
        lanes.store(out, k, lanes.load(out, k) * share + floor)


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
    out[only] = n * ((1.0 - floor * n_classes) / n) + floor  # as ``bayes`` reckons, bit for bit


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
