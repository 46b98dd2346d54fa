"""Threshold tuning for many classes: coordinate ascent on one class's threshold at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb.control.kinds import BALANCED_ACCURACY, F_BETA, G_MEAN, G_MEAN_KAPPA
from streamimb.kernel import Array, kernel

#: Candidates for one class's log threshold, evenly spaced between the bounds.
STEPS = 25
LOG_LOW = -6.0
LOG_HIGH = 0.0
PASSES = 2


@kernel
def value_many(kind: int, correct: Array, decided: Array, support: Array) -> float:
    """The objective from per-class counts, over the classes with support."""
    seen = 0
    logs = recalls = f1 = agreed = chance = total = 0.0
    for k in range(len(support)):
        total += support[k]
        agreed += correct[k]
        chance += support[k] * decided[k]
        if support[k] > 0:
            seen += 1
            recalls += correct[k] / support[k]
            logs += math.log((correct[k] + 0.01) / (support[k] + 0.01))  # one class at 0 must not blind the search
            f1 += 2 * correct[k] / (support[k] + decided[k])
    if kind == F_BETA:
        return f1 / seen
    if kind == BALANCED_ACCURACY:
        return recalls / seen
    chance = chance / (total * total)
    kappa = (agreed / total - chance) / (1 - chance) if chance < 1 else 0.0
    if kind == G_MEAN:
        return math.exp(logs / seen)
    return math.exp(logs / seen) + kappa if kind == G_MEAN_KAPPA else kappa


@kernel
def decide(u: Array, log_thresholds: Array) -> int:
    """Argmax of u_k - log threshold_k, the first of equals."""
    best = 0
    for k in range(1, len(u)):
        if u[k] - log_thresholds[k] > u[best] - log_thresholds[best]:
            best = k
    return best


@kernel
def tune_many(u: Array, y: Array, kind: int, events_min: int, log_thresholds: Array) -> float:
    """Improve the log thresholds (K,) in place on log scores u (n, K) and labels (n,); return the value reached."""
    n, n_classes = u.shape
    support = np.zeros(n_classes)
    for i in range(n):
        support[y[i]] += 1
    other = np.zeros(n, np.int64)
    place = np.zeros(n, np.int64)
    width = (LOG_HIGH - LOG_LOW) / (STEPS - 1)
    reached = -np.inf
    for _ in range(PASSES):
        for k in range(n_classes):
            if support[k] < events_min:
                continue
            correct, decided = np.zeros(n_classes), np.zeros(n_classes)
            for i in range(n):
                rival = 1 if k == 0 else 0
                for j in range(n_classes):
                    if j != k and u[i, j] - log_thresholds[j] > u[i, rival] - log_thresholds[rival]:
                        rival = j
                other[i] = rival
                margin = u[i, k] - (u[i, rival] - log_thresholds[rival])
                place[i] = min(max(math.floor((margin - LOG_LOW) / width) + 1, 0), STEPS)
                decided[rival] += 1
                correct[rival] += y[i] == rival
            order = np.argsort(-place, kind="mergesort")
            reached, taken, best = -np.inf, 0, STEPS - 1
            for step in range(STEPS - 1, -1, -1):
                while taken < n and place[order[taken]] > step:
                    i = order[taken]
                    decided[other[i]] -= 1
                    correct[other[i]] -= y[i] == other[i]
                    decided[k] += 1
                    correct[k] += y[i] == k
                    taken += 1
                value = value_many(kind, correct, decided, support)
                if value > reached:
                    reached, best = value, step
            log_thresholds[k] = LOG_LOW + best * width
    return float(reached)


def many_at(
    kind: int, confusion: NDArray[np.int64], positive: int, threshold: float, alerts_per_day: float
) -> dict[str, float]:
    """A row of the objectives' table: its value, the positive class's recall and precision, from counts, int64 (K, K).

    Undefined is NaN.
    """
    rows, columns, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    value = math.nan
    if np.count_nonzero(rows) > 1:
        value = value_many(kind, hits.astype(float), columns.astype(float), rows.astype(float))
    return {
        "threshold": threshold,
        "value": value,
        "recall": float(hits[positive] / rows[positive]) if rows[positive] else math.nan,
        "precision": float(hits[positive] / columns[positive]) if columns[positive] else math.nan,
        "alerts_per_day": alerts_per_day,
        "cost": math.nan,
    }
