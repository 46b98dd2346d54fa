"""Calls that are made again while brokers or storage do not answer, as long as the budgets last."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from streamimb.delivery.observer import Observer
from streamimb.delivery.patience import Patience
from streamimb.errors import BrokersAwayError, StorageError
from streamimb.service_config import BudgetConfig

T = TypeVar("T")

#: Seconds that a process which is asked to stop waits for a checkpoint: what hangs longer is left, with exit 74.
STOP_S: Final = 40.0


class Trouble:
    """Budgets of brokers and of storage, one for the whole process.

    stopping: whether the process was asked to stop: then no pause is waited for, and ``STOP_S`` at most for what is
    being written. ``late``: whether that time, or that of what is done :meth:`within` some seconds, is over by now.
    ``took_s``: seconds of the last call that was :meth:`timed`.
    """

    def __init__(
        self,
        budget: BudgetConfig,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        observer: Observer,
    ) -> None:
        self.brokers = Patience(budget.brokers_seconds, clock)
        self.storage = Patience(budget.storage_seconds, clock)
        self.stopping: Callable[[], bool] = lambda: False
        self._clock, self._sleep, self._observer = clock, sleep, observer
        self._until = self._stop_until = math.inf
        self.took_s = 0.0

    @property
    def late(self) -> bool:
        return self._clock() >= self._end()

    @property
    def left(self) -> float | None:
        """Seconds until what is done should be over, None where nothing presses."""
        end = self._end()
        return None if end == math.inf else max(0.0, end - self._clock())

    def _end(self) -> float:
        if self._stop_until == math.inf and self.stopping():
            self._stop_until = self._clock() + STOP_S
        return min(self._until, self._stop_until)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bear trouble for so long at most."""
        self._until = self._clock() + seconds
        try:
            yield
        finally:
            self._until = math.inf

    def ask(self, call: Callable[[], T]) -> T:
        """Call until a broker answers. Raises BrokersAwayError when the budget is spent, or when asked to stop."""
        while True:
            begun = self._clock()
            try:
                result = call()
            except BrokersAwayError as error:
                self._observer.trouble("brokers", error)
                pause = self.brokers.bear(error, begun)
                if self.stopping() or self.late:
                    raise
                self._sleep(pause)
                continue
            if self.brokers.lasts:
                self.brokers.over()
                self._observer.trouble("brokers", None)
            return result

    def store(self, call: Callable[[], T]) -> T:
        """Call until the storage answers. Raises StorageError when the budget is spent, or when asked to stop."""
        failed = False
        while True:
            try:
                result = call()
            except StorageError as error:
                failed = True
                self._observer.trouble("storage", error)
                pause = self.storage.bear(error)
                if self.stopping():
                    raise
                self._sleep(pause)
                continue
            if failed:
                self.storage.over()
                self._observer.trouble("storage", None)
            return result

    def timed(self, phase: str, call: Callable[[], T]) -> T:
        """Call, and tell how long it took."""
        begun = self._clock()
        result = call()
        self.took_s = self._clock() - begun
        self._observer.phase(phase, self.took_s)
        return result
