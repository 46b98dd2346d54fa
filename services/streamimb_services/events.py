"""Generated events as files: CSV, NDJSON (both also .gz, .xz) or Parquet, chunk by chunk."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL
from streamimb.durations import UNITS_US
from streamimb.schema import Feature
from streamimb.sinks.atomic import AtomicFile, told_as_output
from streamimb.sinks.tables import ParquetFile
from streamimb.sources.lines import STDIN
from streamimb.streams import NEVER, Stream

#: Rows of one group in a Parquet file.
GROUP_EVENTS: Final = 1 << 16


class EventsFile(Protocol):
    """Takes chunks in order; a file appears whole, when it is closed, or not at all."""

    def write(self, chunk: Stream) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


def open_events(output: str, form: str) -> EventsFile:
    """The file, or ``-`` for standard output, in the form csv, ndjson or parquet. Raises OutputError."""
    return ParquetEvents(Path(output)) if form == "parquet" else TextEvents(output, form)


def frame_of(chunk: Stream, *, stamps: bool = False) -> pl.DataFrame:
    """The chunk's events as columns: ``id``, ``time``, the features, ``label`` and, if late, ``label_time``.

    Times are whole milliseconds, or with ``stamps`` timestamps; what is missing is null.
    """
    ids = np.arange(chunk.start, chunk.start + len(chunk))
    columns = {"id": pl.Series(ids), "time": _moments(chunk.time, stamps)}
    for j, feature in enumerate(chunk.schema.features):
        columns[feature.name] = _cells(feature, chunk.X[:, j])
    columns["label"] = _picked(chunk.schema.class_names, chunk.y, chunk.y == NO_LABEL)
    if chunk.schema.label.time is not None:
        columns[chunk.schema.label.time] = _moments(chunk.label_time, stamps)
    return pl.DataFrame(columns)


def _moments(time: NDArray[np.int64], stamps: bool) -> pl.Series:
    never = time == NEVER
    moments = pl.Series(np.where(never, 0, time))
    moments = moments.cast(pl.Datetime("us", "UTC")) if stamps else moments // UNITS_US["ms"]
    return moments.set(pl.Series(never), None) if never.any() else moments


def _cells(feature: Feature, column: NDArray[np.float32]) -> pl.Series:
    missing = np.isnan(column)
    if feature.type == "categorical":
        return _picked(feature.categories or (), np.where(missing, 0, column), missing)
    cells = pl.Series(column).fill_nan(None)
    return cells.cast(pl.Boolean) if feature.type == "boolean" else cells


def _picked(texts: tuple[str, ...], codes: NDArray[np.generic], missing: NDArray[np.bool_]) -> pl.Series:
    picked = pl.Series(texts).gather(np.where(missing, 0, codes).astype(np.uint32))
    return picked.set(pl.Series(missing), None) if missing.any() else picked


class TextEvents:
    """CSV with a header, or NDJSON, whose numbers read back to the same float32."""

    def __init__(self, output: str, form: str) -> None:
        self._form = form
        self._path = Path(output)
        self._file = None if output == STDIN else AtomicFile(self._path)
        self._out = sys.stdout.buffer if self._file is None else _packed(self._file.file, output)
        self._begun = False

    def write(self, chunk: Stream) -> None:
        held = io.BytesIO()
        if self._form == "csv":
            frame_of(chunk).write_csv(held, include_header=not self._begun)
        else:
            frame_of(chunk).write_ndjson(held)
        self._begun = True
        with told_as_output(self._path):
            self._out.write(held.getbuffer())

    def close(self) -> None:
        if self._file is None:
            self._out.flush()
            return
        if self._out is not self._file.file:
            with told_as_output(self._path):
                self._out.close()
        self._file.commit()

    def abort(self) -> None:
        if self._file is not None:
            self._file.abort()


def _packed(file: BinaryIO, output: str) -> BinaryIO:
    """The file itself, or one that packs what goes into it, as its name says; the same events, the same bytes."""
    if output.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=file, mtime=0))
    if output.lower().endswith(".xz"):
        return cast(BinaryIO, lzma.LZMAFile(file, "wb"))
    return file


class ParquetEvents:
    """Parquet with timestamps, in groups of about GROUP_EVENTS rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[pl.DataFrame] = []
        self._parquet: ParquetFile | None = None

    def write(self, chunk: Stream) -> None:
        frame = frame_of(chunk, stamps=True)
        if self._parquet is None:
            schema = frame.clear().to_arrow().schema
            texts = [name for name, kind in frame.schema.items() if kind == pl.String]
            self._parquet = ParquetFile(self._path, schema, dictionary=texts)
        self._held.append(frame)
        if sum(map(len, self._held)) >= GROUP_EVENTS:
            self._flush()

    def _flush(self) -> None:
        assert self._parquet is not None
        self._parquet.write(pl.concat(self._held).to_arrow().cast(self._parquet.schema))
        self._held.clear()

    def close(self) -> None:
        if self._held:
            self._flush()
        if self._parquet is not None:
            self._parquet.close()

    def abort(self) -> None:
        if self._parquet is not None:
            self._parquet.abort()
