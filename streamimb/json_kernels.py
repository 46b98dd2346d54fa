"""Flat JSON objects read by compiled code, for what is plain about them; whatever is not is left to a library.

The grammar is RFC 8259. A record is plain if it is one object of known keys, each at most once, whose values are null,
true, false, a number or text without escapes. Anything else, malformed or not, is *odd*: nothing is decided
about it here. A number that is not exact counts as plain only if its float32 is beyond doubt.
"""

from __future__ import annotations

import numpy as np

from streamimb.json_layout import (
    BARE,
    BOOLEAN,
    COLUMN,
    IS_FALSE,
    IS_FEATURE,
    IS_NEEDED,
    IS_NONE,
    IS_NULL,
    IS_NUMBER,
    IS_TEXT,
    IS_TRUE,
    KIND,
    LABEL,
    MOMENT,
    MOMENT_ISO,
    NUMBER,
    ODD,
    PLAIN,
    TEXT,
)
from streamimb.json_values import DIGITS_MAX, EXACT_BELOW, NO_MOMENT, is_certain, is_digit, iso_at, number_at
from streamimb.kernel import Array, leaf, part

_QUOTE, _COMMA, _MINUS, _COLON, _OPEN, _CLOSE, _BACKSLASH, _SPACE, _ASCII_END = 34, 44, 45, 58, 123, 125, 92, 32, 128


@part
def _skip_blanks(buf: Array, at: int, stop: int) -> int:
    while at < stop and (buf[at] == 32 or buf[at] == 10 or buf[at] == 13 or buf[at] == 9):
        at += 1
    return at


@leaf
def _character_end(buf: Array, at: int, stop: int) -> int:
    """The place after a character of several bytes; -1 where it is not UTF-8 (RFC 3629, section 4)."""
    lead, low, high, more = buf[at], 0x80, 0xBF, 1
    if lead >= 0xE0:
        more = 2 if lead < 0xF0 else 3
        low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else low
        high = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else high
    if lead < 0xC2 or lead > 0xF4 or at + more >= stop or buf[at + 1] < low or buf[at + 1] > high:
        return -1
    for i in range(2, more + 1):
        if buf[at + i] < 0x80 or buf[at + i] > 0xBF:
            return -1
    return at + more + 1


@part
def _text_end(buf: Array, at: int, stop: int) -> int:
    """The place of the quote that ends a text which begins at ``at``; -1 where it is not plain."""
    while 0 <= at < stop:
        byte = buf[at]
        if byte == _QUOTE:
            return at
        if byte < _SPACE or byte == _BACKSLASH:
            return -1
        at = at + 1 if byte < _ASCII_END else _character_end(buf, at, stop)
    return -1


@part
def _is_key(buf: Array, at: int, stop: int, names: Array, begun: int, end: int) -> bool:
    """Whether a name, and the quote that ends it, stand there."""
    if at + end - begun >= stop or buf[at + end - begun] != _QUOTE:
        return False
    for i in range(begun, end):  # noqa: SIM110  numba compiles no all()
        if buf[at + i - begun] != names[i]:
            return False
    return True


@part
def _key_at(buf: Array, at: int, stop: int, names: Array, ends: Array, guess: int) -> int:
    """Which of the known keys stands there; the one that is guessed is looked at first. -1 where it is none."""
    n = len(ends) - 1
    for turn in range(n):
        key = guess + turn
        if key >= n:
            key -= n
        if _is_key(buf, at, stop, names, ends[key], ends[key + 1]):
            return key
    return -1


@leaf
def _value(buf: Array, at: int, stop: int, number: Array, span: Array) -> int:
    """Read a value: the place after it, or -1 where it is odd.

    span: what it was written as, and where its text, or a whole number's digits, begin and how many bytes these are.
    """
    byte = buf[at]
    if byte == _QUOTE:
        end = _text_end(buf, at + 1, stop)
        span[0], span[1], span[2] = IS_TEXT, at + 1, end - at - 1
        return end + 1 if end >= 0 else -1
    if is_digit(byte) or byte == _MINUS:
        if byte == _MINUS and at + 1 == stop:
            return -1
        after = number_at(buf, at, stop, number)
        span[0], span[1], span[2] = IS_NUMBER, at, after - at
        return after
    if stop - at >= 4 and buf[at + 1] == 114 and byte == 116 and buf[at + 2] == 117 and buf[at + 3] == 101:
        span[0] = IS_TRUE
        return at + 4
    if stop - at >= 4 and byte == 110 and buf[at + 1] == 117 and buf[at + 2] == 108 and buf[at + 3] == 108:
        span[0] = IS_NULL
        return at + 4
    if stop - at >= 5 and byte == 102 and buf[at + 1] == 97 and buf[at + 2] == 108 and buf[at + 3] == 115:
        span[0] = IS_FALSE
        return at + 5 if buf[at + 4] == 101 else -1
    return -1


@part
def _class_of(buf: Array, span: Array, whole: bool, classes: Array, class_ends: Array, types: Array) -> int:
    """The code of a label's value; -2 where it is none of the classes, or not written as one would be."""
    if span[0] == IS_NULL:
        return IS_NONE
    if span[0] == IS_NUMBER and not whole:
        return -2
    for k in range(len(types)):
        if types[k] != span[0]:
            continue
        if span[0] == IS_TRUE or span[0] == IS_FALSE:
            return k
        begun = class_ends[k]
        if class_ends[k + 1] - begun != span[2]:
            continue
        same = True
        for i in range(span[2]):
            if buf[span[1] + i] != classes[begun + i]:
                same = False
                break
        if same:
            return k
    return -2


@part
def _keep(
    buf: Array, row: int, kind: int, column: int, number: Array, span: Array, limit: float, scale: float,
    classes: Array, class_ends: Array, types: Array,
    numbers: Array, starts: Array, sizes: Array, labels: Array, times: Array,
) -> bool:  # fmt: skip
    """Put a value where it belongs; whether it is plain there."""
    form = span[0]
    if kind == NUMBER:
        if form == IS_NULL:
            return True
        numbers[column, row] = number[0]
        return bool(form == IS_NUMBER and (number[1] or is_certain(number[0], limit)))
    if kind == BOOLEAN:
        if form == IS_NULL:
            return True
        numbers[column, row] = 1.0 if form == IS_TRUE else 0.0 if form == IS_FALSE else number[0]
        return bool(form != IS_TEXT and (form != IS_NUMBER or (number[2] and 0.0 <= number[0] <= 1.0)))
    if kind == TEXT:
        if form == IS_NULL:
            return True
        if form != IS_TEXT and not (form == IS_NUMBER and number[2] and span[2] <= DIGITS_MAX):
            return False
        starts[column, row], sizes[column, row] = span[1], span[2]
        return True
    if kind == LABEL:
        code = _class_of(buf, span, number[2] > 0.0, classes, class_ends, types)
        labels[row] = max(code, IS_NONE)
        return code >= IS_NONE
    if kind == MOMENT_ISO:
        if form == IS_NULL:
            return True
        if form == IS_TEXT:
            times[column, row] = iso_at(buf, span[1], span[1] + span[2])
        return bool(form == IS_TEXT and times[column, row] != NO_MOMENT)
    if kind == MOMENT:
        if form == IS_NULL:
            return True
        product = number[0] * scale
        times[column, row] = np.int64(np.rint(product)) if abs(product) < EXACT_BELOW else 0
        return bool(form == IS_NUMBER and number[1] and abs(product) < EXACT_BELOW)
    return True


@part
def _record(
    buf: Array, at: int, stop: int, row: int, names: Array, name_ends: Array, keys: Array, limit: float, scale: float,
    classes: Array, class_ends: Array, types: Array, number: Array, span: Array, seen: Array,
    numbers: Array, starts: Array, sizes: Array, labels: Array, times: Array,
) -> int:  # fmt: skip
    """Read one record; how many features it names, or -1 where it is odd."""
    at = _skip_blanks(buf, at, stop)
    if at >= stop or buf[at] != _OPEN:
        return -1
    at = _skip_blanks(buf, at + 1, stop)
    features, key, more = 0, -1, at >= stop or buf[at] != _CLOSE
    while more:
        if at >= stop or buf[at] != _QUOTE:
            return -1
        key = _key_at(buf, at + 1, stop, names, name_ends, key + 1)
        if key < 0 or seen[key] == row:
            return -1
        seen[key] = row
        features += keys[key, IS_FEATURE]
        at = _skip_blanks(buf, at + 2 + name_ends[key + 1] - name_ends[key], stop)
        if at >= stop or buf[at] != _COLON:
            return -1
        at = _skip_blanks(buf, at + 1, stop)
        at = _value(buf, at, stop, number, span) if at < stop else -1
        if at < 0 or (span[0] == IS_NULL and keys[key, IS_NEEDED]):
            return -1
        if not _keep(
            buf, row, keys[key, KIND], keys[key, COLUMN], number, span, limit, scale, classes, class_ends, types,
            numbers, starts, sizes, labels, times,
        ):  # fmt: skip
            return -1
        at = _skip_blanks(buf, at, stop)
        more = at < stop and buf[at] == _COMMA
        if more:
            at = _skip_blanks(buf, at + 1, stop)
    if at >= stop or buf[at] != _CLOSE or _skip_blanks(buf, at + 1, stop) != stop:
        return -1
    return features


@leaf
def read_plain(
    buf: Array, ends: Array, names: Array, name_ends: Array, keys: Array, limit: float, bytes_max: int, scale: float,
    classes: Array, class_ends: Array, types: Array, number: Array, span: Array, seen: Array,
    numbers: Array, starts: Array, sizes: Array, labels: Array, times: Array, out: Array, counts: Array,
) -> None:  # fmt: skip
    """Read n records that lie one after the other in ``buf``, uint8, up to ``ends``, int64 (n + 1,).

    keys: int64 (m, 4), as the layout says, their names in ``names`` up to ``name_ends``; classes: likewise, each of a
    form in ``types``; number, span, seen: room for 3, 3 and m values. Into numbers: float64 (d, n), starts, sizes:
    int64 (texts, n), labels: int16 (n,), times: int64 (moments, n), what became of each into out: uint8 (n,), and how
    many of the plain ones have a key into counts: int64 (m,). Nothing is said of the other columns of an odd record.
    """
    m = len(name_ends) - 1
    seen[:] = -1
    for row in range(len(ends) - 1):
        out[row] = ODD
        if ends[row + 1] - ends[row] > bytes_max:
            continue
        features = _record(
            buf, ends[row], ends[row + 1], row, names, name_ends, keys, limit, scale, classes, class_ends, types,
            number, span, seen, numbers, starts, sizes, labels, times,
        )  # fmt: skip
        plain = features >= 0
        for key in range(m):
            plain = plain and (seen[key] == row or not keys[key, IS_NEEDED])
        if plain:
            out[row] = PLAIN if features else BARE
            for key in range(m):
                counts[key] += seen[key] == row


@leaf
def gather(buf: Array, starts: Array, offsets: Array, into: Array) -> None:
    """Copy texts that begin at ``starts``, int64 (n,), to where ``offsets``, int64 (n + 1,), say."""
    for i in range(len(starts)):
        begun = starts[i] - offsets[i]
        for j in range(offsets[i], offsets[i + 1]):
            into[j] = buf[begun + j]
