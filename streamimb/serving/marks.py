"""The last warnings, drifts and levers, and what was done about each."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

from streamimb.outcome import Action, Signal

#: Drifts and levers that are remembered, and warnings: the many do not drive out the few.
DRIFTS_MAX: Final = 200
WARNINGS_MAX: Final = 100
WARNING: Final = "warning"
LEVER: Final = "lever"
#: The cause of what a person did.
OPERATOR: Final = "operator"


@dataclass(slots=True)
class Mark:
    """One thing that happened: when, what moved from where to where, what was done, whether it helped.

    time: seconds since 1970 of the event, None where the stream has no times; wall: the clock's; done: the number of
    the last action, whose effect ``helped`` tells once it is measured.
    """

    number: int
    kind: str
    position: int
    time: float | None
    wall: float
    signal: str
    class_: str | None
    value: float
    reference: float
    action: str
    helped: str = ""
    before: float | None = None
    after: float | None = None
    done: int = 0


class Marks:
    """What happened, and which of it is new or changed since it was last asked."""

    def __init__(self) -> None:
        self._drifts: deque[Mark] = deque(maxlen=DRIFTS_MAX)
        self._warnings: deque[Mark] = deque(maxlen=WARNINGS_MAX)
        self._actions: dict[int, Mark] = {}
        self._changed: dict[int, Mark] = {}
        self._number = 0

    def signalled(self, signal: Signal, time: float | None, wall: float) -> None:
        """A detector spoke."""
        self._add(Mark(
            self._next(), signal.kind, signal.position, time, wall, signal.signal, signal.class_, signal.value,
            signal.reference, signal.action,
        ))  # fmt: skip

    def acted(self, action: Action, time: float | None, wall: float) -> None:
        """Something was done, or what was done has been measured; it goes with the signal that asked for it."""
        mark = self._actions.get(action.number)
        if mark is None:
            mark = self._begun(action, time, wall)
            if mark is None:
                return  # of before this process began
            self._actions[action.number] = mark
            _forget(self._actions, DRIFTS_MAX)
        if action.measured_at < 0:
            mark.action, mark.done = action.action, action.number
            mark.helped, mark.before, mark.after = "", None, None
        elif action.number == mark.done:
            mark.helped, mark.before, mark.after = action.helped, action.before, action.after
        self._note(mark)

    def all(self) -> list[dict[str, Any]]:
        """Everything that is remembered, oldest first."""
        return [asdict(mark) for mark in sorted([*self._drifts, *self._warnings], key=lambda mark: mark.number)]

    def changed(self) -> list[dict[str, Any]]:
        """What is new or changed since the last call."""
        told = [asdict(mark) for mark in self._changed.values()]
        self._changed = {}
        return told

    def _begun(self, action: Action, time: float | None, wall: float) -> Mark | None:
        if action.measured_at >= 0:
            return None
        if action.signal == OPERATOR:
            nan = float("nan")
            self._add(Mark(
                self._next(), LEVER, action.position, time, wall, OPERATOR, action.class_, nan, nan, action.action
            ))  # fmt: skip
            return self._drifts[-1]
        found = (m for m in reversed(self._drifts) if (m.signal, m.class_) == (action.signal, action.class_))
        return next(found, None)

    def _add(self, mark: Mark) -> None:
        (self._warnings if mark.kind == WARNING else self._drifts).append(mark)
        self._note(mark)

    def _note(self, mark: Mark) -> None:
        self._changed[mark.number] = mark
        _forget(self._changed, DRIFTS_MAX + WARNINGS_MAX)

    def _next(self) -> int:
        self._number += 1
        return self._number


def _forget(marks: dict[int, Mark], left_max: int) -> None:
    while len(marks) > left_max:
        del marks[next(iter(marks))]
