"""From a segment of the stream to the lessons that the learner gets: weights, and rows made or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig
from streamimb.learners.base import State, Tape
from streamimb.rebalance.rates import Rates


class Lessons(NamedTuple):
    """What a learner is run on: X float32 (m, d), y int16 (m,) and a tape over their rows."""

    X: NDArray[np.float32]
    y: NDArray[np.int16]
    tape: Tape


class Rebalancer:
    """Weighs each lesson of a segment. Raises ConfigError where a rule is for no class."""

    def __init__(self, class_names: Sequence[str], config: ControlConfig) -> None:
        self.rates = Rates(class_names, config)

    def lessons(
        self,
        ops: NDArray[np.int64],
        X: NDArray[np.float32],
        y: NDArray[np.int16],
        matured: NDArray[np.int64],
        class_weights: NDArray[np.float64],
    ) -> Lessons:
        """The tape of a segment: ops int64 (t, 4) on slots of X (slots, d) and y; matured int64 (m, 5)."""
        weights = self.rates.weigh(ops, y, matured, class_weights)
        kinds = (ops[:, 1] > 0).astype(np.int8)
        tape = Tape(np.ascontiguousarray(ops[:, 0]), kinds, np.ascontiguousarray(ops[:, 2]), weights)
        return Lessons(X, y, tape)

    @property
    def trained(self) -> NDArray[np.float64]:
        """Decayed weight of what each class taught, float64 (K,)."""
        return self.rates.trained

    def forget_trained(self) -> None:
        """The learner knows nothing any more."""
        self.rates.trained[:] = 0.0

    def state(self) -> State:
        return {"rates": self.rates.state()}

    def restore(self, state: State) -> None:
        self.rates.restore(state["rates"])
