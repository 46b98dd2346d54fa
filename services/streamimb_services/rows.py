"""The rows of a file as JSON records, value by value as the event contract types them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl
import pyarrow.parquet as pq

from streamimb.config import LimitsConfig
from streamimb.schema import Schema
from streamimb.sources.base import PIECE_ROWS, reading
from streamimb.sources.files import format_of
from streamimb.sources.lines import Block, LineReader

#: Cells that stand for a missing value.
MISSING: Final = frozenset({"", "NA", "NaN", "nan", "null"})
TRUTHS: Final = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


@dataclass(frozen=True, slots=True)
class Rows:
    """Some records in order: their keys and values, and how many bytes of the file are behind them."""

    keys: Sequence[bytes | None]
    values: Sequence[bytes]
    done: int


def rows_of(path: str, schema: Schema) -> Iterator[Rows]:
    """All rows of a CSV, NDJSON or Parquet file; lines of NDJSON go as they are. Raises InputError."""
    kind = format_of(path)
    lines = LineReader(path, LimitsConfig().event_bytes_max)
    with reading(path, (lambda: "") if kind == "parquet" else lines.where):
        if kind == "parquet":
            yield from _of_parquet(path, schema)
        elif kind == "csv":
            yield from _of_csv(lines, schema)
        else:
            yield from _of_ndjson(lines, schema)


def renamed(rows: Rows, schema: Schema, mark: str) -> Rows:
    """The same records as other events: a mark behind each id; what has none, or cannot be read, goes as it is."""
    name = "" if schema.id is None else (schema.id.path or schema.id.name)
    keys, values = list(rows.keys), list(rows.values)
    for row, key in enumerate(keys):
        if key is not None:
            keys[row] = key + mark.encode()
            event = msgspec.json.decode(values[row])
            values[row] = msgspec.json.encode(event | {name: f"{event[name]}{mark}"})
    return Rows(keys, values, rows.done)


def _of_ndjson(lines: LineReader, schema: Schema) -> Iterator[Rows]:
    for block in lines.blocks():
        if isinstance(block, Block):
            values = [line for line in block.data.splitlines() if line.strip()]
            yield Rows([_key(line, schema) for line in values], values, lines.position)


def _key(line: bytes, schema: Schema) -> bytes | None:
    """The id of a line as it is written, or None where it has none or cannot be read."""
    if schema.id is None:
        return None
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = event.get(schema.id.path or schema.id.name) if isinstance(event, dict) else None
    return None if found is None else str(found).encode()


def _of_csv(lines: LineReader, schema: Schema) -> Iterator[Rows]:
    header = b""
    for block in lines.blocks():
        if not isinstance(block, Block):
            continue
        data = block.data
        if not header:
            first, _, data = data.partition(b"\n")
            header = first + b"\n"
        if data.strip():
            frame = pl.read_csv(header + data, infer_schema=False, truncate_ragged_lines=True)
            yield _encoded(frame, schema, lines.position)


def _of_parquet(path: str, schema: Schema) -> Iterator[Rows]:
    with pq.ParquetFile(path) as file:
        done, size = 0, sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
        for batch in file.iter_batches(PIECE_ROWS):
            done += batch.num_rows
            yield _encoded(pl.DataFrame(pl.from_arrow(batch)), schema, size * done // max(1, file.metadata.num_rows))


def _encoded(frame: pl.DataFrame, schema: Schema, done: int) -> Rows:
    kinds = _kinds(schema)
    columns = {name: _typed(frame[name], kinds[name]) for name in frame.columns if name in kinds}
    events = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    encode = msgspec.json.Encoder().encode
    id_ = None if schema.id is None else (schema.id.path or schema.id.name)
    keys = [None if id_ is None or event.get(id_) is None else str(event[id_]).encode() for event in events]
    return Rows(keys, [encode(event) for event in events], done)


def _kinds(schema: Schema) -> dict[str, str]:
    """What each column of the file holds."""
    kinds = {feature.path or feature.name: feature.type for feature in schema.features}
    told: dict[str, str] = dict(kinds)
    whole = all(isinstance(c, int) for c in schema.label.classes)
    told[schema.label.path or schema.label.name] = "numeric" if whole else "text"
    moment = "text" if schema.time is None or schema.time.unit == "iso" else "numeric"
    if schema.label.time is not None:
        told[schema.label.time] = moment
    if schema.time is not None:
        told[schema.time.path or schema.time.name] = moment
    if schema.id is not None:
        told[schema.id.path or schema.id.name] = "text"
    return told


def _typed(cells: pl.Series, kind: str) -> list[Any]:
    """Cells as JSON has them; text that should be a number stays as it is, to be refused by whoever learns it."""
    if cells.dtype == pl.String:
        return [_from_text(text, kind) for text in cells.to_list()]
    if cells.dtype.is_temporal() and kind == "text":
        return [None if moment is None else moment.isoformat() for moment in cells.to_list()]
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
    return [str(v) if kind == "text" and v is not None else v for v in cells.to_list()]


def _from_text(text: str | None, kind: str) -> Any:
    if text is None or text in MISSING:
        return None
    if kind == "boolean":
        return TRUTHS.get(text, text)
    if kind != "numeric":
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number - number == 0 else text
