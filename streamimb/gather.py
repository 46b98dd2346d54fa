"""What a call of ``Pipeline.process`` gathers, segment by segment, until it is told as one Outcome."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, Reason, Rejected
from streamimb.labels import LabelStore, Segment
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


class Gathered:
    """What a call of ``process`` gathers."""

    def __init__(self, batch: Batch, schema: Schema) -> None:
        n, n_classes = len(batch), schema.n_classes
        self._fields = {at.REJECT_DUPLICATE: _place(schema.id), at.REJECT_AHEAD: _place(schema.time)}
        self._fields[at.REJECT_TIME] = _place(schema.time)
        self.n = 0
        self.position = np.zeros(n, np.int64)
        self.scores = np.zeros((n, n_classes), np.float32)
        self.decision = np.zeros(n, np.int16)
        self.threshold = np.zeros(n, np.float32)
        self._matured: list[NDArray[np.int64]] = []
        self._accepted: list[NDArray[np.int64]] = []
        self.metrics: list[Metric] = []
        self.signals: list[Signal] = []
        self.actions: list[Action] = []
        self.courses: list[Course] = []
        self._rejected: list[Rejected] = []

    def accept(self, ops: NDArray[np.int64]) -> None:
        self._accepted.append(ops[ops[:, 1] == at.PREDICT, 3])
        self.n += len(self._accepted[-1])

    def mature(self, rows: NDArray[np.int64]) -> None:
        self._matured.append(rows[:, 1:4].copy())

    def reject(self, segment: Segment, batch: Batch, counts: dict[str, int]) -> None:
        for row, code in segment.rejected.tolist():
            reason = _REASONS[code]
            counts[reason] = counts.get(reason, 0) + 1
            self._rejected.append(
                Rejected(
                    source="",
                    reason=reason,
                    field=self._fields[code],
                    detail=_DETAILS[code],
                    partition=int(batch.partition[row]),
                    offset=int(batch.offset[row]),
                )
            )

    def outcome(self, batch: Batch, store: LabelStore) -> Outcome:
        n = self.n
        rows = np.concatenate(self._accepted) if self._accepted else np.zeros(0, np.int64)
        matured = np.concatenate(self._matured) if self._matured else np.zeros((0, 3), np.int64)
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
            matured=Matured(matured[:, 2], matured[:, 0].astype(np.int16), matured[:, 1]),
            metrics=self.metrics,
            signals=self.signals,
            actions=self.actions,
            rejected=self._rejected,
            courses=self.courses,
        )
