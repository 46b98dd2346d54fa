"""The arithmetic of the windows on flat arrays: a ring of events, counts a window, and marks in it."""

from __future__ import annotations

from typing import Final

from streamimb.kernel import Array, leaf, part

#: A time window holds at most so many events, the latest.
TIME_EVENTS_MAX: Final = 1_000_000
#: Spans and times stay below this, so that their differences fit 64 bits.
TIME_ABS_MAX: Final = 1 << 62

# Rows of ``counts``; the reach is the last ``events_max`` events, which tell what classes there are.
ROW_RAREST, ROW_EVENTS, ROW_TIME, ROW_REACH = range(4)
# Places in ``marks``: the next event's number, where each window starts, the clock, the classes that the rarest
# window holds too few of, and then the limits.
NEXT, STARTS, DECAYED_START, CLOCK, SHORT, LIMITS = 0, 1, 5, 6, 7, 8
WANTED, EVENTS_MIN, EVENTS_MAX, EVENTS_COUNT, TIME_SPAN = range(LIMITS, LIMITS + 5)
MARKS = LIMITS + 5
NEVER = -TIME_ABS_MAX
# Decayed sizes are kept as sums of growing weights, divided by the present one before they grow too large.
WEIGHT_MAX = 1e100


@leaf
def update(
    y: Array, time: Array, ring_y: Array, ring_time: Array, counts: Array, sizes: Array, marks: Array, decay: float
) -> int:
    """Take in events; return -1, or the first that is refused, all left as it was."""
    n_classes = counts.shape[1]
    for i in range(len(y)):
        if y[i] < 0 or y[i] >= n_classes or time[i] <= NEVER or time[i] >= TIME_ABS_MAX:
            return i
    mask = len(ring_y) - 1
    span = marks[TIME_SPAN]
    for i in range(len(y)):
        k = int(y[i])
        n = marks[NEXT]
        marks[NEXT] = n + 1
        marks[CLOCK] = max(marks[CLOCK], time[i])
        ring_y[n & mask] = k
        ring_time[n & mask] = marks[CLOCK]
        grow(sizes, k, decay)

        counts[ROW_EVENTS, k] += 1
        if n + 1 - marks[STARTS + ROW_EVENTS] > marks[EVENTS_COUNT]:
            drop(ROW_EVENTS, ring_y, counts, marks)

        if span > 0:
            counts[ROW_TIME, k] += 1
            while (
                ring_time[marks[STARTS + ROW_TIME] & mask] <= marks[CLOCK] - span
                or n + 1 - marks[STARTS + ROW_TIME] > TIME_EVENTS_MAX
            ):
                drop(ROW_TIME, ring_y, counts, marks)
        else:
            marks[STARTS + ROW_TIME] = n + 1

        counts[ROW_REACH, k] += 1
        counts[ROW_RAREST, k] += 1
        if counts[ROW_REACH, k] == 1:
            marks[SHORT] += int(marks[WANTED] > 1)
        elif counts[ROW_RAREST, k] == marks[WANTED]:
            marks[SHORT] -= 1
        if n + 1 - marks[STARTS + ROW_REACH] > marks[EVENTS_MAX]:
            if marks[STARTS + ROW_RAREST] == marks[STARTS + ROW_REACH]:
                gone = drop(ROW_RAREST, ring_y, counts, marks)
                marks[SHORT] += int(counts[ROW_RAREST, gone] == marks[WANTED] - 1)
            gone = drop(ROW_REACH, ring_y, counts, marks)
            marks[SHORT] -= int(counts[ROW_REACH, gone] == 0)
        settle(ring_y, counts, marks)
    return -1


@part
def drop(row: int, ring_y: Array, counts: Array, marks: Array) -> int:
    """Let a window's oldest event go and return its class."""
    k = int(ring_y[marks[STARTS + row] & (len(ring_y) - 1)])
    counts[row, k] -= 1
    marks[STARTS + row] += 1
    return k


@part
def settle(ring_y: Array, counts: Array, marks: Array) -> None:
    """Make the rarest window as long as it must be: back to the reach while some class is short, then no longer."""
    mask = len(ring_y) - 1
    if marks[SHORT] > 0:
        while marks[STARTS + ROW_RAREST] > marks[STARTS + ROW_REACH]:
            marks[STARTS + ROW_RAREST] -= 1
            k = int(ring_y[marks[STARTS + ROW_RAREST] & mask])
            counts[ROW_RAREST, k] += 1
            marks[SHORT] -= int(counts[ROW_RAREST, k] == marks[WANTED])
    while marks[SHORT] == 0 and marks[NEXT] - marks[STARTS + ROW_RAREST] > marks[EVENTS_MIN]:
        if counts[ROW_RAREST, ring_y[marks[STARTS + ROW_RAREST] & mask]] <= marks[WANTED]:
            break
        drop(ROW_RAREST, ring_y, counts, marks)


@part
def grow(sizes: Array, k: int, decay: float) -> None:
    """Weigh each event 1/θ times the one before, which decays all older ones without touching them."""
    n_classes = len(sizes) - 2
    weight = sizes[n_classes + 1] / decay
    sizes[k] += weight
    sizes[n_classes] += weight
    sizes[n_classes + 1] = weight
    if weight > WEIGHT_MAX:
        for j in range(n_classes + 2):
            sizes[j] /= weight


@leaf
def decay_again(y: Array, sizes: Array, decay: float) -> None:
    """Sizes of events in a row."""
    for i in range(len(y)):
        grow(sizes, int(y[i]), decay)
