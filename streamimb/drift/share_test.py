"""A windowed test of proportions: the classes' shares among the last events against those before."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamimb.drift.base import DRIFT, WARNING
from streamimb.drift.chi2 import chi2_upper
from streamimb.drift.flat import FlatDetector
from streamimb.drift.tuning import significance
from streamimb.kernel import Array, kernel

# Places in ``wholes``; then counts of each class before the window, in the window, and the window's codes.
WIDTH, NEXT, WARNED, COUNTS = range(4)


class ShareTest(FlatDetector):
    """Detects a change of any class's share; values are class codes 0 to ``n_classes`` - 1.

    The shares among the last ``window`` events are held against those of all events before them since the last drift,
    at least ``window``. Each class against the rest is a likelihood ratio test of two proportions (Wilks 1938:
    G = 2 Σ O ln(O / E), chi-squared with one degree of freedom), every ``every`` events, at significance ``drift``
    or ``warning`` over the number of classes (Bonferroni). After a drift all is forgotten, the window too: it lies on
    both sides of the change, and what came after would differ from it, so that one change would be told twice.

    ``before`` and ``after`` are the shares of the class that moved most (of two, of the second), ``estimation`` is the
    share of the last class in the window: with two classes, the mean of the values.

    >>> rng = np.random.default_rng(1)
    >>> codes = np.r_[rng.choice(3, 5000, p=[0.9, 0.08, 0.02]), rng.choice(3, 2000, p=[0.86, 0.08, 0.06])]
    >>> detector = ShareTest(n_classes=3)
    >>> firings = detector.update_many(codes).drifts
    >>> firings.index[:1], firings.before[:1].round(3), firings.after[:1].round(3)
    (array([5559]), array([0.02]), array([0.048]))
    """

    WIDTH = WIDTH

    def __init__(
        self, n_classes: int = 2, window: int = 1_000, drift: float = 1e-5, warning: float = 1e-4, every: int = 20
    ) -> None:
        if n_classes < 2 or window < 2 or every < 1 or not 0 < drift <= warning < 1:
            raise ValueError("n_classes and window are at least 2, every 1, and 0 < drift <= warning < 1")
        self.n_classes = n_classes
        self.window = window
        self.drift = drift
        self.warning = warning
        self.every = every
        wholes = np.zeros(COUNTS + 2 * n_classes + window, np.int64)
        parameters = (float(n_classes), float(window), drift, warning, float(every))
        super().__init__(self._levels(drift, warning), wholes, *parameters)

    def _levels(self, drift: float, warning: float) -> NDArray[np.float64]:
        return np.array([chi2_upper(level / self.n_classes, 1) for level in (drift, warning)])

    def tune(self, between: float) -> None:
        """Each ``every`` values there is a look; a warning keeps its multiple of a drift's significance."""
        drift = float(significance(between / self.every))
        warning = min(drift * self.warning / self.drift, (1.0 + drift) / 2.0)
        self._parameters[2:4] = drift, warning
        self._reals[:] = self._levels(drift, warning)

    @property
    def estimation(self) -> float:
        recent = self._wholes[COUNTS + self.n_classes : COUNTS + 2 * self.n_classes]
        return float(recent[-1] / recent.sum()) if recent.sum() else math.nan

    def _wanted(self) -> str:
        return f"values are class codes, whole numbers from 0 to {self.n_classes - 1}"

    def _possible(self, reals: NDArray[np.float64], wholes: NDArray[np.int64]) -> bool:
        codes = wholes[COUNTS + 2 * self.n_classes :]
        levels = bool(reals[0] >= reals[1] > 0.0)
        return bool(levels and wholes[NEXT] < self.window and codes.max() < self.n_classes)

    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        return _update(values, self._reals, self._wholes, self.n_classes, self.window, self.every)


@kernel
def _update(
    values: Array, levels: Array, wholes: Array, n_classes: int, window: int, every: int
) -> tuple[Array, Array, int]:
    fired, report, f = np.empty(len(values), np.int64), np.empty((len(values), 4)), 0
    for i in range(len(values)):
        if not 0.0 <= values[i] < n_classes or values[i] != np.floor(values[i]):
            return fired[:0], report[:0], i
    old = wholes[COUNTS : COUNTS + n_classes]
    new = wholes[COUNTS + n_classes : COUNTS + 2 * n_classes]
    codes = wholes[COUNTS + 2 * n_classes :]
    for i in range(len(values)):
        place = wholes[NEXT]
        if wholes[WIDTH] >= window:
            old[codes[place]] += 1
            new[codes[place]] -= 1
        codes[place] = int(values[i])
        new[codes[place]] += 1
        wholes[NEXT] = (place + 1) % window
        wholes[WIDTH] += 1
        if wholes[WIDTH] % every or wholes[WIDTH] < 2 * window:
            continue
        moved, most = _moved(old, new)
        level = DRIFT if most > levels[0] else (WARNING if most > levels[1] else 0)
        if level == DRIFT or (level == WARNING and wholes[WARNED] == 0):
            fired[f] = i
            report[f, 0], report[f, 1] = old[moved] / (wholes[WIDTH] - window), new[moved] / window
            report[f, 2], report[f, 3] = window, level
            f += 1
        wholes[WARNED] = int(level == WARNING)
        if level == DRIFT:
            old[:] = new[:] = 0
            wholes[WIDTH] = 0
    return fired[:f].copy(), report[:f].copy(), -1


@kernel
def _moved(old: Array, new: Array) -> tuple[int, float]:
    """The class whose share moved most, and its G; of two, whose G is the same, the second."""
    moved, most = 0, 0.0
    first = 1 if len(old) == 2 else 0
    n0, n1 = float(old.sum()), float(new.sum())
    for k in range(first, len(old)):
        share = (old[k] + new[k]) / (n0 + n1)
        g = 2.0 * (
            _cell(old[k], n0 * share)
            + _cell(new[k], n1 * share)
            + _cell(n0 - old[k], n0 * (1.0 - share))
            + _cell(n1 - new[k], n1 * (1.0 - share))
        )
        if g > most:
            moved, most = k, g
    return moved, most


@kernel
def _cell(observed: float, expected: float) -> float:
    return observed * math.log(observed / expected) if observed > 0.0 else 0.0
