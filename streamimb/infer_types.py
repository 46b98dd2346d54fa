"""What the values of a column are, by their majority: a few that do not fit are refused and change no type."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from streamimb.decode_cells import NUMBER
from streamimb.decode_time import iso_us
from streamimb.errors import SchemaError

#: A column is of a type where at least this share of its values are.
MAJORITY: Final = 0.95
#: Values that do not fit are told with at most this many examples.
EXAMPLES_MAX: Final = 3
#: Numbers from here on are no microseconds (of the year 5138) but nanoseconds.
NANOSECONDS_MIN: Final = 1e17
#: Seconds below this (of 1973) are counts or dates like 20240131 as a rule.
SECONDS_MIN: Final = 1e8

Unit = Literal["s", "ms", "us", "iso"]
FeatureType = Literal["numeric", "categorical", "boolean"]
Fits = Callable[[Any], bool]
FEATURE_KINDS: Final[dict[str, str]] = {"numeric": "numbers", "boolean": "booleans", "categorical": "texts"}


def kind_of(present: Sequence[Any], text: bool) -> tuple[FeatureType | None, list[Any]]:
    """The type of a feature's values, None for none of them, and the values that do not fit.

    ``text`` says that the values are CSV cells. A column of true and false and the numbers 0 and 1 is boolean.

    >>> kind_of(["1", "2.5"] * 20 + ["x"], True), kind_of(["1", "x"], True)
    (('numeric', ['x']), ('categorical', []))
    """
    number, truth = (_is_number, _is_truth) if text else (_is_json_number, _is_json_truth)
    kinds: list[tuple[FeatureType, Fits]] = [("numeric", number), ("categorical", _is_text if text else _is_category)]
    if any(truth(v) and (text or isinstance(v, bool)) for v in present):
        kinds.insert(0, ("boolean", truth))
    for kind, fits in kinds:
        misfits = [v for v in present if not fits(v)]
        if len(present) - len(misfits) >= MAJORITY * len(present):
            return kind, misfits
    return None, []


def time_unit(present: Sequence[Any], text: bool) -> tuple[Unit | None, list[Any]]:
    """The unit that puts the times between 1970 and a few thousand years on, and the values that are no times.

    >>> time_unit(["1700000000"] * 40 + ["soon"], True)
    ('s', ['soon'])

    Raises SchemaError for nanoseconds.
    """
    if not present:
        return None, []
    if hasattr(present[0], "isoformat"):
        return ("iso" if hasattr(present[0], "year") else None), []  # a time of day is no moment
    number = _is_number if text else _is_json_number
    misfits = [v for v in present if not number(v)]
    numbers = sorted(abs(float(v)) for v in present if number(v))
    if len(numbers) >= MAJORITY * len(present):
        large = numbers[math.ceil(MAJORITY * (len(numbers) - 1))]
        if large >= NANOSECONDS_MIN:
            raise SchemaError("its values are nanoseconds: divide them by 1,000 and they are microseconds")
        return ("s" if large < 1e11 else "ms" if large < 1e14 else "us"), misfits
    misfits = [v for v in present if not (isinstance(v, str) and iso_us(v.strip()) is not None)]
    return ("iso" if len(present) - len(misfits) >= MAJORITY * len(present) else None), misfits


def odd_seconds(present: Sequence[Any], text: bool) -> Any:
    """A value that is a number of seconds only by its size: negative, or too small to be of our days; None for none."""
    number = _is_number if text else _is_json_number
    return next((v for v in present if number(v) and float(v) < SECONDS_MIN), None)


def misfits_told(name: str, misfits: Sequence[Any], n: int, kind: str) -> list[str]:
    """What is said of the values that will be refused, in no line or one."""
    if not misfits:
        return []
    examples = ", ".join(repr(v)[:40] for v in list(dict.fromkeys(map(str, misfits)))[:EXAMPLES_MAX])
    told = f"{len(misfits):,} of the first {n:,} values are no {kind} ({examples})"
    return [f"column {name!r}: {told}: those rows are refused"]


def _is_number(cell: Any) -> bool:
    return NUMBER.fullmatch(cell.strip()) is not None and math.isfinite(float(cell))


def _is_json_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_truth(cell: Any) -> bool:
    return bool(cell.strip().lower() in ("true", "false"))


def _is_json_truth(value: Any) -> bool:
    return isinstance(value, int | float) and value in (0, 1)


def _is_category(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str)
