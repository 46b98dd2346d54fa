"""Where the records of a batch begin and end: Kafka's record format 2, read as arrays instead of an object each.

The format is Kafka's documentation, "Record" under "Message format": length, attributes, timestamp delta, offset delta,
key, value and headers, whose numbers are zigzag varints of up to 64 bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array, leaf

#: Columns of what ``scan`` finds.
TIMESTAMP, OFFSET, KEY, KEY_SIZE, VALUE, VALUE_SIZE, HEADERS, HEADER_COUNT, COLUMNS = range(9)
VARINT_BYTES_MAX: Final = 10
#: A record takes 7 bytes at the least.
RECORD_BYTES_MIN: Final = 7


@leaf
def _varint(buffer: Array, at: int, stop: int, into: Array, column: int) -> int:
    """Read a number into ``into[column]``; the position after it, or -1 where it does not end in time."""
    bits = np.uint64(0)
    for i in range(VARINT_BYTES_MAX):
        if at + i >= stop:
            return -1
        byte = np.uint64(buffer[at + i])
        bits |= (byte & np.uint64(0x7F)) << np.uint64(7 * i)
        if byte < np.uint64(0x80):
            into[column] = np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1))
            return at + i + 1
    return -1


@leaf
def _scan(buffer: Array, at: int, n: int, row: Array, into: Array) -> int:
    """Find n records from a position on; the position after the last, or -1 where the bytes are not records."""
    size = len(buffer)
    for i in range(n):
        at = _varint(buffer, at, size, row, 0)
        if at < 0 or row[0] < 0 or row[0] > size - at:
            return -1
        stop = at + row[0]
        at += 1  # attributes, which are unused
        for column in (TIMESTAMP, OFFSET):
            at = _varint(buffer, at, stop, row, column)
            if at < 0:
                return -1
        for column in (KEY, VALUE):
            at = _varint(buffer, at, stop, row, column + 1)
            if at < 0 or row[column + 1] > stop - at:
                return -1
            row[column] = at
            at += max(0, row[column + 1])
        at = _varint(buffer, at, stop, row, HEADER_COUNT)
        if at < 0 or row[HEADER_COUNT] < 0 or (row[HEADER_COUNT] == 0 and at != stop):
            return -1
        row[HEADERS] = at
        at = stop
        for column in range(COLUMNS):
            into[i, column] = row[column]
    return at


def scan(buffer: bytes | bytearray, at: int, n: int) -> NDArray[np.int64]:
    """Where n records lie that begin at a position and fill the rest: int64 (n, COLUMNS).

    Offsets and timestamps are deltas to the batch's own. Raises ValueError where the bytes are not n records.
    """
    if not 0 <= n <= (len(buffer) - at) // RECORD_BYTES_MIN:
        raise ValueError(f"{n} records do not fit into {len(buffer) - at} bytes")
    into = np.empty((n, COLUMNS), dtype=np.int64)
    end = _scan(np.frombuffer(buffer, dtype=np.uint8), at, n, np.zeros(COLUMNS, dtype=np.int64), into)
    if end != len(buffer):
        raise ValueError(f"not {n} records")
    return into


def read_headers(buffer: bytes, at: int, count: int) -> list[tuple[str, bytes]]:
    """The headers of one record from a position on; a header without a value has an empty one.

    Raises ValueError where the bytes are not that many headers.
    """
    row = np.zeros(1, dtype=np.int64)
    array = np.frombuffer(buffer, dtype=np.uint8)
    parts: list[bytes] = []
    for _ in range(2 * count):
        at = _varint(array, at, len(array), row, 0)
        size = max(0, int(row[0]))
        if at < 0 or size > len(buffer) - at:
            raise ValueError(f"not {count} headers")
        parts.append(buffer[at : at + size])
        at += size
    return [(name.decode("utf-8", "replace"), value) for name, value in zip(parts[::2], parts[1::2], strict=True)]
