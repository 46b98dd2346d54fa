"""Signals that need no labels: what is seen of a stream long before anybody says whether its decisions were right."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.drift.chi2 import chi2_upper
from streamimb.drift.pace import Pace
from streamimb.drift.share_scan import SENSITIVE
from streamimb.drift.unlabelled_kernels import BINS, EDGES, SAMPLE_VALUES, apart, count
from streamimb.errors import StateError
from streamimb.outcome import Signal

ALERT_RATE: Final = "alert_rate"
SCORE: Final = "score"
MISSING: Final = "missing"
FEATURE: Final = "feature"

#: Recent events are held against those before after every so many.
BLOCK_EVENTS: Final = 2_048
#: Events that the past is remembered from; beyond that it fades.
REFERENCE_EVENTS: Final = 131_072
#: A distribution has moved where its population stability index is so much at least, however sure a test is.
PSI_MIN: Final = 0.1
#: Blocks at the start in which it is learned how much a column moves anyway, and nothing is told; also those of a past
#: so long that a move from it is news and teaches no unrest. The rate of learning after them.
WARM_BLOCKS: Final = 8
UNREST_RATE: Final = 1 / 32
#: What one block can teach at most, as a multiple of what chance gives.
UNREST_MAX: Final = 1_000.0
#: A test's significance is no larger than this, however many false alarms are wanted.
SIGNIFICANCE_MAX: Final = 0.01
#: The arrays of the past and of the block: of histograms, and of shares.
HISTOGRAMS: Final = 0
SHARES: Final = 1
PAIRS: Final = (("reference", "recent"), ("past", "shares"))
ARRAYS: Final = ("sample", "sampled", "edges", "recent", "reference", "shares", "past", "unrest", "silent_until")


class UnlabelledMonitor:
    """Watches the share of alerts, the scores, and each feature's missing values and distribution.

    Every ``BLOCK_EVENTS`` events a G-test holds the block's histogram (scores, features) or share (alerts, missing
    values) against the past's. It is at the significance that ``between`` events between two false alarms leave to each
    of the 2 d + 2 tests of a block, and G must also be beyond what it usually is: the logarithm of its multiple of
    what chance gives, where over 0, is taken for normal. What moves from hour to hour anyway is no news; that is
    learned in ``WARM_BLOCKS`` blocks, in which nothing is told, and ever after, but not from a block that moved from a
    past of so many. A histogram must also have moved by ``PSI_MIN``. Numeric bins are quantiles of the first
    ``SAMPLE_VALUES`` values, categories are hashed into bins.
    After an alarm what moved begins a new past, and for ``cooldown`` events is not told again.

    A signal's ``class_`` is the feature's name, None for alerts and scores. ``value`` and ``reference`` are shares, now
    and before; of a distribution the index and the least that would be told. ``between`` or, where there are
    event times, ``pages_a_week`` may be given. Memory: 2,500 bytes a feature.

    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(40_000, 2)).astype(np.float32)
    >>> X[20_000:, 1] += 1
    >>> at, scores = np.arange(40_000), rng.random(40_000).astype(np.float32)
    >>> monitor = UnlabelledMonitor(2, ["amount", "age"])
    >>> [(s.position, s.signal, s.class_) for s in monitor.update(at, at, X, scores, (scores > 0.9).astype(np.int16))]
    [(22527, 'feature', 'age')]
    """

    def __init__(
        self,
        n_features: int,
        names: Sequence[str],
        categorical: NDArray[np.bool_] | None = None,
        *,
        positive: int = 1,
        between: float = SENSITIVE,
        pages_a_week: float | None = None,
        cooldown: int = 20_000,
    ) -> None:
        if len(names) != n_features or not between >= 1 or cooldown < 0:
            raise ValueError(f"{n_features} features, {len(names)} names, {between} events between false alarms")
        self.names = tuple(names)
        self.positive = positive
        self.cooldown = cooldown
        self._pages = pages_a_week
        self._pace = Pace()
        self._seen = 0
        columns = n_features + 1  # the last is the score, or among the shares the alerts
        kinds = np.zeros(n_features, np.bool_) if categorical is None else np.asarray(categorical, np.bool_)
        self._categorical = np.append(kinds, False)
        self._tune(between)
        self._arrays: dict[str, NDArray[Any]] = {
            "sample": np.zeros((columns, SAMPLE_VALUES), np.float32),
            "sampled": np.zeros(columns, np.int64),
            "edges": np.full((columns, EDGES), np.inf),
            "recent": np.zeros((columns, BINS)),
            "reference": np.zeros((columns, BINS)),
            "shares": np.zeros((columns, 2)),  # of the block: without and with
            "past": np.zeros((columns, 2)),
            "unrest": np.zeros((2, columns, 2)),  # of histograms and of shares: mean and variance of log G's multiple
            "silent_until": np.zeros((2, columns), np.int64),
        }

    def update(
        self,
        position: NDArray[np.int64],
        time: NDArray[np.int64],
        X: NDArray[np.float32],
        scores: NDArray[np.float32],
        decision: NDArray[np.int16],
        rows: NDArray[np.int64] | None = None,
    ) -> list[Signal]:
        """Take in predicted events in order: X float32 (n, d), the others (n,); tell what moved, at a block's end.

        scores: of the positive class; rows: int64 (n,), where the events stand in X, any number of rows then. Raises
        ValueError, changing nothing, where the shapes do not fit.
        """
        n = len(position)
        if rows is None:
            rows, fits = np.arange(n), X.shape == (n, len(self.names))
        else:
            fits = X.shape[1:] == (len(self.names),) and len(rows) == n
        if not fits or not len(time) == len(scores) == len(decision) == n:
            raise ValueError(f"{n} events, features {X.shape}, {len(scores)} scores, {len(decision)} decisions")
        scores = np.ascontiguousarray(scores)  # a column of one row is contiguous, which would be a type of its own
        found: list[Signal] = []
        a = 0
        while a < n:
            b = min(a + BLOCK_EVENTS - self._seen % BLOCK_EVENTS, a + self._pace.until(self._seen), n)
            self._pace.begin(int(time[a]))
            arrays = self._arrays
            count(
                X, rows[a:b], scores[a:b], decision[a:b], self.positive, self._categorical, arrays["sample"],
                arrays["sampled"], arrays["edges"], arrays["recent"], arrays["shares"],
            )  # fmt: skip
            self._seen += b - a
            if self._pages is not None and self._pace.due(self._seen, int(time[b - 1])):
                self._tune(self._pace.between(self._pages))
            if self._seen % BLOCK_EVENTS == 0:
                self._compare(int(position[b - 1]), int(time[b - 1]), found)
            a = b
        return found

    def _compare(self, position: int, time: int, found: list[Signal]) -> None:
        for kind, (old, new) in enumerate(PAIRS):
            for j, value, reference in self._moved(kind, self._arrays[old], self._arrays[new]):
                signal, name = self._name(kind, j)
                found.append(Signal(position, time, signal, "g_test", name, "drift", value, reference, ""))

    def _tune(self, between: float) -> None:
        """Find what G is at most, by degrees of freedom, for so many events between two false alarms."""
        self._between = float(between)
        significance = min(BLOCK_EVENTS / (between * 2 * len(self._categorical)), SIGNIFICANCE_MAX)
        self._far = -NormalDist().inv_cdf(significance)
        self._limits = np.array([np.inf, *(chi2_upper(significance, freedom) for freedom in range(1, BINS + 1))])

    def _moved(self, kind: int, old: NDArray[np.float64], new: NDArray[np.float64]) -> list[tuple[int, float, float]]:
        """Column, value and reference of what has moved and is to be told; then the block joins the past."""
        unrest, silent = self._arrays["unrest"][kind], self._arrays["silent_until"][kind]
        g, psi, freedom = apart(old, new)
        usual = np.exp(unrest[:, 0] + self._far * np.sqrt(unrest[:, 1]))
        limit = np.maximum(self._limits[freedom], freedom * usual)
        moved = (g > limit) & ((psi >= PSI_MIN) if kind == HISTOGRAMS else True)
        moved &= self._seen > WARM_BLOCKS * BLOCK_EVENTS
        # A column that was steady and moved is not restless: were that learned, the next change would be less seen.
        news = moved & (old.sum(axis=1) >= WARM_BLOCKS * new.sum(axis=1))
        self._learn_unrest(unrest, g, np.where(news, 0, freedom))
        told = []
        for j in np.flatnonzero(moved & (self._seen >= silent)).tolist():
            silent[j] = self._seen + self.cooldown
            if kind == HISTOGRAMS:
                told.append((j, float(psi[j]), float(max(PSI_MIN, psi[j] * limit[j] / g[j]))))
            else:
                told.append((j, float(new[j, 1] / new[j].sum()), float(old[j, 1] / old[j].sum())))
        self._join(kind, moved, old, new)
        return told

    def _learn_unrest(self, unrest: NDArray[np.float64], g: NDArray[np.float64], freedom: NDArray[np.int64]) -> None:
        """Take a block's G, where it has degrees of freedom, into mean and variance: of all blocks, then decayed."""
        rate = max(UNREST_RATE, BLOCK_EVENTS / self._seen)
        gap = np.log(np.clip(g / np.maximum(freedom, 1), 1.0, UNREST_MAX)) - unrest[:, 0]
        step = np.where(freedom > 0, rate * gap, 0.0)
        unrest[:, 0] += step
        unrest[:, 1] = (1.0 - rate * (freedom > 0)) * (unrest[:, 1] + step * gap)

    def _join(self, kind: int, moved: NDArray[np.bool_], old: NDArray[np.float64], new: NDArray[np.float64]) -> None:
        """Add a block to the past, or begin a new past with it; a numeric histogram is begun with new bins."""
        old[moved] = 0.0
        old += new
        old[old.sum(axis=1) > REFERENCE_EVENTS] *= 0.5
        if kind == HISTOGRAMS:
            anew = moved & ~self._categorical
            self._arrays["sampled"][anew] = 0
            old[anew] = 0.0
        new[:] = 0.0

    def _name(self, kind: int, j: int) -> tuple[str, str | None]:
        if j == len(self.names):
            return (SCORE, ALERT_RATE)[kind], None
        return (FEATURE, MISSING)[kind], self.names[j]

    def forget_scores(self) -> None:
        """Another learner gives scores from now on: that they moved is no news, and is not told for a cool-down."""
        for name in ("sample", "sampled", "recent", "reference"):
            self._arrays[name][-1] = 0
        self._begin_silence(HISTOGRAMS)

    def forget_alerts(self) -> None:
        """Decisions are made by another rule from now on, likewise."""
        for name in PAIRS[SHARES]:
            self._arrays[name][-1] = 0
        self._begin_silence(SHARES)

    def _begin_silence(self, kind: int) -> None:
        silent = self._arrays["silent_until"][kind]
        silent[-1] = max(int(silent[-1]), self._seen + self.cooldown)

    def state(self) -> dict[str, Any]:
        """Everything that the next event's treatment depends on, copied."""
        arrays = {name: array.copy() for name, array in self._arrays.items()}
        return {**arrays, "seen": self._seen, "between": self._between, "pace": self._pace.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a monitor that was made with the same arguments. Raises StateError."""
        for name in ARRAYS:
            mine, saved = self._arrays[name], state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"unlabelled: {name} does not fit {len(self.names)} features")
        sampled = state["sampled"]
        if not {"seen", "between", "pace"} <= state.keys() or sampled.min() < 0 or sampled.max() > SAMPLE_VALUES:
            raise StateError("unlabelled: the saved counts are not possible")
        for name in ARRAYS:
            self._arrays[name][:] = state[name]
        self._seen = int(state["seen"])
        self._tune(float(state["between"]))
        self._pace.restore(state["pace"])
