"""The two signals this product exists for: a class's share moved, a class's recall fell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import DriftConfig
from streamimb.drift.bank import RECALL, SHARE, Bank, begin_anew, begin_at, go_on, make_bank
from streamimb.drift.base import DRIFT, Firings
from streamimb.drift.pace import Pace
from streamimb.errors import ConfigError, StateError
from streamimb.kernel import Array, leaf
from streamimb.outcome import Signal

#: So many values are laid out for the detectors at a time.
VALUES_MAX: Final = 1 << 18
#: What a cool-down kept silent is told after it where the log odds are so far from those before it and those told.
STANDS: Final = 0.5
SHARE_MIN: Final = 1e-6
#: No event that comes.
NEVER: Final = 1 << 62
#: A shorter cool-down, in events, only keeps silent.
COOLDOWN_MIN: Final = 256
#: Row of what was told: whether a drift was kept silent since.
HELD: Final = 2
KINDS: Final = {1: "warning", DRIFT: "drift"}


class Monitor:
    """One detector for each share and each recall, over mature events.

    With two classes only the positive class's share is watched (the other's is its complement), with more every
    class's. A share's change is told whichever way it went, a recall's only when it fell: ``value`` is the mean since
    the change, ``reference`` that before it. While a class has no events its recall detector stands still.
    For ``cooldown`` mature events after a drift nothing else of the same signal and class is told, though the detector
    still forgets; as long after a warning no other warning. A warning silences no drift. A drift that a cool-down kept
    silent is told at its end, if what is then is neither what was told nor what was before that. A share that fell is
    not told to have fallen again before an event of its class came: a class that vanishes is told once.

    has_time: whether times are microseconds, so that false alarms may be asked for in pages a week. Raises ConfigError
    where a signal cannot be watched as configured.

    >>> monitor = Monitor(2, 1, DriftConfig(), ("legit", "fraud"))
    >>> y = np.repeat(np.array([0, 1, 0, 1], np.int16), [990, 10, 500, 500])
    >>> [(s.signal, s.kind) for s in monitor.update(np.arange(2000), np.arange(2000), y, y)]
    [('share', 'drift')]
    """

    def __init__(
        self,
        n_classes: int,
        positive: int,
        config: DriftConfig,
        class_names: Sequence[str],
        *,
        has_time: bool = True,
    ) -> None:
        if not 0 <= positive < n_classes or len(class_names) != n_classes:
            raise ValueError(f"positive class {positive} of {n_classes}, {len(class_names)} names")
        self.class_names = tuple(class_names)
        self.watched = (positive,) if n_classes == 2 else tuple(range(n_classes))
        self._configs = {SHARE: config.share, RECALL: config.recall}
        self._classes = {SHARE: self.watched, RECALL: tuple(range(n_classes))}
        self._banks: dict[str, Bank] = {}
        for signal, classes in self._classes.items():
            if (bank := make_bank(len(classes), signal, self._configs[signal])) is not None:
                self._banks[signal] = bank
            if self._configs[signal].pages_a_week is not None and not has_time:
                raise ConfigError(f"drift.{signal}.pages_a_week: the schema names no time: choose a setting instead")
        self._pace = Pace()
        # Of each signal and class, the first event of which a warning, and a drift, is told again.
        self._silent_until = {
            signal: np.zeros((2, len(classes)), np.int64) for signal, classes in self._classes.items()
        }
        # Of each, the reference and the value of the drift told last, and whether another was kept silent since.
        self._told = {signal: np.zeros((3, len(classes))) for signal, classes in self._classes.items()}
        # Decided events of each class so far, where a recall is tuned by them.
        self._taken = np.zeros(n_classes, np.int64)
        # Of each class, the number of its last event; of each share, that of the event at which a fall was told last.
        self._came, self._fell = np.full(n_classes, -1, np.int64), np.full(len(self.watched), -1, np.int64)
        self._seen = 0
        self._find_end()
        # Room, used again: of each value that a bank takes in the detector and the events so far, and itself.
        self._whole, self._value = np.zeros((2, 0), np.int64), np.zeros(0)

    def update(
        self,
        position: NDArray[np.int64],
        time: NDArray[np.int64],
        y: NDArray[np.int16],
        decision: NDArray[np.int16],
    ) -> list[Signal]:
        """Take in mature events, (m,) each, in order; tell what moved, at the event that showed it.

        y: their classes; decision: what was decided when their features came (-1: nothing, which tells nothing of
        recall). Actions are left empty. Raises ValueError, changing nothing, where a y is no class.
        """
        bad = _first_bad(y, len(self.class_names))
        if bad >= 0:
            raise ValueError(f"event {bad} of the batch: class {y[bad]} of {len(self.class_names)}")
        found: list[tuple[int, str, Signal]] = []
        step, a = min(max(1, VALUES_MAX // len(self.class_names)), self._step), 0
        while a < len(y):
            b = min(a + step, a + self._pace.until(self._seen), a + self._end - self._seen, len(y))
            told = len(found)
            self._take(position[a:b], time[a:b], y[a:b], decision[a:b], found)
            ended = self._seen == self._end
            if ended:
                self._tell_late(int(position[b - 1]), int(time[b - 1]), found)
            if ended or len(found) > told:
                self._find_end()
            a = b
            if self._pace.due(self._seen, int(time[b - 1])):
                self._tune()
        found.sort(key=lambda told: (told[0], told[1] != SHARE))
        return [signal for _, _, signal in found]

    def _take(
        self, position: Array, time: Array, y: Array, decision: Array, found: list[tuple[int, str, Signal]]
    ) -> None:
        self._pace.begin(int(time[0]))
        if len(self._value) < len(y) * len(self.watched):
            size = 2 * len(y) * len(self.watched)
            self._whole, self._value = np.zeros((2, size), np.int64), np.zeros(size)
        for signal, bank in self._banks.items():
            whole, value = self._whole, self._value
            if signal == SHARE:
                n = _shares(y, self.watched[0], len(self.watched), self._seen, whole, value)
            else:
                n = _recalls(y, decision, self._seen, whole, value)
                if self._configs[RECALL].pages_a_week is not None:
                    self._taken += np.bincount(whole[0, :n], minlength=len(self._taken))
            firings = bank.update(whole[0, :n], value[:n], whole[1, :n])
            if len(firings.index):
                self._tell(signal, firings, whole[1, :n] - (self._seen + 1), whole[0, :n], position, time, y, found)
        _note(y, self._seen, self._came)
        self._seen += len(y)

    def _tell(
        self,
        signal: str,
        firings: Firings,
        event: Array,
        which: Array,
        position: Array,
        time: Array,
        y: Array,
        found: list[tuple[int, str, Signal]],
    ) -> None:
        config, silent, last = self._configs[signal], self._silent_until[signal], self._told[signal]
        for at, before, after, _, level in zip(*(column.tolist() for column in firings), strict=True):
            i, d = int(event[at]), int(which[at])
            now = self._seen + i
            if after >= before if signal == RECALL else after < before and self._is_gone(d, y[: i + 1]):
                continue
            if now < silent[level - 1, d]:
                last[HELD, d] += level == DRIFT and config.cooldown >= COOLDOWN_MIN
                continue
            silent[:level, d] = now + 1 + config.cooldown
            if level == DRIFT:
                last[:, d] = before, after, 0.0
                if signal == SHARE:
                    self._fell[d] = now if after < before else -1
            name, kind = self.class_names[self._classes[signal][d]], KINDS[level]
            told = Signal(int(position[i]), int(time[i]), signal, config.detector, name, kind, after, before, "")
            found.append((now, signal, told))

    def _is_gone(self, d: int, y: Array) -> bool:
        """Whether no event of a share's class came since its fall was told; y: the batch's classes so far."""
        in_batch = np.flatnonzero(y == self.watched[d])
        last = self._seen + in_batch[-1] if len(in_batch) else self._came[self.watched[d]]
        return bool(self._fell[d] >= 0 and last <= self._fell[d])

    def _find_end(self) -> None:
        """Find where the next cool-down ends, and how many events may be taken before one that begins then ends."""
        lasting = [signal for signal in self._banks if self._configs[signal].cooldown >= COOLDOWN_MIN]
        ends = [end for signal in lasting for end in self._silent_until[signal][1].tolist() if end > self._seen]
        self._end = min(ends, default=NEVER)
        self._step = min([self._configs[signal].cooldown for signal in lasting], default=VALUES_MAX)

    def _tell_late(self, position: int, time: int, found: list[tuple[int, str, Signal]]) -> None:
        """At the end of a cool-down that kept a drift silent, tell it where it still stands."""
        for signal, last in self._told.items():
            config, silent = self._configs[signal], self._silent_until[signal]
            for d in np.flatnonzero((last[HELD] > 0) & (silent[1] == self._seen)).tolist():
                last[HELD, d] = 0.0
                k = self._classes[signal][d]
                before, value, now = float(last[0, d]), float(last[1, d]), self.estimation(signal, k)
                if min(_apart(now, before), _apart(now, value)) < STANDS or (signal == RECALL and now >= value):
                    continue
                silent[:, d] = self._seen + config.cooldown
                last[:2, d] = value, now
                if signal == SHARE:
                    self._fell[d] = self._seen - 1 if now < value else -1
                name = self.class_names[k]
                told = Signal(position, time, signal, config.detector, name, KINDS[DRIFT], now, value, "")
                found.append((self._seen - 1, signal, told))

    def _tune(self) -> None:
        """Renew what the detectors are tuned for, at the stream's present rate of events.

        What part of them a recall's detector takes in is a mean since the start, and events whose decision told nothing
        of recall, as all before the first thresholds, count among the events: it follows a change of rate slowly.
        """
        for signal, bank in self._banks.items():
            pages, n = self._configs[signal].pages_a_week, len(self._classes[signal])
            if pages is not None and self._pace.is_known:
                values = np.ones(n) if signal == SHARE else np.maximum(self._taken, 1) / max(self._seen, 1)
                bank.tune(np.full(n, self._pace.between(pages) * n), values)

    def forget(self, signal: str) -> None:
        """Begin a signal's detectors anew: what they watch is not what it was, and that is no drift."""
        self.forget_classes(signal, self._classes[signal])

    def forget_classes(self, signal: str, classes: Sequence[int]) -> None:
        """Begin the detectors of some classes anew, likewise."""
        if signal in self._banks and classes:
            fresh = make_bank(len(self._classes[signal]), signal, self._configs[signal])
            assert fresh is not None, "there was one"
            places = [self._place(signal, k) for k in classes]
            begin_anew(self._banks[signal], fresh, places, self._seen)
            self._tune()
            self._told[signal][HELD, places] = 0.0

    def inherit(self, old: Monitor) -> None:
        """Go on, with one just made, from a monitor of the same signals and fewer classes, the first of these.

        Detectors, cool-downs and what these keep silent go over for all that was watched. The others begin now: those
        of new classes, and that of a share which was not watched, since of two classes the positive one's is.
        """
        self._seen = old._seen
        self._pace.restore(old._pace.state())
        self._came[: len(old._came)], self._taken[: len(old._taken)] = old._came, old._taken
        for signal, bank in self._banks.items():
            before = {k: d for d, k in enumerate(old._classes[signal])}
            new = [d for d, k in enumerate(self._classes[signal]) if k not in before]
            kept = [d for d, k in enumerate(self._classes[signal]) if k in before]
            theirs = [before[self._classes[signal][d]] for d in kept]
            begin_at(bank, new, self._seen)
            go_on(bank, old._banks[signal], kept, theirs)
            self._silent_until[signal][:, kept] = old._silent_until[signal][:, theirs]
            self._told[signal][:, kept] = old._told[signal][:, theirs]
            if signal == SHARE:
                self._fell[kept] = old._fell[theirs]
        self._find_end()

    def width(self, signal: str, k: int) -> int:
        """Values that a detector holds, all since the last change it saw: mature events of any class for a share, of
        class k for a recall. 0 where the signal is not watched.
        """
        return int(self._banks[signal].width[self._place(signal, k)]) if signal in self._banks else 0

    def estimation(self, signal: str, k: int) -> float:
        """Mean over that width; NaN where it is empty."""
        if signal not in self._banks:
            return float("nan")
        if signal == SHARE and len(self.watched) == 1 and k != self.watched[0]:
            return 1.0 - self.estimation(signal, self.watched[0])
        return float(self._banks[signal].estimation[self._place(signal, k)])

    def _place(self, signal: str, k: int) -> int:
        return 0 if len(self._classes[signal]) == 1 else self._classes[signal].index(k)

    def state(self) -> dict[str, Any]:
        """Everything that the next event's treatment depends on, copied."""
        return {
            "banks": {signal: bank.state() for signal, bank in self._banks.items()},
            "silent_until": {signal: silent.copy() for signal, silent in self._silent_until.items()},
            "told": {signal: told.copy() for signal, told in self._told.items()},
            "gone": {"came": self._came.copy(), "fell": self._fell.copy(), "taken": self._taken.copy()},
            "pace": self._pace.state(),
            "seen": self._seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a monitor that was made with the same arguments. Raises StateError."""
        silent, told = state.get("silent_until", {}), state.get("told", {})
        for mine, saved in ((self._silent_until, silent), (self._told, told)):
            if {s: array.shape for s, array in saved.items()} != {s: array.shape for s, array in mine.items()}:
                raise StateError(f"drift: the state is not of {len(self.class_names)} classes")
        if not {"banks", "pace", "seen"} <= state.keys() or state["banks"].keys() != self._banks.keys():
            raise StateError("drift: the state is of other signals")
        for signal, bank in self._banks.items():
            bank.restore(state["banks"][signal])
        for signal in silent:
            self._silent_until[signal][:], self._told[signal][:] = silent[signal], told[signal]
        self._came[:], self._fell[:], self._taken[:] = -1, -1, 0
        if "gone" in state:  # a version before did not know
            gone = state["gone"]
            self._came[:], self._fell[:], self._taken[:] = gone["came"], gone["fell"], gone["taken"]
        self._pace.restore(state["pace"])
        self._seen = int(state["seen"])
        self._find_end()


def _apart(p: float, q: float) -> float:
    """How far two shares are apart in log odds, both kept from 0 and 1."""
    p, q = (min(max(share, SHARE_MIN), 1 - SHARE_MIN) for share in (p, q))
    return abs(math.log(p / (1 - p)) - math.log(q / (1 - q)))


@leaf
def _first_bad(y: Array, n_classes: int) -> int:
    for i in range(len(y)):
        if y[i] < 0 or y[i] >= n_classes:
            return i
    return -1


@leaf
def _note(y: Array, seen: int, came: Array) -> None:
    for i in range(len(y)):
        came[y[i]] = seen + i


@leaf
def _shares(y: Array, first: int, shares: int, seen: int, whole: Array, value: Array) -> int:
    """Lay out what the share detectors are to take in, in order; return how many values.

    whole: int64 (2, any), the detector of each value and the events of the stream with this one, ``seen`` before them.
    """
    n = 0
    for i in range(len(y)):
        for j in range(shares):
            whole[0, n], whole[1, n], value[n] = j, seen + 1 + i, 1.0 if y[i] == first + j else 0.0
            n += 1
    return n


@leaf
def _recalls(y: Array, decision: Array, seen: int, whole: Array, value: Array) -> int:
    """Lay out what the recall detectors are to take in, likewise."""
    n = 0
    for i in range(len(y)):
        if decision[i] >= 0:
            whole[0, n], whole[1, n], value[n] = y[i], seen + 1 + i, 1.0 if decision[i] == y[i] else 0.0
            n += 1
    return n
