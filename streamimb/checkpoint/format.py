"""One file: a header in JSON, arrays, and a checksum over everything before it.

The file is a safetensors file, so that other tools can look into it: eight bytes with the length of a JSON object that
names each array's type, shape and place; then the arrays' bytes. The object's ``__metadata__`` holds this format's own
header and the header's checksum; the last array, ``checksum``, holds four bytes: the CRC-32C (little-endian) of all
that comes before them. Equal headers and states give equal bytes: keys are sorted, arrays little-endian, C-ordered,
the widest first and then by name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
import safetensors
from crc32c import crc32c
from numpy.typing import NDArray

from streamimb.checkpoint.tree import DTYPES, Arrays, flatten, unflatten
from streamimb.errors import StateError

#: Raised when the layout of a file changes.
FORMAT_VERSION: Final = 1
#: A header is no longer: arrays are where the size is.
HEADER_BYTES_MAX: Final = 64 << 20
#: Arrays are handed over in pieces of so much at most, so that a write can be watched.
PIECE_BYTES: Final = 8 << 20

CHECKSUM: Final = "checksum"
CHECKSUM_BYTES: Final = 4
Header = dict[str, Any]


class RottenError(StateError):
    """A file is not whole, or not what was written."""


def pack(header: Header, state: Any) -> Iterator[memoryview]:
    """The file in pieces, without a copy of the arrays: they must not change before the last piece was taken.

    header: JSON data; ``format`` and ``state`` are added. Raises StateError where the state is not plain data.
    """
    plain, arrays = flatten(state)
    text = _json({**header, "format": FORMAT_VERSION, "state": plain})
    ordered = [(name, _laid_out(arrays[name])) for name in sorted(arrays, key=lambda n: (-arrays[n].itemsize, n))]
    head = _head(text, ordered)
    checksum = 0
    for piece in chain([memoryview(head)], *(_pieces(array) for _, array in ordered)):
        checksum = crc32c(piece, checksum)
        yield piece
    yield memoryview(struct.pack("<I", checksum))


def _head(text: str, ordered: list[tuple[str, NDArray[Any]]]) -> bytes:
    names = {dtype: name for name, dtype in DTYPES.items()}
    directory: dict[str, Any] = {"__metadata__": {"crc32c": f"{crc32c(text.encode()):08x}", "header": text}}
    at = 0
    for name, array in ordered:
        place = [at, at + array.nbytes]
        directory[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": place}
        at += array.nbytes
    directory[CHECKSUM] = {"dtype": "U8", "shape": [CHECKSUM_BYTES], "data_offsets": [at, at + CHECKSUM_BYTES]}
    told = json.dumps(directory, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 8)
    if len(told) > HEADER_BYTES_MAX:
        raise StateError(f"the state's scalars and texts take {len(told):,} bytes, over {HEADER_BYTES_MAX:,}")
    return struct.pack("<Q", len(told)) + told


def _laid_out(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    raw = array.reshape(-1).view(np.uint8)
    return (raw[at : at + PIECE_BYTES].data for at in range(0, len(raw), PIECE_BYTES))


def unpack(data: bytes) -> tuple[Header, Any]:
    """Header and state of a whole file, verified. Raises RottenError, or StateError for a newer format."""
    if len(data) <= 8 + CHECKSUM_BYTES:
        raise RottenError(f"torn: {len(data)} bytes are no whole file")
    found, body = struct.unpack("<I", data[-CHECKSUM_BYTES:])[0], memoryview(data)[:-CHECKSUM_BYTES]
    if crc32c(body) != found:
        raise RottenError("the checksum is wrong: the file is torn, or its bytes changed since it was written")
    header = unpack_header(data)
    return header, unflatten(header.pop("state"), _arrays(data))


def _arrays(data: bytes) -> Arrays:
    try:
        found = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise RottenError(f"not a file of arrays: {error}") from None
    return {name: np.frombuffer(v["data"], DTYPES[v["dtype"]]).reshape(v["shape"]) for name, v in found}


def header_bytes(start: bytes) -> int:
    """How many bytes from its start a file's header takes; start: at least its first 8 bytes. Raises RottenError."""
    if len(start) < 8:
        raise RottenError(f"torn: {len(start)} bytes are no whole file")
    size = int(struct.unpack("<Q", start[:8])[0]) + 8
    if size > HEADER_BYTES_MAX + 8:
        raise RottenError(f"a header of {size:,} bytes: over {HEADER_BYTES_MAX:,}, so that is none")
    return size


def unpack_header(data: bytes) -> Header:
    """The header alone, from at least so many of the file's bytes as it takes. Raises as :func:`unpack`."""
    size = header_bytes(data)
    try:
        told = json.loads(bytes(data[8:size]))["__metadata__"]
        text, checksum = told["header"], int(told["crc32c"], 16)
    except (ValueError, KeyError, TypeError):
        raise RottenError("the header cannot be read: the file is torn, or no checkpoint") from None
    if crc32c(text.encode()) != checksum:
        raise RottenError("the header's checksum is wrong: its bytes changed since it was written")
    header: Header = json.loads(text)
    if header["format"] != FORMAT_VERSION:
        raise StateError(
            f"the file has format {header['format']}, this version of streamimb reads {FORMAT_VERSION}"
            " (`streamimb checkpoint migrate` rewrites older ones where that can be done)"
        )
    return header


def digest(state: Any) -> str:
    """A SHA-256 of a state's canonical bytes: equal for equal states, however they were reached.

    >>> digest({"a": 1, "b": np.zeros(2)}) == digest({"b": np.zeros(2), "a": 1}) != digest({"b": np.zeros(3), "a": 1})
    True
    """
    sha = hashlib.sha256()
    for piece in pack({}, state):
        sha.update(piece)
    return sha.hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
