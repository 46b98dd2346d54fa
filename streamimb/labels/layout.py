"""Where each fact about a remembered event, and each counter, stands in the store's arrays."""

from __future__ import annotations

from typing import Final

# Columns of the int64 facts of an event.
KEY: Final = 0  # its id's hash, as a signed number
TIME: Final = 1
DUE: Final = 2  # when a label that came with the event becomes known
KNOWN: Final = 3  # when its label became known
NUMBER: Final = 4  # how many labelled events had matured before it, -1 until it matures
POSITION: Final = 5
LESSON: Final = 6  # the segment of its last lesson
FACTS: Final = 7

# Columns of the int16 facts of an event.
STATUS: Final = 0
PENDING: Final = 1  # the label that becomes known at DUE, -1 for none
DECISION: Final = 2
SHADOWS: Final = 3  # a bit an objective: whether it would have decided for the positive class
MARKS: Final = 4  # bits, below
NOTES: Final = 5

# Marks.
BEHIND: Final = 1  # its time lay before an earlier event's: it matures through the heap
AHEAD_DUE: Final = 2  # its label becomes known before an earlier event's: through the heap
EMITTED: Final = 4  # it has matured
CHANGED: Final = 8  # it is no more what the last snapshot holds of it; no part of the state
#: Events whose slots share one flag that says whether any of them is CHANGED: 64, as a shift.
BLOCK_SHIFT: Final = 6

# Statuses.
WAITING: Final = 0
LABELLED: Final = 1
EXPIRED: Final = 2
DROPPED: Final = 3

# What a segment's operations are: predictions up to PREDICT, lessons above it.
PREDICT: Final = 0
AGAIN: Final = -1  # predict once more, just before the lesson: what the model of today makes of the event
LEARN_LABEL: Final = 1
LEARN_EXPIRED: Final = 2
LEARN_CORRECTED: Final = 3

# Why a segment ended.
DONE: Final = 0  # the batch is used up
RENEW: Final = 1  # a boundary of the Plan or of the evaluation comes before the next event
CUT: Final = 2  # an output is full, or an event would be learned twice in the segment
CORRECTED: Final = 3  # the label of a matured event turned out another

# Scalars of the store.
NEXT: Final = 0  # the next position
OLDEST: Final = 1  # the oldest remembered position
RIPE: Final = 2  # first position that may not have matured, among those in time order
DUE_NEXT: Final = 3  # first position whose label may be due, among those in due order
WATERMARK: Final = 4
DUE_MAX: Final = 5
RIPE_HEAP: Final = 6
DUE_HEAP: Final = 7
MATURED: Final = 8  # labelled events that have matured
BEGUN: Final = 9  # a row has been begun: its time is judged
ROW_TIME: Final = 10
AHEAD_RUN: Final = 11  # events in a row that agree that the stream is elsewhere
AHEAD_TIME: Final = 12  # the time of the last of them
CONFIRMED: Final = 13  # a second event lay near the watermark: the first one's time was no slip
SEGMENT: Final = 14
N_WAITING: Final = 15
N_UNKNOWN: Final = 16
N_LATE: Final = 17
N_TWICE: Final = 18
N_CORRECTED: Final = 19
N_EXPIRED: Final = 20
N_DROPPED: Final = 21
N_EVICTED: Final = 22
N_LABELLED: Final = 23
N_DUPLICATE: Final = 24
N_AHEAD: Final = 25
N_EARLY: Final = 26
EARLY_NEXT: Final = 27  # the number of the next label that is held for an event that has not come
EARLY_OLDEST: Final = 28  # that of the oldest that may be held
# Settings, which are not state but ride along.
HAS_TIME: Final = 29
HAS_ID: Final = 30
DELAY: Final = 31
WAIT: Final = 32
EXPIRES_AS: Final = 33
REMEMBER: Final = 34
REMEMBER_EVENTS: Final = 35
EVENTS_MAX: Final = 36
AHEAD_MAX: Final = 37
AHEAD_CONFIRM: Final = 38
AHEAD_REFUSE: Final = 39
EVERY: Final = 40
EVERY_OTHER: Final = 41
AWAITED: Final = 42  # whether an event that comes without a label waits for one
EARLY_MAX: Final = 43  # labels held at once; 0 holds none
EARLY_SPAN: Final = 44
SCALARS: Final = 45
SETTINGS_FROM: Final = HAS_TIME

# Outputs of a segment: how many rows each holds.
OUT_OPS: Final = 0
OUT_MATURED: Final = 1
OUT_REJECTED: Final = 2
OUT_CORRECTED: Final = 3
OUT_ROW: Final = 4
OUTS: Final = 5

REJECT_DUPLICATE: Final = 0
REJECT_AHEAD: Final = 1
REJECT_TIME: Final = 2

WATERMARK_NONE: Final = -(1 << 62)  # before any time that can be
