"""Rates: how much each lesson counts, from class sizes that follow every mature event.

A rule of the Plan (none, inverse frequency, effective number, cost) is a weight a class, constant between two
renewals. Oversampling and undersampling online (OOB, UOB: Wang, Minku, Yao, TKDE 2015, algorithms 1 and 2) and the
hybrid of both are rates that move with each event, so they are computed here, lesson by lesson, inside a kernel.
Sizes are exponentially decayed and bias-corrected: S_k <- θ S_k + [y = k], w_k = S_k / Σ S.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig
from streamimb.errors import StateError
from streamimb.kernel import Array, leaf, part
from streamimb.learners.base import State
from streamimb.rebalance.weights import bound_of, rules_of

#: How a class's lessons are weighted: by the Plan, or by a rate of their own.
PLAN: Final = 0
OOB: Final = 1
UOB: Final = 2
HYBRID: Final = 3
RULES: Final = {"oob": OOB, "uob": UOB, "hybrid": HYBRID}

#: Decay, a lesson, of what the learner was trained on.
TRAINED_DECAY: Final = 0.9995
#: Sums of growing weights are divided by the newest before they grow past this.
WEIGHT_MAX: Final = 1e100


@part
def rate_of(rule: int, k: int, sizes: Array, n_classes: int, target: float, rate_max: float) -> float:
    """The rate of a lesson of class k, sizes float64 (K + 1,) holding the K decayed sizes first.

    OOB λ = w_max / w_k, UOB λ = w_min / w_k; hybrid: every class is raised to ``target`` times the largest, then all
    are scaled to a mean rate of one. A class that was not seen counts as if it were rare enough for the bound.
    """
    most, least = 0.0, np.inf
    for j in range(n_classes):
        most = max(most, sizes[j])
        if sizes[j] > 0.0:
            least = min(least, sizes[j])
    if most <= 0.0:
        return 1.0
    own = sizes[k] if sizes[k] > 0.0 else most / rate_max
    if rule == OOB:
        rate = most / own
    elif rule == UOB:
        rate = min(least, own) / own
    else:
        seen = raised = 0.0
        for j in range(n_classes):
            seen += sizes[j]
            raised += max(sizes[j], target * most) if sizes[j] > 0.0 else 0.0
        rate = max(own, target * most) / own * seen / raised
    return min(max(rate, 1.0 / rate_max), rate_max)


@leaf
def weigh(
    ops: Array, y: Array, matured: Array, rules: Array, class_weights: Array, sizes: Array, decay: float, target: float,
    rate_max: float, out: Array,
) -> None:  # fmt: skip
    """Write the weight of each lesson of a segment to out, float64 (t,), in tape order; a prediction's is 0.

    ops: int64 (t, 4), of which column 1 is above 0 for a lesson and column 3 then counts the rows of ``matured``
    (int64 (m, 5), the label in column 1) that came before it; sizes: float64 (K + 1,), sums and the newest weight.
    """
    n_classes = len(rules)
    done = 0
    for i in range(len(ops) + 1):
        until = len(matured) if i == len(ops) else ops[i, 3] if ops[i, 1] > 0 else 0
        while done < until:
            label = matured[done, 1]
            done += 1
            if label < 0:
                continue
            sizes[n_classes] /= decay
            sizes[label] += sizes[n_classes]
            if sizes[n_classes] > WEIGHT_MAX:
                newest = sizes[n_classes]
                for j in range(n_classes + 1):
                    sizes[j] /= newest
        if i == len(ops):
            break
        out[i] = 0.0
        if ops[i, 1] <= 0:
            continue
        k = y[ops[i, 0]]
        if rules[k] == PLAN:
            out[i] = class_weights[k]
        else:
            out[i] = rate_of(rules[k], k, sizes, n_classes, target, rate_max)


class Rates:
    """Weighs the lessons of a stream of K classes, each by the configured rule or by its class's own.

    Raises ConfigError where ``control.class_rules`` names no class.

    >>> rates = Rates(("legit", "fraud"), ControlConfig(weights="oob", weight_max=10))
    >>> y = np.array([0, 0, 0, 1, 1], np.int16)
    >>> lessons = np.array([[row, 1, row, row] for row in range(5)])  # each after those before it have matured
    >>> rates.weigh(lessons, y, np.stack([np.arange(5), y, y, y, y], axis=1), np.ones(2)).round(2).tolist()
    [1.0, 1.0, 1.0, 10.0, 2.99]
    """

    def __init__(self, class_names: Sequence[str], config: ControlConfig) -> None:
        self._rules = np.array([RULES.get(rule, PLAN) for rule in rules_of(class_names, config)], np.int64)
        self._decay, self._target, self._max = config.size_decay, config.hybrid_target, bound_of("oob", config)
        self._sizes = np.zeros(len(class_names) + 1)
        self._sizes[-1] = 1.0

    def weigh(
        self,
        ops: NDArray[np.int64],
        y: NDArray[np.int16],
        matured: NDArray[np.int64],
        class_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The weight of each operation of a segment, float64 (t,); see :func:`weigh` for the arrays."""
        out = np.empty(len(ops))
        weigh(
            ops, y, matured, self._rules, class_weights, self._sizes, self._decay, self._target, self._max, out,
        )  # fmt: skip
        return out

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Decayed class sizes w_k, float64 (K,), which sum to 1; NaN before the first mature event."""
        total = self._sizes[:-1].sum()
        return np.asarray(self._sizes[:-1] / (total if total > 0 else np.nan))

    def inherit(self, old: Rates) -> None:
        """Go on from the sizes of fewer classes, which are the first of these."""
        self._sizes[: len(old._rules)], self._sizes[-1] = old._sizes[:-1], old._sizes[-1]

    def state(self) -> State:
        return {"sizes": self._sizes.copy()}

    def restore(self, state: State) -> None:
        """Go on from a saved state. Raises StateError where it is another schema's."""
        saved = state.get("sizes")
        if saved is None or saved.shape != self._sizes.shape or not np.isfinite(saved).all():
            raise StateError(f"rates: the saved sizes do not fit {len(self._rules)} classes")
        self._sizes[:] = saved
