"""Durations as people write them (``7d``, ``90m``) and times as they are shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from streamimb.batch import TIME_LIMIT_US
from streamimb.errors import ConfigError

UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
            "w": 604_800_000_000}  # fmt: skip
_PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(us|ms|s|m|h|d|w)")
_COUNT = re.compile(r"\s*[0-9]+\s*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str | int, *, has_time: bool, key: str) -> int:
    """A duration on the stream's own axis: microseconds where events have times, else a count of events.

    Raises ConfigError where the form does not fit the axis.

    >>> parse_duration("7d", has_time=True, key="label.delay")
    604800000000
    >>> parse_duration(500, has_time=False, key="label.delay")
    500
    """
    whole = is_count(text)
    match = None if whole else _PATTERN.fullmatch(str(text).strip())
    if match is None and (has_time or not whole):
        raise ConfigError(
            f"{key}: {text!r} is no duration: write a number and one of {', '.join(UNITS_US)}, as in '7d'"
        )
    if match is not None and has_time:
        return _bounded(float(match[1]) * UNITS_US[match[2]], text, key)
    if match is not None or (isinstance(text, int) and text < 0):
        raise ConfigError(f"{key}: {text!r} is a duration, but the schema names no time: give a count of events")
    return _bounded(text if isinstance(text, int) else float(text), text, key)


def _bounded(span: float, text: str | int, key: str) -> int:
    if span >= TIME_LIMIT_US:
        shown, most = str(text)[:40], TIME_LIMIT_US // UNITS_US["d"]
        raise ConfigError(f"{key}: {shown!r} is longer than any stream: at most {most:,}d")
    return round(span)


def is_count(text: str | int) -> bool:
    """Whether a duration is written as a count of events, as streams without times have them."""
    return isinstance(text, int) or _COUNT.fullmatch(text) is not None


def is_longer(one: str | int, other: str | int) -> bool:
    """Whether one duration is longer than the other; False where they cannot be compared.

    >>> is_longer("2d", "36h"), is_longer(3, "1d")
    (True, False)
    """
    has_time = not is_count(one)
    try:
        a, b = (parse_duration(text, has_time=has_time, key="") for text in (one, other))
    except ConfigError:
        return False
    return a > b


def show_time(time_us: int, *, has_time: bool) -> str:
    """A time as ISO 8601 in UTC, or the position where the stream has no times."""
    if not has_time:
        return str(time_us)
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{time_us} us"


def show_duration(span_us: int) -> str:
    """The two largest units of a duration, as in ``6d 3h``."""
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, span_us = divmod(span_us, UNITS_US[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
