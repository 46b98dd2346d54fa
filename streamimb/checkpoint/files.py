"""Where checkpoints live, as few words as they need: a folder, or an object store (``object_files``)."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from streamimb.errors import StorageError

#: Told the name of each step of a write as it is reached, so that a test can end the process there.
Probe = Callable[[str], None]
Pieces = Iterable[memoryview]

TEMPORARY: Final = ".part"


def no_probe(step: str) -> None:
    """Nobody watches."""


class Entry(NamedTuple):
    """A file: its name in its folder, its size, and when it was written, in seconds since 1970 by the storage."""

    name: str
    bytes: int
    modified: float


class Files(Protocol):
    """Folders of files that appear whole. Every method may raise StorageError."""

    def entries(self, folder: str) -> list[Entry]:
        """The files of a folder in order of name; none where there is no such folder."""
        ...

    def folders(self) -> list[str]:
        """Names of the folders at the top."""
        ...

    def read(self, path: str, bytes_max: int | None = None) -> bytes | None:
        """A file's bytes, or so many from its start; None where there is none."""
        ...

    def write(self, path: str, pieces: Pieces, probe: Probe) -> int:
        """Put a file in place, whole and for good; return its size."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Put a small file in place if there is none of that name, and say whether that was so."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        ...

    def sweep(self, folder: str) -> None:
        """Remove what writes that never ended left in a folder."""
        ...


class LocalFiles:
    """A folder. Files are private (0600, folders 0700), synced, and renamed into place; then their folder is synced."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self, folder: str) -> list[Entry]:
        with self._told(folder), contextlib.suppress(FileNotFoundError):
            found = [e for e in self._scan(folder) if e.is_file(follow_symlinks=False) and not _is_temporary(e.name)]
            return sorted(e for e in map(_entry, found) if e is not None)
        return []

    def folders(self) -> list[str]:
        with self._told(""), contextlib.suppress(FileNotFoundError):
            return sorted(entry.name for entry in self._scan("") if entry.is_dir())
        return []

    def read(self, path: str, bytes_max: int | None = None) -> bytes | None:
        with self._told(path):
            try:
                with (self.root / path).open("rb", buffering=0) as file:
                    return file.readall() if bytes_max is None else file.read(bytes_max)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, path: str, pieces: Pieces, probe: Probe) -> int:
        target = self.root / path
        with self._told(path):
            self._make(target.parent)
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{TEMPORARY}")
            try:
                with _private(temporary) as file:
                    written = _write(file, pieces, probe)
                    file.flush()
                    os.fsync(file.fileno())
                probe("after fsync")
                temporary.rename(target)
            except Exception:
                with contextlib.suppress(OSError):  # a full disk gets its space back
                    temporary.unlink()
                raise
            probe("after rename")
            _sync_folder(target.parent)
            return written

    def create(self, path: str, data: bytes) -> bool:
        target = self.root / path
        with self._told(path):
            self._make(target.parent)
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{TEMPORARY}")
            try:
                with _private(temporary) as file:
                    _write_all(file, memoryview(data))
                    os.fsync(file.fileno())
                _name_new(temporary, target)
            except (FileExistsError, FileNotFoundError):  # taken, or swept by the next claimer: asked again
                return False
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
            return True

    def remove(self, path: str) -> None:
        with self._told(path):
            (self.root / path).unlink(missing_ok=True)

    def sweep(self, folder: str) -> None:
        with self._told(folder), contextlib.suppress(FileNotFoundError):
            for entry in self._scan(folder):
                if _is_temporary(entry.name):
                    Path(entry.path).unlink(missing_ok=True)

    def _scan(self, folder: str) -> Sequence[os.DirEntry[str]]:
        with os.scandir(self.root / folder) as found:
            return list(found)

    def _make(self, folder: Path) -> None:
        missing = [f for f in (folder, *folder.parents) if not f.exists()]
        for new in reversed(missing):
            new.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(new.parent)

    @contextlib.contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.root / path}: {error.strerror or error}") from error


def _entry(found: os.DirEntry[str]) -> Entry | None:
    try:
        stat = found.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed since it was listed
        return None
    return Entry(found.name, stat.st_size, stat.st_mtime)


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(TEMPORARY)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)


def _name_new(temporary: Path, target: Path) -> None:
    """Give a whole file its name, if nothing has it. Raises FileExistsError."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        with target.open("xb") as file:  # where a file system has no links, the file is whole a moment later
            file.write(temporary.read_bytes())
            os.fsync(file.fileno())


def _write(file: Any, pieces: Pieces, probe: Probe) -> int:
    """Write the pieces; the probe hears of the middle of the first piece, which every file has."""
    written = 0
    for piece in pieces:
        half = len(piece) // 2 if written == 0 else 0
        _write_all(file, piece[:half])
        if written == 0:
            probe("mid-write")
        _write_all(file, piece[half:])
        written += len(piece)
    return written


def _write_all(file: Any, piece: memoryview) -> None:
    """A raw file may take less than it is given: a full disk is found out by asking again."""
    while len(piece):
        piece = piece[file.write(piece) :]


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
