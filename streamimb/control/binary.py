"""Threshold tuning for two classes: histograms of the score, one sweep for all objectives."""

from __future__ import annotations

import math

import numpy as np

from streamimb.control.kinds import (
    BALANCED_ACCURACY,
    COST,
    COST_OF_AMOUNTS,
    F_BETA,
    G_MEAN,
    G_MEAN_KAPPA,
    KAPPA,
    PRECISION_AT_LEAST,
    RECALL_AT_LEAST,
    TOP_PER_DAY,
)  # fmt: skip
from streamimb.kernel import Array, leaf, part

#: Log likelihood ratios are counted in bins of 1/32 between -16 and 16.
BINS = 1_024
BIN_WIDTH = 1 / 32
BIN_LOW = -16.0


@part
def bin_of(ratio: float) -> int:
    """The bin of a log likelihood ratio."""
    return int(min(max((ratio - BIN_LOW) / BIN_WIDTH, 0.0), BINS - 1.0))


@part
def kappa_of(tp: float, fp: float, positives: float, negatives: float) -> float:
    """Cohen's kappa from counts; 0 where chance agreement is perfect."""
    n = positives + negatives
    observed = (tp + negatives - fp) / n
    decided = tp + fp
    chance = (positives * decided + negatives * (n - decided)) / (n * n)
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0


@part
def value_of(kind: int, a: float, b: float, tp: float, fp: float, positives: float, negatives: float) -> float:
    """The value to maximise of deciding ``tp`` and ``fp`` of the positives and negatives for the positive class."""
    recall = tp / positives
    specificity = 1 - fp / negatives
    precision = tp / (tp + fp) if tp + fp > 0 else 1.0
    if kind == F_BETA:
        square = a * a
        return (1 + square) * tp / ((1 + square) * tp + square * (positives - tp) + fp)
    if kind == G_MEAN:
        return math.sqrt(recall * specificity)
    if kind == KAPPA:
        return kappa_of(tp, fp, positives, negatives)
    if kind == BALANCED_ACCURACY:
        return (recall + specificity) / 2
    if kind == G_MEAN_KAPPA:
        return math.sqrt(recall * specificity) + kappa_of(tp, fp, positives, negatives)
    if kind == COST:
        return -(a * (positives - tp) + b * fp) / (positives + negatives)
    if kind == RECALL_AT_LEAST:  # the fewest alerts that reach it; below it, the nearest
        return 2 - (tp + fp) / (positives + negatives) if recall >= a else recall - 1
    if kind == PRECISION_AT_LEAST:
        return 2 + recall if precision >= a and tp > 0 else precision - 1
    if kind == TOP_PER_DAY:  # as many alerts as are asked for, or the nearest there is to it
        return -abs(tp + fp - a)
    return recall - 1e-9 * fp if tp + fp <= a else -1 - (tp + fp)  # ALERTS_AT_MOST: a is the count allowed


@leaf
def sweep(histogram: Array, amounts: Array, scale: Array, objectives: Array, best: Array, ends: Array) -> None:
    """The best cut of each objective.

    histogram: int64 (2, BINS), negatives then positives; amounts: int64 (2, BINS), what it costs to decide them
    wrongly, read where an objective is a cost of amounts; scale: float64 (2,), the weight of each of them at the
    present shares; objectives: float64 (S, 3), kind and two numbers; best: float64 (S, 2) gets the cut (events in
    bins from it on are decided positive, in units of the ratio) and the value there. Between the first and the last
    of equally good cuts, int64 (S, 2) in ``ends``, the middle is taken.
    """
    positives = negatives = missed = false = 0.0
    for cut in range(BINS):
        negatives += histogram[0, cut] * scale[0]
        positives += histogram[1, cut] * scale[1]
        missed += amounts[1, cut] * scale[1]
    for s in range(len(objectives)):
        best[s, 1] = -np.inf
    tp = fp = 0.0
    for cut in range(BINS, -1, -1):
        if cut < BINS:
            if histogram[0, cut] == 0 and histogram[1, cut] == 0:
                for s in range(len(objectives)):
                    if ends[s, 1] == cut + 1:
                        ends[s, 1] = cut
                continue
            tp += histogram[1, cut] * scale[1]
            fp += histogram[0, cut] * scale[0]
            missed -= amounts[1, cut] * scale[1]
            false += amounts[0, cut] * scale[0]
        for s in range(len(objectives)):
            kind = int(objectives[s, 0])
            if cut < BINS and histogram[1, cut] == 0 and kind != TOP_PER_DAY:
                continue  # more false alarms alone are never better
            if kind == COST_OF_AMOUNTS:
                value = -(missed + false)
            else:
                value = value_of(kind, objectives[s, 1], objectives[s, 2], tp, fp, positives, negatives)
            if value > best[s, 1]:
                best[s, 1] = value
                ends[s, 0] = ends[s, 1] = cut
            elif value == best[s, 1] and ends[s, 1] == cut + 1:
                ends[s, 1] = cut
    for s in range(len(objectives)):
        best[s, 0] = BIN_LOW + BIN_WIDTH * (ends[s, 0] + ends[s, 1]) / 2


@leaf
def cuts_of(
    histogram: Array, amounts: Array, objectives: Array, share: float, temperature: float, odds: float, bias: float,
    other_bias: float, cut_min: float, cuts: Array, scale: Array, best: Array, ends: Array,
) -> bool:  # fmt: skip
    """Write where each objective cuts the positive class's probability, float64 (S,); false without both classes.

    share: the positive class's present one; odds: the shares' part of the score; bias: the calibration's, of the
    positive class and the other; cut_min: cuts stay so far from 0 and 1; scale, best and ends as in :func:`sweep`.
    """
    negatives = positives = 0
    for place in range(BINS):
        negatives += histogram[0, place]
        positives += histogram[1, place]
    if negatives == 0 or positives == 0:
        return False
    held = negatives + positives
    scale[0], scale[1] = (1 - share) * held / negatives, share * held / positives
    ends[:, :] = 0
    sweep(histogram, amounts, scale, objectives, best, ends)
    for s in range(len(cuts)):
        u = temperature * (best[s, 0] + odds) + bias
        cuts[s] = min(max(1 / (1 + math.exp(-(u - other_bias))), cut_min), 1 - cut_min)
    return True
