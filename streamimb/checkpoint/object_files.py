"""An object store behind fsspec: the only file that knows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import fsspec

from streamimb.checkpoint.files import Entry, Pieces, Probe
from streamimb.errors import ConfigError, StorageError, StreamimbError


class ObjectFiles:
    """A prefix of an object store. An object appears when its upload is complete.

    Raises ConfigError where the url's kind of store is not known, or its package not installed.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        try:
            self._fs, self._root = fsspec.url_to_fs(url, **(storage_options or {}))
        except (ImportError, ValueError) as error:
            raise ConfigError(f"state.url {url!r}: {error}") from None
        self._url = url.rstrip("/")
        self._root = self._root.rstrip("/")

    def entries(self, folder: str) -> list[Entry]:
        return sorted(
            Entry(_last(found["name"]), int(found["size"] or 0), _seconds(found))
            for found in self._list(folder)
            if found["type"] == "file" and _last(found["name"])
        )

    def folders(self) -> list[str]:
        return sorted(_last(found["name"]) for found in self._list("") if found["type"] == "directory")

    def _list(self, folder: str) -> list[dict[str, Any]]:
        path = self._path(folder)
        with self._told(folder):
            self._fs.invalidate_cache()  # what others wrote must be seen
            try:
                return list(self._fs.ls(path, detail=True))
            except FileNotFoundError:
                return []

    def read(self, path: str, bytes_max: int | None = None) -> bytes | None:
        with self._told(path):
            self._fs.invalidate_cache()
            try:
                return bytes(self._fs.cat_file(self._path(path), end=bytes_max))
            except FileNotFoundError:
                return None

    def write(self, path: str, pieces: Pieces, probe: Probe) -> int:
        written = 0
        with self._told(path):
            file = self._fs.open(self._path(path), "wb")
            try:
                for piece in pieces:
                    file.write(piece)
                    if written == 0:
                        probe("mid-write")
                    written += len(piece)
            except BaseException:
                with contextlib.suppress(Exception):  # nothing of an upload that failed is to be seen
                    file.discard()
                file.closed = True
                raise
            file.close()
            probe("after rename")
        return written

    def create(self, path: str, data: bytes) -> bool:
        with self._told(path):
            try:
                self._fs.pipe_file(self._path(path), data, mode="create")
            except FileExistsError:
                # a put that was answered too late is sent again, and then finds itself
                return self.read(path) == data
        return True

    def remove(self, path: str) -> None:
        with self._told(path), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(path))

    def sweep(self, folder: str) -> None:
        """Nothing to do: uploads that never ended are not seen, and the store's own rules end them."""

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")

    @contextlib.contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except StreamimbError:
            raise
        except Exception as error:  # each store's client has a tree of errors of its own
            raise StorageError(f"{self._url}/{path}: {type(error).__name__}: {error}") from error


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _seconds(found: Mapping[str, Any]) -> float:
    when = found.get("LastModified") or found.get("mtime") or found.get("created") or found.get("updated")
    if isinstance(when, datetime):
        return when.timestamp()
    return float(when) if isinstance(when, int | float) else float("nan")
