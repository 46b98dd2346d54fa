"""Sliding class counts, by count, by time, by the rarest class, and decayed class sizes, on one shared ring.

Memory: a ring of 10 bytes an event for the longest window (a power of two above ``events_max`` and ``events``, and
above ``TIME_EVENTS_MAX`` where there is a time window), and five rows of 8 bytes a class. An event costs O(1)
amortised; where a class returns after ``events_max`` events without it, the window of the rarest class is counted anew.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import WindowConfig
from streamimb.errors import ConfigError, StateError
from streamimb.kernel import Array
from streamimb.windows.kernels import (
    CLOCK,
    DECAYED_START,
    EVENTS_COUNT,
    EVENTS_MAX,
    LIMITS,
    MARKS,
    NEVER,
    NEXT,
    ROW_RAREST,
    ROW_REACH,
    SHORT,
    STARTS,
    TIME_ABS_MAX,
    TIME_EVENTS_MAX,
    WANTED,
    decay_again,
    settle,
    update,
)

RAREST: Final = "rarest"
EVENTS: Final = "events"
TIME: Final = "time"
DECAYED: Final = "decayed"
WINDOWS: Final = (RAREST, EVENTS, TIME, DECAYED)


class ClassWindows:
    """All windows over the classes of one stream of events.

    ``rarest`` is the shortest stretch of latest events, of ``events_min`` to ``events_max``, that holds ``rarest``
    events of each class that occurs in the last ``events_max`` (where there is none, those ``events_max``). ``events``
    is the last ``events``. ``time`` is what came less than ``time_span`` (the unit of the times) before the clock,
    which is the largest time so far: an event that comes late counts as of the clock. ``decayed`` are exponential
    sizes with the bias corrected: S_k <- θ S_k + [y = k], B <- θ B + 1, w_k = S_k / B.

    >>> windows = ClassWindows(2, WindowConfig(events=3), time_span=None)
    >>> windows.update(np.array([1, 0, 0, 1], np.int16), np.arange(4))
    >>> windows.counts(EVENTS), windows.shares(RAREST)
    (array([2, 1]), array([0.5, 0.5]))
    """

    def __init__(self, n_classes: int, config: WindowConfig, *, time_span: int | None) -> None:
        if config.events_min > config.events_max:
            raise ConfigError(f"window.events_min {config.events_min} is over window.events_max {config.events_max}")
        if time_span is not None and not 0 < time_span < TIME_ABS_MAX:
            raise ConfigError(f"window.time spans {time_span}: it must be over 0 and below 2^62")
        self.n_classes = n_classes
        self.names = tuple(name for name in WINDOWS if name != TIME or time_span is not None)
        longest = max(config.events_max, config.events, TIME_EVENTS_MAX if time_span is not None else 0)
        capacity = 1 << longest.bit_length()
        self._decay = config.decay
        self._y = np.zeros(capacity, np.int16)
        self._time = np.zeros(capacity, np.int64)
        self._counts = np.zeros((4, n_classes), np.int64)
        self._sizes = np.zeros(n_classes + 2)  # the sums, their total, the last event's weight
        self._sizes[-1] = 1.0
        self._marks = np.zeros(MARKS, np.int64)
        self._marks[CLOCK] = NEVER
        limits = (config.rarest, config.events_min, config.events_max, config.events, time_span or 0)
        self._marks[LIMITS:] = limits

    def update(self, y: NDArray[np.int16], time: NDArray[np.int64]) -> None:
        """Take in events: their classes, int16 (m,), and times, int64 (m,). Raises ValueError, changing nothing, where
        a class is none of 0..K-1 or a time is beyond 2^62.
        """
        if len(y) != len(time):
            raise ValueError(f"{len(y)} classes, but {len(time)} times")
        bad = update(y, time, self._y, self._time, self._counts, self._sizes, self._marks, self._decay)
        if bad >= 0:
            raise ValueError(f"event {bad} of the batch: class {y[bad]} of {self.n_classes}, time {time[bad]}")

    @property
    def seen(self) -> int:
        """Events so far, which is the number that the next one gets."""
        return int(self._marks[NEXT])

    def counts(self, window: str) -> NDArray[np.int64]:
        """Events of each class in a window, int64 (K,)."""
        counts: NDArray[np.int64] = self._counts[self._row(window)].copy()
        return counts

    def length(self, window: str) -> int:
        """Events in a window."""
        return int(self._marks[NEXT] - self._marks[STARTS + self._row(window)])

    def shares(self, window: str) -> NDArray[np.float64]:
        """Share of each class in a window, float64 (K,); NaN where the window is empty."""
        if window == DECAYED:
            return self.decayed()
        length = self.length(window)
        shares: NDArray[np.float64] = self._counts[self._row(window)] / (length if length else np.nan)
        return shares

    def decayed(self) -> NDArray[np.float64]:
        """Decayed class sizes w_k, float64 (K,), which sum to 1; NaN before the first event."""
        total = self._sizes[self.n_classes]
        sizes: NDArray[np.float64] = self._sizes[: self.n_classes] / (total if total else np.nan)
        return sizes

    def shorten(self, window: str, events: int) -> None:
        """Forget all but the last ``events`` events of a window, as if it had begun with them.

        Nothing is forgotten where that is further back than any window reaches.
        """
        if events < 0:
            raise ValueError(f"cannot keep {events} events")
        marks = self._marks
        start = int(marks[NEXT]) - events
        if start < _oldest(marks):
            return
        if window == DECAYED:
            if start > marks[DECAYED_START]:
                marks[DECAYED_START] = start
                self._sizes[:] = 0.0
                self._sizes[-1] = 1.0
                decay_again(self._y[self._places(start)], self._sizes, self._decay)
            return
        row = self._row(window)
        for r in (ROW_RAREST, ROW_REACH) if row == ROW_RAREST else (row,):
            marks[STARTS + r] = max(int(marks[STARTS + r]), start)
            self._counts[r] = self._recount(r)
        marks[SHORT] = self._short()
        settle(self._y, self._counts, marks)

    def grow(self, n_classes: int) -> None:
        """Let there be more classes, of which no event has come yet."""
        more = n_classes - self.n_classes
        self._counts = np.pad(self._counts, ((0, 0), (0, more)))
        self._sizes = np.insert(self._sizes, self.n_classes, np.zeros(more))
        self.n_classes = n_classes

    def correct(self, number: int, old: int, new: int) -> bool:
        """Event ``number`` (from 0, since the start) turned out to be of class ``new``: tell whether the ring still
        held it. Raises ValueError where its class was not ``old``, or ``new`` is no class.
        """
        if not (0 <= new < self.n_classes and 0 <= number < self.seen):
            raise ValueError(f"event {number} of {self.seen}, class {new} of {self.n_classes}")
        if number < _oldest(self._marks):
            return False
        held = int(self._y[number & (len(self._y) - 1)])
        if held != old:
            raise ValueError(f"event {number} is of class {held}, not {old}")
        self._y[number & (len(self._y) - 1)] = new
        for row in range(4):
            if number >= self._marks[STARTS + row]:
                self._counts[row, old] -= 1
                self._counts[row, new] += 1
        if number >= self._marks[DECAYED_START]:
            weight = self._sizes[-1] * self._decay ** (self.seen - 1 - number)
            self._sizes[old] = max(self._sizes[old] - weight, 0.0)
            self._sizes[new] += weight
        self._marks[SHORT] = self._short()
        settle(self._y, self._counts, self._marks)
        return True

    def state(self) -> dict[str, Any]:
        """Everything the next event depends on: the last events, as far back as a window may reach, and counts."""
        places = self._places(_oldest(self._marks))
        return {
            "y": self._y[places],
            "time": self._time[places],
            "counts": self._counts.copy(),
            "sizes": self._sizes.copy(),
            "marks": self._marks.copy(),
            "decay": self._decay,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of windows that were made with the same arguments. Raises StateError."""
        mine: dict[str, Array] = {"counts": self._counts, "sizes": self._sizes, "marks": self._marks}
        for name, array in (mine | {"y": self._y, "time": self._time}).items():
            saved = state.get(name)
            if saved is None or saved.dtype != array.dtype or (name in mine and saved.shape != array.shape):
                raise StateError(f"windows: {name} does not fit {self.n_classes} classes")
        y, time, marks = state["y"], state["time"], state["marks"]
        if not np.array_equal(marks[LIMITS:], self._marks[LIMITS:]) or state.get("decay") != self._decay:
            raise StateError("windows: the state was saved under another [window] configuration")
        starts, oldest = marks[STARTS : STARTS + 4], _oldest(marks)
        if not marks[NEXT] - oldest == len(y) == len(time) < len(self._y) or starts.max() > marks[NEXT]:
            raise StateError(f"windows: {len(y)} events saved, but not those of the windows")
        if len(y) and not 0 <= y.min() <= y.max() < self.n_classes:
            raise StateError(f"windows: a saved class is none of {self.n_classes}")
        for row, start in enumerate(starts):
            if not np.array_equal(np.bincount(y[start - oldest :], minlength=self.n_classes), state["counts"][row]):
                raise StateError("windows: saved counts are not those of the saved events")
        for name, array in mine.items():
            array[:] = state[name]
        places = self._places(_oldest(self._marks))
        self._y[places], self._time[places] = y, time

    def _row(self, window: str) -> int:
        if window not in self.names or window == DECAYED:
            raise ValueError(f"{window!r} is none of the windows {', '.join(n for n in self.names if n != DECAYED)}")
        return WINDOWS.index(window)

    def _places(self, start: int) -> NDArray[np.int64]:
        return np.arange(start, self.seen, dtype=np.int64) & (len(self._y) - 1)

    def _recount(self, row: int) -> NDArray[np.int64]:
        y = self._y[self._places(int(self._marks[STARTS + row]))]
        return np.bincount(y, minlength=self.n_classes).astype(np.int64)

    def _short(self) -> int:
        return int(((self._counts[ROW_REACH] > 0) & (self._counts[ROW_RAREST] < self._marks[WANTED])).sum())


def _oldest(marks: Array) -> int:
    """Number of the oldest event that the ring is sure to hold, shortened windows or not."""
    reach = int(marks[NEXT]) - max(int(marks[EVENTS_MAX]), int(marks[EVENTS_COUNT]))
    return min(max(reach, 0), int(marks[STARTS : STARTS + 4].min()))
