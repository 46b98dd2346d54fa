"""Ctrl-C between two batches, so that what was read so far is whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self


class Interrupt:
    """While it is entered, Ctrl-C raises at once but inside :meth:`deferred`, where it waits for the block's end.

    A second Ctrl-C inside the block raises at once.
    """

    def __init__(self) -> None:
        self._deferring = False
        self._asked = False
        self._before: signal._HANDLER = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._deferring or self._asked:
            raise KeyboardInterrupt
        self._asked = True

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """A block that Ctrl-C does not cut; KeyboardInterrupt is raised at its end."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self._asked:
            raise KeyboardInterrupt
