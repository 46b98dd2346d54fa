"""What a loop decided: of the whole run, and of the latest events that hold enough of each class."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from streamimb.config import WindowConfig
from streamimb.windows import RAREST, ClassWindows

ALL = "all"


class Decisions:
    """Counts decisions against labels, event by event.

    ``rarest`` is the window of that name of ``ClassWindows``, which no drift shortens: what is told of it is what was
    decided lately, whatever shares are read from. Memory: 14 bytes an event of twice ``events_max`` and ``events``.

    >>> decisions = Decisions(2, WindowConfig())
    >>> for y, decision in ((0, 0), (1, 0), (1, 1)):
    ...     decisions.add(np.array([y], np.int16), decision)
    >>> decisions.confusion().tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(self, n_classes: int, config: WindowConfig) -> None:
        self._windows = ClassWindows(n_classes, config, time_span=None)
        self._labels = np.zeros(config.events_max, np.int16)
        self._decided = np.zeros(config.events_max, np.int16)
        self._whole = np.zeros((n_classes, n_classes), np.int64)

    def add(self, y: NDArray[np.int16], decision: int) -> None:
        """Count an event's class, int16 (1,), and what was decided."""
        seen = self._windows.seen
        self._windows.update(y, np.array([seen], np.int64))
        at = seen % len(self._labels)
        self._labels[at], self._decided[at] = y[0], decision
        self._whole[y[0], decision] += 1

    def confusion(self, window: str = ALL) -> NDArray[np.int64]:
        """Int64 (K, K), rows the truth, of the whole run or of ``rarest``, a copy."""
        if window == ALL:
            return self._whole.copy()
        return self.latest(self._windows.length(RAREST))

    def latest(self, events: int) -> NDArray[np.int64]:
        """The same of the last ``events`` events of ``rarest``, or of all that it holds."""
        seen = self._windows.seen
        held = np.arange(seen - min(events, self._windows.length(RAREST)), seen) % len(self._labels)
        counts = np.zeros_like(self._whole)
        np.add.at(counts, (self._labels[held], self._decided[held]), 1)
        return counts

    def grow(self, n_classes: int) -> None:
        """Let there be more classes, of which no event has come yet."""
        self._windows = copy(self._windows)  # one that was kept stays as it is
        self._windows.grow(n_classes)
        more = n_classes - len(self._whole)
        self._whole = np.pad(self._whole, ((0, more), (0, more)))
