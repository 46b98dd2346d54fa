"""A live page that stays for a while after its replay, where a person sits at the terminal."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable
from typing import Final

from streamimb_services.exits import note
from streamimb_services.interrupt import Interrupt

#: How soon Ctrl-C ends it, seconds.
LOOK_S: Final = 0.2


def is_attended() -> bool:
    """Whether a person can see that it waits, and end it: a job that runs alone must not wait for anybody."""
    ends = (sys.stdin, sys.stderr)  # None where one is closed
    return not os.environ.get("CI") and all(end is not None and end.isatty() for end in ends)


def linger(seconds: float, url: str, interrupt: Interrupt, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait for Enter, Ctrl-C, SIGTERM or the end of ``seconds``, and say so first."""
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    note(f"the live page stays at {url} until {until}; Enter ends it")
    interrupt.finished()
    end = clock() + seconds
    while clock() < end and not interrupt.asked:
        if select.select([sys.stdin], [], [], min(LOOK_S, max(end - clock(), 0.0)))[0]:
            sys.stdin.readline()
            return
