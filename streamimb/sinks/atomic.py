"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from streamimb.errors import OutputError


@contextlib.contextmanager
def told_as_output(path: Path) -> Iterator[None]:
    """An error of the file system, told as an OutputError that names the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from None


class AtomicFile:
    """A binary file under a temporary name beside ``path``, renamed to it by ``commit``.

    A link is followed, and what is no regular file (a pipe, a device) is written straight away: neither can be
    replaced by renaming. Raises OutputError where the folder does not exist or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        target = Path(os.path.realpath(path))
        self._target = target
        self._temporary: Path | None = None
        self._settled = False
        with told_as_output(path):
            if target.is_dir():
                raise IsADirectoryError(0, "a folder, not a file")
            if target.exists() and not target.is_file():
                self.file: BinaryIO = target.open("wb", buffering=0)
            else:
                temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
                self.file = temporary.open("xb")
                self._temporary = temporary

    def commit(self) -> None:
        """Close the file and put it in place."""
        if self._settled:
            return
        with told_as_output(self.path):
            self.file.close()
            if self._temporary is not None:
                self._temporary.replace(self._target)
        self._settled = True

    def abort(self) -> None:
        """Close the file and remove it; a second call, or one after ``commit``, does nothing."""
        if self._settled:
            return
        self._settled = True
        with contextlib.suppress(OSError):
            self.file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """A text file that appears whole or not at all."""
    file = AtomicFile(path)
    try:
        with told_as_output(path):
            file.file.write(text.encode())
        file.commit()
    finally:
        file.abort()
