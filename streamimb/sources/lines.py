"""Lines of a file in blocks, within bounded memory however long a line is."""

from __future__ import annotations

import gzip
import lzma
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from streamimb.errors import InputError
from streamimb.sources.base import READ_BYTES

STDIN: Final = "-"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines: ``data`` (the last line may lack its newline) and the number of the first."""

    data: bytes
    line: int


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was skipped, never held in memory."""

    line: int
    n_bytes: int


class LineReader:
    """Reads one file, plain, .gz or .xz, or standard input."""

    def __init__(self, path: str, line_bytes_max: int) -> None:
        self.path, self._max = path, line_bytes_max
        self.line = 1
        self._file: IO[bytes] | None = None

    @property
    def position(self) -> int:
        """Bytes of the (compressed) file that have been read."""
        return 0 if self._file is None or self._file.closed or self.path == STDIN else self._file.tell()

    def where(self) -> str:
        """Where reading stands, for an error."""
        return f" after line {self.line - 1:,}"

    def blocks(self) -> Iterator[Block | TooLong]:
        """The file's lines. Raises the errors of reading, and InputError for an empty or a UTF-16 file."""
        with self._open() as stream:
            chunk = stream.read(READ_BYTES)
            self._check_start(chunk)
            chunk = chunk.removeprefix(_BOM)
            rest: list[bytes] = []
            while chunk:
                end = chunk.rfind(b"\n") + 1
                if end:
                    yield self._block(b"".join((*rest, chunk[:end])))
                    rest = []
                rest.append(chunk[end:])
                if sum(map(len, rest)) > self._max:
                    chunk = yield from self._skip(stream, sum(map(len, rest)))
                    rest = []
                    if chunk:
                        continue
                chunk = stream.read(READ_BYTES)
            last = b"".join(rest)
            if last:
                yield self._block(last)

    def _block(self, data: bytes) -> Block:
        block = Block(data, self.line)
        self.line += data.count(b"\n")
        return block

    def _skip(self, stream: IO[bytes], n_bytes: int) -> Generator[TooLong, None, bytes]:
        rest = b""
        while chunk := stream.read(READ_BYTES):
            end = chunk.find(b"\n")
            if end >= 0:
                n_bytes, rest = n_bytes + end, chunk[end + 1 :]
                break
            n_bytes += len(chunk)
        yield TooLong(self.line, n_bytes)
        self.line += 1
        return rest

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self.path == STDIN:
            yield cast(IO[bytes], sys.stdin.buffer)
            return
        with Path(self.path).open("rb") as self._file:
            if self.path.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=self._file) as packed:
                    yield cast(IO[bytes], packed)
            elif self.path.lower().endswith(".xz"):
                with lzma.LZMAFile(self._file) as stream:
                    yield cast(IO[bytes], stream)
            else:
                yield self._file

    def _check_start(self, start: bytes) -> None:
        if not start:
            raise InputError(f"{self.path}: is empty")
        if start.startswith(_UTF16) or b"\0" in start[:64]:
            raise InputError(f"{self.path}: is UTF-16 or binary, not UTF-8 text; convert it (iconv -t UTF-8)")
