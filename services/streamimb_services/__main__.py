"""The console command, also as ``python -m streamimb_services``, where a script's shebang cannot name the folder."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly while modules are still being imported, too."""
    signal.signal(signal.SIGINT, _on_ctrl_c)
    from streamimb_services.cli import main as run

    run()


def _on_ctrl_c(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(128 + number)  # an exception in the middle of a module would be lost, or told at length
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
