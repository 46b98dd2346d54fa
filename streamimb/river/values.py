"""Values of river's dicts: which are there, what type a feature has, and how a value stands in an array."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from streamimb.river.classes import is_missing
from streamimb.schema import CATEGORY_CODE_MAX, NUMBER_ABS_MAX, Feature
from streamimb.text import Text


def checked_event(x: Any) -> Mapping[Hashable, Any]:
    """The event itself. Raises TypeError where it is no features by name.

    >>> checked_event([0.5])
    Traceback (most recent call last):
        ...
    TypeError: x: [0.5] is a list: a dict is wanted, as {'amount': 20.0}
    """
    if isinstance(x, Mapping) or (hasattr(x, "items") and hasattr(x, "get")):  # the latter as a Series has
        event: Mapping[Hashable, Any] = x
        return event
    raise TypeError(f"x: {x!r:.60} is a {type(x).__name__}: a dict is wanted, as {{'amount': 20.0}}")


def event_or_text(x: Any) -> Any:
    """The same, or the text that a model such as ``BagOfWords`` reads. Raises TypeError."""
    return x if isinstance(x, str) else checked_event(x)


def is_value(value: Any) -> bool:
    """Whether it is text, a boolean or a real number, be it missing."""
    return isinstance(value, str | int | float | np.integer | np.floating | np.bool_) or is_missing(value)


def is_known(value: Any) -> bool:
    """Whether a value is there: text, or a number that is finite and no larger than a float can be.

    >>> is_known("a"), is_known(3), is_known(float("nan")), is_known(None), is_known(10**400)
    (True, True, False, False, False)
    """
    if isinstance(value, str):
        return True
    if is_missing(value):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def type_of(value: Any) -> Any:
    """The type of the feature whose first value it is."""
    if isinstance(value, str):
        return "categorical"
    return "boolean" if isinstance(value, bool | np.bool_) else "numeric"


def fits(feature: Feature, value: Any) -> bool:
    """Whether a value is of a feature's type."""
    return isinstance(value, str) == (feature.type == "categorical")


def code_of(feature: Feature, value: Any) -> float:
    """A value as the learner takes it; NaN where it is missing or of another type than the feature."""
    if not is_known(value) or not fits(feature, value):
        return math.nan
    if isinstance(value, str):
        return float(Text.of([value]).hashes()[0] % np.uint64(CATEGORY_CODE_MAX))
    return min(max(float(value), -NUMBER_ABS_MAX), NUMBER_ABS_MAX)
