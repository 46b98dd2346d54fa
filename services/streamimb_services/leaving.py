"""A process that ends at the first signal, whatever its main thread is at: a compiler keeps that for half a minute."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from streamimb.sinks.atomic import remove_unsettled

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Shows the cursor again, which a bar had hidden, at the beginning of a line.
_CURSOR: Final = b"\x1b[?25h\n"


def leave(code: int) -> None:
    """End the process at once, with this exit code; no temporary file is left, and a terminal as it was."""
    with suppress(Exception):
        remove_unsettled()
        if os.isatty(2):
            os.write(2, _CURSOR)
    os._exit(code)


class Leaving:
    """Between ``begin`` and ``end`` the first SIGINT or SIGTERM ends the process: exit 130 or 143.

    A handler in Python runs when the main thread comes back from what it has called, and one call into LLVM takes up
    to twenty seconds on a busy core; here the system itself wakes a thread that waits for signals. Both methods are for
    the main thread, whose handlers of the two must be Python's own; more than once they do nothing.

    leave: ends the process with the code that it is given.
    """

    def __init__(self, leave: Callable[[int], object] = leave) -> None:
        self._leave = leave
        self._wakes = self._before = -1

    def begin(self) -> None:
        """From now on a signal ends the process."""
        if self._wakes < 0:
            woken, self._wakes = os.pipe()
            os.set_blocking(self._wakes, False)
            self._before = signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
            threading.Thread(target=self._wait, args=(woken,), name="leaving", daemon=True).start()

    def end(self) -> None:
        """From now on signals are the handlers' again; one that came before it still ends the process."""
        if self._wakes >= 0:
            signal.set_wakeup_fd(self._before)
            os.close(self._wakes)
            self._wakes = -1

    def _wait(self, woken: int) -> None:
        with open(woken, "rb", buffering=0) as signals:
            while told := signals.read(1):
                if told[0] in SIGNALS:
                    self._leave(128 + told[0])
