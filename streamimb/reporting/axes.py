"""Axes of charts: where the ticks are, and what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
#: Steps between ticks of a time axis, in microseconds; longer ones are months.
_STEPS: Final = (
    _SECOND, 10 * _SECOND, 60 * _SECOND, 300 * _SECOND, 900 * _SECOND, 3_600 * _SECOND, 3 * 3_600 * _SECOND,
    6 * 3_600 * _SECOND, 12 * 3_600 * _SECOND, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400)
TICKS_MAX: Final = 6

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Axis:
    """The span that an axis shows and its ticks."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two places on the page, held within them."""
        share = (value - self.low) / (self.high - self.low)
        return start + (end - start) * min(max(share, 0.0), 1.0)


def nice_step(span: float, ticks_max: int = TICKS_MAX) -> float:
    """The least of 1, 2, 5 times a power of ten that cuts a span into no more than so many parts.

    >>> nice_step(0.93), nice_step(336_776)
    (0.2, 100000.0)
    """
    rough = span / max(ticks_max - 1, 1)
    base = 10.0 ** math.floor(math.log10(rough))
    return next(base * m for m in (1, 2, 5, 10) if base * m >= rough * (1 - 1e-9))


def linear(low: float, high: float, told: Callable[[float], str], ticks_max: int = TICKS_MAX) -> Axis:
    """An axis of numbers; a span of nothing is widened.

    >>> [t for t, _ in linear(0.0, 1.0, str, 3).ticks]
    [0.0, 0.5, 1.0]
    """
    if not high > low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = nice_step(high - low, ticks_max)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, tuple((i * step, told(i * step)) for i in range(first, last + 1)))


def counts(low: float, high: float) -> Axis:
    """An axis of positions in a stream.

    >>> counts(0, 336_776).ticks[1]
    (100000.0, '100k')
    """
    return linear(low, high, short_count)


def short_count(value: float) -> str:
    """A count in a few characters.

    >>> short_count(1_500), short_count(2e6), short_count(40)
    ('1.5k', '2M', '40')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def times(low: float, high: float) -> Axis:
    """An axis of event times, microseconds in UTC, whose ticks are round ones of the calendar.

    >>> year = times(1356998400e6, 1388534400e6)
    >>> [told for _, told in year.ticks][:3]
    ['Jan 2013', 'Apr', 'Jul']
    """
    if not high > low:
        high = low + _SECOND
    rough = (high - low) / (TICKS_MAX - 1)
    step = next((s for s in _STEPS if s >= rough), None)
    places = _months(low, high, rough) if step is None else _evenly(low, high, step)
    ticks, before = [], ""
    for place in places:
        told, context = _time_told(place, step)
        ticks.append((place, told if context == before else f"{told} {context}".strip()))
        before = context
    return Axis(low, high, tuple(ticks))


def _evenly(low: float, high: float, step: int) -> list[float]:
    first = math.ceil(low / step)
    return [float(i * step) for i in range(first, math.floor(high / step) + 1)]


def _months(low: float, high: float, rough: float) -> list[float]:
    step = next((m for m in _MONTH_STEPS if m * 30.4 * _DAY >= rough), _MONTH_STEPS[-1])
    start = _EPOCH + timedelta(microseconds=low)
    month = (start.year * 12 + start.month - 1) // step * step
    found = []
    while month < 12 * 9_999:
        if month >= 12:
            at = (datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1)
            if at > high:
                break
            if at >= low:
                found.append(at)
        month += step
    return found


def _time_told(place: float, step: int | None) -> tuple[str, str]:
    """A tick's words, and what is said only where it changes."""
    at = _EPOCH + timedelta(microseconds=place)
    if step is None:
        return at.strftime("%b"), at.strftime("%Y")
    if step >= _DAY:
        return f"{at.day} {at:%b}", at.strftime("%Y")
    if step >= 60 * _SECOND:
        return at.strftime("%H:%M"), f"{at.day} {at:%b}"
    return at.strftime("%H:%M:%S"), f"{at.day} {at:%b}"
