"""The two signals this product exists for: a class's share moved, a class's recall fell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import DriftConfig
from streamimb.drift.adwin import AdwinBank
from streamimb.errors import StateError
from streamimb.kernel import Array, kernel, leaf
from streamimb.outcome import Signal

SHARE: Final = "share"
RECALL: Final = "recall"

#: Recall is looked at after every so many events of a class: a rare one has few.
RECALL_CLOCK: Final = 4
SHARE_CLOCK: Final = 32
#: So many values are laid out for the detectors at a time.
VALUES_MAX: Final = 1 << 18


class Monitor:
    """One ADWIN for each share and each recall, over mature events.

    With two classes only the positive class's share is watched (the other's is its complement), with more every
    class's. A share's drift is told whichever way it went, a recall's only when it fell: ``value`` is the mean of what
    the detector kept, ``reference`` of what it dropped. While a class has no events its recall detector stands still.
    For ``cooldown`` mature events after a drift no other of the same signal and class is told, though the detector
    still forgets.

    >>> monitor = Monitor(2, 1, DriftConfig(), ("legit", "fraud"))
    >>> y = np.repeat(np.array([0, 1, 0, 1], np.int16), [990, 10, 500, 500])
    >>> [s.signal for s in monitor.update(np.arange(2000), np.arange(2000), y, y)]
    ['share']
    """

    def __init__(self, n_classes: int, positive: int, config: DriftConfig, class_names: Sequence[str]) -> None:
        if not 0 <= positive < n_classes or len(class_names) != n_classes:
            raise ValueError(f"positive class {positive} of {n_classes}, {len(class_names)} names")
        self.class_names = tuple(class_names)
        self.watched = (positive,) if n_classes == 2 else tuple(range(n_classes))
        self._configs = {SHARE: config.share, RECALL: config.recall}
        shares = len(self.watched)
        self._signals = [(SHARE, k) for k in self.watched] + [(RECALL, k) for k in range(n_classes)]
        self._bank = AdwinBank(
            len(self._signals),
            np.repeat([config.share.delta, config.recall.delta], [shares, n_classes]),
            clock=np.repeat([SHARE_CLOCK, RECALL_CLOCK], [shares, n_classes]),
        )
        self._on = (config.share.detector != "none", config.recall.detector != "none")
        self._silent_until = np.zeros(len(self._signals), np.int64)
        self._seen = 0

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
        found: list[Signal] = []
        bad = _first_bad(y, len(self.class_names))
        if bad >= 0:
            raise ValueError(f"event {bad} of the batch: class {y[bad]} of {len(self.class_names)}")
        step = max(1, VALUES_MAX // len(self._signals))
        for a in range(0, len(y), step):
            b = a + step
            self._take(position[a:b], time[a:b], y[a:b], decision[a:b], found)
        return found

    def _take(self, position: Array, time: Array, y: Array, decision: Array, found: list[Signal]) -> None:
        event, which, value = _values(y, decision, self.watched[0], len(self.watched), *self._on)
        firings = self._bank.update(which, value)
        first, self._seen = self._seen, self._seen + len(y)
        for at, before, after in zip(firings.index, firings.before.tolist(), firings.after.tolist(), strict=True):
            i, d = int(event[at]), int(which[at])
            signal, k = self._signals[d]
            if first + i < self._silent_until[d] or (signal == RECALL and after >= before):
                continue
            self._silent_until[d] = first + i + 1 + self._configs[signal].cooldown
            name = self.class_names[k]
            found.append(Signal(int(position[i]), int(time[i]), signal, "adwin", name, "drift", after, before, ""))

    def width(self, signal: str, k: int) -> int:
        """Values that a detector holds, all since the last change it saw: mature events of any class for a share, of
        class k for a recall.
        """
        if signal == SHARE and len(self.watched) == 1:
            k = self.watched[0]
        return int(self._bank.width[self._signals.index((signal, k))])

    def estimation(self, signal: str, k: int) -> float:
        """Mean over that width; NaN where it is empty."""
        if signal == SHARE and len(self.watched) == 1 and k != self.watched[0]:
            return 1.0 - self.estimation(signal, self.watched[0])
        return float(self._bank.estimation[self._signals.index((signal, k))])

    def state(self) -> dict[str, Any]:
        """Everything that the next event's treatment depends on, copied."""
        return {"bank": self._bank.state(), "silent_until": self._silent_until.copy(), "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a monitor that was made with the same arguments. Raises StateError."""
        silent = state.get("silent_until")
        if silent is None or silent.shape != self._silent_until.shape or not {"bank", "seen"} <= state.keys():
            raise StateError(f"drift: the state is not of {len(self.class_names)} classes")
        self._bank.restore(state["bank"])
        self._silent_until[:] = silent
        self._seen = int(state["seen"])


@leaf
def _first_bad(y: Array, n_classes: int) -> int:
    for i in range(len(y)):
        if y[i] < 0 or y[i] >= n_classes:
            return i
    return -1


@kernel
def _values(
    y: Array, decision: Array, first: int, shares: int, share_on: bool, recall_on: bool
) -> tuple[Array, Array, Array]:
    """What the detectors are to take in, in order: the event, the detector, the value of each."""
    size = len(y) * (shares + 1)
    event, which, value = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    n = 0
    for i in range(len(y)):
        k = int(y[i])
        if share_on:
            for j in range(shares):
                event[n], which[n], value[n] = i, j, 1.0 if k == first + j else 0.0
                n += 1
        if recall_on and decision[i] >= 0:
            event[n], which[n], value[n] = i, shares + k, 1.0 if decision[i] == k else 0.0
            n += 1
    return event[:n], which[:n], value[:n]
