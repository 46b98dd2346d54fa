"""Ctrl-C between two batches, so that what was read so far is whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self


class AtOnce(BaseException):
    """A second Ctrl-C: whoever presses twice does not want to wait."""


class Interrupt:
    """While it is entered, the first Ctrl-C raises KeyboardInterrupt at once, or at the end of a deferred block.

    The second raises AtOnce, wherever it comes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._deferring = False
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
        if self.asked:
            raise AtOnce
        self.asked = True
        if not self._deferring:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """A block that the first Ctrl-C does not cut; one that came in it is raised at its end."""
        before = self.asked
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self.asked and not before:
            raise KeyboardInterrupt
