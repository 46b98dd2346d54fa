"""How fast a stream is, so that false alarms may be asked for as they are lived: pages a week."""

from __future__ import annotations

from typing import Any, Final

WEEK_US: Final = 604_800_000_000
#: The rate is measured anew after every so many events.
EVERY_EVENTS: Final = 4_096
#: What a detector may be tuned for, in events between two false alarms.
BETWEEN_MIN: Final = 1_000.0
BETWEEN_MAX: Final = 1e12


class Pace:
    """Measures the events a week of a stream, at events that the stream itself fixes.

    Time that goes on from before the first event's shows that this one's was a slip: the rate is of what comes then.

    >>> pace = Pace()
    >>> pace.begin(0)
    >>> pace.due(EVERY_EVENTS, WEEK_US // 100)
    True
    >>> pace.between(4.0)
    102400.0
    """

    def __init__(self) -> None:
        self._first_us: int | None = None
        self._from = 0  # events before the first that counts
        self._a_week = 0.0

    def begin(self, time_us: int) -> None:
        """Tell the time of an event: the first counts."""
        if self._first_us is None:
            self._first_us = time_us

    def until(self, seen: int) -> int:
        """Events until the rate is measured next, after so many."""
        return EVERY_EVENTS - seen % EVERY_EVENTS

    def due(self, seen: int, time_us: int) -> bool:
        """Measure the rate where that is due after ``seen`` events, the last at ``time_us``; whether there is one."""
        if self._first_us is None or seen % EVERY_EVENTS:
            return False
        if time_us < self._first_us:
            self._first_us, self._from = time_us, seen
        if time_us == self._first_us:
            return False
        self._a_week = (seen - self._from) * WEEK_US / (time_us - self._first_us)
        return True

    def between(self, pages_a_week: float) -> float:
        """Events between two pages, within bounds."""
        return min(max(self._a_week / pages_a_week, BETWEEN_MIN), BETWEEN_MAX)

    def state(self) -> dict[str, Any]:
        return {
            "begun": self._first_us is not None,
            "first_us": self._first_us or 0,
            "from": self._from,
            "a_week": self._a_week,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._first_us = int(state["first_us"]) if state["begun"] else None
        self._from, self._a_week = int(state.get("from", 0)), float(state["a_week"])
