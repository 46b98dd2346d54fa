"""Batches of bytes from kafka-python's fetcher, which would build an object of every record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import kafka.errors
from kafka.consumer.fetcher import Fetcher, IsolationLevel

from streamimb.sources.log import Headers
from streamimb.sources.record_batch import (
    HEADER_COUNT,
    HEADERS,
    KEY,
    KEY_SIZE,
    OFFSET,
    TIMESTAMP,
    VALUE,
    VALUE_SIZE,
    read_headers,
    scan,
)

NO_HEADERS: Headers = ()


class FastPartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python ships no types
    """What one response holds of one partition, taken as rows batch by batch.

    It stands in for kafka-python's class of that place, and keeps to what the fetcher asks of it: ``take``, ``drain``,
    truth while something is left, ``next_fetch_offset`` and ``leader_epoch``.
    """

    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, records, **options)
        self._batches = records
        self._rows: list[tuple[Any, ...]] = []
        self._at = 0
        self._then = fetch_offset

    def take(self, n: int | None = None) -> list[tuple[Any, ...]]:
        """Up to n rows. Raises CorruptRecordError."""
        taken: list[tuple[Any, ...]] = []
        while n is None or len(taken) < n:
            if self._at == len(self._rows) and not self._next_batch():
                break
            stop = len(self._rows) if n is None else self._at + n - len(taken)
            part = self._rows[self._at : stop]
            self._at += len(part)
            self.records_read += len(part)
            if part:
                taken += part
                self.next_fetch_offset = part[-1][0] + 1
        if self._at == len(self._rows):
            self.next_fetch_offset = max(self.next_fetch_offset, self._then)
            if not self._batches.has_next():
                self.drain()
        return taken

    def _next_batch(self) -> bool:
        """Read on; whether there was anything. Raises CorruptRecordError: what was taken before it still counts."""
        batch = self._batches.next_batch() if self._batches.has_next() else None
        if batch is None:
            return False
        if self.check_crcs and not batch.validate_crc():
            raise kafka.errors.CorruptRecordError(
                f"a batch of {self.topic_partition} at offset {batch.base_offset} does not match its checksum"
            )
        self._at, self._rows = 0, []
        if not self._is_hidden(batch):
            self.bytes_read += batch.size_in_bytes
            rows = _rows(batch, str(self.topic_partition))
            skip = next((i for i, row in enumerate(rows) if row[0] >= self.fetch_offset), len(rows))
            self._rows = rows[skip:] if skip else rows
        self._then = max(self._then, batch.next_offset)
        return True

    def _is_hidden(self, batch: Any) -> bool:
        """Whether nobody reads a batch: a marker of a transaction, or part of one that was aborted."""
        self.leader_epoch = batch.leader_epoch
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


def _rows(batch: Any, where: str) -> list[tuple[Any, ...]]:
    """The rows of a batch of format 2, decompressed if need be. Raises CorruptRecordError."""
    batch._maybe_uncompress()
    buffer = bytes(batch._buffer)
    try:
        found = scan(buffer, batch._pos, batch.records_count)
        headers = _headers(buffer, found)
    except ValueError as error:
        raise kafka.errors.CorruptRecordError(f"{where} at offset {batch.base_offset}: {error}") from error
    offsets = (found[:, OFFSET] + batch.base_offset).tolist()
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        timestamps = [batch.max_timestamp] * len(offsets)
    else:
        timestamps = (found[:, TIMESTAMP] + batch.first_timestamp).tolist()
    keys = _cut(buffer, found[:, KEY].tolist(), found[:, KEY_SIZE].tolist())
    values = _cut(buffer, found[:, VALUE].tolist(), found[:, VALUE_SIZE].tolist())
    return list(zip(offsets, timestamps, keys, values, headers, strict=True))


def _cut(buffer: bytes, starts: list[int], sizes: list[int]) -> Sequence[bytes | None]:
    if max(sizes, default=-1) < 0:
        return [None] * len(sizes)
    return [None if n < 0 else buffer[i : i + n] for i, n in zip(starts, sizes, strict=True)]


def _headers(buffer: bytes, found: Any) -> Sequence[Headers]:
    if not found[:, HEADER_COUNT].any():
        return [NO_HEADERS] * len(found)
    counted = found[:, [HEADERS, HEADER_COUNT]].tolist()
    return [read_headers(buffer, at, count) if count else NO_HEADERS for at, count in counted]
