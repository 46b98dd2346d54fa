"""The control loop for one event at a time, with classes that appear as they come: what RebalancedClassifier turns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig, DriftConfig, ReactionConfig, SamplesConfig, WindowConfig
from streamimb.control import Controller, Reactor, Succession
from streamimb.control.scoring import PROBABILITY_MIN, score_rows
from streamimb.drift.bank import RECALL, SHARE
from streamimb.drift.held import HeldRules
from streamimb.drift.monitor import Monitor
from streamimb.labels import layout as at
from streamimb.learners.base import LEARN
from streamimb.outcome import Signal
from streamimb.rebalance import Rebalancer
from streamimb.river.learner import DictLearner
from streamimb.schema import Feature, Label, Schema
from streamimb.windows import ClassWindows

#: Signals that are remembered.
SIGNALS_MAX: Final = 1_000
#: No event that comes.
NEVER: Final = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Scored:
    """One event's probabilities under the present shares, float32 (K,), and the class decided."""

    scores: NDArray[np.float32]
    decision: int


class Loop:
    """Windows, detectors, controller and rates around a learner, for K classes known by their place.

    learner: runs tapes on dicts; the labels' own names are its business; positive: the positive class's place.
    What is done about a signal is what ``streamimb.react`` does.
    """

    def __init__(
        self,
        learner: DictLearner,
        n_classes: int,
        positive: int,
        control: ControlConfig,
        drift: DriftConfig,
        window: WindowConfig,
    ) -> None:
        self._control, self._drift, self._window = control, drift, window
        self.n_classes, self.positive = n_classes, positive
        self.signals: deque[Signal] = deque(maxlen=SIGNALS_MAX)
        self.seen = 0
        self._learner = learner
        self._build()

    def _build(self) -> None:
        k = self.n_classes
        names = [str(i) for i in range(k)]
        schema = Schema(features=(Feature(name="x"),), label=Label(classes=tuple(names), positive=names[self.positive]))
        self.windows = ClassWindows(k, self._window, time_span=None)
        self.controller = Controller(
            schema, self._control, self._control.objective or "f1", events_max=self._window.events_max
        )
        self.monitor = Monitor(k, self.positive, self._drift, names, has_time=False)
        self.held = HeldRules(k)
        self.rebalancer = Rebalancer(schema, self._control, SamplesConfig())
        reaction = ReactionConfig()
        self.reactor = Reactor(reaction, has_time=False)
        self.succession = Succession(self._make, k, reaction.trial_lessons_max)
        self.succession.learner = self._learner
        self._raw = np.zeros((1, k), np.float32)
        self._scores = np.zeros((1, k), np.float32)
        self._notes = np.zeros((1, at.NOTES), np.int16)
        self._confusion = np.zeros((k, k), np.int64)
        self._matured = np.zeros((0, 5), np.int64)
        self._recall_from = NEVER  # the first event whose decision tells of recall: thresholds were tuned by then

    def _make(self) -> DictLearner:
        return self._learner.fresh()

    def rebuild(self, n_classes: int, positive: int) -> None:
        """More classes, or another positive one: what recent events said is told to windows and controller anew."""
        raw, y, time = self.controller.scores.contents()
        self._learner = self._in_force
        more, self.n_classes, self.positive = n_classes - self.n_classes, n_classes, positive
        self._build()
        if len(y):
            absent = np.full((len(y), more), np.log(PROBABILITY_MIN), np.float32)
            self.windows.update(y, time)
            self.controller.observe(np.hstack([raw, absent]), y, time, np.zeros(len(y), np.int16))
            self._renew(at_once=True)

    @property
    def _in_force(self) -> DictLearner:
        learner = self.succession.learner
        assert isinstance(learner, DictLearner)
        return learner

    def score(self, x: dict[Any, Any]) -> Scored:
        """What is made of an event, changing nothing."""
        ops = np.array([[0, at.PREDICT, self.seen, 0]], np.int64)
        return self._score(self._in_force.predict(x), ops)

    def _score(self, P: NDArray[np.float64], ops: NDArray[np.int64]) -> Scored:
        plan, k = self.controller, self.n_classes
        out = np.zeros((1, k), np.float32)
        decision = np.zeros(1, np.int16)
        score_rows(
            P, ops, plan.parameters, plan.plan.cuts, self._raw, self._scores, self._notes, np.zeros(k), self.positive,
            0, np.zeros(1, np.int64), out, decision, np.zeros(1, np.float32),
        )  # fmt: skip
        return Scored(out[0], int(decision[0]))

    def learn(self, x: dict[Any, Any], code: int, weight: float = 1.0) -> None:
        """Take in a labelled event: decide it as if it came now, learn it, sense it, and renew the Plan when due.

        weight: what the lesson's own weight is multiplied by.
        """
        event, y = self.seen, np.array([code], np.int16)
        ops = np.array([[0, at.PREDICT, event, 0], [0, at.LEARN_LABEL, event, len(self._matured)]], np.int64)
        weights = self.controller.plan.weights
        lessons = self.rebalancer.lessons(ops, self._raw, y, self._matured, weights)
        if weight != 1.0:
            assert lessons.tape.weights is not None, "a rebalancer weighs every lesson"
            lesson = lessons.tape.kinds == LEARN
            self.rebalancer.trained[code] += (weight - 1.0) * lessons.tape.weights[lesson].sum()
            lessons.tape.weights[lesson] *= weight
        rows: Any = [x]  # what runs these tapes takes dicts
        P = self.succession.run(rows, y, lessons.tape, weights, lessons.own, ops, y)
        scored = self._score(self.rebalancer.hear(lessons, P), ops)
        place = np.array([event], np.int64)
        self._matured = np.array([[0, code, event, event, event]], np.int64)
        self._confusion[code, scored.decision] += 1
        self.windows.update(y, place)
        self.controller.observe(self._raw, y, place, self._notes[:, at.SHADOWS])
        self.seen += 1
        of_recall = np.array([scored.decision if event >= self._recall_from else -1], np.int16)
        self.held.decide(self._raw, y, of_recall)
        for found in self.monitor.update(place, place, y, of_recall):
            wanted = self._drift.share.action if found.signal == SHARE else self._drift.recall.action
            self.signals.append(self.reactor.note(found, wanted))
        if self.seen % self._control.every == 0:
            self._renew(at_once=self._react())

    def _react(self) -> bool:
        causes = self.reactor.take()
        for cause in causes:
            if cause.action != "trial":
                self._adjust(cause)
            if cause.action in ("trial", "replace"):
                self.succession.begin()
            elif cause.action == "reset":
                self.succession.reset(cause.signal)
                self.rebalancer.forget_trained()
                self._another_decides()
            self.reactor.did(cause.action, cause, self.seen, self.seen, self._confusion)
        contested = self.reactor.contested
        outcome = self.succession.settle(contested=contested is not None)
        if outcome and contested is not None:
            if outcome == "replaced":
                self._another_decides()
            self.reactor.did(outcome, contested, self.seen, self.seen, self._confusion)
        self.reactor.measure(self.seen, self.seen - 1, self._confusion)
        return any(cause.action != "trial" for cause in causes)

    def _adjust(self, cause: Signal) -> None:
        """Let the window begin at a share's change, as far as the detector dates it; thresholds keep their scores."""
        if cause.signal == SHARE:
            since = min(self.monitor.width(SHARE, int(cause.class_ or 0)), self._window.events_max)
            self.windows.shorten("rarest", max(since, self._window.events_min))

    def _another_decides(self) -> None:
        """Scores, and recall as it was, are those of a learner that is in force no more."""
        self.controller.forget()
        self.monitor.forget(RECALL)
        self.held.forget()
        self._recall_from = NEVER

    def _renew(self, *, at_once: bool) -> None:
        counts, events = self.windows.counts("rarest"), self.windows.length("rarest")
        if self._recall_from == NEVER and self.controller.is_ready(counts):
            self._recall_from = self.seen
        plan = self.controller.renew(counts, self.rebalancer.trained, window_events=events, at_once=at_once)
        if self._recall_from != NEVER:
            for k in self.held.renew(plan.offsets(), plan.shares):
                self.monitor.forget_class(RECALL, k)
