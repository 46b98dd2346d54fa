"""Columns of a table (CSV text, or Parquet's types) to a Batch: the columnar twin of ``decode_json``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, TIME_LIMIT_US, WITH_EVENT, Batch, Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_cells import MISSING_CELLS, boolean_of, class_code, number_of, numbers_of
from streamimb.decode_columns import (
    IGNORED_NAME_CHARS_MAX,
    IGNORED_NAMES_MAX,
    Categories,
    Columns,
    Named,
    Origin,
    Refusals,
    finish,
    no_label_times,
    refuse_unknown,
    shown,
)
from streamimb.decode_time import from_iso, scaled
from streamimb.errors import InputError
from streamimb.near import hint
from streamimb.schema import Feature, Schema
from streamimb.text import Cells, Column, Text


class TableDecoder:
    """Decodes frames of one column layout.

    ``text`` says that the frames are CSV cells: all columns are strings, and some strings mean a missing value.
    Raises InputError where the columns do not hold what the schema declares.
    """

    def __init__(self, schema: Schema, limits: LimitsConfig, columns: dict[str, pl.DataType], source: str, text: bool):
        self.schema, self.limits, self.source, self.text = schema, limits, source, text
        self._columns = columns
        self._named: set[str] = set()
        self._features = [(f, self._find(f), Categories(f)) for f in schema.features]
        self._label = self._find(schema.label, needed=len(schema.features) == 0)
        self._id = None if schema.id is None else self._find(schema.id)
        self._time = None if schema.time is None else self._find(schema.time)
        self._label_time = None if schema.label.time is None else self._find(_At(schema.label.time))
        self._unnamed = list(islice(_others(columns, self._named), IGNORED_NAMES_MAX))
        self._unnamed_rows = 0

    def take_ignored(self) -> dict[str, int]:
        """Columns that the schema does not name: how many rows were read with each since this was asked last."""
        rows, self._unnamed_rows = self._unnamed_rows, 0
        return {name[:IGNORED_NAME_CHARS_MAX]: rows for name in self._unnamed if rows}

    def decode(self, frame: pl.DataFrame, origin: Origin, refusals: Refusals) -> tuple[Batch, list[Rejected]]:
        """The batch and the refusals of n rows; ``refusals`` may already hold rows refused by the reader."""
        n = len(frame)
        self._unnamed_rows += n
        raw = np.empty((len(self._features), n), np.float64)
        spelled: dict[int, Column] = {}
        for j, (feature, column, categories) in enumerate(self._features):
            cells = self._cells(frame, column)
            if feature.type == "categorical":
                texts, raw[j] = self._categorical(feature, cells, categories)
                if feature.categories is None:
                    spelled[j] = texts
            else:
                raw[j] = self._numeric(feature, cells, refusals)
        label = np.full(n, NO_LABEL, np.int16)
        if self._label is not None:
            label = self._labels(self._cells(frame, self._label), refusals)
        time, label_time = np.zeros(n, np.int64), no_label_times(n)
        if self._time is not None and self.schema.time is not None:
            time, bad = self._times(self._cells(frame, self._time))
            refusals.add_where(bad, Reason.BAD_TIME, shown(self.schema.time), f"no time in {self.schema.time.unit}")
        if self._label_time is not None:
            label_time = self._label_times(self._cells(frame, self._label_time), refusals)
        ids = None if self._id is None else self._ids(self._cells(frame, self._id), refusals)
        # A table names its columns in every row: only a file of labels, without features, has rows of labels alone.
        bare, timeless = np.full(n, not self._features), np.zeros(n, np.bool_)
        columns = Columns(raw, label, ids, time, label_time, bare, timeless, spelled)
        return finish(self.schema, self.limits, columns, refusals, origin)

    def _find(self, field: Named, needed: bool = True) -> pl.Expr | None:
        for name in (field.path, field.name):
            if name is not None and name in self._columns:
                self._named.add(name)
                return pl.col(name)
        first, *rest = (field.path or field.name).split(".")
        if rest and isinstance(self._columns.get(first), pl.Struct):
            column = pl.col(first)
            self._named.add(field.path or field.name)
            for key in rest:
                column = column.struct.field(key)
            return column
        if not needed or (field is self.schema.label and self.schema.features):
            return None
        raise missing_column(self.source, shown(field), list(self._columns))

    def _cells(self, frame: pl.DataFrame, column: pl.Expr | None) -> pl.Series:
        assert column is not None
        cells = frame.select(column.alias("cells")).to_series()
        return cells.cast(pl.String) if isinstance(cells.dtype, (pl.Categorical, pl.Enum)) else cells

    def _numeric(self, feature: Feature, cells: pl.Series, refusals: Refusals) -> NDArray[np.float64]:
        if feature.type == "boolean":
            return self._boolean(feature, cells, refusals)
        if cells.dtype == pl.String and self.text:
            return numbers_of(cells, shown(feature), refusals)
        if not (cells.dtype.is_numeric() or cells.dtype == pl.Null):
            raise self._misfit(feature, cells)
        numbers = _floats(cells)
        refusals.add_where(np.isinf(numbers), Reason.NOT_FINITE, shown(feature), "an infinite number")
        return numbers

    def _categorical(
        self, feature: Feature, cells: pl.Series, categories: Categories
    ) -> tuple[Column, NDArray[np.float64]]:
        """Texts and codes of a column."""
        if cells.dtype.is_float():
            names = [None if v is None or math.isnan(v) else repr(v) for v in cells.to_list()]
            return names, categories.of_values(names)
        if cells.dtype.is_integer() or cells.dtype == pl.Null:
            cells = cells.cast(pl.String)
        if cells.dtype != pl.String:
            raise self._misfit(feature, cells)
        cells = self._without_missing(cells)
        text, absent = to_text(cells), cells.is_null().to_numpy()
        return Cells(text, absent), categories.of_text(text, absent)

    def _boolean(self, feature: Feature, cells: pl.Series, refusals: Refusals) -> NDArray[np.float64]:
        if cells.dtype == pl.String and self.text:
            cells = self._without_missing(cells)
            codes = {c: boolean_of(c) for c in cells.unique().drop_nulls().to_list()}
            numbers = _replaced(cells, codes, 2.0, pl.Float64)
        elif cells.dtype == pl.Boolean or cells.dtype.is_numeric() or cells.dtype == pl.Null:
            numbers = _floats(cells)
        else:
            raise self._misfit(feature, cells)
        wrong = ~((numbers == 0) | (numbers == 1) | np.isnan(numbers))
        refusals.add_where(wrong, Reason.WRONG_TYPE, shown(feature), "expected true or false")
        numbers[wrong] = np.nan
        return numbers

    def _labels(self, cells: pl.Series, refusals: Refusals) -> NDArray[np.int16]:
        if cells.dtype == pl.String and self.text:
            cells = self._without_missing(cells)
        label = self.schema.label
        codes = {value: class_code(label, value, self.text) for value in cells.unique().to_list()}
        codes = {v: c for v, c in codes.items() if v is not None and not (isinstance(v, float) and math.isnan(v))}
        found = _replaced(cells.fill_nan(None) if cells.dtype.is_float() else cells, codes, NO_LABEL, pl.Int16)
        return refuse_unknown(label, found.astype(np.int16), refusals, cells)

    def _times(self, cells: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        assert self.schema.time is not None
        unit = self.schema.time.unit
        if cells.dtype in (pl.Date, pl.Datetime):
            moments = cells.cast(pl.Datetime("us")).cast(pl.Int64)
            times = moments.fill_null(0).to_numpy(writable=True)
            return times, moments.is_null().to_numpy() | (np.abs(times) >= TIME_LIMIT_US)
        if unit == "iso":
            if cells.dtype != pl.String:
                raise self._misfit(self.schema.time, cells)
            return from_iso([None if c is None else c.strip() for c in cells.to_list()])
        if cells.dtype == pl.String and self.text:
            stripped = cells.str.strip_chars()
            return scaled(_floats(stripped.cast(pl.Float64, strict=False)), lambda i: number_of(stripped[i]), unit)
        if not cells.dtype.is_numeric():
            raise self._misfit(self.schema.time, cells)
        return scaled(_floats(cells), lambda i: cells[i], unit)

    def _label_times(self, cells: pl.Series, refusals: Refusals) -> NDArray[np.int64]:
        if cells.dtype == pl.String and self.text:
            cells = self._without_missing(cells)
        absent = cells.is_null().to_numpy()
        if cells.dtype.is_float():
            absent |= np.isnan(_floats(cells))
        times, bad = self._times(cells) if not absent.all() else (np.zeros(len(cells), np.int64), absent)
        refusals.add_where(bad & ~absent, Reason.BAD_TIME, self.schema.label.time, "no time in the declared unit")
        return np.where(absent, WITH_EVENT, times)

    def _ids(self, cells: pl.Series, refusals: Refusals) -> Text:
        assert self.schema.id is not None
        if cells.dtype.is_integer() or cells.dtype == pl.Null:
            cells = cells.cast(pl.String)
        if cells.dtype != pl.String:
            raise self._misfit(self.schema.id, cells)
        absent = cells.is_null().to_numpy()
        refusals.add_where(absent, Reason.MISSING_FIELD, shown(self.schema.id), "no id")
        return to_text(cells)

    def _without_missing(self, cells: pl.Series) -> pl.Series:
        if not self.text or cells.dtype != pl.String:
            return cells
        missing = cells.is_in(MISSING_CELLS)
        return cells.set(missing, None) if missing.any() else cells

    def _misfit(self, field: Named, cells: pl.Series) -> InputError:
        kind = field.type if isinstance(field, Feature) else type(field).__name__.lower()
        return InputError(
            f"{self.source}: column {shown(field)!r} holds {cells.dtype}, which cannot be read as {kind}: "
            "change the schema or the file"
        )


def _others(columns: Mapping[str, Any], named: set[str], within: str = "") -> Iterator[str]:
    """Paths of the columns, or fields of those that are partly read, that are not named."""
    for name, kind in columns.items():
        path = within + name
        if any(other.startswith(f"{path}.") for other in named) and isinstance(kind, pl.Struct):
            yield from _others({field.name: field.dtype for field in kind.fields}, named, f"{path}.")
        elif path not in named:
            yield path


class _At:
    def __init__(self, path: str) -> None:
        self.name = path
        self.path = None


def missing_column(source: str, name: str, columns: Sequence[str]) -> InputError:
    """The error for a declared column that a file lacks, with the one that was meant, or all there are."""
    return InputError(f"{source}: no column {name!r}, which the schema declares {hint(name, columns)}")


def to_text(cells: pl.Series) -> Text:
    """A column of strings as Text, without an object each; null is empty."""
    array = cells.fill_null("").rechunk().to_arrow()
    _, offsets, data = array.buffers()
    start = array.offset
    # A copy: kernels would be compiled once more for read-only offsets.
    bounds = np.zeros(1, np.int64)
    if len(array):
        bounds = np.frombuffer(offsets, np.int64)[start : start + len(array) + 1].copy()
    return Text(np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), bounds)


def _replaced(cells: pl.Series, codes: dict[Any, Any], absent: float, dtype: Any) -> NDArray[Any]:
    if not codes:
        return np.full(len(cells), np.nan if dtype == pl.Float64 else absent)
    values = pl.Series("old", list(codes), dtype=cells.dtype)
    found = cells.replace_strict(values, list(codes.values()), default=None, return_dtype=dtype)
    return found.to_numpy(writable=True) if dtype == pl.Float64 else found.fill_null(absent).to_numpy(writable=True)


def _floats(cells: pl.Series) -> NDArray[np.float64]:
    return cells.cast(pl.Float64).to_numpy(writable=True)
