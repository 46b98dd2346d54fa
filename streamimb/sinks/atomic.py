"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from streamimb.errors import OutputError

#: Temporary files of this process that are neither in place nor removed.
_unsettled: Final[set[Path]] = set()


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
    replaced by renaming. The temporary file is locked while it is written, so that one without a lock belongs to a
    process that died, and is removed. Raises OutputError where the folder does not exist or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        target = Path(os.path.realpath(path))
        self._target = target
        self._temporary: Path | None = None
        self._lock = -1  # holds the lock from when the file is closed to when it is in place
        self._settled = False
        with told_as_output(path):
            if target.is_dir():
                raise IsADirectoryError(0, "a folder, not a file")
            if target.exists() and not target.is_file():
                self.file: BinaryIO = target.open("wb", buffering=0)
            else:
                _remove_dead(target)
                self._temporary, self.file = _new_temporary(target)
                _unsettled.add(self._temporary)

    def finish(self) -> None:
        """Write all that is held and close the file, under its temporary name still."""
        with told_as_output(self.path):
            if self._temporary is not None and self._lock < 0:
                self._lock = os.dup(self.file.fileno())
            self.file.close()

    def commit(self) -> None:
        """Close the file and put it in place."""
        if self._settled:
            return
        self.finish()
        with told_as_output(self.path):
            if self._temporary is not None:
                self._temporary.replace(self._target)
        self._settle()

    def abort(self) -> None:
        """Close the file and remove it; a second call, or one after ``commit``, does nothing."""
        if self._settled:
            return
        with contextlib.suppress(OSError):
            self.file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
        self._settle()

    def _settle(self) -> None:
        self._settled = True
        if self._temporary is not None:
            _unsettled.discard(self._temporary)
        if self._lock >= 0:
            os.close(self._lock)


def _new_temporary(target: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        file = path.open("xb")
        with contextlib.suppress(OSError):  # where a file system knows no locks, there is nothing to hold
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():  # another process may have taken it for a dead one's before it was locked
            return path, file
        file.close()


def _remove_dead(target: Path) -> None:
    """Remove what processes that died left of this file."""
    part = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.part")
    for path in target.parent.iterdir():
        if part.fullmatch(path.name):
            with contextlib.suppress(OSError), path.open("rb") as file:  # locked: somebody is writing it
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def remove_unsettled() -> None:
    """Remove the temporary files that this process still writes, for one that ends at once: nobody closes them."""
    for path in list(_unsettled):
        with contextlib.suppress(OSError):
            path.unlink()


def write_whole(path: Path, text: str) -> None:
    """A text file that appears whole or not at all."""
    file = AtomicFile(path)
    try:
        with told_as_output(path):
            file.file.write(text.encode())
        file.commit()
    finally:
        file.abort()
