"""Parquet to batches, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from streamimb.config import LimitsConfig
from streamimb.decode_columns import Origin, Refusals
from streamimb.decode_table import TableDecoder
from streamimb.errors import InputError
from streamimb.schema import Schema
from streamimb.sources.base import PIECE_ROWS, Pair


class ParquetReader:
    """One Parquet file as batches of a schema; a row's number, from 1, is its offset."""

    def __init__(self, path: str, schema: Schema, limits: LimitsConfig) -> None:
        self._path, self._schema, self._limits = path, schema, limits
        self._done = 0.0
        self._decoder: TableDecoder | None = None

    def take_ignored(self) -> dict[str, int]:
        """Columns that the schema does not name: how many rows were read with each since this was asked last."""
        return {} if self._decoder is None else self._decoder.take_ignored()

    @property
    def position(self) -> int:
        """Bytes read, as the share of rows."""
        return int(Path(self._path).stat().st_size * self._done)

    def pairs(self) -> Iterator[Pair]:
        """Batches and refusals. Raises InputError."""
        done = 0
        for frame, n_rows in parquet_frames(self._path):
            if self._decoder is None:
                self._decoder = TableDecoder(self._schema, self._limits, dict(frame.schema), self._path, text=False)
            offset = np.arange(done + 1, done + 1 + len(frame), dtype=np.int64)
            done += len(frame)
            self._done = done / n_rows
            yield self._decoder.decode(frame, Origin(self._path, offset), Refusals())


def parquet_frames(path: str) -> Iterator[tuple[pl.DataFrame, int]]:
    """Rows as typed frames, and how many rows the file has. Raises InputError."""
    with Path(path).open("rb") as file:
        if not Path(path).stat().st_size:
            raise InputError(f"{path}: is empty")
        try:
            parquet = pq.ParquetFile(file)
            names = parquet.schema_arrow.names
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise InputError(f"{path}: has a column twice: {', '.join(map(repr, twice))}; rename one")
            for batch in parquet.iter_batches(batch_size=PIECE_ROWS):
                yield pl.DataFrame(pl.from_arrow(batch)), parquet.metadata.num_rows
        except pa.ArrowException as error:
            raise InputError(f"{path}: is not a whole Parquet file: {str(error)[:200]}") from error


def parquet_columns(path: str) -> list[str]:
    """The names of a file's columns. Raises InputError."""
    try:
        return list(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise InputError(f"{path}: is not a whole Parquet file: {str(error)[:200]}") from error
