"""All metrics of several runs over one stream, as they are and in bootstrap replicates of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.evaluation import blocks
from streamimb.evaluation.layout import CLASSES_RANKED_MAX
from streamimb.evaluation.names import (
    BRIER,
    CONFUSION_METRICS,
    F1,
    LOG_LOSS,
    PR_AUC,
    PRECISION,
    RECALL,
    ROC_AUC,
)
from streamimb.evaluation.ranking import LOG_LOSS_CLIP

Vector = NDArray[np.float64]
#: Of a confusion's rows, columns and diagonal, float64 (K,) each: a value.
Formula = Callable[[Vector, Vector, Vector], float]


@dataclass(frozen=True, slots=True)
class Judged:
    """One run's predictions of n events: decision, class codes (n,); scores, float (n, K), probabilities."""

    decision: NDArray[Any]
    scores: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric of the user's own: a formula on a confusion's margins, and whether more of it is better."""

    formula: Formula
    more_is_better: bool = True


class Runs:
    """The runs' predictions, prepared so that a replicate costs one pass over them.

    y: class codes (n,); runs: name -> its predictions. Two classes are ranked by the positive's score, more by the
    mean over classes of each against the rest (none of them above ``CLASSES_RANKED_MAX``).

    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> judged = {"half": Judged(np.array([0, 1, 0]), scores), "lower": Judged(np.array([0, 1, 1]), scores)}
    >>> runs = Runs(np.array([0, 1, 1], np.int16), judged, positive=1, goals={})
    >>> once, second_twice = np.ones(3, np.int32), np.array([1, 2, 1], np.int32)
    >>> runs.measure(once)["recall"], runs.measure(second_twice)["recall"].round(2)
    (array([0.5, 1. ]), array([0.67, 1.  ]))
    """

    def __init__(
        self, y: NDArray[np.int16], runs: Mapping[str, Judged], *, positive: int, goals: Mapping[str, Goal]
    ) -> None:
        self.y, self.positive, self.goals = y, positive, goals
        self.names = list(runs)
        scores = [np.ascontiguousarray(run.scores, np.float32) for run in runs.values()]
        self.decisions = [np.ascontiguousarray(run.decision, np.int16) for run in runs.values()]
        self.n_classes = scores[0].shape[1]
        self.losses = [losses_of(y, table, positive) for table in scores]
        self.ranked = self._ranked()
        self.rankings = [[blocks.ranking(y == k, table[:, k]) for k in self.ranked] for table in scores]
        self.passes = len(runs) * (len(self.ranked) + 3)

    def _ranked(self) -> list[int]:
        if self.n_classes == 2:
            return [self.positive]
        return list(range(self.n_classes)) if self.n_classes <= CLASSES_RANKED_MAX else []

    def series(self) -> list[list[Vector]]:
        """What the block length is read from: of each run, rightness and Brier loss by event, plain and balanced.

        Balanced is over the class's size, which gives a rare event the part it has where classes share alike.
        """
        sizes = np.bincount(self.y, minlength=self.n_classes)[self.y]
        plain = [
            ((decision == self.y).astype(np.float64), brier)
            for decision, (brier, _) in zip(self.decisions, self.losses, strict=True)
        ]
        return [[right, loss, right / sizes, loss / sizes] for right, loss in plain]

    def confusion(self, i: int) -> NDArray[np.int64]:
        """Run number i's confusion matrix (K, K), rows the truth."""
        K = self.n_classes
        cells = self.y.astype(np.int64) * K + self.decisions[i]
        return np.bincount(cells, minlength=K * K).reshape(K, K)

    def measure(self, weights: NDArray[np.int32]) -> dict[str, Vector]:
        """Every metric under weights of the events, int32 (n,): metric -> (runs,); undefined is NaN."""
        margins = np.empty((len(self.names), 3, self.n_classes))
        means, areas = np.empty((len(self.names), 2)), np.full((len(self.names), max(len(self.ranked), 1), 2), np.nan)
        for i, decision in enumerate(self.decisions):
            blocks.weigh_decisions(weights, self.y, decision, margins[i])
            for j, loss in enumerate(self.losses[i]):
                means[i, j] = blocks.weigh_mean(weights, loss)
            for j, ranked in enumerate(self.rankings[i]):
                blocks.weigh_ranking(weights, ranked.order, ranked.marks, areas[i, j])
        ranked_areas = mean_of_defined(areas)
        found = self._of_margins(margins) | {ROC_AUC: ranked_areas[:, 0], PR_AUC: ranked_areas[:, 1]}
        return found | {BRIER: means[:, 0], LOG_LOSS: means[:, 1]}

    def _of_margins(self, margins: NDArray[np.float64]) -> dict[str, Vector]:
        overall = np.empty((len(margins), len(CONFUSION_METRICS)))
        blocks.overall_of(margins, overall)
        found = {name: overall[:, i] for i, name in enumerate(CONFUSION_METRICS)}
        rows, cols, hits = margins[:, :, self.positive].T
        found |= {RECALL: ratio(hits, rows), PRECISION: ratio(hits, cols)}
        found[F1] = np.where(rows > 0, ratio(2 * hits, rows + cols), np.nan)
        for name, goal in self.goals.items():
            found[name] = np.array([goal.formula(*each) for each in margins], np.float64)
        return found


def losses_of(y: NDArray[np.int16], scores: NDArray[np.float32], positive: int) -> tuple[Vector, Vector]:
    """Brier and log-loss of each event, float64 (n,); two classes count the positive's error only."""
    n, K = scores.shape
    own = scores[np.arange(n), y].astype(np.float64)
    if K == 2:
        brier = (scores[:, positive].astype(np.float64) - (y == positive)) ** 2
    else:
        brier = np.einsum("ij,ij->i", scores, scores, dtype=np.float64) - own**2 + (1 - own) ** 2
    return brier, -np.log(np.clip(own, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP))


def ratio(part: Vector, whole: Vector) -> Vector:
    """The quotient, NaN where the whole is 0."""
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def mean_of_defined(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes of (runs, classes, 2) where both areas are defined, (runs, 2)."""
    defined = ~np.isnan(areas)
    counts = defined.sum(1)
    out = np.full(counts.shape, np.nan)
    np.divide(np.where(defined, areas, 0.0).sum(1), counts, out=out, where=counts > 0)
    return out


#: Metrics of which less is better; a Goal says so itself.
LESS_IS_BETTER: Final = frozenset({BRIER, LOG_LOSS})
#: Metrics of scores; all others are of decisions.
OF_SCORES: Final = frozenset({ROC_AUC, PR_AUC, BRIER, LOG_LOSS})
