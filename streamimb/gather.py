"""What a call of ``Pipeline.process`` gathers, segment by segment, until it is told as one Outcome."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, Reason, Rejected
from streamimb.gather_kernels import mature_of, told_of
from streamimb.labels import SEGMENT_ROWS, LabelStore, Segment
from streamimb.labels import layout as at
from streamimb.outcome import Action, Course, Matured, Metric, Outcome, Predictions, Signal
from streamimb.schema import Identity, Schema, Time

_REASONS: Final = {
    at.REJECT_DUPLICATE: Reason.DUPLICATE_ID,
    at.REJECT_AHEAD: Reason.TIME_AHEAD,
    at.REJECT_TIME: Reason.BAD_TIME,
}
_DETAILS: Final = {
    at.REJECT_DUPLICATE: "an event with this id came before and is still remembered",
    at.REJECT_AHEAD: "the time lies more than time.ahead_max beyond the latest event",
    at.REJECT_TIME: "the time is beyond what can be counted in microseconds",
}


def _place(field: Identity | Time | None) -> str | None:
    return None if field is None else field.path or field.name


class Ripe(NamedTuple):
    """The m events of a segment that matured with a label, in event-time order; valid until the next segment's.

    slots, position, time: int64 (m,); y, decision, shadows, and the decision where it tells of recall, else -1: int16
    (m,); raw, scores: float32 (m, K), as predicted; score: float32 (m,), the positive class's.
    """

    slots: NDArray[np.int64]
    position: NDArray[np.int64]
    time: NDArray[np.int64]
    y: NDArray[np.int16]
    decision: NDArray[np.int16]
    shadows: NDArray[np.int16]
    of_recall: NDArray[np.int16]
    raw: NDArray[np.float32]
    scores: NDArray[np.float32]
    score: NDArray[np.float32]


class Rows:
    """Room for what a segment says, used again by the next: as much as a segment may write (``SEGMENT_ROWS``)."""

    def __init__(self, n_classes: int, positive: int, rows_max: int = SEGMENT_ROWS) -> None:
        self._positive = positive
        self._whole = np.zeros((3, rows_max), np.int64)
        self._small = np.zeros((4, rows_max), np.int16)
        self._reals = np.zeros((2, rows_max, n_classes), np.float32)
        self._score = np.zeros(rows_max, np.float32)
        self.early = np.zeros((2, rows_max), np.int16)

    def ripe(self, matured: NDArray[np.int64], store: LabelStore, recall_from: int, shadows_from: int) -> Ripe:
        """What the segment's matured events are, int64 (m, 5); the rest: see :func:`mature_of`."""
        whole, small, reals = self._whole, self._small, self._reals
        m = mature_of(
            matured,
            store.notes,
            store.scores,
            store.raw,
            self._positive,
            recall_from,
            shadows_from,
            whole,
            small,
            reals,
            self._score,
        )
        slots, position, time = whole[:, :m]
        y, decision, shadows, of_recall = small[:, :m]
        raw, scores = reals[:, :m]
        return Ripe(slots, position, time, y, decision, shadows, of_recall, raw, scores, self._score[:m])


class Gathered:
    """What a call of ``process`` gathers."""

    def __init__(self, batch: Batch, schema: Schema) -> None:
        n, n_classes = len(batch), schema.n_classes
        self._schema = schema
        self.n = 0
        self.position = np.empty(n, np.int64)
        self._rows, self.slots, self.times = np.empty((3, n), np.int64)
        self.scores = np.empty((n, n_classes), np.float32)
        self.decision = np.empty(n, np.int16)
        self.threshold = np.empty(n, np.float32)
        self._matured: list[NDArray[np.int64]] = []
        self.metrics: list[Metric] = []
        self.signals: list[Signal] = []
        self.actions: list[Action] = []
        self.courses: list[Course] = []
        self._rejected: list[Rejected] = []

    @property
    def accepted(self) -> NDArray[np.int64]:
        """The batch's rows that were accepted as events so far, in order: int64."""
        return self._rows[: self.n]

    def accept(self, ops: NDArray[np.int64], store: LabelStore, early: NDArray[np.int16]) -> int:
        """Note the segment's predictions, int64 (t, 4); how many labels came, of which ``early`` holds what is known.

        early: int16 (2, rows), class and decision.
        """
        self.n, labels = told_of(
            ops, store.facts, store.y, store.notes, self.n, self._rows, self.slots, self.times, early[0], early[1]
        )
        return labels

    def mature(self, rows: NDArray[np.int64]) -> None:
        self._matured.append(rows[:, 1:5].copy())

    def reject(self, segment: Segment, batch: Batch, counts: dict[str, int]) -> None:
        for row, code in segment.rejected.tolist():
            reason = _REASONS[code]
            counts[reason] = counts.get(reason, 0) + 1
            self._rejected.append(
                Rejected(
                    source="",
                    reason=reason,
                    field=_place(self._schema.id if code == at.REJECT_DUPLICATE else self._schema.time),
                    detail=_DETAILS[code],
                    partition=int(batch.partition[row]),
                    offset=int(batch.offset[row]),
                )
            )

    def outcome(self, batch: Batch, store: LabelStore) -> Outcome:
        n = self.n
        rows = self._rows[:n]
        matured = np.concatenate(self._matured) if self._matured else np.zeros((0, 4), np.int64)
        predictions = Predictions(
            position=self.position[:n],
            time=batch.time[rows] if store.c[at.HAS_TIME] else self.position[:n],
            ids=None if batch.ids is None else batch.ids.take(rows),
            scores=self.scores[:n],
            decision=self.decision[:n],
            threshold=self.threshold[:n],
            partition=batch.partition[rows],
            offset=batch.offset[rows],
        )
        return Outcome(
            predictions=predictions,
            matured=Matured(matured[:, 2], matured[:, 0].astype(np.int16), matured[:, 1], matured[:, 3]),
            metrics=self.metrics,
            signals=self.signals,
            actions=self.actions,
            rejected=self._rejected,
            courses=self.courses,
        )
