"""The Plan: what the parts that act are told, constant between two renewals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamimb.control import scoring
from streamimb.learners.base import State

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """One interval's orders.

    number: how many renewals came before; weights, thresholds, shares, trained_shares: float64 (K,), the class
    weights, decision thresholds, present class shares (from mature events) and the shares that the learner was trained
    on, after weighting; temperature and bias (K,): the calibration; cuts: float64 (S,), where each shown objective
    would cut the positive class's probability; corrects_prior: whether scores are moved to the present shares.
    """

    number: int
    weights: Floats
    thresholds: Floats
    shares: Floats
    trained_shares: Floats
    temperature: float
    bias: Floats
    cuts: Floats
    corrects_prior: bool

    def parameters(self) -> Floats:
        """What the scoring kernel reads: float64 (ROWS, K)."""
        rows = np.zeros((scoring.ROWS, len(self.weights)))
        rows[scoring.BIAS], rows[scoring.THRESHOLD] = self.bias, self.thresholds
        rows[scoring.TEMPERATURE] = self.temperature
        if self.corrects_prior:
            rows[scoring.TAKE_OUT], rows[scoring.PUT_IN] = -np.log(self.trained_shares), np.log(self.shares)
        return rows

    def state(self) -> State:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: State) -> Plan:
        """The plan that ``state`` was made from."""
        return cls(**{name: state[name] for name in cls.__slots__})
