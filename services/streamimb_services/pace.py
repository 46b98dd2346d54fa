"""A replay at the stream's own speed, or some times faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from streamimb.batch import Batch

#: The longest sleep, so that an interruption is answered at once.
SLEEP_SECONDS_MAX = 0.1


class Pacer:
    """Cuts batches into the rows that are due, waiting until there are some.

    With event times, ``speed`` seconds of the stream pass in one; without, ``speed`` events do.
    """

    def __init__(
        self,
        speed: float,
        *,
        has_time: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = speed * (1e6 if has_time else 1.0)
        self._has_time = has_time
        self._clock, self._sleep = clock, sleep
        self._started: float | None = None
        self._first = self._latest = 0
        self._rows = 0

    def cut(self, batch: Batch) -> Iterator[Batch]:
        """The batch in pieces, each when its rows are due."""
        n, done = len(batch), 0
        if not n:
            return
        if self._started is None:
            self._started = self._clock()
            self._first = self._latest = int(batch.time[0]) if self._has_time else 0
        if self._has_time:  # a row that is out of order is due with the one before it
            axis = np.maximum.accumulate(np.maximum(batch.time, self._latest))
            self._latest = int(axis[-1])
        else:
            axis = np.arange(self._rows, self._rows + n)
            self._rows += n
        while done < n:
            now = self._first + (self._clock() - self._started) * self._per_second
            due = int(np.searchsorted(axis, now, side="right"))
            if due > done:
                yield batch.slice(done, due)
                done = due
            else:
                self._sleep(min(SLEEP_SECONDS_MAX, max(0.0, (float(axis[done]) - now) / self._per_second)))
