"""DDM-OCI: the decayed recall of one class, held against the best that it was."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb.drift.base import DRIFT, WARNING
from streamimb.drift.flat import FlatDetector
from streamimb.kernel import Array, kernel

# Places in ``reals``: decayed hits and events, the best recall and its deviation; in ``wholes``.
HITS, SIZE, BEST, DEVIATION = range(4)
WIDTH, FIRED, WARNED = range(3)


class DDMOCI(FlatDetector):
    """Detects a fall of the recall of a rare class: takes 1 for each of its events that was found, 0 for each missed.

    Wang et al., Concept drift detection for online class imbalance learning, IJCNN 2013: with the recall R decayed by
    ``decay`` η and s = sqrt(R(1 - R)/n), R_max and s_max are those where R + s was largest; a warning is told where
    R - s <= R_max - ``warning`` s_max, a drift at ``drift``, after ``events_min`` events. n is the decayed number of
    events, as in the authors' implementation: a decayed mean rests on no more. After a drift all starts anew.

    >>> detector = DDMOCI()
    >>> firings = detector.update_many(np.r_[np.tile([1, 1, 1, 0], 50), np.zeros(50)]).drifts
    >>> int(firings.index[0]), firings.before[:1].round(2), firings.after[:1].round(2)
    (202, array([0.79]), array([0.52]))
    """

    WIDTH = WIDTH

    def __init__(self, decay: float = 0.9, warning: float = 2.0, drift: float = 3.0, events_min: int = 30) -> None:
        if not 0 < decay < 1 or not 0 < warning <= drift or events_min < 1:
            raise ValueError("decay is between 0 and 1, 0 < warning <= drift, events_min at least 1")
        self.decay = decay
        self.warning = warning
        self.drift = drift
        self.events_min = events_min
        super().__init__(np.zeros(4), np.zeros(3, np.int64), decay, warning, drift, float(events_min))

    @property
    def estimation(self) -> float:
        return float(self._reals[HITS] / self._reals[SIZE]) if self._reals[SIZE] else math.nan

    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        return _update(values, self._reals, self._wholes, self._parameters)


@kernel
def _update(values: Array, reals: Array, wholes: Array, parameters: Array) -> tuple[Array, Array, int]:
    fired, report, f = np.empty(len(values), np.int64), np.empty((len(values), 4)), 0
    for i in range(len(values)):
        if not 0.0 <= values[i] <= 1.0:
            return fired[:0], report[:0], i
    decay, warning, drift, events_min = parameters
    for i in range(len(values)):
        if wholes[FIRED] == 1:
            reals[:], wholes[:] = 0.0, 0
        wholes[WIDTH] += 1
        reals[HITS] = decay * reals[HITS] + values[i]
        reals[SIZE] = decay * reals[SIZE] + 1.0
        recall = reals[HITS] / reals[SIZE]
        deviation = math.sqrt(max(recall * (1.0 - recall), 0.0) / reals[SIZE])
        if wholes[WIDTH] <= events_min:
            continue
        if recall + deviation >= reals[BEST] + reals[DEVIATION]:
            reals[BEST], reals[DEVIATION] = recall, deviation
        level = 0
        # Where the best had no deviation at all, standing still is no fall.
        if recall < reals[BEST]:
            if recall - deviation <= reals[BEST] - drift * reals[DEVIATION]:
                level = DRIFT
            elif recall - deviation <= reals[BEST] - warning * reals[DEVIATION]:
                level = WARNING
        if level == DRIFT or (level == WARNING and wholes[WARNED] == 0):
            fired[f] = i
            report[f, 0], report[f, 1], report[f, 3] = reals[BEST], recall, level
            report[f, 2] = min(wholes[WIDTH], math.ceil(reals[SIZE]))
            f += 1
        wholes[WARNED], wholes[FIRED] = int(level == WARNING), int(level == DRIFT)
    return fired[:f].copy(), report[:f].copy(), -1
