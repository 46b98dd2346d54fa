"""HDDM_W: moving averages held against McDiarmid's bound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb.drift.base import DRIFT, WARNING
from streamimb.drift.flat import FlatDetector
from streamimb.drift.tuning import significance
from streamimb.kernel import Array, kernel, leaf

# Columns of a sample in ``reals``: its weighted mean, its sum of squared weights; a row a sample, then the cut points.
MEAN, SQUARES = range(2)
ALL, UP_OLD, UP_NEW, DOWN_OLD, DOWN_NEW, CUTS = range(6)
# Places in ``wholes``; how many values each sample has taken begins at COUNTS.
WIDTH, FIRED, WARNED, COUNTS = range(4)


class HDDMW(FlatDetector):
    """Detects a change of the mean of values between 0 and 1; fires where ``river.drift.binary.HDDMW`` does.

    Frías-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's bounds, TKDE 2015,
    section 4 (the W-test): the exponentially weighted mean ``lambda_val`` up to the lowest upper bound so far is held
    against that of all values since, with ε = sqrt(ibc ln(1/confidence) / 2) of McDiarmid's inequality, where ibc is
    the sum of both samples' squared weights. ``two_sided_test`` also looks for a fall.

    >>> hddm = HDDMW()
    >>> firings = hddm.update_many(np.r_[np.tile([0, 0, 0, 1], 250), np.ones(100)]).drifts
    >>> firings.index, firings.before.round(2), firings.after.round(2)
    (array([1014]), array([0.22]), array([0.66]))
    """

    WIDTH = WIDTH

    def __init__(
        self,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_val: float = 0.05,
        two_sided_test: bool = False,
    ) -> None:
        if not 0 < drift_confidence <= warning_confidence < 1 or not 0 < lambda_val < 1:
            raise ValueError("0 < drift_confidence <= warning_confidence < 1, lambda_val between 0 and 1")
        self.drift_confidence = drift_confidence
        self.warning_confidence = warning_confidence
        self.lambda_val = lambda_val
        self.two_sided_test = two_sided_test
        parameters = (drift_confidence, warning_confidence, lambda_val, float(two_sided_test))
        super().__init__(np.zeros((CUTS + 1, 2)), np.zeros(COUNTS + CUTS, np.int64), *parameters)
        _start(self._reals, self._wholes)

    def tune(self, between: float) -> None:
        """Each value is a look, in one direction or two; a warning keeps its multiple of a drift's significance."""
        ways = 2.0 if self.two_sided_test else 1.0
        drift = float(significance(between * ways))
        warning = min(drift * self.warning_confidence / self.drift_confidence, (1.0 + drift) / 2.0)
        self._parameters[:2] = drift, warning

    @property
    def estimation(self) -> float:
        return float(self._reals[ALL, MEAN])

    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        return _update(values, self._reals, self._wholes, self._parameters)


@leaf
def _start(reals: Array, wholes: Array) -> None:
    for sample in range(CUTS):
        reals[sample, MEAN], reals[sample, SQUARES] = 0.0, 1.0
    # Cut points that any first value beats: means lie in [0, 1], bounds are below 1e9.
    reals[CUTS, 0], reals[CUTS, 1] = 1e9, -1e9
    wholes[:] = 0


@kernel
def _update(values: Array, reals: Array, wholes: Array, parameters: Array) -> tuple[Array, Array, int]:
    fired, report, f = np.empty(len(values), np.int64), np.empty((len(values), 4)), 0
    for i in range(len(values)):
        if not 0.0 <= values[i] <= 1.0:
            return fired[:0], report[:0], i
    drift, warning, two_sided = parameters[0], parameters[1], parameters[3] > 0.0
    for i in range(len(values)):
        if wholes[FIRED] == 1:
            _start(reals, wholes)
        wholes[WIDTH] += 1
        _add(ALL, values[i], reals, wholes, parameters[2])
        bound = math.sqrt(reals[ALL, SQUARES] * math.log(1.0 / drift) / 2.0)
        if reals[ALL, MEAN] + bound < reals[CUTS, 0]:
            reals[CUTS, 0] = reals[ALL, MEAN] + bound
            _cut(UP_OLD, UP_NEW, reals, wholes)
        else:
            _add(UP_NEW, values[i], reals, wholes, parameters[2])
        if reals[ALL, MEAN] - bound > reals[CUTS, 1]:
            reals[CUTS, 1] = reals[ALL, MEAN] - bound
            _cut(DOWN_OLD, DOWN_NEW, reals, wholes)
        else:
            _add(DOWN_NEW, values[i], reals, wholes, parameters[2])
        old = UP_OLD
        level = _level(UP_OLD, 1.0, reals, wholes, drift, warning)
        if two_sided and level < DRIFT:
            down = _level(DOWN_OLD, -1.0, reals, wholes, drift, warning)
            if down > level:
                old, level = DOWN_OLD, down
        if level == DRIFT or (level == WARNING and wholes[WARNED] == 0):
            fired[f] = i
            report[f, 0], report[f, 1] = reals[old, MEAN], reals[old + 1, MEAN]
            report[f, 2], report[f, 3] = wholes[COUNTS + old + 1], level
            f += 1
        wholes[WARNED], wholes[FIRED] = int(level == WARNING), int(level == DRIFT)
    return fired[:f].copy(), report[:f].copy(), -1


@leaf
def _add(sample: int, x: float, reals: Array, wholes: Array, rate: float) -> None:
    first = wholes[COUNTS + sample] == 0
    reals[sample, MEAN] = x if first else rate * x + (1.0 - rate) * reals[sample, MEAN]
    reals[sample, SQUARES] = rate * rate + (1.0 - rate) ** 2 * reals[sample, SQUARES]
    wholes[COUNTS + sample] += 1


@leaf
def _cut(old: int, new: int, reals: Array, wholes: Array) -> None:
    reals[old, MEAN], reals[old, SQUARES] = reals[ALL, MEAN], reals[ALL, SQUARES]
    wholes[COUNTS + old] = wholes[COUNTS + ALL]
    reals[new, MEAN], reals[new, SQUARES], wholes[COUNTS + new] = 0.0, 1.0, 0


@leaf
def _level(old: int, way: float, reals: Array, wholes: Array, drift: float, warning: float) -> int:
    """What the gap between a cut's two samples says, upwards (1) or downwards (-1)."""
    if wholes[COUNTS + old] == 0 or wholes[COUNTS + old + 1] == 0:
        return 0
    gap = way * (reals[old + 1, MEAN] - reals[old, MEAN])
    squares = reals[old, SQUARES] + reals[old + 1, SQUARES]
    if gap > math.sqrt(squares * math.log(1.0 / drift) / 2.0):
        return DRIFT
    return WARNING if gap > math.sqrt(squares * math.log(1.0 / warning) / 2.0) else 0
