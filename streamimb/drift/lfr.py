"""Linear four rates: recall and precision of both classes, each held against what chance allows."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.base import DRIFT, WARNING, Firings
from streamimb.drift.flat import FlatDetector
from streamimb.kernel import Array, kernel, uniform

#: Rates are rounded to this step of their logit in the table of bounds, within these limits.
LOGIT_STEP: Final = 0.1
LOGIT_MAX: Final = 9.0
RATES: Final = 181
#: Lengths of the table: each the last one that is not longer than the history; the last is as good as endless.
LENGTHS: Final = (20, 35, 60, 100)
#: Tables that are kept, of the parameters used last.
TABLES_MAX: Final = 8
#: Histories that are drawn for one cell of the table.
DRAWS: Final = 20_000
#: The smallest level: of its histories one lies beyond each bound, and beyond that there is nothing to tell levels by.
LEVEL_MIN: Final = 2 / DRAWS

# Columns of ``reals`` (4, 2): decayed hits and events of each rate. Columns of ``wholes`` (5, 2): the same of each rate
# since the last drift, then a row of the detector's own: values since then, and the last value's level.
HITS, COUNT = range(2)
WIDTH, FLAGS = 8, 4
# What was decided where, by cell 2 y + q: true negatives, false positives, false negatives, true positives.
TPR, TNR, PPV, NPV = range(4)


class LFR(FlatDetector):
    """Detects a change of any of TPR, TNR, PPV and NPV of two classes.

    Wang and Abraham, Concept drift detection for streaming data, IJCNN 2015: each event touches two rates; a touched
    rate is R <- ηR + (1 - η)[q = y], held against the quantiles of the same sum over Bernoulli(P) events, P being the
    plain mean since the last drift. Here R is without the bias of its start, and P has half a hit and half a miss more.
    The quantiles come from a table of simulated histories, made as needed from ``seed`` and shared by all detectors of
    the same parameters: at most ``LENGTHS`` x ``RATES`` cells of four numbers. ``warning`` and ``drift`` are
    two-sided levels, of LEVEL_MIN at least.

    The value of an event is its cell of the confusion matrix, 2 y + q: ``update_decided`` takes labels and decisions.
    ``before`` is the rate's P and ``after`` its R, ``estimation`` the TPR's R.

    >>> detector = LFR()
    >>> y = np.tile([0, 0, 0, 1], 300)
    >>> firings = detector.update_decided(y, np.where(np.arange(1200) < 800, y, 0)).drifts
    >>> firings.index, firings.before.round(2), firings.after.round(2)
    (array([811]), array([1.]), array([0.79]))
    """

    WIDTH = WIDTH
    CODED = True

    def __init__(self, decay: float = 0.9, warning: float = 0.01, drift: float = 0.0001, seed: int = 1) -> None:
        if not 0 < decay <= 0.95 or not LEVEL_MIN <= drift <= warning < 1:
            raise ValueError(f"decay is above 0 and at most 0.95, {LEVEL_MIN:g} <= drift <= warning < 1")
        self.decay = decay
        self.warning = warning
        self.drift = drift
        self.seed = seed
        wholes = np.zeros((5, 2), np.int64)
        super().__init__(np.zeros((4, 2)), wholes, decay, warning, drift, float(seed))
        self._bounds = _table(decay, warning, drift, seed)

    @property
    def estimation(self) -> float:
        hits, size = self._reals[TPR].tolist()
        return hits / size if size else math.nan

    def update_decided(self, y: ArrayLike, decision: ArrayLike) -> Firings:
        """Take in labels and decisions, 0 or 1, (m,) each, or one event's.

        Raises ValueError, changing nothing, for others.
        """
        y, decision = np.asarray(y, np.float64), np.asarray(decision, np.float64)
        if not (np.isin(y, (0, 1)).all() and np.isin(decision, (0, 1)).all()):
            raise ValueError("labels and decisions are 0 or 1")
        if y.shape != decision.shape:
            raise ValueError(f"labels {y.shape} and decisions {decision.shape}: one of each for an event is wanted")
        return self.update_many(2 * y + decision)

    def _wanted(self) -> str:
        return "values are cells 2 y + q of the confusion matrix, 0 to 3: update_decided takes labels and decisions"

    def _possible(self, reals: NDArray[np.float64], wholes: NDArray[np.int64]) -> bool:
        hits, counts = wholes[:FLAGS].T
        return bool((hits <= counts).all() and (reals[:, HITS] <= reals[:, COUNT]).all() and reals.min() >= 0)

    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        return _update(values, self._reals, self._wholes, self._parameters, self._bounds)


@lru_cache(maxsize=TABLES_MAX)
def _table(_decay: float, _warning: float, _drift: float, _seed: int) -> NDArray[np.float64]:
    """The table that all detectors with these parameters fill and share; NaN where nothing was drawn yet."""
    return np.full((len(LENGTHS), RATES, 4), np.nan)


@kernel
def _update(values: Array, reals: Array, wholes: Array, parameters: Array, bounds: Array) -> tuple[Array, Array, int]:
    fired, report, f = np.empty(len(values), np.int64), np.empty((len(values), 4)), 0
    for i in range(len(values)):
        if not (values[i] == 0.0 or values[i] == 1.0 or values[i] == 2.0 or values[i] == 3.0):
            return fired[:0], report[:0], i
    decay = parameters[0]
    for i in range(len(values)):
        if wholes[FLAGS, 1] == DRIFT:
            reals[:], wholes[:] = 0.0, 0
        wholes[FLAGS, 0] += 1
        y, q = values[i] >= 2.0, values[i] == 1.0 or values[i] == 3.0
        level, before, after = 0, 0.0, 0.0
        for rate in (TPR if y else TNR, PPV if q else NPV):
            reals[rate, HITS] = decay * reals[rate, HITS] + (1.0 if y == q else 0.0)
            reals[rate, COUNT] = decay * reals[rate, COUNT] + 1.0
            wholes[rate, HITS] += int(y == q)
            wholes[rate, COUNT] += 1
            recent = reals[rate, HITS] / reals[rate, COUNT]
            found = _outside(recent, wholes[rate, HITS], wholes[rate, COUNT], bounds, parameters)
            if found > level:
                level, before, after = found, wholes[rate, HITS] / wholes[rate, COUNT], recent
        if level == DRIFT or (level == WARNING and wholes[FLAGS, 1] == 0):
            fired[f] = i
            report[f, 0], report[f, 1], report[f, 3] = before, after, level
            report[f, 2] = min(wholes[FLAGS, 0], math.ceil(1.0 / (1.0 - decay)))
            f += 1
        wholes[FLAGS, 1] = level
    return fired[:f].copy(), report[:f].copy(), -1


@kernel
def _outside(rate: float, hits: int, count: int, bounds: Array, parameters: Array) -> int:
    """DRIFT, WARNING or 0: whether a decayed rate after ``count`` events is beyond its bounds."""
    if count < LENGTHS[0]:
        return 0
    length = 0
    while length + 1 < len(LENGTHS) and LENGTHS[length + 1] <= count:
        length += 1
    logit = math.log((hits + 0.5) / (count - hits + 0.5))
    cell = round((min(max(logit, -LOGIT_MAX), LOGIT_MAX) + LOGIT_MAX) / LOGIT_STEP)
    if np.isnan(bounds[length, cell, 0]):
        _draw(length, cell, bounds, parameters)
    row = bounds[length, cell]
    if rate < row[0] or rate > row[1]:
        return DRIFT
    return WARNING if rate < row[2] or rate > row[3] else 0


@kernel
def _draw(length: int, cell: int, bounds: Array, parameters: Array) -> None:
    """Fill a cell with the quantiles of simulated histories."""
    decay, n = parameters[0], LENGTHS[length]
    p = 1.0 / (1.0 + math.exp(LOGIT_MAX - cell * LOGIT_STEP))
    ends = np.empty(DRAWS)
    stream = int(parameters[3]) * 1_000_003 + length * RATES + cell
    for j in range(DRAWS):
        hits = size = 0.0
        for step in range(n):
            hits = decay * hits + (1.0 if uniform(stream, j, step) < p else 0.0)
            size = decay * size + 1.0
        ends[j] = hits / size
    ends.sort()
    for k in range(2):
        tail = parameters[2 - k] * 0.5
        last = max(math.ceil(tail * DRAWS) - 1, 0)
        # Rounding of a sum must not look like a rate beyond a bound that it only reaches.
        bounds[length, cell, 2 * k] = ends[last] - 1e-12
        bounds[length, cell, 2 * k + 1] = ends[DRAWS - 1 - last] + 1e-12
