"""How well scores rank and how honest they are: ROC-AUC, PR-AUC, PMAUC, Brier, log-loss.

Everything that ranks reads groups of events: ``pos`` and ``neg`` count the positives and negatives of each group, from
the highest score down. A group is a distinct score where the answer is exact, a bin where memory must not grow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.kernel import Array, kernel

#: A true class's score is held this far from 0 and 1 in log-loss: float32's resolution at one, scikit-learn's rule.
LOG_LOSS_CLIP: Final = 2.0**-23


def roc_auc(y: ArrayLike, score: ArrayLike) -> float:
    """Probability that a positive scores above a negative, ties half. y: bool (n,); score: (n,). NaN with one class.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return float(areas(*_groups_of(y, score))[0])


def pr_auc(y: ArrayLike, score: ArrayLike) -> float:
    """Average precision: precision at each distinct score, weighted by the recall gained there; NaN with one class."""
    return float(areas(*_groups_of(y, score))[1])


def pmauc(y: ArrayLike, scores: ArrayLike) -> float:
    """Mean over pairs of present classes of the AUC that tells them apart; y (n,), scores (n, K).

    Hand and Till 2001, equation 7; over a stream's window it is the PMAUC of Wang and Minku, IJCNN 2020.
    """
    labels, table = np.asarray(y), np.asarray(scores)
    present = np.unique(labels)
    values = []
    for i in present:
        for j in present[present != i]:
            pair = (labels == i) | (labels == j)
            values.append(roc_auc(labels[pair] == i, table[pair, i]))
    return float(np.mean(values)) if values else np.nan


def brier(y: ArrayLike, scores: ArrayLike) -> float:
    """Mean squared error of probabilities.

    Of the positive's where ``scores`` is (n,) and y bool; summed over the classes where it is (n, K) and y codes.
    """
    labels, table = np.asarray(y), np.asarray(scores, np.float64)
    if not len(labels):
        return np.nan
    if table.ndim == 1:
        return float(np.mean((table - (labels != 0)) ** 2))
    return float(((table - (labels[:, None] == np.arange(table.shape[1]))) ** 2).sum(1).mean())


def log_loss(y: ArrayLike, scores: ArrayLike) -> float:
    """Mean negative logarithm of the true class's score; forms as in :func:`brier`."""
    labels, table = np.asarray(y), np.asarray(scores, np.float64)
    if not len(labels):
        return np.nan
    own = np.where(labels != 0, table, 1 - table) if table.ndim == 1 else table[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(own, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP)).mean())


def _groups_of(y: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    positive = np.asarray(y) != 0
    distinct, group = np.unique(np.asarray(score), return_inverse=True)
    pos = np.bincount(group[positive], minlength=len(distinct))[::-1]
    neg = np.bincount(group[~positive], minlength=len(distinct))[::-1]
    return np.ascontiguousarray(pos, np.int64), np.ascontiguousarray(neg, np.int64)


@kernel
def areas(pos: Array, neg: Array) -> tuple[float, float, float, float]:
    """ROC-AUC, PR-AUC and their standard errors from groups, int64 (g,), highest score first; NaN with one class.

    The first standard error is DeLong, DeLong and Clarke-Pearson's (1988), the second the infinitesimal jackknife's
    (Jaeckel 1972), what a bootstrap over events tends to: with average precision (1/P) sum_i TP_i / (TP_i + FP_i), one
    more positive at rank j adds (precision_j - AP + sum_{i >= j} FP_i / (TP_i + FP_i)^2) / P, one more negative takes
    away sum_{i >= j} TP_i / (TP_i + FP_i)^2 / P.
    """
    n_pos, n_neg = 0.0, 0.0
    for g in range(len(pos)):
        n_pos += pos[g]
        n_neg += neg[g]
    if n_pos == 0 or n_neg == 0:
        return np.nan, np.nan, np.nan, np.nan
    tp, fp, pairs, gained = 0.0, 0.0, 0.0, 0.0
    for g in range(len(pos)):
        pairs += neg[g] * (tp + 0.5 * pos[g])
        tp += pos[g]
        fp += neg[g]
        if pos[g] > 0:
            gained += pos[g] * tp / (tp + fp)
    roc, pr = pairs / (n_pos * n_neg), gained / n_pos
    over_pos, over_neg, jackknife, more_pos, more_neg = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(pos)):
        g = len(pos) - 1 - i  # tp and fp hold their sums down to group g
        if pos[g] > 0:
            more_pos += pos[g] * fp / (tp + fp) ** 2
            more_neg += pos[g] * tp / (tp + fp) ** 2
            over_pos += pos[g] * ((n_neg - fp + 0.5 * neg[g]) / n_neg - roc) ** 2
            jackknife += pos[g] * (tp / (tp + fp) - pr + more_pos) ** 2
        if neg[g] > 0:
            over_neg += neg[g] * ((tp - 0.5 * pos[g]) / n_pos - roc) ** 2
            jackknife += neg[g] * more_neg**2
        tp -= pos[g]
        fp -= neg[g]
    spread = over_pos / n_pos / max(n_pos - 1, 1.0) + over_neg / n_neg / max(n_neg - 1, 1.0)
    return roc, pr, np.sqrt(spread), np.sqrt(jackknife / n_pos / max(n_pos - 1, 1.0))


@kernel
def areas_of_bins(bins: Array) -> tuple[float, float, float, float]:
    """:func:`areas` of a histogram (2, g), negatives then positives by rising score, of which most are empty."""
    groups = 0
    for b in range(bins.shape[1]):
        groups += int(bins[0, b] != 0 or bins[1, b] != 0)
    pos, neg = np.empty(groups, bins.dtype), np.empty(groups, bins.dtype)
    for b in range(bins.shape[1]):
        if bins[0, b] != 0 or bins[1, b] != 0:
            groups -= 1
            neg[groups], pos[groups] = bins[0, b], bins[1, b]
    return areas(pos, neg)


@kernel
def radix_sort(keys: Array) -> Array:
    """Keys uint32 (n,) in rising order, destroying the input: four passes over the bytes."""
    spare = np.empty_like(keys)
    for shift in (np.uint32(0), np.uint32(8), np.uint32(16), np.uint32(24)):
        places = np.zeros(257, np.int64)
        for key in keys:
            places[((key >> shift) & np.uint32(255)) + 1] += 1
        for b in range(256):
            places[b + 1] += places[b]
        for key in keys:
            b = (key >> shift) & np.uint32(255)
            spare[places[b]] = key
            places[b] += 1
        keys, spare = spare, keys
    return keys


@kernel
def areas_of_keys(keys: Array) -> tuple[float, float, float, float]:
    """:func:`areas` of exact scores; destroys keys uint32 (n,): float32 bits doubled, plus one if positive."""
    keys = radix_sort(keys)
    pos = np.zeros(len(keys), np.int64)
    neg = np.zeros(len(keys), np.int64)
    groups = 0
    for i in range(len(keys)):
        key = keys[len(keys) - 1 - i]
        if i > 0 and key >> np.uint32(1) != keys[len(keys) - i] >> np.uint32(1):
            groups += 1
        if key & np.uint32(1):
            pos[groups] += 1
        else:
            neg[groups] += 1
    return areas(pos[: groups + 1], neg[: groups + 1])
