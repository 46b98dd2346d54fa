"""Ctrl-C and SIGTERM between two batches, so that what was read so far is whole."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Final, Self

from streamimb_services.leaving import SIGNALS, Leaving, leave

#: A second Ctrl-C sooner than this is the first one still, from a key that bounced or a shell that passed it on.
AGAIN_SECONDS: Final = 0.5
_NOTE: Final = b"\nstopping with the summary so far; press again to stop at once\n"


class AtOnce(BaseException):
    """Ctrl-C or SIGTERM once more: whoever asks twice does not want to wait."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Interrupt:
    """While it is entered, Ctrl-C and SIGTERM end what is under way in good order.

    Before ``begin`` there is nothing to lose, and either leaves the process at once, even out of a compiler. After it,
    the first raises KeyboardInterrupt at once, or at the end of a deferred block; one that comes clearly later raises
    AtOnce, wherever. A signal that falls into a finalizer is not raised there: ``asked`` tells of it.

    leave: ends the process with an exit code.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, leave: Callable[[int], object] = leave) -> None:
        self.asked = False
        self._clock, self._leaving = clock, Leaving(leave)
        self._exit_code = 0
        self._since: float | None = None
        self._begun = self._deferring = self._gone = self._finished = False
        self._before: dict[signal.Signals, Any] = {}
        self._told_before = sys.unraisablehook

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C; SIGTERM asks for a clean stop, and gets 0, as without either."""
        return self._exit_code

    def __enter__(self) -> Self:
        self._told_before = sys.unraisablehook
        sys.unraisablehook = self._on_unraisable
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
            self._leaving.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.end()
        for number, before in self._before.items():
            signal.signal(number, before)
        sys.unraisablehook = self._told_before

    def begin(self) -> None:
        """From now on there is something that would better be whole; said again, it changes nothing."""
        self._begun = True
        self._leaving.end()

    def hold(self) -> None:
        """From now on the first signal raises nothing: what is left to do is to be done."""
        self._deferring = True

    def finished(self) -> None:
        """What was under way is whole and told: from now on a signal sets ``asked``, and nothing more is said of it."""
        self._deferring = self._finished = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = self._clock()
        if not self._begun:
            return  # the process is ending
        if not self.asked:
            self.asked, self._since = True, now
            if self._finished:
                return
            if number == signal.SIGINT:
                self._exit_code = 128 + number
                with contextlib.suppress(OSError):
                    os.write(2, _NOTE)  # print may be in the middle of a line
            if not self._deferring:
                raise KeyboardInterrupt
        elif not self._gone and self._since is not None and now - self._since > AGAIN_SECONDS:
            self._gone = True
            raise AtOnce(number)

    def _on_unraisable(self, unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt | AtOnce):
            self._told_before(unraisable)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """A block that the first signal does not cut; one that came in it is raised at its end."""
        before = self.asked
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self.asked and not before:
            raise KeyboardInterrupt
