"""The control loop: sense, decide, act, tell. The page to read first.

A batch is walked in segments. Inside a segment the Plan is constant, so every part works on whole arrays; a segment
ends where a new Plan is due, or where something happens that later events must see. Where segments are cut beside
that makes no difference, so batching is invisible; nothing reads a clock, so a replay is live.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, Reason, Rejected
from streamimb.config import Config
from streamimb.control import Controller
from streamimb.control.controller import TRAINED_DECAY
from streamimb.control.scoring import score_rows
from streamimb.drift.monitor import Monitor
from streamimb.durations import parse_duration
from streamimb.errors import StateError
from streamimb.evaluation.prequential import Prequential
from streamimb.labels import LabelStore, Segment
from streamimb.labels import layout as at
from streamimb.learners.base import State, Tape
from streamimb.learners.registry import make_learner
from streamimb.outcome import Matured, Metric, Outcome, Predictions, Signal
from streamimb.schema import Schema
from streamimb.tell import gauges, summarise
from streamimb.windows import ClassWindows

#: Raised when the layout of a saved state changes.
STATE_VERSION = 1
#: Signals that a pipeline remembers for its summary.
SIGNALS_MAX = 1_000

_REASONS = {at.REJECT_DUPLICATE: Reason.DUPLICATE_ID, at.REJECT_AHEAD: Reason.TIME_AHEAD}
_DETAILS = {
    at.REJECT_DUPLICATE: "an event with this id came before and is still remembered",
    at.REJECT_AHEAD: "the time lies more than time.ahead_max beyond the latest event",
}


class Pipeline:
    """Learns a stream of events with a rare class, batch by batch.

    Raises ConfigError, SchemaError or LearnerError where the configuration cannot be used.
    """

    def __init__(self, schema: Schema, config: Config) -> None:
        self.schema, self.config = schema, config
        window, seed = config.window, config.learner.seed
        every, measured = config.control.every, config.evaluation.every
        self.store = LabelStore(schema, config.label, config.time, every=every, every_other=measured)
        self.learner = make_learner(schema, config.learner)
        span = None if window.time is None else parse_duration(window.time, has_time=schema.has_time, key="window.time")
        self.windows = ClassWindows(schema.n_classes, window, time_span=span)
        self.evaluation = Prequential(
            schema.n_classes, schema.positive, window=window, config=config.evaluation, seed=seed
        )
        self.monitor = Monitor(
            schema.n_classes, schema.positive, config.drift, schema.class_names, has_time=schema.has_time
        )
        objective = config.control.objective or "f1"
        self.controller = Controller(schema, config.control, objective, events_max=window.events_max)
        self.reference = np.full(schema.n_classes, np.nan)
        self._at_once = False  # a drift since the last renewal: the next Plan keeps nothing of the old weights
        self._moved: set[str | None] = set()  # classes whose share moved since then
        self.signals: deque[Signal] = deque(maxlen=SIGNALS_MAX)
        self.signal_counts: dict[str, int] = {}
        self._rejected: dict[str, int] = {}

    @property
    def notes(self) -> list[str]:
        """What was chosen without being asked for."""
        chosen = [] if self.config.control.objective else ["no objective was given: thresholds are tuned for f1"]
        return [*chosen, *getattr(self.learner, "notes", [])]

    def process(self, batch: Batch) -> Outcome:
        """Predict, decide, learn, evaluate, watch for drift and renew the Plan, event by event in order of arrival."""
        out = _Outputs(batch, self.schema.n_classes)
        row, done = 0, False
        while not done:
            segment = self.store.advance(batch, row)
            self._act(segment, out)
            self._sense(segment, out)
            out.reject(segment, batch, self._rejected)
            row = segment.row
            if segment.stop == at.RENEW:
                self._renew(out)
            done = segment.stop == at.DONE
        return out.outcome(batch, self.store)

    def _act(self, segment: Segment, out: _Outputs) -> None:
        """Let the learner carry out the segment's tape; score and decide its predictions."""
        ops, store, control = segment.ops, self.store, self.controller
        if not len(ops):
            return
        slots = np.ascontiguousarray(ops[:, 0])
        tape = Tape(slots, (ops[:, 1] > at.PREDICT).astype(np.int8), np.ascontiguousarray(ops[:, 2]))
        P = self.learner.run(store.X, store.y, tape, control.plan.weights)
        score_rows(
            P, ops, control.parameters, control.plan.cuts, store.y, store.raw, store.scores, store.notes,
            control.trained, control.scratch, TRAINED_DECAY, self.schema.positive, out.n,
            out.position, out.scores, out.decision, out.threshold,
        )  # fmt: skip
        out.accept(ops)
        early = slots[ops[:, 1] == at.LEARN_LABEL]
        if len(early):
            self.evaluation.update_early(store.y[early], store.notes[early, at.DECISION])

    def _sense(self, segment: Segment, out: _Outputs) -> None:
        """Show what has matured to the windows, the evaluation, the detectors and the controller."""
        store, rows = self.store, segment.matured
        if len(rows):
            out.mature(rows)
            rows = rows[rows[:, 1] >= 0]
        if len(rows):
            slots, y, time = rows[:, 0], rows[:, 1].astype(np.int16), np.ascontiguousarray(rows[:, 4])
            decision = store.notes[slots, at.DECISION]
            self.windows.update(y, time)
            self.evaluation.update(y, decision, store.scores[slots])
            self.controller.observe(store.raw[slots], y, time, store.notes[slots, at.SHADOWS])
            self._watch(np.ascontiguousarray(rows[:, 3]), time, y, decision, out)
        for slot, number, old, new in segment.fixes.tolist():
            if self.config.label.corrections == "replace":
                self._correct(slot, number, old, new)

    def _watch(
        self,
        position: NDArray[np.int64],
        time: NDArray[np.int64],
        y: NDArray[np.int16],
        decision: NDArray[np.int16],
        out: _Outputs,
    ) -> None:
        for found in self.monitor.update(position, time, y, decision):
            config = self.config.drift.share if found.signal == "share" else self.config.drift.recall
            action = config.action if found.kind == "drift" else "tell"
            signal = replace(found, action=action)
            if action == "reweight":
                self._at_once = True
                self._moved |= {signal.class_} if signal.signal == "share" else set()
            self.signal_counts[signal.signal] = self.signal_counts.get(signal.signal, 0) + 1
            self.signals.append(signal)
            out.signals.append(signal)

    def _correct(self, slot: int, number: int, old: int, new: int) -> None:
        store = self.store
        self.windows.correct(number, old, new)
        self.evaluation.correct(
            np.array([number]), np.array([old], np.int16), np.array([new], np.int16),
            store.notes[[slot], at.DECISION], store.scores[[slot]],
        )  # fmt: skip

    def _renew(self, out: _Outputs) -> None:
        """What is due between two events: measure, renew the Plan."""
        position = self.store.next_position
        if position % self.config.control.every == 0:
            if self._moved:
                names = self.schema.class_names
                widths = [self.monitor.width("share", k) for k, name in enumerate(names) if name in self._moved]
                self.windows.shorten("rarest", max(min(widths), self.config.window.events_min))
            counts = self.windows.counts("rarest")
            self.controller.renew(counts, window_events=self.windows.length("rarest"), at_once=self._at_once)
            if counts.sum() and (self._at_once or np.isnan(self.reference).any()):
                self.reference = self.windows.shares("rarest")
            self._at_once = False
            self._moved = set()
        if position % self.config.evaluation.every == 0:
            out.metrics.extend(self.measure())

    def measure(self) -> list[Metric]:
        """Quality and control as they stand, a row a value."""
        return gauges(self)

    def summary(self) -> dict[str, Any]:
        """The whole run so far, in the names of ``replay --json``; undefined is NaN."""
        return summarise(self)

    @property
    def rejected(self) -> dict[str, int]:
        """Events that the decoder accepted and the pipeline refused, by reason."""
        return dict(self._rejected)

    def state(self) -> State:
        """Everything that the next event's treatment depends on: arrays, scalars, text, dicts of these."""
        return {
            "version": STATE_VERSION,
            "store": self.store.state(),
            "learner": self.learner.state(),
            "windows": self.windows.state(),
            "evaluation": self.evaluation.state(),
            "monitor": self.monitor.state(),
            "controller": self.controller.state(),
            "reference": self.reference.copy(),
            "at_once": self._at_once,
            "moved": sorted(str(name) for name in self._moved),
            "signals": [asdict(s) for s in self.signals],
            "signal_counts": dict(self.signal_counts),
            "rejected": dict(self._rejected),
        }

    def restore(self, state: State) -> None:
        """Go on from a state of a pipeline with the same schema and configuration. Raises StateError."""
        if state.get("version") != STATE_VERSION:
            raise StateError(f"the saved state has version {state.get('version')}, this one reads {STATE_VERSION}")
        for name in ("store", "learner", "windows", "evaluation", "monitor", "controller"):
            getattr(self, name).restore(state[name])
        self.reference = state["reference"].copy()
        self._at_once, self._moved = bool(state["at_once"]), set(state["moved"])
        self.signals = deque((Signal(**s) for s in state["signals"]), SIGNALS_MAX)
        self.signal_counts, self._rejected = dict(state["signal_counts"]), dict(state["rejected"])


class _Outputs:
    """What a call of ``process`` gathers."""

    def __init__(self, batch: Batch, n_classes: int) -> None:
        n = len(batch)
        self.n = 0
        self.position = np.zeros(n, np.int64)
        self.scores = np.zeros((n, n_classes), np.float32)
        self.decision = np.zeros(n, np.int16)
        self.threshold = np.zeros(n, np.float32)
        self._matured: list[NDArray[np.int64]] = []
        self._accepted: list[NDArray[np.int64]] = []
        self.metrics: list[Metric] = []
        self.signals: list[Signal] = []
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
                    field=None,
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
        )
        return Outcome(
            predictions=predictions,
            matured=Matured(matured[:, 2], matured[:, 0].astype(np.int16), matured[:, 1]),
            metrics=self.metrics,
            signals=self.signals,
            rejected=self._rejected,
        )
