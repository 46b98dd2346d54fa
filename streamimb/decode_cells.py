"""What single cells of text mean: numbers, booleans, classes, and those that say: no value."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.batch import Reason
from streamimb.decode_columns import UNKNOWN_CLASS, Refusals
from streamimb.schema import Label

#: CSV cells that say: no value.
MISSING_CELLS: Final = ("", "NA", "NaN", "nan", "null", "NULL")
TRUE_CELLS: Final = ("true", "1", "yes", "1.0")
FALSE_CELLS: Final = ("false", "0", "no", "0.0")
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE: Final = re.compile(r"[+-]?\d{1,300}(\.0*)?", re.ASCII)
_INFINITE: Final = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)


def class_code(label: Label, value: Any, text: bool) -> int:
    """Code of a cell's class: its type must fit; a whole number written 1.0 is the class 1 (columns with gaps are
    often written so), and in CSV a boolean class is written as boolean features are.
    """
    for code, declared in enumerate(label.classes):
        if type(declared) is type(value) and declared == value:
            return code
    if isinstance(value, float):
        return class_code(label, int(value), text) if value.is_integer() else UNKNOWN_CLASS
    if text and isinstance(value, str):
        if WHOLE.fullmatch(value.strip()):
            code = class_code(label, int(value.strip().partition(".")[0]), text)
            if code != UNKNOWN_CLASS:
                return code
        as_boolean = boolean_of(value)
        return class_code(label, bool(as_boolean), text) if as_boolean in (0.0, 1.0) else UNKNOWN_CLASS
    return UNKNOWN_CLASS


def numbers_of(cells: pl.Series, name: str, refusals: Refusals) -> NDArray[np.float64]:
    """Numbers of a column of cells, float64 (n,), NaN where missing; other cells are refused."""
    parsed = cells.cast(pl.Float64, strict=False)
    if parsed.null_count() != cells.null_count():
        cells = cells.str.strip_chars()
        cells = cells.set(cells.is_in(MISSING_CELLS), None)
        parsed = cells.cast(pl.Float64, strict=False)
    numbers = parsed.to_numpy(writable=True)
    odd = ~np.isfinite(numbers) & cells.is_not_null().to_numpy()
    for row in np.flatnonzero(odd).tolist():
        cell = cells[row]
        number = number_of(cell)
        if cell in MISSING_CELLS or (number is not None and math.isfinite(number)):
            numbers[row] = np.nan if number is None else number
            continue
        numbers[row] = np.nan
        reason, detail = Reason.WRONG_TYPE, f"expected a number, got {cell[:40]!r}"
        if number is not None:
            reason, detail = Reason.OUT_OF_RANGE, f"{cell[:40]} is beyond any number"
        elif _INFINITE.fullmatch(cell):
            reason, detail = Reason.NOT_FINITE, f"{cell!r} is not finite"
        refusals.add(row, reason, name, detail)
    return numbers


def number_of(cell: Any) -> int | float | None:
    """The number that a cell spells, whole numbers exactly; None for anything else."""
    if not isinstance(cell, str):
        return None
    if cell.lstrip("+-").isdecimal() and cell.isascii() and len(cell) < 300:
        return int(cell) if NUMBER.fullmatch(cell) else None
    return float(cell) if NUMBER.fullmatch(cell) else None


def boolean_of(cell: str) -> float:
    """1 for a true cell, 0 for a false one, 2 for anything else."""
    lowered = cell.strip().lower()
    return 1.0 if lowered in TRUE_CELLS else 0.0 if lowered in FALSE_CELLS else 2.0
