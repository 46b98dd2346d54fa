"""One thread beside the loop that never keeps the process: what hangs in it dies with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Seconds that its end waits for what is under way.
END_S: Final = 1.0


class Background(Executor):
    """Does what is submitted, in order, in a daemon thread of this name; ``concurrent.futures`` joins its own threads.

    >>> with Background("sums") as background:
    ...     background.submit(sum, [1, 2, 3]).result()
    6
    """

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._ended = False
        self._thread.start()

    def submit(self, call: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Do it later. Raises RuntimeError after the end."""
        if self._ended:
            raise RuntimeError(f"{self._thread.name} has ended: nothing can be submitted")
        future: Future[T] = Future()
        self._waiting.put((future, lambda: call(*arguments, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more, and wait ``END_S`` at most for what was submitted, or what is under way."""
        self._ended = True
        if cancel_futures:
            with suppress(Empty):
                while True:
                    if (left := self._waiting.get_nowait()) is not None:
                        left[0].cancel()
        self._waiting.put(None)
        if wait:
            self._thread.join(END_S)

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # whoever waits for it is told
                future.set_exception(error)
