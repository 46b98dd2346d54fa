"""Every kind of bad file, and of bad line in a file: what each gets."""

import gzip
import io
import lzma
import os
import sys

import numpy as np
import polars as pl
import pytest

from streamimb.batch import Reason
from streamimb.config import LimitsConfig
from streamimb.errors import InputError, SchemaError
from streamimb.infer import infer_schema
from streamimb.schema import Feature, Label, Schema
from streamimb.sources.files import FileSource

LIMITS = LimitsConfig(event_bytes_max=5_000, fields_max=50)
SCHEMA = Schema(
    features=[Feature(name="amount"), Feature(name="kind", type="categorical"), Feature(name="night", type="boolean")],
    label=Label(classes=["legit", "fraud"]),
)
HEADER = b"amount,kind,night,label\n"
ROWS = [b"%d.5,web,true,legit\n" % i for i in range(6)]
CSV = HEADER + b"".join(ROWS)
NDJSON = b"".join(b'{"amount": %d.5, "kind": "web", "night": true, "label": "legit"}\n' % i for i in range(6))
AMOUNTS = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]


def read(paths, schema=SCHEMA, limits=LIMITS, **options):
    batches, rejected = [], []
    for batch, refused in FileSource(schema, limits, paths, **options).batches():
        batches.append(batch)
        rejected += refused
    return batches, rejected


def amounts(batches):
    return [float(a) for b in batches for a in b.X[:, 0]]


def written(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def parquet(frame):
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


TABLE = pl.DataFrame({"amount": [1.5], "kind": ["web"], "night": [True], "label": ["legit"]})

#: name of the file, its bytes, what the error says
BAD_FILES = {
    "empty CSV": ("a.csv", b"", "is empty"),
    "empty gz": ("a.csv.gz", b"", "is empty"),
    "gz of nothing": ("a.csv.gz", gzip.compress(b""), "is empty"),
    "empty NDJSON": ("a.ndjson", b"", "is empty"),
    "empty Parquet": ("a.parquet", b"", "is empty"),
    "truncated gz": ("a.csv.gz", gzip.compress(CSV)[:-12], "ends in the middle of its compressed data"),
    "truncated xz": ("a.csv.xz", lzma.compress(CSV)[:-20], "ends in the middle of its compressed data"),
    "truncated NDJSON gz": ("a.jsonl.gz", gzip.compress(NDJSON)[:-12], "ends in the middle of its compressed data"),
    "no gz": ("a.csv.gz", CSV, "is not the compressed file"),
    "no xz": ("a.csv.xz", CSV, "is not the compressed file"),
    "rotten gz": ("a.csv.gz", gzip.compress(CSV)[:-8] + b"\0" * 8, "is not the compressed file"),
    "UTF-16 CSV": ("a.csv", CSV.decode().encode("utf-16"), "iconv"),
    "UTF-16 CSV without a mark": ("a.csv", CSV.decode().encode("utf-16-le"), "iconv"),
    "UTF-16 NDJSON": ("a.ndjson", NDJSON.decode().encode("utf-16"), "iconv"),
    "Latin-1 header": ("a.csv", b"amount,kind,night,label,\xe9\n", "not UTF-8"),
    "duplicate columns": ("a.csv", b"amount,kind,night,label,amount\n", "names a column twice: 'amount'"),
    "declared column missing": ("a.csv", b"amuont,kind,night,label\n1,web,true,legit\n", "did you mean 'amuont'"),
    "blank header": ("a.csv", b"\n1,2\n", "is blank"),
    "quote open in the header": ("a.csv", b'amount,"kind\n', "no CSV header"),
    "semicolons": ("a.csv", CSV.replace(b",", b";"), "not comma-separated: its header has semicolons"),
    "tabs": ("a.csv.gz", gzip.compress(CSV.replace(b",", b"\t")), "not comma-separated: its header has tabs"),
    "lines that end in CR": ("a.csv", CSV.replace(b"\n", b"\r"), "its lines end in CR alone"),
    "a JSON array": ("a.json", b"[\n" + NDJSON.replace(b"}\n", b"},\n") + b"]", "is one JSON array"),
    "too many columns": ("a.csv", ",".join(f"c{i}" for i in range(60)).encode() + b"\n", "fields_max"),
    "endless header": ("a.csv", b"x" * 3_000_000, "header"),
    "a header of other order half-way": (
        "a.csv",
        CSV + b"kind,amount,night,label\nweb,1,true,legit\n",
        "another header",
    ),
    "a header of other columns half-way": ("a.csv", CSV + b"amount,kind,night,label,extra\n", "another header"),
    "no Parquet": ("a.parquet", b"PAR1" + b"x" * 100, "not a whole Parquet file"),
    "truncated Parquet": ("a.parquet", parquet(TABLE)[:-10], "not a whole Parquet file"),
    "Parquet without a column": ("a.parquet", parquet(TABLE.drop("kind")), "no column 'kind'"),
    "Parquet with text for a number": ("a.parquet", parquet(TABLE.cast({"amount": pl.String})), "holds String"),
    "Parquet with a number for text": ("a.parquet", parquet(TABLE.cast({"night": pl.String})), "holds String"),
    "unknown extension": ("a.xlsx", b"x", "cannot tell its format"),
    "compressed Parquet": ("a.parquet.gz", b"x", "cannot tell its format"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_an_error_that_names_it(tmp_path, name):
    """A file that cannot be read ends with exit code 66, its name, and what is wrong."""
    file, data, said = BAD_FILES[name]
    path = written(tmp_path, file, data)
    with pytest.raises(InputError, match=said) as error:
        read([path])
    assert error.value.exit_code == 66
    assert str(error.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path):
    """A file that is not there is an input error."""
    with pytest.raises(InputError, match="no such file"):
        read([tmp_path / "nothing.csv"])


@pytest.mark.parametrize("name", ["folder.csv", "folder.parquet", "folder"])
def test_a_directory_is_named(tmp_path, name):
    """A directory is an input error that says what to name instead."""
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="is a directory"):
        read([tmp_path / name])


@pytest.mark.parametrize("data", [CSV, b"x" * 40])
def test_standard_input_that_is_no_json_is_an_error(monkeypatch, data):
    """What is piped in another format is told at once, not refused row by row; a bad line among objects is refused."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(InputError, match="standard input is"):
        read(["-"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[]\n" + NDJSON)))
    batches, rejected = read(["-"])
    assert (amounts(batches), len(rejected)) == (AMOUNTS, 1)


def test_a_file_without_permission_is_named(tmp_path):
    """A file that may not be read is an input error."""
    path = written(tmp_path, "a.csv", CSV)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(InputError, match="no permission"):
            read([path])
    finally:
        os.seteuid(user)


def test_events_before_a_truncation_are_given(tmp_path):
    """What a truncated file holds before its end is read before the error is raised, which says how far it came."""
    rows = b"".join(b"%d,web,true,legit\n" % i for i in range(300_000))
    path = written(tmp_path, "a.csv.gz", gzip.compress(HEADER + rows)[:-100_000])
    seen = 0
    with pytest.raises(InputError, match="after line"):
        for batch, _ in FileSource(SCHEMA, LIMITS, [path]).batches():
            assert batch.X[:, 0].tolist() == list(range(seen, seen + len(batch)))
            seen += len(batch)
    assert seen > 10_000


#: bytes of the bad line in a CSV, reason, field
BAD_LINES = {
    "too few cells": (b"1,web\n", Reason.WRONG_COLUMNS, None),
    "too many cells": (b"1,web,true,legit,,\n", Reason.WRONG_COLUMNS, None),
    "blank line": (b"\n", Reason.EMPTY, None),
    "blank line of Windows": (b"\r\n", Reason.EMPTY, None),
    "Latin-1": (b"1,caf\xe9,true,legit\n", Reason.NOT_UTF8, None),
    "Latin-1 in quotes": (b'1,"caf\xe9",true,legit\n', Reason.NOT_UTF8, None),
    "the header again": (HEADER, Reason.BAD_ROW, None),
    "text for a number": (b"one,web,true,legit\n", Reason.WRONG_TYPE, "amount"),
    "a decimal comma in quotes": (b'"1,5",web,true,legit\n', Reason.WRONG_TYPE, "amount"),
    "grouped digits": (b"1_000,web,true,legit\n", Reason.WRONG_TYPE, "amount"),
    "hexadecimal": (b"0x1F,web,true,legit\n", Reason.WRONG_TYPE, "amount"),
    "inf": (b"inf,web,true,legit\n", Reason.NOT_FINITE, "amount"),
    "-Infinity": (b"-Infinity,web,true,legit\n", Reason.NOT_FINITE, "amount"),
    "1e999": (b"1e999,web,true,legit\n", Reason.OUT_OF_RANGE, "amount"),
    "1e39": (b"1e39,web,true,legit\n", Reason.OUT_OF_RANGE, "amount"),
    "huge integer": (b"9" * 400 + b",web,true,legit\n", Reason.OUT_OF_RANGE, "amount"),
    "no boolean": (b"1,web,maybe,legit\n", Reason.WRONG_TYPE, "night"),
    "unknown class": (b"1,web,true,weird\n", Reason.UNKNOWN_CLASS, "label"),
    "a class in another case": (b"1,web,true,Legit\n", Reason.UNKNOWN_CLASS, "label"),
    "a line too long": (b"1," + b"x" * 6_000 + b",true,legit\n", Reason.TOO_LARGE, None),
    "a line of 3 MB": (b"1," + b"x" * 3_000_000 + b",true,legit\n", Reason.TOO_LARGE, None),
    "a line of 3 MB in quotes": (b'1,"' + b"x" * 3_000_000 + b'",true,legit\n', Reason.TOO_LARGE, None),
    "a quote that stays open": (b'1,"web,true,legit\n', Reason.BAD_ROW, None),
    "text after a quote": (b'1,"web"x,true,legit\n', Reason.BAD_ROW, None),
    "quotes and too few cells": (b'"1","web"\n', Reason.WRONG_COLUMNS, None),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_of_a_csv_is_refused_alone(tmp_path, name):
    """A bad line is refused with its number, reason and field, and its neighbours are accepted unchanged."""
    line, reason, field = BAD_LINES[name]
    path = written(tmp_path, "a.csv", HEADER + b"".join(ROWS[:3]) + line + b"".join(ROWS[3:]))
    batches, rejected = read([path])
    assert [(r.line, r.reason, r.field, r.source) for r in rejected] == [(5, reason, field, str(path))]
    assert amounts(batches) == AMOUNTS
    assert [int(o) for b in batches for o in b.offset] == [2, 3, 4, 6, 7, 8]
    clean, _ = read([written(tmp_path, "clean.csv", CSV)])
    np.testing.assert_array_equal(np.concatenate([b.X for b in batches]), np.concatenate([b.X for b in clean]))


BAD_JSON_LINES = {
    "no JSON": (b"amount=1\n", Reason.NOT_JSON),
    "blank": (b"\n", Reason.EMPTY),
    "Latin-1": (b'{"kind": "caf\xe9"}\n', Reason.NOT_UTF8),
    "a line of 50 MB": (b'{"kind": "' + b"x" * 50_000_000 + b'"}\n', Reason.TOO_LARGE),
    "a line too long": (b'{"kind": "' + b"x" * 6_000 + b'"}\n', Reason.TOO_LARGE),
}


@pytest.mark.parametrize("name", BAD_JSON_LINES)
def test_a_bad_line_of_ndjson_is_refused_alone(tmp_path, name):
    """As in CSV; however long the line is, it is never held whole."""
    line, reason = BAD_JSON_LINES[name]
    lines = NDJSON.splitlines(keepends=True)
    path = written(tmp_path, "a.ndjson", b"".join(lines[:3]) + line + b"".join(lines[3:]))
    batches, rejected = read([path])
    assert [(r.line, r.reason) for r in rejected] == [(4, reason)]
    assert amounts(batches) == AMOUNTS
    assert [int(o) for b in batches for o in b.offset] == [1, 2, 3, 5, 6, 7]


def test_a_quote_that_stays_open_in_the_last_line_costs_that_line(tmp_path):
    """At the end of the file an open quote is refused, not waited for."""
    path = written(tmp_path, "a.csv", CSV + b'7,"web,true,legit')
    batches, rejected = read([path])
    assert [(r.line, r.reason) for r in rejected] == [(8, Reason.BAD_ROW)]
    assert amounts(batches) == AMOUNTS


def test_a_second_file_may_order_its_columns_otherwise(tmp_path):
    """Files are bound to the schema one by one, by their own headers."""
    first = written(tmp_path, "a.csv", CSV)
    second = written(tmp_path, "b.csv", b"label,night,extra,kind,amount\nfraud,no,9,web,7\n")
    batches, rejected = read([first, second])
    assert not rejected
    assert amounts(batches) == [*AMOUNTS, 7]
    assert batches[-1].y.tolist() == [1]


def test_a_second_file_without_a_declared_column_is_an_error(tmp_path):
    """The first file is read; then the second is named with what it lacks."""
    first, second = written(tmp_path, "a.csv", CSV), written(tmp_path, "b.csv", b"amount,night,label\n1,no,legit\n")
    with pytest.raises(InputError, match=r"b\.csv: no column 'kind'"):
        read([first, second])


def test_infinite_parquet_numbers_are_refused_and_nan_is_missing(tmp_path):
    """Parquet rows are refused one by one, by their numbers from 1."""
    frame = pl.DataFrame({"amount": [1.0, np.inf, np.nan, None], "kind": "web", "night": True, "label": "legit"})
    batches, rejected = read([written(tmp_path, "a.parquet", parquet(frame))])
    assert [(r.line, r.reason, r.field) for r in rejected] == [(2, Reason.NOT_FINITE, "amount")]
    np.testing.assert_array_equal(amounts(batches), [1, np.nan, np.nan])


def test_standard_input_is_ndjson(monkeypatch):
    """``-`` is read as NDJSON."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NDJSON)))
    batches, rejected = read(["-"])
    assert not rejected
    assert amounts(batches) == AMOUNTS


def test_standard_input_cannot_be_inferred():
    """Inference reads the whole file first, which standard input does not allow."""
    with pytest.raises(SchemaError, match="--schema"):
        infer_schema("-")
