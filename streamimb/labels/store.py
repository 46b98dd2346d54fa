"""The store of events that wait for their label, or may still be corrected: bounded by count, age and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch
from streamimb.config import LabelConfig, TimeConfig
from streamimb.durations import parse_duration
from streamimb.errors import ConfigError, StateError
from streamimb.labels import early
from streamimb.labels import layout as at
from streamimb.labels.advance import advance
from streamimb.labels.endings import head, next_due, purge_dues
from streamimb.labels.ledger import REWRITTEN_ROWS_MAX, Ledger
from streamimb.labels.queues import EMPTY, hash_add
from streamimb.labels.ring import SLOTS_MIN, Ring
from streamimb.labels.segments import Snapshot, needed, pack, take_changed, unpack, without
from streamimb.learners.base import State
from streamimb.schema import Schema

#: Rows that one segment may write to each of its outputs before it is cut.
SEGMENT_ROWS = 16_384
#: ``label.wait`` of an event that brings a label known later, where it is not set: the frontier always moves on.
WAIT_DEFAULT: Final = "30d"
WAIT_DEFAULT_EVENTS: Final = 100_000


class Segment(NamedTuple):
    """A stretch of the stream inside which the Plan is constant, and why it ended (``layout.RENEW`` and so on).

    ops: int64 (t, 4) slot, kind, position, row of the batch (a lesson's: how many of ``matured`` came before it);
    matured: int64 (m, 5) slot, label, known at, position, time; rejected: int64 (r, 2) row, reason; fixes: int64
    (0 or 1, 4) slot, number, old label, new label; row: where to go on.
    """

    stop: int
    row: int
    ops: NDArray[np.int64]
    matured: NDArray[np.int64]
    rejected: NDArray[np.int64]
    fixes: NDArray[np.int64]


class LabelStore(Ring):
    """Joins labels to the predictions that were made when the features came, and says when an event is mature.

    Its arrays are those of a ``Ring``.
    """

    def __init__(self, schema: Schema, label: LabelConfig, time: TimeConfig, *, every: int, every_other: int) -> None:
        super().__init__(len(schema.features), schema.n_classes, named=schema.id is not None)
        self._every = every
        self._label_time = schema.label.time is not None
        self.c = np.zeros(at.SCALARS, np.int64)
        self.c[at.WATERMARK] = self.c[at.DUE_MAX] = at.WATERMARK_NONE
        self._settings(schema, label, time, every_other)
        self._make_early()
        self._begin_segments()
        self._heaps = [np.zeros((SLOTS_MIN, 2), np.int64), np.zeros((SLOTS_MIN, 2), np.int64)]
        self._ops = np.zeros((SEGMENT_ROWS, 4), np.int64)
        self._matured = np.zeros((SEGMENT_ROWS, 5), np.int64)
        self._rejected = np.zeros((SEGMENT_ROWS, 2), np.int64)
        self._fixes = np.zeros((1, 4), np.int64)
        self._outs = np.zeros(at.OUTS, np.int64)

    @property
    def event_bytes(self) -> int:
        """What one remembered event takes: its columns, two places in the table of ids, its entries in the queues."""
        return 4 * self._d + 8 * self._k + 8 * at.FACTS + 2 * at.NOTES + 2 + 16 + 16 + 32

    def _settings(self, schema: Schema, label: LabelConfig, time: TimeConfig, every_other: int) -> None:
        def span(value: str | int | None, key: str) -> int:
            return -1 if value is None else parse_duration(value, has_time=schema.has_time, key=key)

        c = self.c
        c[at.HAS_TIME], c[at.HAS_ID] = schema.has_time, schema.id is not None
        c[at.DELAY], c[at.WAIT] = span(label.delay, "label.delay"), span(label.wait, "label.wait")
        if c[at.WAIT] < 0 and c[at.DELAY] >= 0:
            c[at.WAIT] = c[at.DELAY]  # a label that has not come when it was due never will
        c[at.EXPIRES_AS] = _class_code(schema, label.expires_as)
        remember = span(label.remember, "label.remember")
        c[at.REMEMBER] = remember if remember >= 0 else 2 * max(c[at.WAIT], 0)
        c[at.AWAITED] = c[at.WAIT] >= 0
        if c[at.WAIT] < 0:
            c[at.WAIT] = span(WAIT_DEFAULT if schema.has_time else WAIT_DEFAULT_EVENTS, "label.wait")
        c[at.REMEMBER_EVENTS] = label.remember_events if schema.id is not None else 0
        c[at.EVENTS_MAX] = max(1, min(label.waiting_events_max, label.waiting_bytes_max // self.event_bytes))
        c[at.AHEAD_MAX] = parse_duration(time.ahead_max, has_time=True, key="time.ahead_max")
        c[at.AHEAD_CONFIRM], c[at.AHEAD_REFUSE] = time.ahead_confirm, time.ahead == "refuse"
        c[at.EVERY], c[at.EVERY_OTHER] = self._every, every_other
        if label.early is not None:
            if schema.id is None:
                raise ConfigError(
                    f"label.early = {label.early!r}: a label can come before its event only where the schema has an id"
                )
            c[at.EARLY_MAX], c[at.EARLY_SPAN] = label.early_max, span(label.early, "label.early")

    def _make_early(self) -> None:
        slots = 1 << int(self.c[at.EARLY_MAX]).bit_length()
        self._early = np.zeros((slots, early.COLUMNS), np.int64)
        self._early[:, early.LABEL] = early.NONE
        self._early_table = np.full(2 * slots, EMPTY, np.int64)

    def _make_room(self, rows: int) -> None:
        """Slots and heap entries for what a segment of so many rows can add."""
        rows = min(rows, self._every) + 1
        live = int(self.c[at.NEXT] - self.c[at.OLDEST])
        room = live + rows
        if room > len(self):
            self.grow(room, int(self.c[at.OLDEST]), int(self.c[at.NEXT]))
        if self.c[at.HAS_TIME] and not self.c[at.CONFIRMED]:  # all that wait may have to be put in order anew
            rows += live
        for i, size in enumerate((self.c[at.RIPE_HEAP], self.c[at.DUE_HEAP])):
            if size + rows > len(self._heaps[i]):
                self._heaps[i] = np.concatenate([self._heaps[i], np.zeros((int(size) + rows, 2), np.int64)])

    def advance(self, batch: Batch, row: int) -> Segment:
        """Walk the batch from a row to the end of the segment; the slots it names stay valid until the next call."""
        self._make_room(len(batch) - row)
        heaps = self._heaps
        stop = advance(
            batch.kind, batch.y, batch.key.view(np.int64), batch.time, batch.label_time, batch.X, row,
            self.X, self.y, self.facts, self.notes, self.blocks, self.table, heaps[0], heaps[1],
            self._early, self._early_table, self.c, self._ops, self._matured, self._rejected, self._fixes, self._outs,
        )  # fmt: skip
        ops, matured, rejected, corrected, row = self._outs.tolist()
        return Segment(
            stop, row, self._ops[:ops], self._matured[:matured], self._rejected[:rejected], self._fixes[:corrected]
        )

    @property
    def next_position(self) -> int:
        """How many feature events were accepted."""
        return int(self.c[at.NEXT])

    @property
    def watermark(self) -> int:
        """The latest event time seen, or 0 before any."""
        return 0 if self.c[at.WATERMARK] == at.WATERMARK_NONE else int(self.c[at.WATERMARK])

    def oldest_waiting(self) -> int | None:
        """The time of the oldest event that waits for its label, None where none does."""
        event = head(self.facts, self.notes, self._heaps[0], self.c)
        return None if event < 0 else int(self.facts[event & (len(self.y) - 1), at.TIME])

    def labelled_until(self) -> int | None:
        """The time up to which every event is mature: of the oldest that waits, else the latest; None before any."""
        if not self.next_position:
            return None
        oldest = self.oldest_waiting()
        return self.watermark if oldest is None else oldest

    @property
    def clamped(self) -> int:
        """Events whose time, absurdly ahead, was taken for the stream's own; 0 where such events are refused."""
        return 0 if self.c[at.AHEAD_REFUSE] else int(self.c[at.N_AHEAD])

    @property
    def chosen(self) -> list[str]:
        """What was chosen without being asked for."""
        if self.c[at.AWAITED] or not self._label_time:
            return []
        return [f"label.wait is not set: a label that is known later than its event is awaited {WAIT_DEFAULT}"]

    def counts(self) -> dict[str, int]:
        """What became of the labels, by the names that the summary uses."""
        c = self.c
        return {
            "labelled": int(c[at.N_LABELLED]),
            "expired": int(c[at.N_EXPIRED]),
            "late": int(c[at.N_LATE]),
            "unknown": int(c[at.N_UNKNOWN]),
            "early": int(c[at.N_EARLY]),
            "twice": int(c[at.N_TWICE]),
            "corrected": int(c[at.N_CORRECTED]),
            "dropped": int(c[at.N_DROPPED]),
            "evicted": int(c[at.N_EVICTED]),
            "waiting": int(c[at.N_WAITING]),
        }

    def _scalars(self) -> NDArray[np.int64]:
        """The scalars that are state; pointers that lag are brought up, so that equal states are equal."""
        head(self.facts, self.notes, self._heaps[0], self.c)
        next_due(self.facts, self.notes, self._heaps[1], self.c)
        early.let_go(self._early, self._early_table, self.c, self.c[at.WATERMARK])
        scalars = self.c[: at.SETTINGS_FROM].copy()
        scalars[at.SEGMENT] = 0
        return scalars

    def state(self) -> State:
        """Remembered events in order of arrival, the queues, the counters."""
        ripe, due = self._heaps
        purge_dues(due, self.c)
        return {
            "scalars": self._scalars(),
            **self._held(),
            "ripe": _sorted(ripe[: self.c[at.RIPE_HEAP]]),
            "due": _sorted(due[: self.c[at.DUE_HEAP]]),
            **self.rows(int(self.c[at.OLDEST]), int(self.c[at.NEXT])),
        }

    def _held(self) -> State:
        """Labels held for events that have not come, int64 (n, 1 + COLUMNS): the number of each, and what it is."""
        if not self.c[at.EARLY_MAX]:
            return {}
        numbers = np.arange(self.c[at.EARLY_OLDEST], self.c[at.EARLY_NEXT])
        rows = np.column_stack([numbers, self._early[numbers & (len(self._early) - 1)]])
        return {"early": rows[rows[:, 1 + early.LABEL] != early.NONE]}

    def _hold(self, rows: NDArray[np.int64] | None) -> None:
        self._make_early()
        for number, *held in [] if rows is None else rows.tolist():
            self._early[number & (len(self._early) - 1)] = held
            hash_add(self._early_table, held[at.KEY], number)

    def _begin_segments(self) -> None:
        self._ledger, self._saved, self._confirmed = Ledger(), 0, False

    def snapshot(self) -> Snapshot:
        """The state, with what is new or changed since the snapshot before as a segment; costs no more than that.

        Where segments or their records pile up, some of the oldest rows are written anew (``labels.ledger``); so are
        all where the stream's first time turned out a slip, which puts waiting events' times right.
        """
        c, ledger = self.c, self._ledger
        scalars = self._scalars()
        scalars[[at.RIPE_HEAP, at.DUE_HEAP]] = 0  # the queues are made of the facts again
        oldest, stop = int(c[at.OLDEST]), int(c[at.NEXT])
        fresh = max(self._saved, oldest)
        changed = take_changed(self, oldest, fresh)
        rows = 0
        if c[at.CONFIRMED] and not self._confirmed:
            rows = stop - oldest
        elif ledger.is_crowded(stop - oldest):
            rows = max(REWRITTEN_ROWS_MAX, stop - fresh + len(changed))
        anew = ledger.take(rows, oldest)
        ranges = [*anew, (fresh, stop)] if fresh < stop else anew
        changed = without(changed, anew)
        drop = ledger.drop(oldest)
        segment = pack(self, ledger.add(ranges, len(changed)), ranges, changed)
        self._saved, self._confirmed = stop, bool(c[at.CONFIRMED])
        return Snapshot({"scalars": scalars, "ledger": ledger.state(), **self._held()}, segment, drop)

    def restore(self, state: State, segments: Sequence[State] = ()) -> None:
        """Go on from a saved state, a snapshot's with its segments, oldest first.

        Raises StateError where it is another schema's, or a segment is missing.
        """
        self._begin_segments()
        parts = [state]
        if "ledger" in state:
            self._ledger.restore(state["ledger"])
            parts = needed(self._ledger, segments)
        for columns in (part.get("rows", part) for part in parts):
            self._check(columns)
        self.c[: at.SETTINGS_FROM] = 0
        self.c[: len(state["scalars"])] = state["scalars"]  # earlier builds held no labels for events to come
        self._hold(state.get("early"))
        oldest, stop = int(self.c[at.OLDEST]), int(self.c[at.NEXT])
        self.allocate(max(SLOTS_MIN, 1 << (stop - oldest + self._every + 1).bit_length()))
        if "ledger" in state:
            self._saved, self._confirmed = stop, bool(self.c[at.CONFIRMED])
            for part in parts:
                unpack(self, part, oldest)
        else:
            self.put(oldest, state)
        self.index(oldest, stop)
        self._queue(oldest, stop)

    def _check(self, columns: State) -> None:
        if columns["X"].shape[1:] != (self._d,) or columns["raw"].shape[1:] != (self._k,):
            raise StateError(
                f"the saved events have {columns['X'].shape[1]} features and {columns['raw'].shape[1]} classes, "
                f"the schema has {self._d} and {self._k}"
            )

    def _queue(self, oldest: int, stop: int) -> None:
        """Put remembered events into the queues of those that come out of order."""
        positions = np.arange(oldest, stop)
        slots = self.slots_of(positions)
        marks, pending = self.notes[slots, at.MARKS], self.notes[slots, at.PENDING]
        ripe = positions[(marks & (at.BEHIND | at.EMITTED)) == at.BEHIND]
        due = positions[(marks & at.AHEAD_DUE > 0) & (pending >= 0)]
        for i, (which, when, size) in enumerate(((ripe, at.TIME, at.RIPE_HEAP), (due, at.DUE, at.DUE_HEAP))):
            entries = np.stack([self.facts[self.slots_of(which), when], which], axis=1)
            self._heaps[i] = np.concatenate([_sorted(entries), np.zeros((SLOTS_MIN, 2), np.int64)])
            self.c[size] = len(which)


def _sorted(heap: NDArray[np.int64]) -> NDArray[np.int64]:
    """The heap's entries in order, which is a heap too."""
    return heap[np.lexsort((heap[:, 1], heap[:, 0]))]


def _class_code(schema: Schema, name: str | None) -> int:
    if name is None:
        return -1
    if name not in schema.class_names:
        raise ConfigError(f"label.expires_as: {name!r} is none of the classes {', '.join(schema.class_names)}")
    return schema.class_names.index(name)
