"""What people with a queue get: alerts a day, precision in the top k of each day, what wrong decisions cost."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import EvaluationConfig
from streamimb.errors import ConfigError, StateError
from streamimb.evaluation import queue_kernels as at
from streamimb.evaluation.intervals import UNKNOWN, Interval, normal_quantile, percentiles, student_quantile, wilson
from streamimb.evaluation.names import (
    ALL,
    COST_PER_DAY,
    COST_PER_EVENT,
    DAYS,
    QUEUE_METRICS,
    Measure,
)
from streamimb.kernel import Array

#: The top k of a day where neither configuration nor objective says it.
QUEUE_K: Final = 100
#: Entries that all days' heaps may hold together, 13 bytes each.
QUEUE_CELLS_MAX: Final = 1 << 20
#: Where the stream has no times, so many events in a row stand for a day (of costs; the rest is undefined).
BLOCK_EVENTS: Final = 1_000

State = dict[str, Any]
Triple = tuple[float, float, float]
NAN: Final = float("nan")


class QueueEvaluation:
    """Counts mature events by day of event time (UTC) and measures what a queue of people gets.

    A day counts once a later one has begun; days without events are no days of the queue. Windows: ``all`` complete
    days, and ``days``, the last ``queue_days`` of them. Precision in the top k is the mean over days of the share of
    positives among the day's k highest scores (all of them, on a day with fewer events); of equal scores the earlier
    event ranks higher. ``cost``: whether events come with losses. The first day counts, though it may have begun late.

    An event costs O(1), one of a day's highest O(log k). Memory: 13 bytes an entry of the heaps, QUEUE_CELLS_MAX.
    Raises ConfigError where they would hold more.

    >>> queue = QueueEvaluation(1, EvaluationConfig(queue_k=2), has_time=True)
    >>> day = np.array([0, 0, 0, 1]) * 86_400_000_000
    >>> y, score = np.array([1, 0, 1, 0], np.int16), np.array([0.9, 0.6, 0.5, 0.1], np.float32)
    >>> queue.update(day, y, (score > 0.5).astype(np.int16), score, np.zeros(0))
    >>> {m.metric: m.value for m in queue.measure() if m.window == "all"}
    {'alerts_per_day': 2.0, 'precision_at_k': 0.5, 'cost_per_day': nan, 'cost_per_event': nan}
    """

    def __init__(
        self, positive: int, config: EvaluationConfig, *, has_time: bool, cost: bool = False, k: int = QUEUE_K,
        seed: int = 1,
    ) -> None:  # fmt: skip
        self.k, self.days = config.queue_k or k, config.queue_days
        if self.k * (self.days + 1) > QUEUE_CELLS_MAX:
            raise ConfigError(
                f"evaluation: queue_k {self.k} on each of queue_days {self.days} + 1 is over {QUEUE_CELLS_MAX:,}"
            )
        self._config, self._positive, self._seed = config, positive, seed
        self._has_time, self._has_cost = has_time, cost
        slots = self.days + 1
        k = self.k if has_time else 1
        self._arrays: dict[str, Array] = {
            "counts": np.zeros((slots, at.COUNTS), np.int64),
            "cost": np.zeros(slots),
            "scores": np.zeros((slots, k), np.float32),
            "numbers": np.zeros((slots, k), np.int64),
            "hits": np.zeros((slots, k), np.int8),
            "marks": np.zeros(at.MARKS, np.int64),
            "sums": np.zeros(at.SUMS),
        }

    def __len__(self) -> int:
        return int(self._arrays["marks"][at.SEEN] - self._arrays["marks"][at.FIRST])

    @property
    def complete_days(self) -> int:
        """Days of the whole run that a later day has followed; 0 where the stream has no times."""
        return max(int(self._arrays["marks"][at.OPENED]) - 1, 0) if self._has_time else 0

    def update(
        self, time: NDArray[np.int64], y: NDArray[np.int16], decision: NDArray[np.int16], score: NDArray[np.float32],
        loss: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Count m mature events in event-time order.

        time: int64 (m,), microseconds since 1970; y, decision: int16 (m,); score: float32 (m,), of the positive class;
        loss: float64 (m,), what a wrong decision costs, (0,) without costs. Raises ValueError, and counts nothing,
        where a score or a loss is not finite or a loss is negative.
        """
        if len(loss) != (len(y) if self._has_cost else 0):
            raise ValueError(f"{len(loss)} losses of {len(y)} events, cost={self._has_cost}")
        a = self._arrays
        good = at.count(
            time, y, decision, score, loss, self._positive, 0 if self._has_time else BLOCK_EVENTS,
            a["counts"], a["cost"], a["scores"], a["numbers"], a["hits"], a["marks"], a["sums"],
        )  # fmt: skip
        if not good:
            raise ValueError("a score is not finite, or a loss is not finite or below 0")

    def correct(self, number: int, time: int, decision: int, labels: tuple[int, int], losses: Interval) -> None:
        """Put right event ``number`` (so many were counted before it): its label and loss, as counted and as they are.

        The top k and the cost of its day are as if it had been so from the start, where the day is still held.
        """
        a, alert = self._arrays, decision == self._positive
        wrong = [(label == self._positive) != alert for label in labels]
        spent, more = (loss if self._has_cost and w else 0.0 for loss, w in zip(losses, wrong, strict=True))
        day = time // at.DAY_US if self._has_time else number // BLOCK_EVENTS
        at.put_right(
            number, day, int(labels[1] == self._positive), spent, more, a["counts"], a["cost"], a["numbers"], a["hits"],
            a["marks"], a["sums"],
        )  # fmt: skip

    def measure(self) -> list[Measure]:
        """The metrics of ``names.QUEUE_METRICS`` in each window, with intervals; undefined is NaN.

        Intervals: over the days, by Student's t of ``all`` and by an expanded bootstrap of ``days``; alerts' never
        narrower than a Poisson count's, precision's than Wilson's, an event's cost in ``all`` than over single events.
        """
        slots = self._complete()
        days, events = len(slots), int(self._arrays["counts"][slots, at.EVENTS].sum())
        found = [(ALL, self._run(slots), self.complete_days, len(self)), (DAYS, self._recent(slots), days, events)]
        return [
            Measure(name, None, window, *self._told(name, value), n_events if name == COST_PER_EVENT else n_days)
            for window, values, n_days, n_events in found
            for name, value in zip(QUEUE_METRICS, values, strict=True)
        ]

    def totals(self) -> dict[str, Any]:
        """What the summary tells: k, days, and {window: {metric: [value, low, high]}}."""
        windows: dict[str, dict[str, list[float]]] = {ALL: {}, DAYS: {}}
        for m in self.measure():
            windows[m.window][m.metric] = [m.value, m.low, m.high]
        return {"k": self.k, "days": self.complete_days, "window_days": self.days, "windows": windows}

    def state(self) -> State:
        """Everything that the next event depends on, copied."""
        arrays = {name: array.copy() for name, array in self._arrays.items()}
        return {**arrays, "k": self.k, "days": self.days, "has_cost": self._has_cost}

    def restore(self, state: State, *, same_cost: bool = True) -> None:
        """Go on from a saved state. Raises StateError where it is none.

        Days that were counted with another k, for other ``queue_days`` or at another cost do not go with those to come:
        then counting begins anew.
        """
        made_for = state.get("k"), state.get("days"), state.get("has_cost")
        marks = state.get("marks")
        if None in made_for or not isinstance(marks, np.ndarray) or marks.shape != (at.MARKS,):
            raise StateError("queue: the state is none of a queue")
        if made_for != (self.k, self.days, self._has_cost) or not same_cost:
            seen = marks[at.SEEN]
            for array in self._arrays.values():
                array[:] = 0
            self._arrays["marks"][[at.SEEN, at.FIRST]] = seen
            return
        for name, mine in self._arrays.items():
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"queue: {name} does not fit a top {self.k} of {self.days} days")
        held = state["counts"][:, at.HELD]
        if held.min() < 0 or held.max() > self._arrays["scores"].shape[1]:
            raise StateError("queue: a saved day holds more than its top")
        for name, mine in self._arrays.items():
            mine[:] = state[name]

    def _told(self, name: str, value: Triple) -> Triple:
        timeless = not self._has_time and name != COST_PER_EVENT
        costless = not self._has_cost and name in (COST_PER_DAY, COST_PER_EVENT)
        return (NAN, NAN, NAN) if timeless or costless else value

    def _complete(self) -> NDArray[np.int64]:
        """Slots of the complete days that are held, oldest first."""
        opened, slots = int(self._arrays["marks"][at.OPENED]), self.days + 1
        return np.arange(max(opened - slots, 0), max(opened - 1, 0)) % slots

    def _run(self, slots: NDArray[np.int64]) -> list[Triple]:
        a, s = self._arrays, self._arrays["sums"].copy()
        for slot in slots.tolist():
            at.fold(a["counts"], a["cost"], a["hits"], slot, s)
        confidence, n = self._config.confidence, s[at.DAYS]
        alerts = _mean(n, s[at.ALERTS_SUM], s[at.ALERTS_SQUARES], confidence)
        precision = _mean(n, s[at.PRECISION_SUM], s[at.PRECISION_SQUARES], confidence)
        return [
            _wider(alerts, poisson(s[at.ALERTS_SUM], n, confidence)),
            _wider(precision, wilson(s[at.HITS], s[at.SHOWN], confidence), highest=1.0),
            _wider(_mean(n, s[at.COST_SUM], s[at.COST_SQUARES], confidence), UNKNOWN),
            self._cost_per_event(s),
        ]

    def _cost_per_event(self, s: Array) -> Triple:
        """All events' mean loss; over days, the variance of a ratio: sum (cost - r events)^2 / (n - 1) / n / mean^2."""
        confidence, n = self._config.confidence, s[at.DAYS]
        single = _mean(len(self), s[at.ALL_COST], s[at.ALL_SQUARES], confidence)
        if n < 2 or not len(self):
            return _wider(single, UNKNOWN)
        r = s[at.COST_SUM] / s[at.EVENTS_SUM]
        squares = max(s[at.COST_SQUARES] - 2 * r * s[at.COST_EVENTS] + r * r * s[at.EVENTS_SQUARES], 0.0)
        half = student_quantile(confidence, n - 1) * (squares / (n - 1) * n) ** 0.5 / s[at.EVENTS_SUM]
        return _wider(single, (single[0] - half, single[0] + half))

    def _recent(self, slots: NDArray[np.int64]) -> list[Triple]:
        a, n = self._arrays, len(slots)
        if not n:
            return [(NAN, NAN, NAN)] * len(QUEUE_METRICS)
        counts = a["counts"][slots].astype(np.float64)
        kept = np.arange(a["hits"].shape[1]) < counts[:, at.HELD, None]
        found, held = (a["hits"][slots] * kept).sum(axis=1), counts[:, at.HELD]
        cost, one = a["cost"][slots], np.ones(n)
        tops = np.stack([counts[:, at.ALERTS], found / held, cost, cost], axis=1)
        bottoms = np.stack([one, one, one, counts[:, at.EVENTS]], axis=1)
        confidence = self._config.confidence
        each = resampled(tops, bottoms, self._seed, self._config.bootstrap_replicates, confidence)
        return [
            _wider(each[0], poisson(counts[:, at.ALERTS].sum(), n, confidence)),
            _wider(each[1], wilson(found.sum(), held.sum(), confidence), highest=1.0),
            *each[2:],
        ]


def poisson(count: float, n: float, confidence: float = 0.95) -> Interval:
    """Score interval of a mean count a day: (x + z^2 / 2 -+ z sqrt(x + z^2 / 4)) / n. NaN where n is 0.

    >>> [round(v, 3) for v in poisson(0, 5)]
    [0.0, 0.768]
    """
    if not n > 0:
        return UNKNOWN
    z = normal_quantile(confidence)
    half = z * (count + z * z / 4) ** 0.5
    return max(count + z * z / 2 - half, 0.0) / n, (count + z * z / 2 + half) / n


def resampled(tops: Array, bottoms: Array, seed: int, replicates: int, confidence: float) -> list[Triple]:
    """Ratios of sums over days, each with its bootstrap interval, NaN under two days: tops, bottoms float64 (days, m).

    Percentiles of a Bayesian bootstrap are too narrow for few days: its variance is that of the days over n + 1.
    They are stretched about the value by sqrt((n + 1) / (n - 1)) t / z, after Hesterberg 2015, section 5.
    """
    n = len(tops)
    values = tops.sum(axis=0) / bottoms.sum(axis=0)
    if n < 2:
        return [(float(v), NAN, NAN) for v in values]
    low, high = percentiles(at.resampled_ratios(tops, bottoms, seed, replicates), (1 - confidence) / 2)
    stretch = ((n + 1) / (n - 1)) ** 0.5 * student_quantile(confidence, n - 1) / normal_quantile(confidence)
    low, high = values + stretch * (low - values), values + stretch * (high - values)
    ends = zip(values, np.minimum(np.maximum(low, 0.0), values), np.maximum(high, values), strict=True)
    return [(float(v), float(lo), float(hi)) for v, lo, hi in ends]


def _mean(n: float, total: float, squares: float, confidence: float) -> Triple:
    if not n > 0:
        return NAN, NAN, NAN
    mean = total / n
    if n < 2:
        return float(mean), NAN, NAN
    spread = max(squares - total * mean, 0.0) / (n * (n - 1))
    half = student_quantile(confidence, n - 1) * spread**0.5
    return float(mean), float(mean - half), float(mean + half)


def _wider(estimate: Triple, other: Interval, highest: float = float("inf")) -> Triple:
    """The estimate with the wider of two intervals, within 0 and the highest; an undefined one is left out."""
    value = estimate[0]
    lows = [v for v in (estimate[1], other[0]) if v == v]
    highs = [v for v in (estimate[2], other[1]) if v == v]
    if not lows or value != value:
        return value, NAN, NAN
    return value, float(max(min(lows), 0.0)), float(min(max(highs), highest))
