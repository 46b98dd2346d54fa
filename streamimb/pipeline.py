"""The control loop: sense, decide, act, tell. The page to read first.

A batch is walked in segments. Inside a segment the Plan is constant, so every part works on whole arrays; a segment
ends where a new Plan is due, or where something happens that later events must see. Where segments are cut beside
that makes no difference, so batching is invisible; nothing reads a clock, so a replay is live.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, Kind
from streamimb.config import Config
from streamimb.control import Controller, Reactor, Succession
from streamimb.control.scoring import score_rows
from streamimb.drift.bank import RECALL, SHARE
from streamimb.drift.held import HeldRules
from streamimb.drift.make import make_unlabelled
from streamimb.drift.monitor import Monitor
from streamimb.drift.unlabelled import UnlabelledMonitor
from streamimb.durations import parse_duration
from streamimb.errors import StateError
from streamimb.evaluation import FalsePositives, Prequential, QueueEvaluation
from streamimb.evaluation.queue import QUEUE_K
from streamimb.gather import Gathered, Ripe, Rows
from streamimb.labels import LabelStore, Segment, Snapshot
from streamimb.labels import layout as at
from streamimb.learners.base import Learner, State
from streamimb.learners.registry import make_learner
from streamimb.levers import Kind as LeverKind
from streamimb.levers import LeverBook
from streamimb.onlooker import Onlooker
from streamimb.operate import Pulled, predict, pull
from streamimb.outcome import Course, Metric, Outcome, Predicted, Signal
from streamimb.react import react, wanted
from streamimb.rebalance import Rebalancer
from streamimb.schema import Schema
from streamimb.tell import course, gauges, summarise
from streamimb.windows import ClassWindows

#: Raised when the layout of a saved state changes.
STATE_VERSION = 8
#: Signals that a pipeline remembers for its summary.
SIGNALS_MAX = 1_000
#: No position that comes.
NEVER = (1 << 62) - 1
#: What a pipeline's state is made of, beside a few numbers.
PARTS = (
    "store", "succession", "rebalancer", "reactor", "windows", "evaluation", "queue", "false_positives", "monitor",
    "held", "controller", "book",
)  # fmt: skip


class Pipeline:
    """Learns a stream of events with a rare class, batch by batch.

    Raises ConfigError, SchemaError or LearnerError where the configuration cannot be used.
    """

    def __init__(self, schema: Schema, config: Config) -> None:
        self.schema, self.config = schema, config
        self._positive, self._rows = schema.positive, Rows(schema.n_classes, schema.positive)
        window, seed = config.window, config.learner.seed
        every, measured = config.control.every, config.evaluation.every
        self.store = LabelStore(schema, config.label, config.time, every=every, every_other=measured)
        lessons_max = config.reaction.trial_lessons_max
        self.succession = Succession(lambda: make_learner(schema, config.learner), schema.n_classes, lessons_max)
        self.rebalancer = Rebalancer(schema, config.control, config.samples, seed=seed)
        self.reactor = Reactor(config.reaction, has_time=schema.has_time)
        span = None if window.time is None else parse_duration(window.time, has_time=schema.has_time, key="window.time")
        self.windows = ClassWindows(schema.n_classes, window, time_span=span)
        self.evaluation = Prequential(
            schema.n_classes, schema.positive, window=window, config=config.evaluation, seed=seed
        )
        self.monitor = Monitor(
            schema.n_classes, schema.positive, config.drift, schema.class_names, has_time=schema.has_time
        )
        self.held = HeldRules(schema.n_classes)
        self.unlabelled = make_unlabelled(schema, config.drift.unlabelled)
        objective = config.control.objective or "f1"
        self.controller = Controller(
            schema, config.control, objective, events_max=window.events_max, cost=config.evaluation.cost
        )
        self.queue = QueueEvaluation(
            schema.positive, config.evaluation, has_time=schema.has_time, cost=self.controller.losses.name is not None,
            k=self.controller.objectives[0].alerts_per_day or QUEUE_K, seed=seed,
        )  # fmt: skip
        self.false_positives = FalsePositives(schema.features, schema.positive)
        self.book = LeverBook()
        self.missing = 0  # feature values since this was made; for metrics, not state
        self.reference = np.full(schema.n_classes, np.nan)
        self.mature = -1  # position of the last mature event
        self._recall_from = NEVER  # the first position whose decision tells of recall: thresholds were tuned by then
        self.signals: deque[Signal] = deque(maxlen=SIGNALS_MAX)
        self.signal_counts: dict[str, int] = {}
        self._rejected: dict[str, int] = {}
        self.observer: Onlooker | None = None

    state_version = STATE_VERSION

    @property
    def present(self) -> tuple[int, int]:
        """The next event's position, and the time of the stream."""
        return self.store.next_position, self.store.watermark

    @property
    def frozen(self) -> bool:
        """Whether a person froze the learner."""
        return self.book.frozen

    @property
    def learner(self) -> Learner:
        """The learner in force."""
        return self.succession.learner

    @property
    def notes(self) -> list[str]:
        """What was chosen without being asked for."""
        chosen = [] if self.config.control.objective else ["no objective was given: thresholds are tuned for f1"]
        return [*chosen, *self.store.chosen, *getattr(self.learner, "notes", [])]

    def process(self, batch: Batch) -> Outcome:
        """Predict, decide, learn, evaluate, watch for drift and renew the Plan, event by event in order of arrival.

        Raises ValueError where the batch is not of this schema; then nothing has changed.
        """
        batch.check(len(self.schema.features), self.schema.n_classes)
        out = Gathered(batch, self.schema)
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
        self.false_positives.came(batch.X, out.accepted, batch.spelled)
        self.book.rows += len(batch)
        self.missing += int(np.count_nonzero(np.isnan(batch.X[batch.kind != Kind.LABEL])))
        return out.outcome(batch, self.store)

    def _act(self, segment: Segment, out: Gathered) -> None:
        """Let the learner carry out the segment's tape; score and decide its predictions."""
        ops, store, control = segment.ops, self.store, self.controller
        taught = ops[ops[:, 1] <= at.PREDICT] if self.book.frozen else ops
        lessons = self.rebalancer.lessons(taught, store.X, store.y, segment.matured, control.plan.weights)
        if not len(ops):
            return
        X, y, tape, own, _ = lessons
        P = self.succession.run(X, y, tape, control.plan.weights, own, taught, store.y)
        P = self.rebalancer.hear(lessons, P)
        first = out.n
        score_rows(
            P, ops, control.parameters, control.plan.cuts, store.raw, store.scores, store.notes, control.scratch,
            self._positive, first, out.position, out.scores, out.decision, out.threshold,
        )  # fmt: skip
        early = self._rows.early
        labels = out.accept(ops, store, early)
        if self.unlabelled is not None and out.n > first:
            self._watch_unlabelled(self.unlabelled, slice(first, out.n), out)
        if labels:
            self.evaluation.update_early(early[0, :labels], early[1, :labels])

    def _sense(self, segment: Segment, out: Gathered) -> None:
        """Show what has matured to the windows, the evaluation, the detectors and the controller."""
        store = self.store
        if len(segment.matured):
            out.mature(segment.matured)
            ripe = self._rows.ripe(segment.matured, store, self._recall_from, self.controller.since)
            if len(ripe.y):
                self._show(ripe, out)
        if len(segment.fixes) and self.config.label.corrections == "replace":
            slot, number, old, new = segment.fixes[0].tolist()
            number = self.book.number(number)
            if number >= 0:
                self._correct(slot, number, old, new)

    def _show(self, ripe: Ripe, out: Gathered) -> None:
        slots, position, time, y, decision, shadows, of_recall, raw, scores, score = ripe
        X = self.store.X
        loss = self.controller.losses.of(X, slots, y)
        self.windows.update(y, time)
        self.evaluation.update(y, decision, scores)
        self.queue.update(time, y, decision, score, loss)
        self.false_positives.update(X, slots, y, decision)
        if self.observer is not None:
            self.observer.matured(X, slots, y)
        self.controller.observe(raw, y, time, shadows, loss)
        self.mature = int(position[-1])
        self.held.decide(raw, y, of_recall)
        found = self.monitor.update(position, time, y, of_recall)
        if found:
            self._tell([self.reactor.note(signal, wanted(self, signal)) for signal in found], out)

    def _watch_unlabelled(self, monitor: UnlabelledMonitor, rows: slice, out: Gathered) -> None:
        """Show what was predicted, labelled or not, to the signals that need no labels: the next Plan tells them."""
        found = monitor.update(
            out.position[rows], out.times[rows], self.store.X, out.scores[rows, self._positive], out.decision[rows],
            out.slots[rows],
        )  # fmt: skip
        self.reactor.hear(found)

    def _tell(self, signals: list[Signal], out: Gathered) -> None:
        for signal in signals:
            counted = signal.signal if signal.kind == "drift" else f"{signal.signal} warning"
            self.signal_counts[counted] = self.signal_counts.get(counted, 0) + 1
        self.signals.extend(signals)
        out.signals.extend(signals)

    def _correct(self, slot: int, number: int, old: int, new: int) -> None:
        store = self.store
        self.windows.correct(number, old, new)
        self.evaluation.correct(
            np.array([number]), np.array([old], np.int16), np.array([new], np.int16),
            store.notes[[slot], at.DECISION], store.scores[[slot]],
        )  # fmt: skip
        losses = self.controller.losses.one(store.X[slot], old), self.controller.losses.one(store.X[slot], new)
        decision, time = int(store.notes[slot, at.DECISION]), int(store.facts[slot, at.TIME])
        self.queue.correct(number, time, decision, (old, new), losses)
        self.false_positives.correct(number, new)
        counted = store.facts[slot, at.POSITION] >= self.controller.since
        age, shadows = self.windows.seen - 1 - number, int(store.notes[slot, at.SHADOWS]) if counted else -1
        self.controller.scores.correct(age, old, new, shadows, losses)

    def _renew(self, out: Gathered) -> None:
        """What is due between two events: measure, renew the Plan."""
        position = self.store.next_position
        if position % self.config.control.every == 0:
            if self.observer is not None:
                self.observer.renewing(self)
            self.reactor.ripen(self.mature, position, self.store.watermark)
            heard = [self.reactor.note_unlabelled(s, wanted(self, s), self.mature) for s in self.reactor.heard()]
            self._tell(heard, out)
            at_once = react(self, out.actions)
            counts, events = self.windows.counts("rarest"), self.windows.length("rarest")
            if self._recall_from == NEVER and self.controller.is_ready(counts):
                self._recall_from = position
            self.controller.renew(counts, self.rebalancer.trained, window_events=events, at_once=at_once)
            if self._recall_from != NEVER:
                plan = self.controller.plan
                self.monitor.forget_classes(RECALL, self.held.renew(plan.offsets(), plan.shares))
            if events:
                self._refer(self.windows.shares("rarest"), at_once=at_once)
        if position % self.config.evaluation.every == 0:
            out.metrics.extend(self.measure())
        out.courses.append(self.course())

    def _refer(self, shares: NDArray[np.float64], *, at_once: bool) -> None:
        """Hold later shares against these: the first, and those after a drift.

        A class that was not seen yet has no reference of 0: the first share that is known stands for it.
        """
        if at_once or math.isnan(self.reference[0]):
            self.reference = shares
        elif SHARE not in self.signal_counts:
            self.reference = np.where(self.reference == 0, shares, self.reference)

    def start_afresh(self, cause: str) -> None:
        """Let the learner forget all that it learned."""
        self.succession.reset(cause)
        self.rebalancer.forget_trained()
        self.another_decides()

    def another_decides(self) -> None:
        """Scores, and recall as it was, are those of a learner that is in force no more."""
        self.controller.forget()
        if self.unlabelled is not None:
            self.unlabelled.forget_scores()
        self.decide_anew()

    def predict(self, X: NDArray[np.float32]) -> Predicted:
        """What would be said of events, X float32 (n, d), if they came now; it leaves no trace in the state.

        Raises ValueError where X is of another schema.
        """
        return predict(self, X)

    def pull(
        self, kind: LeverKind, *, threshold: float | None = None, state: State | None = None, checkpoint: str = ""
    ) -> Pulled:
        """Pull a lever: it takes effect before the next row, and the state remembers it.

        ``freeze``: nothing is learned until ``resume``, while predictions, windows, detectors and thresholds go on, and
        what signals ask for is at most adjusted. ``pin``: the positive class's threshold stays at ``threshold`` until
        ``unpin``. ``reset``: the learner forgets. ``rollback``: learner, windows, evaluation, detectors and control are
        again those of ``state`` (an earlier one of this pipeline, ``checkpoint`` its name); what waits, the counts of
        labels, a freeze and a pin stay. Raises ConfigError for a threshold outside 0 to 1, StateError where the
        state is not an earlier one of this pipeline; then nothing has changed.
        """
        return pull(self, kind, threshold, state, checkpoint)

    def resume_from(self, state: State, *, decides_anew: bool) -> None:
        """The references that go with the parts of an older state; decisions of before tell nothing of its learner."""
        self.reference = state["reference"].copy()
        saved = int(state["recall_from"])
        self._recall_from = NEVER if saved == NEVER else self.store.next_position
        if decides_anew:
            self.decide_anew()

    def decide_anew(self) -> None:
        """Decisions are made by another rule from now on: recall, or alerts, under another one are no drift."""
        if self.unlabelled is not None:
            self.unlabelled.forget_alerts()
        self.monitor.forget(RECALL)
        self.held.forget()
        self._recall_from = NEVER

    def course(self) -> Course:
        """How the positive class stands now."""
        return course(self)

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
        return self._state_with(self.store.state())

    def snapshot(self) -> Snapshot:
        """The state, with what of the waiting events is new or changed since the last snapshot apart from it.

        Its cost does not grow with how many wait. The first snapshot, and the first after a restore without segments,
        holds all of them; each later one needs the segments before it, as far as they were not dropped.
        """
        waiting = self.store.snapshot()
        return Snapshot(self._state_with(waiting.state), waiting.segment, waiting.drop)

    def _state_with(self, store: State) -> State:
        return {
            "version": STATE_VERSION,
            **{name: getattr(self, name).state() for name in PARTS if name != "store"},
            "store": store,
            "unlabelled": {} if self.unlabelled is None else self.unlabelled.state(),
            "reference": self.reference.copy(),
            "recall_from": self._recall_from,
            "mature": self.mature,
            "signals": [asdict(s) for s in self.signals],
            "signal_counts": dict(self.signal_counts),
            "rejected": dict(self._rejected),
        }

    def restore(self, state: State, segments: Sequence[State] = ()) -> None:
        """Go on from a state of a pipeline with the same schema and configuration, live keys aside.

        Raises StateError.

        ``segments``: those that belong to a snapshot's state, oldest first; a state of ``state()`` has none.
        """
        if state.get("version") != STATE_VERSION:
            raise StateError(
                f"the saved state has version {state.get('version')}, this one reads {STATE_VERSION}: rewrite "
                "it (`streamimb checkpoint migrate`, from version 6 on), go on with the streamimb that wrote it, or "
                "learn anew (`replay --save-state` into a new state.url)"
            )
        self.store.restore(state["store"], segments)
        for name in PARTS:
            if name not in ("store", "queue", "controller"):
                getattr(self, name).restore(state[name])
        same_cost = self.controller.losses.is_of(state["controller"]["losses"])
        self.queue.restore(state["queue"], same_cost=same_cost)
        decides_anew = self.controller.restore(state["controller"], self.store.next_position)
        self.reference = state["reference"].copy()
        if self.unlabelled is not None:
            self.unlabelled.restore(state["unlabelled"])
        self.mature, self._recall_from = int(state["mature"]), int(state["recall_from"])
        if decides_anew:
            self.decide_anew()
        self.signals = deque((Signal(**s) for s in state["signals"]), SIGNALS_MAX)
        self.signal_counts, self._rejected = dict(state["signal_counts"]), dict(state["rejected"])
