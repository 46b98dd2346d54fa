"""SIGTERM and Ctrl-C of a service: the first asks, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class Stopping:
    """While it is entered, the first signal sets ``asked``; a second ends the process at once, with 143 or 130.

    on_ask: called at the first, from wherever the process is.
    """

    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        self.asked, self._on_ask = False, on_ask
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.signal(n, self._on_signal) for n in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            os._exit(128 + number)
        self.asked = True
        self._on_ask()
