"""Event times in all their forms, as int64 microseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import TIME_LIMIT_US
from streamimb.durations import UNITS_US

#: Whole numbers below this are exact in float64.
_EXACT_MAX: Final = float(1 << 53)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def iso_us(text: str) -> int | None:
    """Microseconds of an ISO 8601 time, or None; a time without an offset is UTC.

    >>> iso_us("1970-01-01T01:00:00.5+01:00"), iso_us("1970-01-02"), iso_us("yesterday")
    (500000, 86400000000, None)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_iso(values: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times of ISO 8601 texts, int64 (n,), and where there is none, bool (n,)."""
    times = [None if v is None else iso_us(v) for v in values]
    bad = np.array([t is None for t in times], np.bool_)
    return np.array([t or 0 for t in times], np.int64), bad


def from_numbers(values: Sequence[int | float | None], unit: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times of numbers in the unit s, ms or us, int64 (n,), and where there is none, bool (n,).

    A whole number is exact; a fraction is rounded to the microsecond.
    """
    try:
        approximate = np.array(values, np.float64)
    except OverflowError:
        approximate = np.array([_to_float(v) for v in values], np.float64)
    return scaled(approximate, values.__getitem__, unit)


def scaled(
    approximate: NDArray[np.float64], exact: Callable[[int], int | float | None], unit: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """As from_numbers, of float64 (n,) with NaN for none; ``exact(row)`` gives the number where float64 cannot."""
    scale = UNITS_US[unit]
    with np.errstate(over="ignore"):  # what overflows is no time
        product = approximate * scale
    safe = np.abs(product) < _EXACT_MAX
    times = np.rint(np.where(safe, product, 0.0)).astype(np.int64)
    bad = ~safe
    for row in np.flatnonzero(bad & ~np.isnan(approximate)).tolist():
        number = exact(row)
        if number is None or not np.isfinite(_to_float(number)):
            continue
        time = number * scale if isinstance(number, int) else round(number * scale) if abs(number) < 1e19 else None
        if time is not None and abs(time) < TIME_LIMIT_US:
            times[row], bad[row] = time, False
    return times, bad


def _to_float(number: int | float | None) -> float:
    try:
        return np.nan if number is None else float(number)
    except OverflowError:
        return np.inf
