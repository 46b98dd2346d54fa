"""Every metric and every window by name, and what one measurement is."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Of one class, in this order.
RECALL: Final = "recall"
PRECISION: Final = "precision"
F1: Final = "f1"
SPECIFICITY: Final = "specificity"
#: With the weight of recall that ``evaluation.beta`` gives.
F_BETA: Final = "f_beta"
CLASS_METRICS: Final = (RECALL, PRECISION, F1, F_BETA, SPECIFICITY)

#: Of a confusion matrix, in the order in which :func:`streamimb.evaluation.metrics.overall` writes them.
G_MEAN: Final = "g_mean"
BALANCED_ACCURACY: Final = "balanced_accuracy"
KAPPA: Final = "kappa"
MCC: Final = "mcc"
MACRO_F1: Final = "macro_f1"
CONFUSION_METRICS: Final = (G_MEAN, BALANCED_ACCURACY, KAPPA, MCC, MACRO_F1)

#: Of scores.
PR_AUC: Final = "pr_auc"
ROC_AUC: Final = "roc_auc"
BRIER: Final = "brier"
LOG_LOSS: Final = "log_loss"
ECE: Final = "ece"
SCORE_METRICS: Final = (PR_AUC, ROC_AUC, BRIER, LOG_LOSS, ECE)

#: Of the queue of people who look at alerts.
ALERTS_PER_DAY: Final = "alerts_per_day"
PRECISION_AT_K: Final = "precision_at_k"
COST_PER_DAY: Final = "cost_per_day"
COST_PER_EVENT: Final = "cost_per_event"
QUEUE_METRICS: Final = (ALERTS_PER_DAY, PRECISION_AT_K, COST_PER_DAY, COST_PER_EVENT)

#: Means over consecutive windows that do not overlap, in the order of the tally's block sums.
BLOCK_METRICS: Final = ("windowed_g_mean", "windowed_kappa", "windowed_pr_auc", "windowed_roc_auc")

#: The whole run; as long as the rarest class needs; a plain count; exponentially forgotten; before maturity.
ALL: Final = "all"
RAREST: Final = "rarest"
EVENTS: Final = "events"
DECAYED: Final = "decayed"
EARLY: Final = "early"
#: The last complete days.
DAYS: Final = "days"


class Measure(NamedTuple):
    """One measured value with its interval (NaN where undefined or not asked for).

    ``class_`` is a class's code, None where the metric is of all classes. ``support`` is the number of events behind
    the value: of the class for recall and F1, decided as the class for precision, of all other classes for
    specificity, else of the whole window.
    """

    metric: str
    class_: int | None
    window: str
    value: float
    low: float
    high: float
    support: int
