"""PAUC-Page-Hinkley: the area under the ROC curve of the last events, watched for a fall."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.base import DRIFT, WARNING, Firings
from streamimb.drift.flat import FlatDetector
from streamimb.kernel import Array, kernel, leaf

# Places in ``reals``: the test's mean, sum and the sum's maximum; then the window's coded values. In ``wholes``: values
# since the last drift, areas since then, twice the pairs in order, positives and values in the window, its next place.
MEAN, SUM, TOP, VALUES = range(4)
WIDTH, AREAS, ORDERED, POSITIVES, HELD, NEXT, FIRED, WARNED = range(8)


class PAUCPageHinkley(FlatDetector):
    """Detects a fall of prequential AUC: how well scores rank positives over negatives in the last ``window`` events.

    Brzezinski and Stefanowski, Prequential AUC: properties of the area under the ROC curve for data streams with
    concept drift, KAIS 2017: the AUC of a sliding window, fed to the Page-Hinkley test (Page, Continuous inspection
    schemes, Biometrika 1954): m <- α m + (AUC - mean + δ), a drift where max m - m > ``threshold``, a warning at
    ``warning`` of it. While the window lacks a class the AUC is undefined and nothing is tested. The window lives on
    after a drift. Each event costs one pass over the window.

    A value is 1 + score for a positive event, -1 - score for a negative one, scores in [0, 1]: ``update_scored`` takes
    scores and labels. ``before`` is the test's mean and ``after`` the window's AUC.

    >>> detector = PAUCPageHinkley(window=100, threshold=10)
    >>> y = np.tile([0, 1], 1000)
    >>> score = np.where(np.arange(2000) < 1000, 0.2 + 0.6 * y, 0.8 - 0.6 * y)
    >>> firings = detector.update_scored(score, y).drifts
    >>> firings.index[:1], firings.before[:1].round(2), firings.after[:1].round(2)
    (array([1054]), array([0.99]), array([0.57]))
    """

    WIDTH = WIDTH
    CODED = True

    def __init__(
        self,
        window: int = 500,
        threshold: float = 50.0,
        warning: float = 0.5,
        delta: float = 0.005,
        alpha: float = 0.9999,
        events_min: int = 30,
    ) -> None:
        if window < 2 or threshold <= 0 or not 0 < warning <= 1 or not 0 < alpha <= 1 or delta < 0 or events_min < 1:
            raise ValueError("window is at least 2, threshold above 0, warning and alpha in (0, 1], delta at least 0")
        self.window = window
        self.threshold = threshold
        self.warning = warning
        self.delta = delta
        self.alpha = alpha
        self.events_min = events_min
        parameters = (float(window), threshold, warning, delta, alpha, float(events_min))
        super().__init__(np.zeros(VALUES + window), np.zeros(8, np.int64), *parameters)

    @property
    def estimation(self) -> float:
        return _area(self._wholes)

    def update_scored(self, score: ArrayLike, label: ArrayLike) -> Firings:
        """Take in scores in [0, 1] and labels, 0 or 1, (m,) each, or one event's.

        Raises ValueError, changing nothing, for others.
        """
        score, label = np.asarray(score, np.float64), np.asarray(label, np.float64)
        if not np.isin(label, (0, 1)).all():
            raise ValueError("labels are 0 or 1")
        if score.shape != label.shape:
            raise ValueError(f"scores {score.shape} and labels {label.shape}: one of each for an event is wanted")
        if not ((score >= 0) & (score <= 1)).all():
            raise ValueError("scores lie between 0 and 1")
        return self.update_many((2 * label - 1) * (1 + score))

    def _wanted(self) -> str:
        return (
            "values are 1 + score of a positive event and -1 - score of a negative one: update_scored takes scores and "
            "labels"
        )

    def _possible(self, reals: NDArray[np.float64], wholes: NDArray[np.int64]) -> bool:
        coded = reals[VALUES:]
        held, positives = np.count_nonzero(coded), np.count_nonzero(coded > 0)
        return bool(wholes[NEXT] < self.window and wholes[HELD] == held and wholes[POSITIVES] == positives)

    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        return _update(values, self._reals, self._wholes, self._parameters)


@kernel
def _update(values: Array, reals: Array, wholes: Array, parameters: Array) -> tuple[Array, Array, int]:
    fired, report, f = np.empty(len(values), np.int64), np.empty((len(values), 4)), 0
    for i in range(len(values)):
        if not 1.0 <= abs(values[i]) <= 2.0:
            return fired[:0], report[:0], i
    window, threshold, warning, delta, alpha, events_min = parameters
    for i in range(len(values)):
        if wholes[FIRED] == 1:
            reals[MEAN] = reals[SUM] = reals[TOP] = 0.0
            wholes[WIDTH] = wholes[AREAS] = wholes[FIRED] = wholes[WARNED] = 0
        wholes[WIDTH] += 1
        _slide(values[i], int(window), reals, wholes)
        area = _area(wholes)
        if math.isnan(area):
            continue
        wholes[AREAS] += 1
        reals[MEAN] += (area - reals[MEAN]) / wholes[AREAS]
        reals[SUM] = alpha * reals[SUM] + area - reals[MEAN] + delta
        reals[TOP] = max(reals[TOP], reals[SUM])
        fall, level = reals[TOP] - reals[SUM], 0
        if wholes[AREAS] >= events_min and fall > warning * threshold:
            level = DRIFT if fall > threshold else WARNING
        if level == DRIFT or (level == WARNING and wholes[WARNED] == 0):
            fired[f] = i
            report[f, 0], report[f, 1] = reals[MEAN], area
            report[f, 2], report[f, 3] = min(wholes[WIDTH], wholes[HELD]), level
            f += 1
        wholes[WARNED], wholes[FIRED] = int(level == WARNING), int(level == DRIFT)
    return fired[:f].copy(), report[:f].copy(), -1


@leaf
def _area(wholes: Array) -> float:
    """AUC of the window; NaN where it lacks a class."""
    pairs = wholes[POSITIVES] * (wholes[HELD] - wholes[POSITIVES])
    return wholes[ORDERED] / (2.0 * pairs) if pairs else np.nan


@leaf
def _slide(value: float, window: int, reals: Array, wholes: Array) -> None:
    """Put a value into the window in place of the oldest."""
    place = wholes[NEXT]
    if wholes[HELD] == window:
        old = reals[VALUES + place]
        wholes[HELD] -= 1
        wholes[POSITIVES] -= int(old > 0.0)
        reals[VALUES + place] = 0.0
        wholes[ORDERED] -= _ordered(old, window, reals)
    wholes[ORDERED] += _ordered(value, window, reals)
    reals[VALUES + place] = value
    wholes[HELD] += 1
    wholes[POSITIVES] += int(value > 0.0)
    wholes[NEXT] = (place + 1) % window


@leaf
def _ordered(value: float, window: int, reals: Array) -> int:
    """Twice the window's events of the other class that a value is ranked well against; a tie counts half."""
    way = 1.0 if value > 0.0 else -1.0
    score, twice = abs(value), 0
    for j in range(VALUES, VALUES + window):
        other = reals[j]
        if other * way < 0.0:
            gap = (score - abs(other)) * way
            twice += 2 if gap > 0.0 else (1 if gap == 0.0 else 0)
    return twice
