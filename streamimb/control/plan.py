"""The Plan: what the parts that act are told, constant between two renewals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamimb.control import scoring
from streamimb.kernel import Array, leaf
from streamimb.learners.base import State

Floats = NDArray[np.float64]


@leaf
def smooth(
    old: Array, weights: Array, kept: float, counts: Array, trained: Array, fit: Array, share_min: float, out: Array
) -> None:
    """Write the next Plan's weights, shares, trained shares and bias to out, float64 (4, K).

    Weights: the geometric mean of the old ones, of share ``kept``, and the new. Shares: of counts, (K,), and of
    trained, (K,), each with one event more, spread evenly, and none below share_min. fit: see ``scoring.calibrate``.
    """
    n_classes = len(old)
    events, learned, total = 0, 0.0, 0.0
    for k in range(n_classes):
        events += counts[k]
        learned += trained[k]
    for k in range(n_classes):
        out[0, k] = math.exp(kept * math.log(old[k]) + (1 - kept) * math.log(weights[k]))
        out[1, k] = max((counts[k] + 1 / n_classes) / (events + 1), share_min)
        out[2, k] = max((trained[k] + 1 / n_classes) / (learned + 1), share_min)
        out[3, k] = fit[0, k + 1]
        total += out[1, k]
    for k in range(n_classes):
        out[1, k] /= total


@dataclass(frozen=True, slots=True)
class Plan:
    """One interval's orders.

    number: how many renewals came before; weights, thresholds, shares, trained_shares: float64 (K,), the class
    weights, decision thresholds, present class shares (from mature events) and the shares that the learner was trained
    on, after weighting; temperature and bias (K,): the calibration; cuts: float64 (S,), where each shown objective
    would cut the positive class's probability; corrects_prior: whether scores are moved to the present shares.

    >>> even = np.full(2, 0.5)
    >>> plan = Plan(number=0, weights=np.ones(2), thresholds=np.array([0.8, 0.2]), shares=np.array([0.9, 0.1]),
    ...     trained_shares=even, temperature=1.0, bias=np.zeros(2), cuts=np.array([0.2]), corrects_prior=True)
    >>> plan.offsets().round(2)  # raw log odds decide for the second class from 0.81 on
    array([ 0.12, -0.69])
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
        rows = np.empty((scoring.ROWS, len(self.weights)))
        scoring.lay_parameters(
            self.thresholds, self.shares, self.trained_shares, self.temperature, self.bias, self.corrects_prior, rows
        )
        return rows

    def offsets(self) -> Floats:
        """The rule of decision on raw scores, in log odds, (K,): the class of the largest ``raw + offset`` is it."""
        put_in = np.log(self.shares) if self.corrects_prior else 0.0
        return np.asarray(put_in + (self.bias - np.log(self.thresholds)) / self.temperature, np.float64)

    def state(self) -> State:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: State) -> Plan:
        """The plan that ``state`` was made from."""
        return cls(**{name: state[name] for name in cls.__slots__})
