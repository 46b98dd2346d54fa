"""The recent mature events that thresholds are tuned on: scores from before the prior correction, and labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamimb.control.binary import BINS, bin_of
from streamimb.errors import StateError
from streamimb.kernel import Array, leaf, part
from streamimb.learners.base import State

#: With more than two classes thresholds are tuned on at most so many events: the search reads them all.
MANY_EVENTS_MAX = 5_000

#: Losses are summed as whole millionths, so that what is forgotten leaves nothing behind; all that a bin may hold.
LOSS_UNITS = 1e6
BIN_UNITS_MAX = 2.0**62

HEAD, TAIL = 0, 1
# Of the days (UTC) of events that are counted: how many have begun, and the last.
OPENED, DAY = 0, 1
DAY_US = 86_400_000_000


@part
def drop(
    ring_raw: Array, ring_y: Array, ring_loss: Array, ends: Array, histogram: Array, amounts: Array, positive: int
) -> None:
    """Forget the oldest event."""
    at = ends[TAIL] % len(ring_y)
    if ring_raw.shape[1] == 2:
        is_positive = int(ring_y[at] == positive)
        place = bin_of(ring_raw[at, positive] - ring_raw[at, 1 - positive])
        histogram[is_positive, place] -= 1
        if len(ring_loss):
            amounts[is_positive, place] -= ring_loss[at]
    ends[TAIL] += 1


@leaf
def push(
    raw: Array, y: Array, time: Array, shadows: Array, loss: Array, ring_raw: Array, ring_y: Array, ring_time: Array,
    ring_loss: Array, ends: Array, days: Array, alerts: Array, histogram: Array, amounts: Array, confusion: Array,
    lost: Array, positive: int, units_max: float,
) -> None:  # fmt: skip
    """Add mature events; count what each shown objective would have decided into confusion, int64 (S, 2, 2).

    days: int64 (2,); alerts: int64 (2, S), of each objective when the first day began and when the last did. Shadows
    below 0 are counted nowhere. Where there are losses: sum them into amounts as into the histogram, and those of wrong
    decisions into lost (S,).
    """
    capacity = len(ring_y)
    for i in range(len(y)):
        if shadows[i] >= 0 and (days[OPENED] == 0 or time[i] // DAY_US > days[DAY]):
            for s in range(len(confusion)):
                alerts[1, s] = confusion[s, 0, 1] + confusion[s, 1, 1]
                if days[OPENED] == 0:
                    alerts[0, s] = alerts[1, s]
            days[OPENED] += 1
            days[DAY] = time[i] // DAY_US
        if ends[HEAD] - ends[TAIL] == capacity:
            drop(ring_raw, ring_y, ring_loss, ends, histogram, amounts, positive)
        at = ends[HEAD] % capacity
        for k in range(raw.shape[1]):
            ring_raw[at, k] = raw[i, k]
        ring_y[at], ring_time[at] = y[i], time[i]
        ends[HEAD] += 1
        if raw.shape[1] == 2:
            is_positive = int(y[i] == positive)
            place = bin_of(raw[i, positive] - raw[i, 1 - positive])
            histogram[is_positive, place] += 1
            counted = len(confusion) if shadows[i] >= 0 else 0
            for s in range(counted):
                confusion[s, is_positive, (shadows[i] >> s) & 1] += 1
            if len(ring_loss):
                ring_loss[at] = int(min(loss[i] * LOSS_UNITS, units_max))
                amounts[is_positive, place] += ring_loss[at]
                for s in range(counted):
                    if (shadows[i] >> s) & 1 != is_positive:
                        lost[s] += loss[i]


@leaf
def keep(
    events: int, ring_raw: Array, ring_y: Array, ring_loss: Array, ends: Array, histogram: Array, amounts: Array,
    positive: int,
) -> None:  # fmt: skip
    """Forget all but the last ``events``."""
    while ends[HEAD] - ends[TAIL] > events:
        drop(ring_raw, ring_y, ring_loss, ends, histogram, amounts, positive)


class ScoreWindow:
    """A ring of at most ``events_max`` events: raw float32 (n, K), y int16 (n,), time int64 (n,).

    For two classes histograms of the log likelihood ratio follow it, and the confusion of each shown objective over
    the whole run. ``by_amount``: each event has a loss, too, of which the ring keeps whole millionths (n,).

    >>> window = ScoreWindow(2, 1, events_max=1_000, objectives=1)
    >>> raw = np.array([[0.5, -0.5], [-0.5, 0.5], [0.5, -0.5]], np.float32)
    >>> y, decided_positive = np.array([0, 1, 1], np.int16), np.array([0, 1, 0], np.int16)
    >>> window.push(raw, y, np.arange(3), decided_positive, np.zeros(0))
    >>> window.confusion[0], len(window)
    (array([[1, 0],
           [1, 1]]), 3)
    >>> window.keep(1)
    >>> window.contents()[1], window.histogram.sum(axis=1), int(window.confusion.sum())
    (array([1], dtype=int16), array([0, 1]), 3)
    """

    def __init__(
        self, n_classes: int, positive: int, events_max: int, objectives: int, *, by_amount: bool = False
    ) -> None:
        self._capacity_max = events_max if n_classes == 2 else min(events_max, MANY_EVENTS_MAX)
        self._positive, self._k, self._by_amount = positive, n_classes, by_amount
        self._units_max = BIN_UNITS_MAX / self._capacity_max
        self._allocate(min(1_024, self._capacity_max))
        self.histogram, self.amounts = np.zeros((2, BINS), np.int64), np.zeros((2, BINS), np.int64)
        self.confusion, self.lost = np.zeros((objectives, 2, 2), np.int64), np.zeros(objectives)
        self._days, self._alerts = np.zeros(2, np.int64), np.zeros((2, objectives), np.int64)

    def _allocate(self, capacity: int) -> None:
        self._raw = np.zeros((capacity, self._k), np.float32)
        self._y = np.zeros(capacity, np.int16)
        self._time = np.zeros(capacity, np.int64)
        self._loss = np.zeros(capacity if self._by_amount else 0, np.int64)
        self._ends = np.zeros(2, np.int64)

    def __len__(self) -> int:
        return int(self._ends[HEAD] - self._ends[TAIL])

    def push(
        self, raw: NDArray[np.float32], y: NDArray[np.int16], time: NDArray[np.int64], shadows: NDArray[np.int16],
        loss: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Add mature events, in event-time order; loss: float64 (m,), read where losses are by amount."""
        if self._by_amount and len(loss) != len(y):
            raise ValueError(f"{len(loss)} losses of {len(y)} events")
        if len(self._y) < self._capacity_max and len(self) + len(y) > len(self._y):
            rows = self._rows()
            old = self._raw[rows], self._y[rows], self._time[rows], self._loss[rows if self._by_amount else []]
            self._allocate(min(2 * (len(self) + len(y)), self._capacity_max))
            self._fill(*old)
        push(raw, y, time, shadows, loss, self._raw, self._y, self._time, self._loss, self._ends, self._days,
             self._alerts, self.histogram, self.amounts, self.confusion, self.lost, self._positive,
             self._units_max)  # fmt: skip

    def _fill(self, raw: Array, y: Array, time: Array, loss: Array) -> None:
        n = len(y)
        self._raw[:n], self._y[:n], self._time[:n], self._loss[: len(loss)] = raw, y, time, loss
        self._ends[:] = n, 0

    def _rows(self) -> NDArray[np.int64]:
        return np.arange(self._ends[TAIL], self._ends[HEAD]) % len(self._y)

    def correct(self, age: int, old: int, new: int, shadows: int, losses: tuple[float, float]) -> None:
        """An event that ``age`` others came after turned out to be of class ``new``.

        shadows: what each objective would have decided, a bit each, or -1 where that is not counted; losses: what
        deciding it wrongly costs, if it is of the old class and if of the new one. The run's counts follow, and the
        window where it still holds the event.
        """
        if self._k == 2:
            was, is_now = int(old == self._positive), int(new == self._positive)
            for s in range(len(self.confusion) if shadows >= 0 else 0):
                bit = (shadows >> s) & 1
                self.confusion[s, was, bit] -= 1
                self.confusion[s, is_now, bit] += 1
                if len(self._loss):
                    self.lost[s] += losses[1] * (bit != is_now) - losses[0] * (bit != was)
        if age >= len(self):
            return
        at = int((self._ends[HEAD] - 1 - age) % len(self._y))
        self._y[at] = new
        if self._k == 2:
            place = bin_of(self._raw[at, self._positive] - self._raw[at, 1 - self._positive])
            self.histogram[was, place] -= 1
            self.histogram[is_now, place] += 1
            if len(self._loss):
                self.amounts[was, place] -= self._loss[at]
                self._loss[at] = int(min(losses[1] * LOSS_UNITS, self._units_max))
                self.amounts[is_now, place] += self._loss[at]

    def keep(self, events: int) -> None:
        """Forget all but the last ``events``."""
        keep(events, self._raw, self._y, self._loss, self._ends, self.histogram, self.amounts, self._positive)

    def contents(self) -> tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.int64]]:
        """Copies of what the window holds, oldest first."""
        rows = self._rows()
        return self._raw[rows], self._y[rows], self._time[rows]

    def days(self) -> float:
        """The time that the window spans, in days."""
        if len(self) < 2:
            return float("nan")
        oldest = self._time[self._ends[TAIL] % len(self._y)]
        newest = self._time[(self._ends[HEAD] - 1) % len(self._y)]
        return float(newest - oldest) / 86_400e6

    def alerts_per_day(self) -> NDArray[np.float64]:
        """Alerts of each objective on a day that a later one has followed, float64 (S,); NaN before there is one.

        As the queue counts (``streamimb.evaluation.queue``): days of UTC, and days without events are none.
        """
        complete = self._days[OPENED] - 1
        return np.asarray((self._alerts[1] - self._alerts[0]) / (complete if complete > 0 else np.nan))

    def state(self) -> State:
        raw, y, time = self.contents()
        return {
            "raw": raw, "y": y, "time": time, "histogram": self.histogram.copy(), "confusion": self.confusion.copy(),
            "days": self._days.copy(), "alerts": self._alerts.copy(), "amounts": self.amounts.copy(),
            "loss": self._loss[self._rows() if self._by_amount else []], "lost": self.lost.copy(),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Go on from a state of a window of the same objectives and losses. Raises StateError."""
        if len(state["loss"]) != (len(state["y"]) if self._by_amount else 0):
            raise StateError("control: the saved scores have another objective's amounts")
        if len(state["confusion"]) != len(self.confusion):
            raise StateError("control: the saved scores are those of other objectives")
        self._take(state, state["loss"])
        self.confusion[:], self.amounts[:], self.lost[:] = state["confusion"], state["amounts"], state["lost"]
        if "days" in state:  # a version before did not count them: they are counted from here on
            self._days[:], self._alerts[:] = state["days"], state["alerts"]

    def take_over(self, state: State) -> None:
        """Go on from the scores of a window of other objectives: its counts and losses say nothing here."""
        self._take(state, np.zeros(len(state["y"]) if self._by_amount else 0, np.int64))

    def _take(self, state: State, loss: NDArray[np.int64]) -> None:
        self._allocate(max(len(state["y"]), min(1_024, self._capacity_max)))
        self._fill(state["raw"], state["y"], state["time"], loss)
        self.histogram[:] = state["histogram"]


def alerts_of(time: NDArray[np.int64], alert: NDArray[np.bool_]) -> float:
    """Alerts a day of events in event-time order, (m,) each, on the days that a later one has followed; NaN without.

    >>> alerts_of(np.array([0, 5, 3 * DAY_US, 4 * DAY_US]), np.array([True, True, True, True]))
    1.5
    """
    day = time // DAY_US
    complete = day < day[-1:]
    days = len(np.unique(day[complete]))
    return float(alert[complete].sum() / days) if days else float("nan")
