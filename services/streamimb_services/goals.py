"""What the runs' objectives ask of a comparison: the metric that each is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.control import kinds
from streamimb.control.objectives import Objective, parse_objective, value_at
from streamimb.evaluation.compare import Comparison, Goal
from streamimb.evaluation.metrics import overall
from streamimb.evaluation.names import BALANCED_ACCURACY, F1, G_MEAN, KAPPA, MACRO_F1, PRECISION, RECALL

Vector = NDArray[np.float64]
#: The metric that an objective of a kind leaves free, or is.
METRICS: Final = {
    kinds.G_MEAN: G_MEAN,
    kinds.KAPPA: KAPPA,
    kinds.BALANCED_ACCURACY: BALANCED_ACCURACY,
    kinds.RECALL_AT_LEAST: PRECISION,
    kinds.PRECISION_AT_LEAST: RECALL,
    kinds.ALERTS_AT_MOST: RECALL,
    kinds.TOP_PER_DAY: PRECISION,
    kinds.COST_OF_AMOUNTS: F1,  # what runs keep of their events holds no amounts
}


def metric_of(objective: Objective, n_classes: int) -> str:
    """The metric's name in a comparison: the objective's own where no plain metric is the same."""
    if objective.kind == kinds.F_BETA and objective.a == 1:
        return F1 if n_classes == 2 else MACRO_F1
    return METRICS.get(objective.kind, objective.name)


def goals_of(objectives: Sequence[str], positive: int, n_classes: int) -> dict[str, Goal]:
    """Formulas of those objectives that are no plain metrics."""
    goals = {}
    for objective in map(parse_objective, dict.fromkeys(objectives)):
        if objective.kind not in METRICS and metric_of(objective, n_classes) not in (F1, MACRO_F1):
            goals[objective.name] = _goal(objective, positive)
    return goals


def primary(objectives: Sequence[str], n_classes: int) -> str:
    """The metric that decisions are judged by: the objective's where all runs have the same, else F1."""
    same = len(set(objectives)) == 1
    return metric_of(parse_objective(objectives[0] if same else "f1"), n_classes)


def _goal(objective: Objective, positive: int) -> Goal:
    if objective.kind == kinds.G_MEAN_KAPPA:
        return Goal(_g_mean_and_kappa)
    sign = -1.0 if objective.kind == kinds.COST else 1.0

    def formula(rows: Vector, cols: Vector, hits: Vector) -> float:
        return sign * value_at(objective, _two(rows, cols, hits, positive))["value"]

    return Goal(formula, more_is_better=objective.kind != kinds.COST)


def _two(rows: Vector, cols: Vector, hits: Vector, positive: int) -> NDArray[np.int64]:
    p, other = positive, 1 - positive
    return np.array([[hits[other], cols[p] - hits[p]], [rows[p] - hits[p], hits[p]]]).astype(np.int64)


def _g_mean_and_kappa(rows: Vector, cols: Vector, hits: Vector) -> float:
    out = np.empty(5)
    overall(rows, cols, hits, out)
    return float(out[0] + out[2])


def missed(told: Comparison, objectives: dict[str, str]) -> list[str]:
    """Which runs do not keep the bound that they were tuned for."""
    out = []
    for name, text in objectives.items():
        objective = parse_objective(text)
        bounded = {kinds.RECALL_AT_LEAST: RECALL, kinds.PRECISION_AT_LEAST: PRECISION}.get(objective.kind)
        if bounded is not None and told.values[bounded][name][0] < objective.a:
            out.append(f"{name} misses {text}: its {bounded} is {told.values[bounded][name][0]:.3f}.")
    return out
