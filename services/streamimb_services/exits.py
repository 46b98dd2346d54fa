"""How a command ends: one line on standard error, and an exit code that says which kind of trouble it was."""

from __future__ import annotations

import functools
import json
import os
import sys
import textwrap
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec

import typer

from streamimb.errors import OutputError, StreamimbError
from streamimb_services.interrupt import AtOnce
from streamimb_services.visible import visible

P = ParamSpec("P")

UNEXPECTED = 1
#: An unexpected error's message is told up to here: some libraries write pages.
UNEXPECTED_CHARS_MAX = 300
INTERRUPTED = 130


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into its message and exit code; tracebacks only under STREAMIMB_DEBUG=1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except typer.BadParameter as error:
            error.message = visible(error.message, keep="\n")
            raise
        except (typer.Exit, typer.Abort):
            raise
        except StreamimbError as error:
            raise _failed(str(error), error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except AtOnce as stop:
            raise typer.Exit(stop.exit_code) from None
        except BrokenPipeError:  # the reader has had enough, as `head` does
            drop_output()
            raise typer.Exit(0) from None
        except Exception as error:
            what = textwrap.shorten(str(error), UNEXPECTED_CHARS_MAX) or "no message"
            told = f"unexpected {type(error).__name__}: {what} (STREAMIMB_DEBUG=1 shows where)"
            raise _failed(told, UNEXPECTED) from None

    return run


def tell(result: str) -> None:
    """Write a result on standard output, whole lines, as a terminal may get it. Raises OutputError."""
    write(visible(result, keep="\n"))


def write(text: str) -> None:
    """Write on standard output what holds nothing of others raw. Raises OutputError where it cannot be written."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise OutputError(f"standard output: cannot write: {error.strerror or error}") from None


def tell_json(result: Any) -> None:
    """Write a result on standard output as one line of standard JSON."""
    tell(json.dumps(result, allow_nan=False) + "\n")


def drop_output() -> None:
    """Nothing can be written any more: what is still held must not fail once more when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(message: str) -> None:
    """Tell the person at the terminal something that is no result."""
    print(visible(message, keep="\n"), file=sys.stderr, flush=True)  # noqa: T201  standard error is this function's purpose


def _failed(message: str, code: int) -> typer.Exit:
    if os.environ.get("STREAMIMB_DEBUG") == "1":
        traceback.print_exc()
    note(f"error: {message}")
    return typer.Exit(code)
