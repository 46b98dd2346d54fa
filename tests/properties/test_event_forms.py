"""One table in three forms, cut anywhere: the same batch."""

import csv
import io
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import LimitsConfig
from streamimb.decode import JsonDecoder
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sources.files import FileSource

SCHEMA = Schema(
    features=[
        Feature(name="number"),
        Feature(name="filled", missing="default", default=-1.0),
        Feature(name="hashed", type="categorical"),
        Feature(name="listed", type="categorical", categories=["a", "b", "é"]),
        Feature(name="flag", type="boolean"),
    ],
    label=Label(classes=[0, 1, 2], time="known"),
    time=Time(name="ts", unit="ms"),
    id=Identity(),
)
FIELDS = ("number", "filled", "hashed", "listed", "flag", "label", "known", "ts", "id")
ARRAYS = ("X", "y", "kind", "key", "time", "label_time", "partition")

NUMBERS = st.none() | st.floats(-3e38, 3e38) | st.integers(-(2**53), 2**53).map(float)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=8)
WORDS = st.none() | (TEXT | st.sampled_from(["a", "b", "é", 'a "quote"', "two\nlines", "x,y"])).filter(
    lambda word: word not in ("NA", "NaN", "nan", "null", "NULL")
)
MOMENT = st.integers(-(10**15), 10**15)
ROW = st.fixed_dictionaries(
    {
        "number": NUMBERS,
        "filled": NUMBERS,
        "hashed": WORDS,
        "listed": WORDS,
        "flag": st.none() | st.booleans(),
        "label": st.none() | st.integers(0, 3),
        "known": st.none() | MOMENT,
        "ts": MOMENT,
        "id": TEXT,
    }
)


def as_csv(rows, path):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([["" if row[f] is None else row[f] for f in FIELDS] for row in rows])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def as_ndjson(rows, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(rows, path):
    types = {"number": pl.Float64, "filled": pl.Float64, "hashed": pl.String, "listed": pl.String, "flag": pl.Boolean}
    types |= {"label": pl.Int64, "known": pl.Int64, "ts": pl.Int64, "id": pl.String}
    pl.DataFrame([[row[f] for f in FIELDS] for row in rows], schema=types, orient="row").write_parquet(path)


def read(path, **options):
    pairs = list(FileSource(SCHEMA, LimitsConfig(), [path], **options).batches())
    return Batch.concat([b for b, _ in pairs]), [r for _, refused in pairs for r in refused], [len(b) for b, _ in pairs]


def assert_same(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.ids.tolist() == other.ids.tolist()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=12), st.integers(1, 5))
def test_csv_ndjson_and_parquet_are_one_batch_however_cut(tmp_path, rows, batch_events):
    """The three forms of a table give the same rows and the same refusals, in batches within the bound."""
    results = []
    for name, write in (("t.csv", as_csv), ("t.ndjson", as_ndjson), ("t.parquet", as_parquet)):
        write(rows, tmp_path / name)
        whole, refused, _ = read(tmp_path / name)
        parts, again, sizes = read(tmp_path / name, batch_events=batch_events)
        assert_same(whole, parts)
        assert refused == again
        assert max(sizes) <= batch_events
        results.append((whole, [(r.reason, r.field) for r in refused]))
    for batch, causes in results[1:]:
        assert_same(batch, results[0][0])
        assert causes == results[0][1]
    assert len(results[0][0]) == sum(row["label"] != 3 for row in rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW | st.sampled_from([{}, {"id": 1.5}]), max_size=12), st.lists(st.integers(0, 5), max_size=6))
def test_json_records_decode_alike_however_they_are_cut(rows, sizes):
    """A decoder keeps nothing from one call to the next."""
    records = [json.dumps(row).encode() for row in rows]
    decoder = JsonDecoder(SCHEMA, LimitsConfig())
    whole, refused = JsonDecoder(SCHEMA, LimitsConfig()).decode(records, source="t", offsets=1)
    parts, refused_parts, start = [], [], 0
    for size in [*sizes, len(records)]:
        batch, some = decoder.decode(records[start : start + size], source="t", offsets=1 + start)
        parts.append(batch)
        refused_parts += some
        start = min(start + size, len(records))
    assert_same(whole, Batch.concat(parts))
    assert refused == refused_parts


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=8), st.integers(1, 200))
def test_rows_do_not_depend_on_where_a_read_ends(tmp_path, rows, read_bytes):
    """Lines and quoted records that lie across two reads of the file are whole."""
    for name, write in (("t.csv", as_csv), ("t.ndjson", as_ndjson)):
        write(rows, tmp_path / name)
        whole, refused, _ = read(tmp_path / name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamimb.sources.lines.READ_BYTES", read_bytes)
            again, refused_again, _ = read(tmp_path / name)
        assert_same(whole, again)
        np.testing.assert_array_equal(whole.offset, again.offset)
        assert refused == refused_again
