"""A member's own watch: an adaptive window over its weighted errors.

ADWIN (Bifet, Gavalda, SDM 2007) on blocks of lessons in an exponential histogram. Lessons weigh what their class does,
so that the error is that of balanced classes; a window counts as many lessons as its weights are worth (Kish 1965).
"""

from __future__ import annotations

import math
from typing import Any, Final

from streamimb.kernel import Array, leaf

#: Lessons that make a block, of which the histogram is made.
BLOCK_LESSONS: Final = 32
#: Rows of the histogram; row r holds PER_ROW buckets at most, of 2^r blocks each: half a million lessons in all.
ROWS: Final = 12
PER_ROW: Final = 5
#: Each side of a cut is worth at least so many lessons.
SIDE_MIN: Final = 30.0

# A member's line of ``window``, float64 (M, WINDOW_COLUMNS): the open block's weight, squares, error and lessons; then
# for each row the number of buckets and, oldest first, their weights, squares and errors.
OPEN_WEIGHT, OPEN_SQUARES, OPEN_ERROR, OPEN_LESSONS, HEAD = 0, 1, 2, 3, 4
ROW_COLUMNS: Final = 1 + 3 * (PER_ROW + 1)
WINDOW_COLUMNS: Final = HEAD + ROWS * ROW_COLUMNS

NOTHING, WARNED, DRIFTED = 0, 1, 2


@leaf
def forget(window: Array, m: int) -> None:
    """Empty a member's window."""
    for c in range(WINDOW_COLUMNS):
        window[m, c] = 0.0


@leaf
def _drop(window: Array, m: int, r: int, buckets: int) -> None:
    """Take a row's oldest buckets away."""
    at = HEAD + r * ROW_COLUMNS
    left = int(window[m, at]) - buckets
    for c in range(3 * left):
        window[m, at + 1 + c] = window[m, at + 1 + 3 * buckets + c]
    for c in range(3 * left, 3 * (left + buckets)):
        window[m, at + 1 + c] = 0.0
    window[m, at] = left


@leaf
def _append(window: Array, m: int, r: int, weight: float, squares: float, error: float) -> None:
    at = HEAD + r * ROW_COLUMNS
    b = at + 1 + 3 * int(window[m, at])
    window[m, b] = weight
    window[m, b + 1] = squares
    window[m, b + 2] = error
    window[m, at] += 1.0


@leaf
def _close_block(window: Array, m: int) -> None:
    """The open block becomes the newest bucket; full rows hand their two oldest on as one."""
    _append(window, m, 0, window[m, OPEN_WEIGHT], window[m, OPEN_SQUARES], window[m, OPEN_ERROR])
    for c in range(HEAD):
        window[m, c] = 0.0
    for r in range(ROWS):
        at = HEAD + r * ROW_COLUMNS
        if window[m, at] <= PER_ROW:
            return
        if r == ROWS - 1:
            _drop(window, m, r, 1)
            return
        b = at + 1
        weight = window[m, b] + window[m, b + 3]
        squares = window[m, b + 1] + window[m, b + 4]
        error = window[m, b + 2] + window[m, b + 5]
        _drop(window, m, r, 2)
        _append(window, m, r + 1, weight, squares, error)


@leaf
def margin(n0: float, n1: float, p: float, log_delta: float) -> float:
    """How far two means of n0 and n1 values of variance p (1 - p) differ by chance; log_delta: ln(2 / delta')."""
    harmonic = 1.0 / (1.0 / n0 + 1.0 / n1)
    return math.sqrt(2.0 / harmonic * p * (1.0 - p) * log_delta) + 2.0 / (3.0 * harmonic) * log_delta


@leaf
def _sums(window: Array, m: int) -> Any:
    weight, squares, error = 0.0, 0.0, 0.0
    for r in range(ROWS):
        at = HEAD + r * ROW_COLUMNS
        for c in range(int(window[m, at])):
            weight += window[m, at + 1 + 3 * c]
            squares += window[m, at + 2 + 3 * c]
            error += window[m, at + 3 + 3 * c]
    return weight, squares, error


@leaf
def _check(window: Array, m: int, warning: float, drift: float) -> int:
    """Compare every older part of the window with the rest; what fails at ``drift`` is dropped."""
    weight, squares, error = _sums(window, m)
    if weight <= 0.0:
        return NOTHING
    p = error / weight
    lessons = max(weight * weight / squares, 2.0)
    spread = math.log(2.0 * math.log(lessons))
    at_warning, at_drift = spread - math.log(warning), spread - math.log(drift)
    w0, s0, e0 = 0.0, 0.0, 0.0
    found, cut_row, cut_buckets = NOTHING, -1, 0
    for back in range(ROWS):
        r = ROWS - 1 - back
        at = HEAD + r * ROW_COLUMNS
        for c in range(int(window[m, at])):
            w0 += window[m, at + 1 + 3 * c]
            s0 += window[m, at + 2 + 3 * c]
            e0 += window[m, at + 3 + 3 * c]
            w1, s1, e1 = weight - w0, squares - s0, error - e0
            if w1 <= 0.0 or s1 <= 0.0 or s0 <= 0.0:
                continue
            n0, n1 = w0 * w0 / s0, w1 * w1 / s1
            if n0 < SIDE_MIN or n1 < SIDE_MIN:
                continue
            rise = e1 / w1 - e0 / w0
            if abs(rise) > margin(n0, n1, p, at_drift):
                found = DRIFTED if rise > 0.0 else found
                cut_row, cut_buckets = r, c + 1
            elif found == NOTHING and rise > margin(n0, n1, p, at_warning):
                found = WARNED
    if cut_row >= 0:
        for r in range(cut_row + 1, ROWS):
            _drop(window, m, r, int(window[m, HEAD + r * ROW_COLUMNS]))
        _drop(window, m, cut_row, cut_buckets)
    return found


@leaf
def watch(window: Array, m: int, error: float, w: float, warning: float, drift: float) -> int:
    """Take in a lesson's error, 0 to 1, with weight w > 0; NOTHING, WARNED or DRIFTED."""
    window[m, OPEN_WEIGHT] += w
    window[m, OPEN_SQUARES] += w * w
    window[m, OPEN_ERROR] += w * error
    window[m, OPEN_LESSONS] += 1.0
    if window[m, OPEN_LESSONS] < BLOCK_LESSONS:
        return NOTHING
    _close_block(window, m)
    return _check(window, m, warning, drift)
