"""What every source of events gives, and the errors of reading files said in words."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from streamimb.batch import Batch, Rejected
from streamimb.errors import InputError

Pair = tuple[Batch, list[Rejected]]

#: Rows decoded at once; smaller batches are cut from them.
PIECE_ROWS: Final = 8_192
BATCH_EVENTS: Final = 4_096
#: Bytes read from a file at once.
READ_BYTES: Final = 1 << 20


class Source(Protocol):
    """A stream of batches, in order."""

    @property
    def bytes_total(self) -> int | None:
        """Size of all there is to read, or None where that is not known."""
        ...

    @property
    def bytes_done(self) -> int:
        """How much of it has been read, in the same (compressed) bytes."""
        ...

    def batches(self) -> Iterator[Pair]:
        """Batches of accepted rows and what was refused among them. Raises InputError."""
        ...


@contextmanager
def reading(path: str, where: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Turn the errors of opening and reading a file into InputError, with what to do about each."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a directory; name the files in it") from error
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it; change its mode or its owner") from error
    except EOFError as error:
        raise InputError(f"{path}: ends in the middle of its compressed data{where()}; fetch it again") from error
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{path}: is not the compressed file that its name says{where()}: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read{where()}: {error.strerror or error}") from error
