"""Partitions owned to where they end as reading begins, on a log in memory."""

from __future__ import annotations

import pytest

from streamimb.sources.log import Partition
from streamimb.sources.memory_log import MemoryLog, MemorySource
from streamimb_services.to_the_end import ToTheEnd

TOPIC, FIRST = "events", Partition("events", 0)


def filled(n: int, partitions: int = 1) -> MemoryLog:
    log = MemoryLog()
    log.create(TOPIC, partitions)
    for i in range(n):
        log.append(TOPIC, str(i).encode(), number=i % partitions, timestamp=i)
    return log


def values(source: MemorySource, reading: ToTheEnd, *, polls: int = 50, most: int = 1_000) -> list[int]:
    """What is read until all partitions are passed."""
    found: list[int] = []
    idle = False
    for _ in range(polls):
        if reading.passed(reading.next, idle=idle):
            return found
        polled = source.poll(records_max=most, timeout_s=0.0)
        for records in polled:
            end = reading.ends[records.partition]
            found += [int(v) for v, o in zip(records.values, records.offsets.tolist(), strict=True) if o < end]
            reading.read(records)
        idle = not polled
    raise AssertionError("it never ends")


@pytest.mark.parametrize(("begin", "since_us", "first"), [(0, None, 0), (7, None, 7), (0, 4, 4), (0, 99, 10)])
def test_it_reads_from_where_it_is_asked_to_the_end_there_was(begin, since_us, first):
    """What is appended meanwhile is left for another time."""
    log = filled(10)
    source = MemorySource(log)
    reading = ToTheEnd(source, begin=begin, since_us=since_us)
    source.subscribe([TOPIC], reading)
    assert not reading.passed(reading.next, idle=True)  # nothing is ours yet
    source.keep_alive()
    log.append(TOPIC, b"10", timestamp=1_000)
    assert values(source, reading, most=3) == list(range(first, 10))
    assert (reading.starts, reading.ends) == ({FIRST: first}, {FIRST: 10})


def test_a_partition_that_was_lost_goes_on_behind_what_was_read():
    """Nothing twice, and its end is still that of the beginning."""
    log = filled(10)
    source = MemorySource(log)
    reading = ToTheEnd(source)
    source.subscribe([TOPIC], reading)
    source.keep_alive()
    for records in source.poll(records_max=4, timeout_s=0.0):
        reading.read(records)
    log.append(TOPIC, b"10", timestamp=10)
    reading.lost([FIRST])
    reading.assigned([FIRST])
    assert values(source, reading) == [4, 5, 6, 7, 8, 9]


def test_markers_of_transactions_end_it_too():
    """A partition whose last records nobody reads is passed once a poll brings nothing."""
    log = filled(3)
    transaction = log.open("t")
    log.append(TOPIC, b"3", timestamp=3, transaction=transaction)
    log.finish(transaction, "aborted")
    source = MemorySource(log)
    reading = ToTheEnd(source)
    source.subscribe([TOPIC], reading)
    assert values(source, reading) == [0, 1, 2]
