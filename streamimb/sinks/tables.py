"""Metrics and signals as Parquet, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from streamimb.outcome import Metric, Outcome, Signal
from streamimb.sinks.atomic import AtomicFile, told_as_output

#: Rows are held up to this many and then written as one group.
ROWS_HELD_MAX: Final = 16_384


def time_type(has_time: bool) -> pa.DataType:
    """Event times where the schema has them, else positions."""
    return pa.timestamp("us", tz="UTC") if has_time else pa.int64()


class ParquetFile:
    """A Parquet file of one schema that appears whole or not at all.

    Types that only Arrow knows are left out of the file, so that every reader sees plain strings and times.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, dictionary: list[str]) -> None:
        self.schema = schema
        self._file = AtomicFile(path)
        self._finished = self._closed = False
        try:
            with told_as_output(path):
                self._writer = pq.ParquetWriter(
                    self._file.file, schema, use_dictionary=dictionary, compression="zstd", store_schema=False
                )
        except BaseException:
            self._file.abort()
            raise

    def write(self, table: pa.Table) -> None:
        """Append one row group."""
        with told_as_output(self._file.path):
            self._writer.write_table(table, row_group_size=max(1, len(table)))

    def finish(self) -> None:
        """Write the footer and close the file, under its temporary name still."""
        if not self._finished:
            with told_as_output(self._file.path):
                self._writer.close()
            self._file.finish()
            self._finished = True

    def close(self) -> None:
        if not self._closed:
            self.finish()
            self._file.commit()
            self._closed = True

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._writer.is_open = False  # or its destructor writes a footer into a closed file
            self._file.abort()


class _RowsSink:
    """Objects with the columns as attributes, written in groups."""

    def __init__(self, path: Path, columns: dict[str, pa.DataType], attributes: Sequence[str]) -> None:
        texts = [name for name, kind in columns.items() if kind == pa.string()]
        self._parquet = ParquetFile(path, pa.schema(list(columns.items())), dictionary=texts)
        self._attributes = attributes
        self._held: list[Any] = []

    def _take(self, rows: Sequence[Any]) -> None:
        self._held.extend(rows)
        while len(self._held) >= ROWS_HELD_MAX:
            self._flush(ROWS_HELD_MAX)

    def _flush(self, n: int) -> None:
        schema, rows = self._parquet.schema, self._held[:n]
        columns = [
            pa.array([getattr(row, attribute) for row in rows], kind)
            for attribute, kind in zip(self._attributes, schema.types, strict=True)
        ]
        del self._held[:n]
        self._parquet.write(pa.Table.from_arrays(columns, schema=schema))

    def finish(self) -> None:
        if self._held:
            self._flush(len(self._held))
        self._parquet.finish()

    def close(self) -> None:
        self.finish()
        self._parquet.close()

    def abort(self) -> None:
        self._held.clear()
        self._parquet.abort()


class MetricsSink(_RowsSink):
    """``position``, ``time``, ``metric``, ``class``, ``window``, ``value``, ``low``, ``high``, ``support``.

    An undefined value is NaN; ``class`` is null for what belongs to no class.
    """

    def __init__(self, path: Path, *, has_time: bool) -> None:
        texts, numbers = pa.string(), pa.float64()
        columns = {
            "position": pa.int64(),
            "time": time_type(has_time),
            "metric": texts,
            "class": texts,
            "window": texts,
        }
        columns |= {"value": numbers, "low": numbers, "high": numbers, "support": pa.int64()}
        super().__init__(path, columns, Metric._fields)

    def write(self, outcome: Outcome) -> None:
        self._take(outcome.metrics)


class SignalsSink(_RowsSink):
    """``position``, ``time``, ``signal``, ``detector``, ``class``, ``kind``, ``value``, ``reference``, ``action``."""

    def __init__(self, path: Path, *, has_time: bool) -> None:
        texts, numbers = pa.string(), pa.float64()
        columns = {"position": pa.int64(), "time": time_type(has_time), "signal": texts, "detector": texts}
        columns |= {"class": texts, "kind": texts, "value": numbers, "reference": numbers, "action": texts}
        super().__init__(path, columns, Signal.__slots__)

    def write(self, outcome: Outcome) -> None:
        self._take(outcome.signals)
