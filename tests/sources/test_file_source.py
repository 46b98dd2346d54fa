"""Files as a source."""

import gzip
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamimb.config import LimitsConfig
from streamimb.decode_columns import IGNORED_NAMES_MAX
from streamimb.errors import InputError
from streamimb.schema import Feature, Label, Schema
from streamimb.sources.files import FileSource, format_of
from streamimb.sources.lines import LineReader, TooLong
from streamimb.sources.memory import MemorySource

SCHEMA = Schema(
    features=[
        Feature(name="a"),
        Feature(name="c", type="categorical", categories=["x", 'say "hi"', "two\nlines", "p,q"]),
    ],
    label=Label(classes=[0, 1]),
)


def read(*paths, **options):
    pairs = list(FileSource(SCHEMA, LimitsConfig(), paths, **options).batches())
    rows = [
        (float(x[0]), float(x[1]), int(y), int(o)) for b, _ in pairs for x, y, o in zip(b.X, b.y, b.offset, strict=True)
    ]
    return rows, [r for _, refused in pairs for r in refused]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("A.CSV.GZ", "csv"),
        ("a.csv.xz", "csv"),
        ("a.b.ndjson.gz", "ndjson"),
        ("a.jsonl", "ndjson"),
        ("a.parquet", "parquet"),
        ("-", "ndjson"),
    ],
)
def test_the_format_is_told_by_the_name(name, expected):
    """Whatever the case, compressed or not."""
    assert format_of(name) == expected


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_is_the_same_however_it_is_packed(tmp_path, pack, newline, last, mark):
    """Compression, Windows line ends, a missing last newline and a byte order mark change nothing."""
    text = mark + newline.join(["a,c,label", "1,x,0", '2,"p,q",1', "3,x,1"]) + last.replace("\n", newline)
    suffix = {bytes: "", gzip.compress: ".gz", lzma.compress: ".xz"}[pack]
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(pack(text.encode()))
    rows, rejected = read(path)
    assert not rejected
    assert rows == [(1, 0, 0, 2), (2, 3, 1, 3), (3, 0, 1, 4)]


def test_quoted_cells_may_hold_anything(tmp_path):
    """Quotes, commas and newlines; the lines after them keep their numbers."""
    path = tmp_path / "a.csv"
    path.write_text('a,c,label\n1,x,0\n2,"say ""hi""",1\n3,"two\nlines",0\n"4",x,"1"\n5,"p,q",0\n')
    rows, rejected = read(path)
    assert not rejected
    assert rows == [(1, 0, 0, 2), (2, 1, 1, 3), (3, 2, 0, 4), (4, 0, 1, 6), (5, 3, 0, 7)]


def test_an_open_quote_does_not_swallow_the_rows_after_it(tmp_path):
    """Good quoted rows after a bad one are found again."""
    path = tmp_path / "a.csv"
    path.write_text('a,c,label\n1,"x,0\n2,"p,q",1\n3,x,1\n4,"x",1\n')
    rows, rejected = read(path)
    assert rows == [(2, 3, 1, 3), (3, 0, 1, 4), (4, 0, 1, 5)]
    assert [r.line for r in rejected] == [2]


def test_batches_are_bounded_and_progress_is_told(tmp_path):
    """Refusals come with the batch whose rows stand around them; at the end all bytes are done."""
    lines = ["a,c,label"] + [f"{i},x,{i % 2}" for i in range(10)]
    lines.insert(3, "bad")
    lines.append("bad")
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    source = FileSource(SCHEMA, LimitsConfig(), [path, path], batch_events=4)
    seen = [(len(batch), [r.line for r in refused]) for batch, refused in source.batches()]
    assert seen == [(4, [4]), (4, []), (2, [13])] * 2
    assert source.bytes_total == 2 * path.stat().st_size == source.bytes_done


def test_total_size_is_unknown_with_standard_input(tmp_path):
    """A bar without an end is drawn then."""
    assert FileSource(SCHEMA, LimitsConfig(), ["-"]).bytes_total is None


def test_the_formats_are_checked_before_anything_is_read(tmp_path):
    """A second file of unknown kind is told before hours are spent on the first."""
    with pytest.raises(InputError):
        FileSource(SCHEMA, LimitsConfig(), [tmp_path / "a.csv", tmp_path / "b.txt"])


def test_lines_are_counted_over_skipped_ones(tmp_path, monkeypatch):
    """A long line is told with its size; memory holds no more than the limit and one read."""
    monkeypatch.setattr("streamimb.sources.lines.READ_BYTES", 64)
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\n" + b"x" * 1_000 + b"\ntwo\n" + b"y" * 500)
    reader = LineReader(str(path), 100)
    found = list(reader.blocks())
    assert [(b.line, b.n_bytes) if isinstance(b, TooLong) else (b.line, b.data) for b in found] == [
        (1, b"one\n"),
        (2, 1_000),
        (3, b"two\n"),
        (4, 500),
    ]


def test_memory_is_a_source(tmp_path):
    """Batches go in and come out."""
    path = tmp_path / "a.csv"
    path.write_text("a,c,label\n1,x,0\n2,x,1\n")
    pairs = list(FileSource(SCHEMA, LimitsConfig(), [path]).batches())
    source = MemorySource([pairs[0][0], pairs[0]])
    assert [batch.offset.tolist() for batch, _ in source.batches()] == [[2, 3], [2, 3]]
    assert source.bytes_done == source.bytes_total == 2 * pairs[0][0].X.nbytes


def test_columns_that_the_schema_does_not_name_are_counted(tmp_path):
    """Of every format, once a column with the rows that were read; of nested Parquet what is not read of a struct."""
    nested = Schema(features=[Feature(name="a", path="o.a")], label=Label(classes=[0, 1]))
    (tmp_path / "a.csv").write_text("a,c,label,zone,memo\n" + "1,x,0,n,m\n" * 10_000)
    (tmp_path / "b.csv").write_text("zone,a,c,label\nn,1,x,0\n")
    (tmp_path / "a.ndjson").write_text('{"a": 1, "label": 0, "zone": 1}\n{"a": 1, "label": 0}\n')
    rows = [{"o": {"a": 1.0, "q": {"z": 2}}, "label": 0, "new": None}] * 3
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")

    def ignored(schema, *names):
        source = FileSource(schema, LimitsConfig(), [tmp_path / name for name in names])
        assert sum(len(batch) for batch, _ in source.batches()) > 0
        return source.ignored

    assert ignored(SCHEMA, "a.csv", "b.csv") == {"zone": 10_001, "memo": 10_000}
    assert ignored(SCHEMA, "a.csv", "a.ndjson") == {"zone": 10_001, "memo": 10_000}
    assert ignored(nested, "a.parquet") == {"o.q": 3, "new": 3}


def test_so_many_columns_are_counted_by_name(tmp_path):
    """A file of thousands of columns makes no summary of thousands."""
    names = [f"n{i:03}" for i in range(500)]
    (tmp_path / "a.csv").write_text(f"a,c,label,{','.join(names)}\n1,x,0,{','.join('1' * 500)}\n")
    source = FileSource(SCHEMA, LimitsConfig(), [tmp_path / "a.csv"])
    assert sum(len(batch) for batch, _ in source.batches()) == 1
    assert list(source.ignored) == names[:IGNORED_NAMES_MAX]
