"""Batches of bytes from kafka-python's fetcher, which would build an object of every record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import kafka.errors
import numpy as np
from kafka.consumer.fetcher import Fetcher, IsolationLevel

from streamimb.sources.log import Headers, Partition, Records
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
#: Microseconds in one of Kafka's milliseconds.
US_PER_MS: Final = 1_000


class Taken(list[Records]):
    """Blocks that count as many as they have records: the fetcher asks for the length of what it passes on."""

    def __len__(self) -> int:
        return sum(map(len, self))


class FastPartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python ships no types
    """What one response holds of one partition, taken as columns batch by batch.

    It stands in for kafka-python's class of that place, and keeps to what the fetcher asks of it: ``take``, ``drain``,
    truth while something is left, ``next_fetch_offset`` and ``leader_epoch``.
    """

    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, records, **options)
        self._batches = records
        self._block: Records | None = None
        self._at = 0
        self._then = fetch_offset

    def take(self, n: int | None = None) -> Taken:
        """Up to n records. Raises CorruptRecordError."""
        taken, n_taken = Taken(), 0
        while n is None or n_taken < n:
            if self._block is None and not self._next_batch():
                break
            if (block := self._block) is None:  # nobody reads what that batch holds
                continue
            stop = len(block) if n is None else min(len(block), self._at + n - n_taken)
            taken.append(block.cut(self._at, stop))
            n_taken += stop - self._at
            self.records_read += stop - self._at
            self.next_fetch_offset = int(block.offsets[stop - 1]) + 1
            self._at, self._block = (stop, block) if stop < len(block) else (0, None)
        if self._block is None:
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
        if not self._is_hidden(batch):
            self.bytes_read += batch.size_in_bytes
            block = read_batch(batch, Partition(*self.topic_partition))
            done = int(np.searchsorted(block.offsets, self.fetch_offset))
            self._block = block.cut(done, len(block)) if done < len(block) else None
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


def read_batch(batch: Any, partition: Partition) -> Records:
    """The records of a batch of format 2, decompressed if need be. Raises CorruptRecordError."""
    batch._maybe_uncompress()
    buffer = bytes(batch._buffer)
    try:
        found = scan(buffer, batch._pos, batch.records_count)
        headers = _headers(buffer, found)
    except ValueError as error:
        raise kafka.errors.CorruptRecordError(
            f"{partition.topic}:{partition.number} at offset {batch.base_offset}: {error}"
        ) from error
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        timestamps = np.full(len(found), batch.max_timestamp, np.int64)
    else:
        timestamps = found[:, TIMESTAMP] + batch.first_timestamp
    keys = _cut(buffer, found[:, KEY].tolist(), found[:, KEY_SIZE].tolist())
    values = _cut(buffer, found[:, VALUE].tolist(), found[:, VALUE_SIZE].tolist())
    return Records(partition, found[:, OFFSET] + batch.base_offset, timestamps * US_PER_MS, keys, values, headers)


def _cut(buffer: bytes, starts: list[int], sizes: list[int]) -> Sequence[bytes | None]:
    if max(sizes, default=-1) < 0:
        return [None] * len(sizes)
    return [None if n < 0 else buffer[i : i + n] for i, n in zip(starts, sizes, strict=True)]


def _headers(buffer: bytes, found: Any) -> Sequence[Headers]:
    if not found[:, HEADER_COUNT].any():
        return [NO_HEADERS] * len(found)
    counted = found[:, [HEADERS, HEADER_COUNT]].tolist()
    return [read_headers(buffer, at, count) if count else NO_HEADERS for at, count in counted]


def joined(blocks: Sequence[Records]) -> Records:
    """The records of several blocks of a partition as one, in order."""
    if len(blocks) == 1:
        return blocks[0]
    return Records(
        blocks[0].partition,
        np.concatenate([b.offsets for b in blocks]),
        np.concatenate([b.timestamps for b in blocks]),
        *(list(chain.from_iterable(getattr(b, name) for b in blocks)) for name in ("keys", "values", "headers")),
    )
