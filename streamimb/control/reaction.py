"""What is done about a signal, how often it may be, and whether it helped.

Signals are noted as they come and acted on where the next Plan is made, so that nothing depends on how the stream was
cut into batches. Of what changed decisions (renewed weights, a reset, a replacement) it is measured afterwards whether
it helped: the G-mean of what was decided since the change, as the detector dates it, against that of events predicted
after the action, by the delta method. A trial, its end without a successor, or the wish to replace change none, and
are not judged.

A signal that needs no labels speaks of events whose labels may be a week away. Until those come nothing is known of
the new world, so what it asks for waits until the event that showed it has matured. It is told where a Plan is made,
so that signals with labels and without stand in one order, however the stream was cut.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import asdict, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ReactionConfig
from streamimb.durations import parse_duration
from streamimb.learners.base import State
from streamimb.outcome import UNMEASURED, Action, Signal

#: What asks for most comes last: of several signals between two Plans the strongest action is carried out.
ORDER: Final = ("tell", "adjust", "replace", "reset")
#: Actions whose outcome is still to be measured.
OPEN_MAX: Final = 64
#: Signals without labels that wait for them at once; one more is only told.
WAITING_MAX: Final = 64
#: Actions that are remembered for the summary.
ACTIONS_MAX: Final = 1_000
#: An action is measured once so many events of the rarest class were predicted after it.
MEASURED_RAREST: Final = 20
#: ... or, with a class that does not come back, after so many events.
MEASURED_EVENTS_MAX: Final = 50_000
Z_CLEAR: Final = 1.96
HOUR: Final = "1h"
#: Where events have no times, what stands for the hour.
EVENTS_PER_HOUR: Final = 10_000


class Reactor:
    """Remembers what signals ask for, bounds it, and measures what came of it.

    >>> reactor = Reactor(ReactionConfig(), has_time=False)
    >>> fell = Signal(position=100, time=0, signal="recall", detector="scan", class_="fraud", kind="drift", value=0.1,
    ...     reference=0.9, action="")
    >>> reactor.note(fell, wanted="reset").action
    'reset'
    >>> [cause] = reactor.take()  # where the next Plan is made
    >>> taken = reactor.did("reset", cause, 250, 250, np.array([[80, 20], [13, 7]]))
    >>> start = np.array([[500, 100], [30, 20]])
    >>> reactor.measure(300, 299, start)
    []
    >>> [judged] = reactor.measure(900, 899, start + np.array([[450, 50], [20, 80]]))
    >>> round(judged.before, 2), round(judged.after, 2), judged.helped
    (0.53, 0.85, 'yes')
    """

    def __init__(self, config: ReactionConfig, *, has_time: bool) -> None:
        self._config = config
        self._hour = parse_duration(HOUR, has_time=True, key="reaction") if has_time else EVENTS_PER_HOUR
        self._has_time = has_time
        self._resets: deque[int] = deque(maxlen=max(config.resets_per_hour_max, 1))
        self._due: list[Signal] = []
        self._heard: list[Signal] = []
        self._waiting: list[Signal] = []
        #: The drift that a trial under way is about, and the warning that it began with.
        self.contested: Signal | None = None
        self.warned: Signal | None = None
        self._open: deque[tuple[Action, float, NDArray[np.int64] | None]] = deque(maxlen=OPEN_MAX)
        self.actions: deque[Action] = deque(maxlen=ACTIONS_MAX)
        self._seen = 0

    def note(self, signal: Signal, wanted: str) -> Signal:
        """Take in a signal; the same with what will be done about it.

        A warning's action is ``trial`` where a drift's would be to replace, else nothing.
        """
        if signal.kind == "warning":
            wanted = "trial" if wanted == "replace" else "tell"
        told = self._bounded(replace(signal, action=wanted), self._axis(signal.position, signal.time))
        if told.action != "tell":
            self._due.append(told)
        return told

    def hear(self, signals: list[Signal]) -> None:
        """Keep signals that need no labels until the next Plan is made."""
        self._heard += signals

    @property
    def untold(self) -> list[Signal]:
        """What was heard since the last Plan, as told where no Plan comes any more: nothing is done about it."""
        return [replace(signal, action="tell") for signal in self._heard]

    def heard(self) -> list[Signal]:
        """What was heard since the last Plan, each once."""
        heard, self._heard = self._heard, []
        return heard

    def note_unlabelled(self, signal: Signal, wanted: str, mature: int) -> Signal:
        """As ``note``, for a signal that needs no labels: what it asks for waits until its event has matured.

        mature: position of the last mature event. Of signals that one event showed and that come to the same, the first
        is acted on. What waits is bounded when its time comes, so it may then be less than was told.
        """
        told, ripe = replace(signal, action=wanted), signal.position <= mature
        if wanted == "tell" or self._serves(told):
            return told
        if ripe:
            told = self._bounded(told, self._axis(signal.position, signal.time))
        elif len(self._waiting) >= WAITING_MAX:
            return replace(signal, action="tell")
        if not self._serves(told):
            (self._due if ripe else self._waiting).append(told)
        return told

    def _serves(self, told: Signal) -> bool:
        """Whether another signal of the same event and detector asks for the same already."""
        asked = told.position, told.detector, told.action
        return any((s.position, s.detector, s.action) == asked for s in (*self._due, *self._waiting))

    def ripen(self, mature: int, position: int, time: int) -> None:
        """Let be done at this Plan what waited for labels that are known by now; position, time: the present."""
        ripe = [s for s in self._waiting if s.position <= mature]
        self._waiting = [s for s in self._waiting if s.position > mature]
        for signal in ripe:
            self._due.append(self._bounded(signal, self._axis(position, time)))

    def _bounded(self, told: Signal, now: int) -> Signal:
        """The same, only adjusted to where it asks for one more reset than may be."""
        if told.action in ("reset", "replace") and not self._may_reset(now):
            return replace(told, action="adjust")
        return told

    def _axis(self, position: int, time: int) -> int:
        return time if self._has_time else position

    def _may_reset(self, now: int) -> bool:
        most = self._config.resets_per_hour_max
        coming = sum(s.action in ("reset", "replace") for s in self._due)  # at the next Plan, all of them
        lately = sum(now - at < self._hour for at in self._resets)
        return lately + coming < most

    def take(self) -> list[Signal]:
        """What is to be acted on now, each once; what asks for most comes last."""
        due, self._due = self._due, []
        return sorted(due, key=lambda s: ORDER.index("adjust" if s.action == "trial" else s.action))

    def hold_back(self) -> None:
        """The learner is not to be touched: what is due is only adjusted."""
        self._due = [replace(s, action="adjust") for s in self._due if s.action != "trial"]
        self._waiting = [replace(s, action="adjust") for s in self._waiting]

    def roll_back(self, state: State) -> None:
        """Take what is due and what is contested from an older state; what was done stays told, no longer measured.

        What was heard since the last Plan is still to be told, what was heard before the older one has been.
        """
        self._take_up(state)
        self._open.clear()

    def did(
        self, action: str, cause: Signal, position: int, time: int, recent: NDArray[np.int64], *, measured: bool = True
    ) -> Action:
        """Record an action that was carried out; recent: int64 (K, K), the confusion from the change until then.

        ``measured``: whether it is to be judged later, if it is none of ``UNMEASURED``.
        """
        counts = action not in UNMEASURED
        before, error = g_mean(recent) if counts else (math.nan, math.nan)
        if action == "replace":
            self.contested = cause
        elif action == "trial":
            self.warned = cause
        elif action in ("reset", "replaced", "dropped"):
            self.contested = self.warned = None
        if action in ("reset", "replaced"):
            self._resets.append(self._axis(position, time))
        self._seen += 1
        taken = Action(
            number=self._seen, position=position, time=time, action=action, signal=cause.signal, class_=cause.class_,
            before=before, after=math.nan, helped="", measured_at=-1,
        )  # fmt: skip
        self.actions.append(taken)
        if measured and counts:
            self._open.append((replace(taken), error, None))
        return taken

    def measure(self, position: int, predicted: int, confusion: NDArray[np.int64]) -> list[Action]:
        """Look whether actions can be judged; those that were, filled in.

        position: of the next event; predicted: the position of the last mature event, so that an action is measured on
        what was predicted after it; confusion: int64 (K, K), of all mature events. Corrections may have taken more
        of a kind away than came since: that counts as none.
        """
        done = []
        for _ in range(len(self._open)):
            action, error, start = self._open.popleft()
            since = confusion if start is None else np.maximum(confusion[: len(start)] - start, 0)
            if predicted < action.position:
                self._open.append((action, error, start))
            elif start is None:
                self._open.append((action, error, confusion.copy()))
            elif not _enough(since):
                self._open.append((action, error, start))
            else:
                done.append(self._judge(action, error, since, position))
        return done

    def _judge(self, action: Action, error_before: float, since: NDArray[np.int64], position: int) -> Action:
        after, error = g_mean(since)
        gap = after - action.before
        helped = "unclear"
        if math.isfinite(gap) and abs(gap) > Z_CLEAR * math.hypot(error_before, error):
            helped = "yes" if gap > 0 else "no"
        judged = replace(action, after=after, helped=helped, measured_at=position)
        self.actions = deque((judged if a.number == judged.number else a for a in self.actions), ACTIONS_MAX)
        return judged

    def grow(self, n_classes: int, confusion: NDArray[np.int64]) -> None:
        """Let there be more classes; confusion: int64 (K, K) of those before, of all mature events so far.

        What was done until now is judged on the recalls of the classes that there were, as its ``before`` was.
        """
        more = n_classes - len(confusion)
        starts = [(action, error, confusion if start is None else start) for action, error, start in self._open]
        room = (0, 0), (0, more)
        self._open = deque(((action, error, np.pad(start, room)) for action, error, start in starts), OPEN_MAX)

    def state(self) -> State:
        return {
            "resets": np.array(self._resets, np.int64),
            "due": [asdict(s) for s in self._due],
            "heard": [asdict(s) for s in self._heard],
            "waiting": [asdict(s) for s in self._waiting],
            "open": [
                {"action": asdict(action), "error": error, "start": np.zeros(0) if start is None else start.copy()}
                for action, error, start in self._open
            ],
            "actions": [asdict(a) for a in self.actions],
            "contested": _as_dict(self.contested),
            "warned": _as_dict(self.warned),
            "seen": self._seen,
        }

    def restore(self, state: State) -> None:
        self._resets = deque(state["resets"].tolist(), self._resets.maxlen)
        self._take_up(state)
        self._heard = [Signal(**s) for s in state["heard"]]
        self._open = deque(map(_opened, state["open"]), OPEN_MAX)
        self.actions = deque((Action(**a) for a in state["actions"]), ACTIONS_MAX)
        self._seen = int(state["seen"])

    def _take_up(self, state: State) -> None:
        """What is still to be done."""
        self._due = [Signal(**s) for s in state["due"]]
        self._waiting = [Signal(**s) for s in state["waiting"]]
        self.contested = Signal(**state["contested"]) if state["contested"] else None
        warned = state.get("warned")  # not in states of before it was kept
        self.warned = Signal(**warned) if warned else None


def _as_dict(signal: Signal | None) -> State:
    return {} if signal is None else asdict(signal)


def _opened(state: State) -> tuple[Action, float, NDArray[np.int64] | None]:
    """An action that is still to be measured; a state of before its error was kept counts what was before as exact."""
    start = state["start"]
    return Action(**state["action"]), float(state.get("error", 0.0)), start.copy() if start.size else None


def _enough(confusion: NDArray[np.int64]) -> bool:
    rows = confusion.sum(axis=1)
    return bool(rows.min() >= MEASURED_RAREST or rows.sum() >= MEASURED_EVENTS_MAX)


def g_mean(confusion: NDArray[np.int64]) -> tuple[float, float]:
    """The geometric mean of the recalls of classes with events, and its standard error by the delta method.

    NaN where fewer than two classes have events. A class all of whose events were hit or missed counts half an event
    of the other kind in the error.

    >>> [round(v, 3) for v in g_mean(np.array([[90, 10], [4, 16]]))]
    [0.849, 0.051]
    """
    rows = confusion.sum(axis=1)
    seen = rows > 0
    if np.count_nonzero(seen) < 2:
        return math.nan, math.nan
    n, hits = rows[seen].astype(float), confusion.diagonal()[seen].astype(float)
    value = float(np.prod(hits / n) ** (1 / len(n)))
    recall = (hits + 0.5) / (n + 1)
    return value, float(np.prod(recall) ** (1 / len(n)) / len(n) * math.sqrt(((1 - recall) / (recall * n)).sum()))
