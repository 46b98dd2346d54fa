"""The linear learner's arithmetic: one kernel runs a whole tape of predictions and lessons.

A row becomes a list of slots with values: the bias, each numeric feature standardised, two neighbouring hat functions
of it, a slot for each category, an indicator for each missing value, and for each pair of features the cell of a coarse
grid. ``table``, float64 (slots, 2 C), has for
each slot C weights (one for two classes, K for more), then C decayed sums of squared gradients.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, kernel, leaf, mix64, part
from streamimb.learners.base import PREDICT

# Kinds of a feature.
NUMERIC: Final = 0
LISTED: Final = 1
HASHED: Final = 2

# Columns of ``layout``, int64 (d, LAYOUT_COLUMNS): a feature's kind, the slot of its missing indicator (a numeric
# feature's own weight is the next), the first slot of its bins or categories, and how many these are.
KIND, MISSING, BASE, SIZE = 0, 1, 2, 3
LAYOUT_COLUMNS: Final = 4

# Places in ``params``, float64 (N_PARAMS,).
RATE, FORGET, SHRINK, CLIP, GAMMA, SCALE_RATE, BINS, DAMPING, CROSSES, CROSS_BASE, CELLS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
)
N_PARAMS: Final = 11

# Columns of ``stats``, float64 (d, STATS_COLUMNS): values seen, their decayed mean and variance, 1 / deviation.
COUNT, MEAN, VARIANCE, INVERSE = 0, 1, 2, 3
STATS_COLUMNS: Final = 4

#: A feature's latest values, kept to place its bins by.
RECENT_VALUES: Final = 256
#: The first values of a feature, from which its scale starts.
WARM_VALUES: Final = 16
#: A value beyond so many standard deviations moves the scale as if it were so far.
WINSOR: Final = 8.0
#: A feature's deviation is taken anew after so many values; a power of two, as RECENT_VALUES is.
RESCALE_VALUES: Final = 16
#: Below it a feature counts as constant.
VARIANCE_MIN: Final = 1e-90
#: The bins are placed anew after so many values: sorting is what costs.
PLACE_VALUES: Final = 1_024
#: How far the bins move to where the latest values would place them.
KNOT_BLEND: Final = 0.5
#: Most cells of a feature in a pair's grid: one for a missing value, then parts of its range, or its categories.
CELLS_MAX: Final = 16
#: The value of a pair's slot: below one, so that the many pairs of a row do not outrun its features.
CROSS_VALUE: Final = 0.25
CATEGORY_MAX: Final = 1e9
COST_MAX: Final = 1e6


@kernel
def _warm(values: Array, row: Array) -> None:
    """Start a scale from a feature's first values: mean and variance of what is winsorised about their median."""
    n = len(values)
    ordered = np.sort(values)
    median = ordered[n // 2]
    reach = 10.0 * np.sort(np.abs(ordered - median))[n // 2]
    total = 0.0
    square = 0.0
    for i in range(n):
        off = ordered[i] - median
        if reach > 0.0:
            off = min(max(off, -reach), reach)
        total += off
        square += off * off
    row[MEAN] = median + total / n
    row[VARIANCE] = max(square / n - (total / n) ** 2, 0.0)


@kernel
def _place_bins(values: Array, bins: Any, blend: Any, row: Array) -> None:
    """Move knots towards quantiles of the values; ``row`` holds the knots, then 1 / distance to the one before."""
    ordered = np.sort(values)
    for b in range(bins):
        aim = ordered[int((b + 0.5) / bins * len(ordered))]
        row[b] += blend * (aim - row[b])
    for b in range(1, bins):
        width = row[b] - row[b - 1]
        row[bins + b] = 1.0 / width if width > 0.0 else 0.0


@part
def _is_due(n: Any) -> bool:
    return bool(n <= RECENT_VALUES or n & (RESCALE_VALUES - 1) == 0)


@kernel
def _settle(j: Any, n: Any, params: Array, stats: Array, recent: Array, knots: Array) -> None:
    """What is due only at feature j's first values and then every RESCALE_VALUES: its deviation and its bins."""
    if n <= WARM_VALUES:
        _warm(recent[j, :n], stats[j])
    stats[j, INVERSE] = 1.0 / np.sqrt(stats[j, VARIANCE]) if stats[j, VARIANCE] > VARIANCE_MIN else 0.0
    bins = int(params[BINS])
    if bins > 0 and n >= WARM_VALUES:
        if n < RECENT_VALUES and n & (n - 1) == 0:  # a power of two
            _place_bins(recent[j, :n], bins, 1.0, knots[j])
        elif n == RECENT_VALUES or n & (PLACE_VALUES - 1) == 0:
            _place_bins(recent[j], bins, 1.0 if n == RECENT_VALUES else KNOT_BLEND, knots[j])


@leaf
def _observe(X: Array, row: Any, layout: Array, params: Array, stats: Array, recent: Array) -> bool:
    """Move the numeric features' scales by one row; whether any feature is due to be settled."""
    due = False
    for j in range(X.shape[1]):
        v = float(X[row, j])
        if layout[j, KIND] != NUMERIC or not np.isfinite(v):
            continue
        n = int(stats[j, COUNT])
        recent[j, n & (RECENT_VALUES - 1)] = v
        n += 1
        stats[j, COUNT] = n
        off = v - stats[j, MEAN]
        variance = stats[j, VARIANCE]
        if off * off > WINSOR * WINSOR * variance and variance > 0.0:
            off = WINSOR * np.sqrt(variance) * (1.0 if off > 0.0 else -1.0)
        rate = params[SCALE_RATE]
        if n * rate < 1.0:
            rate = 1.0 / n
        stats[j, MEAN] += rate * off
        stats[j, VARIANCE] = (1.0 - rate) * (variance + rate * off * off)
        due = due or _is_due(n)
    return due


@kernel
def _settle_due(X: Array, row: Any, layout: Array, params: Array, stats: Array, recent: Array, knots: Array) -> None:
    """Settle the features that have come to it by this row."""
    for j in range(X.shape[1]):
        n = int(stats[j, COUNT])
        if layout[j, KIND] == NUMERIC and np.isfinite(X[row, j]) and _is_due(n):
            _settle(j, n, params, stats, recent, knots)


@leaf
def _encode(
    X: Array, row: Any, layout: Array, params: Array, stats: Array, knots: Array, index: Array, value: Array,
    cells: Array,
) -> int:  # fmt: skip
    """Write a row's slots and their values, and each feature's cell; how many slots they are."""
    clip = params[CLIP]
    bins = int(params[BINS])
    coarse = params[CROSSES] / (bins + 1.0)
    side = int(params[CELLS])
    index[0] = 0
    value[0] = 1.0
    n = 1
    for j in range(X.shape[1]):
        v = float(X[row, j])
        cells[j] = 0
        if not np.isfinite(v):
            index[n] = layout[j, MISSING]
            value[n] = 1.0
            n += 1
        elif layout[j, KIND] == NUMERIC:
            z = (v - stats[j, MEAN]) * stats[j, INVERSE]
            index[n] = layout[j, MISSING] + 1
            value[n] = min(max(z, -clip), clip)
            n += 1
            if bins > 0 and stats[j, COUNT] >= WARM_VALUES:
                b = 0
                for k in range(bins):  # no early exit: without branches it is faster
                    b += v >= knots[j, k]
                share = 0.0 if b == 0 or b == bins else (v - knots[j, b - 1]) * knots[j, bins + b]
                first = layout[j, BASE] + max(b - 1, 0)
                index[n] = first
                value[n] = 1.0 - share
                index[n + 1] = first + 1
                value[n + 1] = share
                n += 2 if share > 0.0 else 1
                cells[j] = 1 + int(b * coarse)
        else:
            code = np.int64(min(max(v, 0.0), CATEGORY_MAX))
            if layout[j, KIND] == LISTED:
                place = min(code, layout[j, SIZE] - 1)
            else:
                mixed = mix64(np.uint64(code) ^ (np.uint64(j + 1) << np.uint64(32)))
                place = np.int64(mixed % np.uint64(layout[j, SIZE]))
            index[n] = layout[j, BASE] + place
            value[n] = 1.0
            n += 1
            cells[j] = 1 + place % max(side - 1, 1)
    if params[CROSSES] > 0.0:
        table = int(params[CROSS_BASE])
        for i in range(1, X.shape[1]):
            for j in range(i):
                index[n] = table + cells[i] * side + cells[j]
                value[n] = CROSS_VALUE
                n += 1
                table += side * side
    return n


@leaf
def _predict(index: Array, value: Array, n: Any, table: Array, p: Array, row: Any) -> None:
    """Class probabilities of an encoded row into p[row]: a sigmoid for one column of weights, else a softmax."""
    if table.shape[1] == 2:
        margin = 0.0
        for i in range(n):
            margin += table[index[i], 0] * value[i]
        small = np.exp(-abs(margin))
        rare = small / (1.0 + small)
        p[row, 1] = 1.0 - rare if margin > 0.0 else rare
        p[row, 0] = 1.0 - p[row, 1]
        return
    classes = p.shape[1]
    for k in range(classes):
        p[row, k] = 0.0
    for i in range(n):
        s = index[i]
        for k in range(classes):
            p[row, k] += table[s, k] * value[i]
    top = p[row, 0]
    for k in range(1, classes):
        top = max(top, p[row, k])
    total = 0.0
    for k in range(classes):
        p[row, k] = np.exp(p[row, k] - top)
        total += p[row, k]
    for k in range(classes):
        p[row, k] /= total


@leaf
def _learn(
    index: Array, value: Array, n: Any, p: Array, label: Any, cost: Any, keep: Any, params: Array, table: Array
) -> None:
    """One decayed AdaGrad step down the loss, whose derivative by class k's margin is cost (p_k - [k = label])."""
    rate = params[RATE]
    damping = params[DAMPING]
    shrink = 1.0 - rate * params[SHRINK]
    if table.shape[1] == 2:
        push = cost * (p[0, 1] - (1.0 if label == 1 else 0.0))
        for i in range(n):
            s = index[i]
            slope = push * value[i]
            square = table[s, 1] * keep + slope * slope
            table[s, 1] = square
            table[s, 0] = table[s, 0] * shrink - rate * slope / np.sqrt(square + damping)
        return
    classes = p.shape[1]
    for i in range(n):
        s = index[i]
        for k in range(classes):
            slope = cost * (p[0, k] - (1.0 if k == label else 0.0)) * value[i]
            square = table[s, classes + k] * keep + slope * slope
            table[s, classes + k] = square
            table[s, k] = table[s, k] * shrink - rate * slope / np.sqrt(square + damping)


@leaf
def _teach(
    X: Array, y: Array, rows: Array, costs: Array, heaviest: float, layout: Array, params: Array, table: Array,
    stats: Array, knots: Array, index: Array, value: Array, cells: Array, p: Array, t: Any,
) -> None:  # fmt: skip
    """The lesson at ``t``, of a row that the scales have seen."""
    gamma, row = params[GAMMA], rows[t]
    n = _encode(X, row, layout, params, stats, knots, index, value, cells)
    _predict(index, value, n, table, p, 0)
    label = y[row]
    cost = min(costs[t], COST_MAX)
    if gamma > 0.0:
        right = min(max(p[0, label], 1e-12), 1.0 - 1e-12)
        wrong = 1.0 - right
        cost *= wrong**gamma - gamma * right * wrong ** (gamma - 1.0) * np.log(right)
    if cost > 0.0:
        # Few lessons of a rare class must not be forgotten among the others'.
        keep = 1.0 - params[FORGET] / min(max(1.0, heaviest), COST_MAX)
        _learn(index, value, n, p, label, cost, keep, params, table)


@leaf
def _carry_out(
    X: Array, y: Array, rows: Array, kinds: Array, costs: Array, heaviest: float, layout: Array, params: Array,
    table: Array, stats: Array, recent: Array, knots: Array, out: Array, index: Array, value: Array, cells: Array,
    p: Array, at: Array,
) -> bool:  # fmt: skip
    """Go on with a tape from ``at``, its place and the predictions made; True where a lesson's row is to be settled."""
    t, done = at[0], at[1]
    while t < len(rows):
        row = rows[t]
        if kinds[t] == PREDICT:
            n = _encode(X, row, layout, params, stats, knots, index, value, cells)
            _predict(index, value, n, table, out, done)
            done += 1
        elif _observe(X, row, layout, params, stats, recent):
            at[0], at[1] = t, done
            return True
        else:
            _teach(X, y, rows, costs, heaviest, layout, params, table, stats, knots, index, value, cells, p, t)
        t += 1
    return False


@kernel
def run_tape(
    X: Array,
    y: Array,
    rows: Array,
    kinds: Array,
    costs: Array,
    heaviest: float,
    layout: Array,
    params: Array,
    table: Array,
    stats: Array,
    recent: Array,
    knots: Array,
    out: Array,
) -> None:
    """Carry out a tape in order; the predictions' probabilities go to ``out``, float64 (predicted, K).

    costs: float64 (t,), the weight of each lesson; heaviest: the largest of the class weights.
    The loss is cost (1 - p_y)^gamma (-log p_y): log-loss for gamma 0, else the focal loss (Lin et al. 2017, eq. 5).
    """
    d = X.shape[1]
    slots = 1 + 3 * d + (d * (d - 1) // 2 if params[CROSSES] > 0.0 else 0)
    index, value, cells = np.empty(slots, np.int64), np.empty(slots), np.empty(d, np.int64)
    p, at = np.empty((1, out.shape[1])), np.zeros(2, np.int64)
    while _carry_out(
        X, y, rows, kinds, costs, heaviest, layout, params, table, stats, recent, knots, out, index, value, cells, p, at
    ):  # fmt: skip
        _settle_due(X, rows[at[0]], layout, params, stats, recent, knots)
        _teach(
            X, y, rows, costs, heaviest, layout, params, table, stats, knots, index, value, cells, p, at[0]
        )  # fmt: skip
        at[0] += 1
