"""One pass over a file for inference: its first rows as Python values, and how often each label occurs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import polars as pl

from streamimb.batch import Reason
from streamimb.config import LimitsConfig
from streamimb.decode_cells import MISSING_CELLS
from streamimb.errors import InputError
from streamimb.json_fields import struct_of
from streamimb.schema import CLASSES_MAX
from streamimb.sources.base import reading
from streamimb.sources.csv import CsvTable
from streamimb.sources.files import format_of
from streamimb.sources.lines import LineReader, TooLong
from streamimb.sources.parquet import parquet_columns, parquet_frames

Choose = Callable[[Sequence[str]], str]
Watch = Callable[[pl.DataFrame, str], None]


@dataclass(slots=True)
class Survey:
    """What was seen.

    sample: each column's first values, None where missing; nested: columns that are paths into nested JSON; label: the
    label column; label_counts: its values over the whole file (at most a few beyond ``CLASSES_MAX`` different ones);
    text: whether values are CSV cells; refused: how many rows or lines could not be read, by why; refused_first: where
    the first of them stands.
    """

    text: bool
    json: bool = False
    label: str = ""
    sample: dict[str, list[Any]] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    label_counts: Counter[Any] = field(default_factory=Counter)
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_first: int | None = None

    def refuse(self, reason: Reason, line: int | None = None) -> None:
        """Take down that a row could not be read."""
        self.refused[reason.value] += 1
        if line is not None:
            self.refused_first = line if self.refused_first is None else min(line, self.refused_first)


_BYTES_MAX: Final = LimitsConfig().event_bytes_max
#: Checks that a line is an object, keeping nothing of it.
_OBJECT: Final = msgspec.json.Decoder(struct_of("Object", {}, False))
#: What helps where rows are refused for this.
HELP: Final = {Reason.NOT_UTF8.value: "; convert the file (iconv -f LATIN1 -t UTF-8)"}


def refused_told(found: Survey) -> str:
    """How many rows were refused and why, in a line; empty where none was."""
    if not found.refused:
        return ""
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in found.refused.most_common())
    where = "" if found.refused_first is None else f", the first of them at line {found.refused_first:,}"
    most = found.refused.most_common(1)[0][0]
    rows = f"{found.refused.total():,} rows" if found.refused.total() > 1 else "1 row"
    return f"{rows} cannot be read ({reasons}){where}{HELP.get(most, '')}"


def survey(path: str, choose: Choose, rows: int) -> Survey:
    """Look through a file; ``choose`` picks the label among the columns. Raises InputError and what choose raises."""
    kind = format_of(path)
    limits = LimitsConfig()
    lines = LineReader(path, limits.event_bytes_max)
    with reading(path, lines.where if kind != "parquet" else lambda: ""):
        if kind == "ndjson":
            found = _ndjson(lines, choose, rows)
        elif kind == "csv":
            table = CsvTable(lines, limits)
            headers = _Headers(table)
            found = Survey(text=True)
            _frames(found, _told(table, found), choose, rows, headers.watch)
            headers.judge()
        else:
            frames = (frame for frame, _ in parquet_frames(path))
            _frames(found := Survey(text=False), frames, choose, rows)
    if not found.rows:
        why = refused_told(found)
        raise InputError(f"{path}: has no rows to infer a schema from" + (f": {why}" if why else ""))
    return found


def column_names(path: str) -> list[str]:
    """A file's columns: its header, or the fields of its first JSON object. Raises InputError."""
    kind = format_of(path)
    lines = LineReader(path, LimitsConfig().event_bytes_max)
    with reading(path, lines.where if kind != "parquet" else lambda: ""):
        if kind == "parquet":
            return parquet_columns(path)
        if kind == "csv":
            table = CsvTable(lines, LimitsConfig())
            next(table.frames(), None)
            return table.columns
        found = Survey(text=False, json=True)
        for block in lines.blocks():
            for record in [] if isinstance(block, TooLong) else block.data.splitlines():
                flat = _object(record, found)
                if flat is not None:
                    return list(flat)
    raise InputError(f"{path}: no line holds a JSON object")


class _Headers:
    """Looks for another header among the rows of a CSV file: a row of columns' names, whose label no other row has."""

    def __init__(self, table: CsvTable) -> None:
        self._table = table
        self._labels: set[str] = set()  # of rows that are no header
        self._suspects: dict[str, tuple[str | None, ...]] = {}

    def watch(self, frame: pl.DataFrame, label: str) -> None:
        """Look at the rows of a frame whose label is new."""
        if len(self._labels) > CLASSES_MAX:
            return
        new = frame.filter(~pl.col(label).is_in(list(self._labels)))
        if not len(new):
            return
        names = self._table.columns
        known = pl.sum_horizontal(pl.col(name).str.strip_chars(' "').is_in(names) for name in names)
        suspect = (known >= 2) & (2 * known >= len(names))
        self._labels.update(new.filter(~suspect)[label].unique().to_list())
        for row in new.filter(suspect).unique(label).iter_rows():
            self._suspects.setdefault(row[names.index(label)] or "", row)

    def judge(self) -> None:
        """Raise InputError where a suspect was another header."""
        for label, row in self._suspects.items():
            if label not in self._labels:
                self._table.is_header(",".join(cell or "" for cell in row).encode())


def _told(table: CsvTable, found: Survey) -> Iterator[pl.DataFrame]:
    """The frames of a table; what is refused of them is taken down."""
    for frame, _, refused in table.frames():
        for line, (reason, _) in sorted(refused.items()):
            found.refuse(reason, line)
        yield frame


def _frames(found: Survey, frames: Any, choose: Choose, rows: int, watch: Watch | None = None) -> None:
    """Survey tables; those of a CSV file, whose cells are text, are watched."""
    text = found.text
    for frame in frames:
        if not found.label:
            frame = _flat(frame, found)
            found.label = choose(frame.columns)
            found.sample = {name: [] for name in frame.columns}
        elif not text:
            frame = _flat(frame, found)
        found.rows += len(frame)
        left = rows - len(next(iter(found.sample.values())))
        if left > 0:
            for name, values in found.sample.items():
                values += _values(frame[name][:left], text)
        if watch is not None:
            watch(frame, found.label)
        counts = frame[found.label].value_counts(name="events of a label")
        _count(found, zip(*(counts.to_series(i).to_list() for i in (0, 1)), strict=True))


def _flat(frame: pl.DataFrame, found: Survey) -> pl.DataFrame:
    """Structs as columns named by their paths."""
    while structs := [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]:
        for name in structs:
            inner = frame[name].struct.unnest()
            inner.columns = [f"{name}.{key}" for key in inner.columns]
            found.nested.update(inner.columns)
            frame = frame.drop(name).hstack(inner)
    return frame


def _values(cells: pl.Series, text: bool) -> list[Any]:
    values: list[Any] = cells.to_list()
    if text:
        return [None if v in MISSING_CELLS else v for v in values]
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def _count(found: Survey, counts: Any) -> None:
    for value, n in counts:
        gap = value is None or (isinstance(value, float) and math.isnan(value))
        if (
            not gap
            and not (found.text and value in MISSING_CELLS)
            and (value in found.label_counts or len(found.label_counts) <= CLASSES_MAX)
        ):
            found.label_counts[value] += n


def _ndjson(lines: LineReader, choose: Choose, rows: int) -> Survey:
    found = Survey(text=False, json=True)
    head: list[dict[str, Any]] = []
    early: list[bytes] = []
    label: _LabelOf | None = None
    for block in lines.blocks():
        if isinstance(block, TooLong):
            found.refuse(Reason.TOO_LARGE, block.line)
            continue
        records = block.data.split(b"\n")
        if not records[-1]:
            records.pop()
        records = [record for line, record in enumerate(records, block.line) if _readable(record, line, found)]
        if label is None:
            early += records
            head += [flat for r in records[: rows - len(head)] if (flat := _object(r, found)) is not None]
            if len(head) < rows and len(early) < 4 * rows:
                continue
            label, records = _LabelOf(_sampled(found, head, choose), found), early
        label.count(records)
    if label is None:
        _LabelOf(_sampled(found, head, choose), found).count(early)
    return found


def _sampled(found: Survey, head: list[dict[str, Any]], choose: Choose) -> str:
    names = list(dict.fromkeys(name for event in head for name in event))
    if not names:
        why = refused_told(found)
        raise InputError("no line holds a JSON object with fields" + (f": {why}" if why else ""))
    found.label = choose(names)
    found.sample = {name: [event.get(name) for event in head] for name in names}
    return found.label


def _readable(record: bytes, line: int, found: Survey) -> bool:
    """Whether a line is a JSON object; what no reader would take is taken down."""
    if len(record) > _BYTES_MAX:
        found.refuse(Reason.TOO_LARGE, line)
        return False
    try:
        if not record.isascii():
            record.decode()
        _OBJECT.decode(record)
    except UnicodeDecodeError:
        reason = Reason.NOT_UTF8
    except RecursionError:
        reason = Reason.TOO_DEEP
    except msgspec.ValidationError:
        reason = Reason.NOT_OBJECT
    except ValueError:
        reason = Reason.NOT_JSON if record.strip() else Reason.EMPTY
    else:
        return True
    found.refuse(reason, line)
    return False


def _object(record: bytes, found: Survey) -> dict[str, Any] | None:
    try:
        event = msgspec.json.decode(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    flat: dict[str, Any] = {}
    _flatten(event, "", flat, found)
    return flat


def _flatten(event: dict[str, Any], prefix: str, flat: dict[str, Any], found: Survey) -> None:
    for key, value in event.items():
        name = prefix + key
        if isinstance(value, dict):
            if "." not in key:
                _flatten(value, f"{name}.", flat, found)
        elif name not in flat and (not prefix or "." not in key):
            flat[name] = value
            if prefix:
                found.nested.add(name)


class _LabelOf:
    """Counts one field of JSON objects, reading no other."""

    def __init__(self, name: str, found: Survey) -> None:
        keys = name.split(".") if name in found.nested else [name]
        tree: Any = Any
        for key in reversed(keys):
            tree = {key: tree}
        self._decoder = msgspec.json.Decoder(struct_of("LabelOnly", tree, False))
        self._depth, self._found = len(keys), found

    def count(self, records: list[bytes]) -> None:
        counts: Counter[tuple[type, Any]] = Counter()
        for record in records:
            try:
                value: Any = self._decoder.decode(record)
            except (ValueError, RecursionError):
                continue
            self._found.rows += 1
            for _ in range(self._depth):
                value = None if value is None else value.f0
            if isinstance(value, str | int | float):
                counts[type(value), value] += 1
        _count(self._found, ((value, n) for (_, value), n in counts.items()))
