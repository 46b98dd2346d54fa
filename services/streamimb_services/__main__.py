"""The console command, also as ``python -m streamimb_services``, where a script's shebang cannot name the folder."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly from here on, while modules are still being imported too."""
    signal.signal(signal.SIGINT, _leave)
    from streamimb_services.cli import main as run

    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End the process where nothing can be lost: an exception would be lost itself, or told, by what it falls into."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
