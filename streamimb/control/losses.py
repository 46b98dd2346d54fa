"""What it costs to decide an event wrongly: a number, or an amount that the event itself names."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.control.kinds import COST, COST_OF_AMOUNTS
from streamimb.control.objectives import Objective, parse_objective
from streamimb.errors import ConfigError, StateError
from streamimb.kernel import Array, leaf
from streamimb.learners.base import State
from streamimb.near import hint
from streamimb.schema import Schema

#: No wrong decision costs more.
LOSS_MAX: Final = 1e12
#: The mean that stands for a missing amount forgets beyond so many events.
MEAN_EVENTS: Final = 10_000.0

MEAN, COUNT = 0, 1


@leaf
def loss_of(amount: float, column: int, number: float, mean: float) -> float:
    """What one wrong decision costs: the number, or the amount held within bounds, or the mean where it is missing."""
    if column < 0:
        return number
    return min(max(amount, 0.0), LOSS_MAX) if np.isfinite(amount) else mean


@leaf
def fill(
    X: Array, rows: Array, y: Array, positive: int, columns: Array, numbers: Array, means: Array, out: Array
) -> None:
    """Write the losses of events, float64 (m,), and keep the means of the amounts; see :class:`Losses`."""
    for i in range(len(y)):
        side = int(y[i] == positive)
        column = columns[side]
        amount = float(X[rows[i], max(column, 0)])
        out[i] = loss_of(amount, column, numbers[side], means[side, MEAN])
        if column >= 0 and np.isfinite(amount):
            means[side, COUNT] = min(means[side, COUNT] + 1.0, MEAN_EVENTS)
            means[side, MEAN] += (out[i] - means[side, MEAN]) / means[side, COUNT]


class Losses:
    """Reads each event's loss: that of a false negative where it is positive, else that of a false positive.

    An amount is held within 0 and LOSS_MAX. A missing one counts as the mean of those known so far on its side (the
    last MEAN_EVENTS or so), 0 before any. ``key``: the key of the configuration that the cost stands in. Raises
    ConfigError where a named amount is no numeric feature.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> losses = Losses(schema, parse_objective("cost:FN=amount,FP=2"))
    >>> losses.of(np.array([[80.0], [70.0], [np.nan]], np.float32), np.arange(3), np.array([0, 1, 1], np.int16))
    array([ 2., 70., 70.])
    """

    def __init__(self, schema: Schema, cost: Objective | None, key: str = "control.objective") -> None:
        self.name = None if cost is None else cost.name.removeprefix("cost:")
        self.by_amount = cost is not None and cost.kind == COST_OF_AMOUNTS
        self._positive = schema.positive
        named = (None, None) if cost is None else cost.amounts
        self._columns = np.array([_column(schema, name, key) for name in named[::-1]], np.int64)
        self._numbers = np.zeros(2) if cost is None else np.array([cost.b, cost.a])
        self._means = np.zeros((2, 2))

    def of(self, X: NDArray[np.float32], rows: NDArray[np.int64], y: NDArray[np.int16]) -> NDArray[np.float64]:
        """Losses of the events X[rows] (m,) of classes y, in event-time order: float64 (m,), (0,) without a cost."""
        out = np.empty(len(y) if self.name is not None else 0)
        if self.name is not None:
            fill(X, rows, y, self._positive, self._columns, self._numbers, self._means, out)
        return out

    def one(self, x: NDArray[np.float32], y: int) -> float:
        """The loss of a single event (d,) if it is of class y, as of now; NaN without a cost. The means stay."""
        side = int(y == self._positive)
        column = int(self._columns[side])
        if self.name is None:
            return float("nan")
        return float(loss_of(float(x[max(column, 0)]), column, self._numbers[side], self._means[side, MEAN]))

    def state(self) -> State:
        return {"means": self._means.copy(), "cost": self.name or ""}

    def is_of(self, state: State) -> bool:
        """Whether a saved state is of the same cost."""
        return bool(state.get("cost") == (self.name or ""))

    def restore(self, state: State) -> None:
        """Go on from saved means; from none where they were another cost's. Raises StateError."""
        means = state.get("means")
        if not isinstance(means, np.ndarray) or means.shape != (2, 2) or not np.isfinite(means).all():
            raise StateError("losses: the saved means of the amounts are not four numbers")
        self._means[:] = means if self.is_of(state) else 0.0


def cost_of(objective: Objective, text: str | None) -> Objective | None:
    """The cost that is told of: the objective's where it is one, else ``evaluation.cost``. Raises ConfigError.

    >>> cost_of(parse_objective("f1"), "FN=amount,FP=2").amounts
    ('amount', None)
    """
    try:
        told = None if text is None else parse_objective(f"cost:{text}")
    except ConfigError as error:
        form = "FN=50,FP=1, or a feature's name for an amount"
        raise ConfigError(f"evaluation.cost: {text!r} is no cost: write {form}") from error
    if objective.kind not in (COST, COST_OF_AMOUNTS):
        return told
    if told is not None and told != objective:
        raise ConfigError(f"evaluation.cost: {told.name!r} is not the objective's {objective.name!r}: leave it out")
    return objective


def _column(schema: Schema, name: str | None, key: str) -> int:
    if name is None:
        return -1
    numeric = [f.name for f in schema.features if f.type == "numeric"]
    if name in numeric:
        return [f.name for f in schema.features].index(name)
    raise ConfigError(f"{key}: the amount {name!r} of the cost is no numeric feature {hint(name, numeric)}")
