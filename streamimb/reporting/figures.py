"""Numbers as the summary shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

DASH: Final = "\N{EN DASH}"
UNDEFINED: Final = DASH
#: What is nearer to zero is no more than what sums of floating-point numbers leave over.
NOISE: Final = 1e-12
#: Seconds of compiling that are worth a word.
COMPILING_TOLD_MIN: Final = 0.5


def _defined(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def percent(share: float | None) -> str:
    """A share with the digits that matter, few or many.

    >>> percent(0.0087), percent(0.919), percent(0.000021)
    ('0.87 %', '91.9 %', '0.0021 %')
    """
    if not _defined(share):
        return UNDEFINED
    value = 100 * share
    if value == 0 or value >= 10:
        return f"{value:.1f} %"
    return f"{value:.{min(6, max(1, 1 - math.floor(math.log10(value))))}f} %".replace(".00 %", ".0 %")


def rate(value: float | None) -> str:
    """A number between 0 and 1 to three digits; a dash where it is undefined.

    >>> rate(0.61249), rate(None), rate(-8e-16)
    ('0.612', '–', '0.000')
    """
    return fixed(value, 3) if _defined(value) else UNDEFINED


def fixed(value: float, digits: int) -> str:
    """A number to so many digits after the point, never a negative zero.

    >>> fixed(-0.0001, 3), fixed(-0.0016, 3)
    ('0.000', '-0.002')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}"


def signed(value: float | None) -> str:
    """What is added or taken away, with the digits that matter.

    >>> signed(1.374), signed(-12.6), signed(8e-16), signed(None)
    ('+1.37', '-13', '0.00', '–')
    """
    if not _defined(value):
        return UNDEFINED
    shown = fixed(value, 0 if abs(value) >= 10 else 2)
    return f"+{shown}" if float(shown) > 0 else shown


def interval(estimate: Sequence[float | None] | None) -> str:
    """The bounds of [value, low, high], without the zeros before the point.

    >>> interval([0.6, 0.55, 1.0]), interval([0.0, -0.01, 0.01]), interval([0.6, None, None])
    ('.550–1.000', '-.010–.010', '')
    >>> interval([0.0, -1e-9, 0.01])
    '.000–.010'
    """
    if estimate is None or not (_defined(estimate[1]) and _defined(estimate[2])):
        return ""
    return f"{_bare(estimate[1])}{DASH}{_bare(estimate[2])}"


def _bare(bound: float) -> str:
    text = fixed(bound, 3)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def covered(events: int, until: str | None, waiting: int) -> str:
    """Of which events figures of quality tell: labels come later than shares.

    until: up to when, or up to which event, every event has its label.

    >>> covered(4812, "2013-05-01 12:31", 1200)
    'of 4,812 labelled events up to 2013-05-01 12:31; 1,200 wait for a label'
    """
    of = f"of {events:,} labelled events{f' up to {until}' if until else ''}" if events else "no labelled event yet"
    return f"{of}; {waiting:,} wait for a label"


def covered_then(events: float, until: str, waiting: float, position: float) -> str:
    """The same of the last events that are labelled, as it was when they were measured.

    >>> covered_then(48, "12:31", 20, 10000)
    'of the last 48 labelled events up to 12:31; measured after 10,000 events, when 20 waited'
    """
    if not events:
        return covered(0, None, round(waiting))
    measured = f"measured after {position:,.0f} events, when {waiting:,.0f} waited"
    return f"of the last {events:,.0f} labelled events{f' up to {until}' if until else ''}; {measured}"


#: Signals whose names say too little, in words.
SIGNALS: Final = {"missing": "missing values", "feature": "values", "score": "scores"}


def subject(signal: str, of: str | None) -> str:
    """What a signal is about.

    >>> subject("recall", "fraud"), subject("missing", "amount"), subject("alert_rate", None)
    ('recall of fraud', 'missing values of amount', 'alert rate')
    """
    name = SIGNALS.get(signal, signal.replace("_", " "))
    return f"{name} of {of}" if of else name


def covered_whole(summary: Mapping[str, Any]) -> str:
    """The same of a whole run, from its summary; one of an older version does not say up to when.

    Events are measured in their order: one whose label is very late holds up all that are labelled after it. Where
    these are most, that is told.
    """
    events = sum(told["support"] for told in summary["classes"].values())
    until = summary.get("labelled_until")
    if until is not None:
        until = f"event {until:,}" if isinstance(until, int) else until[:16].replace("T", " ")
    told, held = covered(events, until, summary["labels"]["waiting"]), summary["learned"] - events
    if held <= events:
        return told
    return f"{told}, {held:,} labelled ones behind the first of them (label.wait bounds that)"


def value_of(estimate: Sequence[float | None] | None) -> float | None:
    """The value of [value, low, high]."""
    return None if estimate is None else estimate[0]


def short(value: float | None) -> str:
    """Any number in a few characters.

    >>> short(0.08312), short(12345.6), short(0.0000213), short(8e-16)
    ('0.083', '12,346', '2.1e-05', '0')
    """
    if not _defined(value):
        return UNDEFINED
    if abs(value) < NOISE:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.3g}"


def round_rate(per_second: float) -> str:
    """Events a second to three digits: nobody needs more.

    >>> round_rate(226_917.2), round_rate(3.14159)
    ('227,000', '3.14')
    """
    if per_second <= 0 or not math.isfinite(per_second):
        return UNDEFINED
    digits = 2 - math.floor(math.log10(per_second))
    return f"{round(per_second, digits):,.{max(0, digits)}f}"


def seconds(elapsed: float) -> str:
    """A span of wall-clock time.

    >>> seconds(1.94), seconds(192)
    ('1.9 s', '3 min 12 s')
    """
    if elapsed < 60:
        return f"{elapsed:.1f} s"
    minutes, left = divmod(round(elapsed), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"
