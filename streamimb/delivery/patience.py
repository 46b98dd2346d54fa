"""How long trouble is borne, and how many refusals: budgets that end a process before it does harm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import RefusedError, StreamimbError
from streamimb.service_config import BudgetConfig

#: Seconds between two tries, at first; twice as many after each, up to the most.
PAUSE_FIRST_S: Final = 0.1
PAUSE_MOST_S: Final = 5.0


class Patience:
    """One kind of trouble: since when it lasts, and when to try again.

    clock: seconds that only go forward.

    >>> now = [0.0]
    >>> patience = Patience(10.0, lambda: now[0])
    >>> patience.bear(StreamimbError("away")), patience.bear(StreamimbError("away"))
    (0.1, 0.2)
    >>> now[0] = 11.0
    >>> patience.bear(StreamimbError("away"))
    Traceback (most recent call last):
    streamimb.errors.StreamimbError: away (for 11 s; the budget is 10 s)
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._since: float | None = None
        self._pause = PAUSE_FIRST_S

    @property
    def lasts(self) -> float:
        """Seconds since the trouble began, 0 without any."""
        return 0.0 if self._since is None else self._clock() - self._since

    def bear(self, error: StreamimbError, since: float | None = None) -> float:
        """Seconds to wait before the next try. Raises the error's own kind once the budget is spent.

        since: when the call began that failed, which may have waited long itself.
        """
        now = self._clock()
        self._since = (now if since is None else since) if self._since is None else self._since
        if now - self._since > self.seconds:
            raise type(error)(f"{error} (for {now - self._since:.0f} s; the budget is {self.seconds:.0f} s)") from error
        pause, self._pause = self._pause, min(2 * self._pause, PAUSE_MOST_S)
        return pause

    def over(self) -> None:
        """The trouble has passed."""
        self._since, self._pause = None, PAUSE_FIRST_S


class Breaker:
    """Stops before a bad release of a producer drains a topic into the dead letters.

    >>> breaker = Breaker(BudgetConfig(rejects_in_a_row=3))
    >>> breaker.count(np.array([True, False, True, True]))
    >>> breaker.count(np.array([True]))
    Traceback (most recent call last):
    streamimb.errors.RefusedError: 3 records in a row were refused; budget.rejects_in_a_row is 3
    """

    def __init__(self, budget: BudgetConfig) -> None:
        self._budget = budget
        self._row = self._records = self._refused = 0
        self._window: deque[tuple[int, int]] = deque()

    def count(self, refused: NDArray[np.bool_]) -> None:
        """Some records came: which were refused, bool (n,). Raises RefusedError where a bound is reached."""
        longest = self._longest_row(refused)
        self._window.append((len(refused), int(refused.sum())))
        self._records += len(refused)
        self._refused += int(refused.sum())
        while self._records - self._window[0][0] >= self._budget.rejects_window:
            past = self._window.popleft()
            self._records, self._refused = self._records - past[0], self._refused - past[1]
        if longest >= self._budget.rejects_in_a_row:
            raise RefusedError(
                f"{longest:,} records in a row were refused; budget.rejects_in_a_row is "
                f"{self._budget.rejects_in_a_row:,}"
            )
        full = self._records >= self._budget.rejects_window
        if full and self._refused > self._budget.rejects_share * self._records:
            raise RefusedError(
                f"{self._refused:,} of the last {self._records:,} records were refused; budget.rejects_share is "
                f"{self._budget.rejects_share:g}"
            )

    def _longest_row(self, refused: NDArray[np.bool_]) -> int:
        """The longest row that ends among these; one that reaches their end goes on with the next."""
        accepted = np.flatnonzero(~refused)
        if not len(accepted):
            self._row += len(refused)
            return self._row
        first, self._row = self._row + int(accepted[0]), len(refused) - 1 - int(accepted[-1])
        between = int(np.diff(accepted).max(initial=1)) - 1
        return max(first, between, self._row)
