"""Numbers and moments as JSON spells them, read by compiled code.

Numbers are exact where mantissa and power of ten are (Clinger, PLDI 1990); others are known within a few roundings.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, leaf, part

#: Doubles that are exact: powers of ten up to 10^22, whole numbers below 2^53.
POWERS: Final = np.array([float(10**i) for i in range(23)])
EXACT_BELOW: Final = 1 << 53
POWER_EXACT_MAX: Final = 22
#: Digits that fit into 64 bits.
DIGITS_MAX: Final = 18
#: Larger exponents are nobody's.
EXPONENT_MAX: Final = 400
#: A number that was worked out in a few roundings is this near to the true one, relatively.
ROUGHLY: Final = 2.0**-49
#: Beyond these, float32 overflows or is no longer as fine.
ROUGH_MIN, ROUGH_MAX = 1e-30, 1e38
MICROSECONDS: Final = 1_000_000
SECONDS_A_DAY: Final = 86_400
NO_DAY: Final = -1_000_000
NO_MOMENT: Final = -(1 << 62)
_MINUS, _POINT, _ZERO, _NINE, _COLON, _PLUS = 45, 46, 48, 57, 58, 43


@part
def is_digit(byte: Any) -> bool:
    """Whether a byte is one of 0 to 9."""
    return bool(byte >= _ZERO and byte <= _NINE)


@part
def _scaled(value: float, power: int) -> float:
    """A value times ten to a power, in steps that are exact each; cut short beyond what a rough number may be."""
    while power > 0 and 0.0 < value <= ROUGH_MAX:
        step = min(power, POWER_EXACT_MAX)
        value *= POWERS[step]
        power -= step
    while power < 0 and value >= ROUGH_MIN:
        step = min(-power, POWER_EXACT_MAX)
        value /= POWERS[step]
        power += step
    return value


@leaf
def number_at(buf: Array, at: int, stop: int, number: Array) -> int:
    """Read a number; the place after it, or -1 where none that can be trusted stands there.

    number: its value, whether it is exact (1) or within ROUGHLY (0), and whether it is whole, written as digits alone.
    """
    negative = buf[at] == _MINUS
    if negative:
        at += 1
    first, mantissa, digits, power = at, np.uint64(0), 0, 0
    while at < stop and is_digit(buf[at]):
        if digits < DIGITS_MAX:
            mantissa = mantissa * np.uint64(10) + np.uint64(buf[at] - _ZERO)
            digits += 1 if mantissa else 0
        else:
            power += 1
        at += 1
    if at == first or (buf[first] == _ZERO and at - first > 1):
        return -1
    number[2] = 1.0
    if at < stop and buf[at] == _POINT:
        at += 1
        begun = at
        while at < stop and is_digit(buf[at]):
            if digits < DIGITS_MAX:
                mantissa = mantissa * np.uint64(10) + np.uint64(buf[at] - _ZERO)
                digits += 1 if mantissa else 0
                power -= 1
            at += 1
        if at == begun:
            return -1
        number[2] = 0.0
    if at < stop and (buf[at] == 101 or buf[at] == 69):  # e, E
        at += 1
        sign = 1
        if at < stop and (buf[at] == _MINUS or buf[at] == _PLUS):
            sign = -1 if buf[at] == _MINUS else 1
            at += 1
        begun, told = at, 0
        while at < stop and is_digit(buf[at]):
            told = told * 10 + int(buf[at] - _ZERO)
            if told > EXPONENT_MAX:
                return -1
            at += 1
        if at == begun:
            return -1
        power += sign * told
        number[2] = 0.0
    if negative and not mantissa and number[2]:
        return -1  # -0 is the whole number 0 to some
    value = float(mantissa)
    exact = mantissa < np.uint64(EXACT_BELOW) and digits < DIGITS_MAX
    exact = exact and -POWER_EXACT_MAX <= power <= POWER_EXACT_MAX
    value = _scaled(float(mantissa), power)
    if not exact and not ROUGH_MIN < value < ROUGH_MAX:
        return -1
    number[0] = -value if negative else value
    number[1] = 1.0 if exact else 0.0
    return at


@part
def _two(buf: Array, at: int) -> int:
    """Two digits as a number; -1 where there are none."""
    if is_digit(buf[at]) and is_digit(buf[at + 1]):
        return int(buf[at] - _ZERO) * 10 + int(buf[at + 1] - _ZERO)
    return -1


@leaf
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 of a date of the Gregorian calendar; NO_DAY where there is no such date."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = 28 + leap if month == 2 else 30 + ((month + (month > 7)) % 2)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= last:
        return NO_DAY
    before = year - 1
    passed = 365 * before + before // 4 - before // 100 + before // 400
    months = (367 * month - 362) // 12 - (0 if month <= 2 else 1 if leap else 2)
    return passed + months + day - 1 - 719_162


@leaf
def iso_at(buf: Array, at: int, stop: int) -> int:
    """Microseconds of ``YYYY-MM-DDTHH:MM:SS``, with up to six decimals and Z or an offset; NO_MOMENT for others."""
    if stop - at < 19 or buf[at + 4] != _MINUS or buf[at + 7] != _MINUS or (buf[at + 10] != 84 and buf[at + 10] != 32):
        return NO_MOMENT
    if buf[at + 13] != _COLON or buf[at + 16] != _COLON:
        return NO_MOMENT
    high, low, month, day = _two(buf, at), _two(buf, at + 2), _two(buf, at + 5), _two(buf, at + 8)
    hour, minute, second = _two(buf, at + 11), _two(buf, at + 14), _two(buf, at + 17)
    if min(high, low, month, day) < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return NO_MOMENT
    days = _days(high * 100 + low, month, day)
    if days == NO_DAY:
        return NO_MOMENT
    at += 19
    fraction, unit = 0, MICROSECONDS
    if at < stop and buf[at] == _POINT:
        at += 1
        while at < stop and is_digit(buf[at]) and unit > 1:
            unit //= 10
            fraction += int(buf[at] - _ZERO) * unit
            at += 1
        if unit == MICROSECONDS:
            return NO_MOMENT
    offset = 0
    if at < stop and buf[at] == 90:  # Z
        at += 1
    elif stop - at == 6 and (buf[at] == _PLUS or buf[at] == _MINUS) and buf[at + 3] == _COLON:
        hours, minutes = _two(buf, at + 1), _two(buf, at + 4)
        if not (0 <= hours < 24 and 0 <= minutes < 60):
            return NO_MOMENT
        offset = (hours * 3_600 + minutes * 60) * (-1 if buf[at] == _MINUS else 1)
        at += 6
    if at != stop:
        return NO_MOMENT
    return (days * SECONDS_A_DAY + hour * 3_600 + minute * 60 + second - offset) * MICROSECONDS + fraction


@part
def is_certain(value: float, limit: float) -> bool:
    """Whether a number known within ROUGHLY is the same in float32, and on one side of a limit."""
    low, high = value * (1.0 - ROUGHLY), value * (1.0 + ROUGHLY)
    return np.float32(low) == np.float32(high) and (abs(low) > limit) == (abs(high) > limit)
