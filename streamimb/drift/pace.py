"""How fast a stream is, so that false alarms may be asked for as they are lived: pages a week."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

WEEK_US: Final = 604_800_000_000
#: The rate is measured anew after every so many events.
EVERY_EVENTS: Final = 4_096
#: The time is noted after so many events too, so that what goes before may turn out to be a slip.
EARLY_EVENTS: Final = (8, 64, 512)
#: Times noted, the first event's among them.
MARKS_MAX: Final = 4
#: A first time lies so many times further from the next than that from now: it was a slip.
SLIP: Final = 100
#: What a detector may be tuned for, in events between two false alarms.
BETWEEN_MIN: Final = 1_000.0
BETWEEN_MAX: Final = 1e12


class Pace:
    """Measures the events a week of a stream, at events that the stream itself fixes.

    The rate is of all events since the first, unless its time, or that of others among the first 512, was a slip: time
    that goes on from before it, or stood still after it for ``SLIP`` times as long as all that follows, shows that.
    Then the rate is of what comes after it.

    >>> pace = Pace()
    >>> pace.begin(0)
    >>> pace.due(EVERY_EVENTS, WEEK_US // 100)
    True
    >>> pace.between(4.0)
    102400.0
    """

    def __init__(self) -> None:
        self._marks: list[tuple[int, int]] = []  # events so far and the time then, microseconds
        self._a_week = 0.0

    def begin(self, time_us: int) -> None:
        """Tell the time of an event: the first counts."""
        if not self._marks:
            self._marks = [(0, time_us)]

    def until(self, seen: int) -> int:
        """Events until :meth:`due` is to be asked next, after so many."""
        for early in EARLY_EVENTS:
            if seen < early:
                return early - seen
        return EVERY_EVENTS - seen % EVERY_EVENTS

    def due(self, seen: int, time_us: int) -> bool:
        """Measure the rate where that is due after ``seen`` events, the last at ``time_us``; whether there is one."""
        measured = seen % EVERY_EVENTS == 0
        if not self._marks or not (measured or seen in EARLY_EVENTS):
            return False
        self._marks = [mark for mark in self._marks if mark[1] <= time_us] or [(seen, time_us)]
        if measured:  # earlier a quiet night looks like one
            self._forget_slips(time_us)
        since, begun = self._marks[0]
        if len(self._marks) < MARKS_MAX and self._marks[-1][0] < seen:
            self._marks.append((seen, time_us))
        if not measured or time_us == begun:
            return False
        self._a_week = (seen - since) * WEEK_US / (time_us - begun)
        return True

    def _forget_slips(self, time_us: int) -> None:
        """Leave the marks from which on time goes on as it does now."""
        for i in range(len(self._marks) - 1, 0, -1):
            before, after = self._marks[i - 1][1], self._marks[i][1]
            if before > after or after - before > SLIP * (time_us - after) > 0:
                del self._marks[:i]
                return

    @property
    def is_known(self) -> bool:
        """Whether there is a rate yet."""
        return self._a_week > 0.0

    def between(self, pages_a_week: float) -> float:
        """Events between two pages, within bounds."""
        return min(max(self._a_week / pages_a_week, BETWEEN_MIN), BETWEEN_MAX)

    def state(self) -> dict[str, Any]:
        marks = np.zeros((MARKS_MAX, 2), np.int64)
        marks[: len(self._marks)] = np.array(self._marks, np.int64).reshape(-1, 2)
        return {"marks": marks, "marked": len(self._marks), "a_week": self._a_week}

    def restore(self, state: dict[str, Any]) -> None:
        if "marks" in state:
            self._marks = [(events, time) for events, time in state["marks"][: int(state["marked"])].tolist()]
        else:  # of a version that noted the first time alone
            self._marks = [(int(state.get("from", 0)), int(state["first_us"]))] if state["begun"] else []
        self._a_week = float(state["a_week"])
