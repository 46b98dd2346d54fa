"""Batches read as arrays give what kafka-python's own reader gives; what is no batch is refused."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from streamimb.sources.kafka_fetch import read_batch
from streamimb.sources.log import Partition
from streamimb.sources.record_batch import read_headers, scan

texts = st.none() | st.binary(max_size=200)
headers = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=9)), max_size=3)
records = st.tuples(st.integers(0, 2**41), texts, texts, headers)


def batch_of(told, compression=0):
    builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1 << 20)
    for offset, (timestamp, key, value, its_headers) in enumerate(told):
        builder.append(offset, timestamp, key, value, its_headers)
    return bytes(builder.build())


@settings(deadline=None)  # the first call compiles
@given(st.lists(records, min_size=1, max_size=20), st.sampled_from([0, 1]))
def test_rows_are_what_the_client_reads(told, compression):
    """Offsets, times, keys, values and headers, packed or not."""
    built = batch_of(told, compression)
    slow = [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in DefaultRecordBatch(built)]
    block = read_batch(DefaultRecordBatch(built), Partition("a topic", 0))
    columns = (
        block.offsets.tolist(),
        (block.timestamps // 1_000).tolist(),
        block.keys,
        block.values,
        map(list, block.headers),
    )
    fast = list(zip(*columns, strict=True))
    assert fast == slow
    assert [row[1:4] for row in fast] == [(t, k, v) for t, k, v, _ in told]


@settings(deadline=None)  # the first call compiles
@given(st.binary(max_size=300), st.integers(0, 40))
def test_any_bytes_are_read_or_refused(noise, n):
    """Nothing reads past the end, or runs on."""
    try:
        found = scan(noise, 0, n)
    except ValueError:
        return
    for row in found.tolist():
        assert 0 <= row[2] <= len(noise) and row[2] + row[3] <= len(noise) and row[4] + row[5] <= len(noise)
        with suppress(ValueError):
            read_headers(noise, row[6], min(row[7], 50))


@settings(deadline=None)  # the first call compiles
@given(st.lists(records, min_size=1, max_size=5), st.data())
def test_a_batch_that_was_cut_is_refused(told, data):
    """A byte less is no batch."""
    built = batch_of(told)
    cut = data.draw(st.integers(61, len(built) - 1))
    with pytest.raises(ValueError):
        scan(built[:cut], 61, len(told))
