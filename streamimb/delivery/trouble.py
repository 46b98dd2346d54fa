"""Calls that are made again while brokers or storage do not answer, as long as the budgets last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from streamimb.delivery.observer import Observer
from streamimb.delivery.patience import Patience
from streamimb.errors import BrokersAwayError, StorageError
from streamimb.service_config import BudgetConfig

T = TypeVar("T")


class Trouble:
    """Budgets of brokers and of storage, one for the whole process.

    stopping: whether the process was asked to stop: then nothing is waited for.
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

    def ask(self, call: Callable[[], T]) -> T:
        """Call until a broker answers. Raises BrokersAwayError when the budget is spent, or when asked to stop."""
        while True:
            try:
                result = call()
            except BrokersAwayError as error:
                self._observer.trouble("brokers", error)
                pause = self.brokers.bear(error)
                if self.stopping():
                    raise
                self._sleep(pause)
                continue
            if self.brokers.lasts:
                self.brokers.over()
                self._observer.trouble("brokers", None)
            return result

    def store(self, call: Callable[[], T]) -> T:
        """Call until the storage answers. Raises StorageError when the budget is spent."""
        while True:
            try:
                return call()
            except StorageError as error:
                self._observer.trouble("storage", error)
                self._sleep(self.storage.bear(error))

    def timed(self, phase: str, call: Callable[[], T]) -> T:
        """Call, and tell how long it took."""
        begun = self._clock()
        result = call()
        self._observer.phase(phase, self._clock() - begun)
        return result
