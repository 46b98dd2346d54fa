"""The control loop for one event at a time, with classes that appear as they come: what RebalancedClassifier turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import Config, ControlConfig, DriftConfig, SamplesConfig, WindowConfig
from streamimb.control import Controller, Plan, Reactor, Succession
from streamimb.control.scoring import score_rows
from streamimb.drift.bank import RECALL
from streamimb.drift.held import HeldRules
from streamimb.drift.monitor import Monitor
from streamimb.labels import layout as at
from streamimb.outcome import Action, Signal
from streamimb.react import react, wanted
from streamimb.rebalance import Rebalancer
from streamimb.rebalance.base import SYNTHETIC_EVENT_MIN
from streamimb.rebalance.rebalancer import Lessons
from streamimb.river.columns import Columns
from streamimb.river.decided import Decisions
from streamimb.river.learner import DictLearner
from streamimb.schema import Feature, Label, Schema
from streamimb.windows import ClassWindows

#: Signals that are remembered.
SIGNALS_MAX: Final = 1_000
#: Parts that a rebuild lets grow; the others that depend on the classes are made anew.
GROWN: Final = ("windows", "evaluation", "reactor", "succession")
#: Shares of the events between two Plans after which one is made for a class that appeared.
EARLY: Final = (0.125, 0.25, 0.5)
#: Before so many events since its first nothing is made of how often a class has come since.
APPEARED_EVENTS_MIN: Final = 30
#: No event that comes.
NEVER: Final = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Scored:
    """One event's probabilities under the present shares, float32 (K,), and the class decided."""

    scores: NDArray[np.float32]
    decision: int


class Loop:
    """Windows, detectors, controller and rates around a learner, for K classes known by their place.

    learner: runs tapes on dicts; the labels' own names are its business; positive: the positive class's place; costs:
    what missing a class costs, by its place, where lessons are weighted by that; samples: what makes and leaves out
    rows; seed: of its draws.
    What is done about a signal is what ``streamimb.react`` does.

    >>> from river import naive_bayes
    >>> from streamimb.kernel import uniform
    >>> learner = DictLearner(naive_bayes.GaussianNB, ["legit", "fraud"], native=False, seed=1)
    >>> loop = Loop(learner, 2, 1, ControlConfig(objective="f1"), DriftConfig(), WindowConfig())
    >>> for i in range(2_000):
    ...     fraud = int(uniform(1, i, 0) < 0.05)
    ...     loop.learn({"a": uniform(1, i, 1) + fraud}, fraud)
    >>> loop.controller.plan.number, loop.controller.plan.weights.round(1)
    (8, array([0.5, 3. ]))
    >>> scored = loop.score({"a": 1.9})
    >>> scored.scores.round(2), scored.decision
    (array([0., 1.], dtype=float32), 1)
    """

    def __init__(
        self,
        learner: DictLearner,
        n_classes: int,
        positive: int,
        control: ControlConfig,
        drift: DriftConfig,
        window: WindowConfig,
        *,
        costs: Callable[[int], float] | None = None,
        samples: SamplesConfig | None = None,
        seed: int = 1,
    ) -> None:
        self.config = Config(control=control, drift=drift, window=window, samples=samples or SamplesConfig())
        self.n_classes, self.positive = n_classes, positive
        self.signals: deque[Signal] = deque(maxlen=SIGNALS_MAX)
        self.seen = 0
        #: How often the model in force was taught each class, int64 (K,).
        self.lessons = np.zeros(n_classes, np.int64)
        self._learner, self._costs, self._seed = learner, costs, seed
        self.columns = None if samples is None else Columns()
        self._width = self._sampler_made_at = 0  # features that the sampler compares, and when it was made
        self.windows = ClassWindows(n_classes, window, time_span=None)
        self.controller, self.monitor, self.rebalancer = self._of_classes(n_classes, positive)
        self.held = HeldRules(n_classes)
        self.evaluation = Decisions(n_classes, window)
        self.reactor = Reactor(self.config.reaction, has_time=False)
        self.succession = Succession(self._make, n_classes, self.config.reaction.trial_lessons_max)
        self.succession.learner = learner
        self._matured = np.zeros((0, 5), np.int64)
        self._appeared = np.zeros(n_classes, np.int64)  # the position of each class's first event
        self._early: set[int] = set()  # how many events were seen when a Plan is made before its time
        self.rebalancer.trained[0] = learner.alone_weight
        if learner.alone_lessons >= control.every:  # the second class is one that appeared
            self._early = self._early_places()
        self._recall_from = NEVER  # the first event whose decision tells of recall: thresholds were tuned by then
        self._make_room()

    def _of_classes(self, n_classes: int, positive: int) -> tuple[Controller, Monitor, Rebalancer]:
        """The parts that are made for so many classes. Raises ConfigError where the objective is not for so many."""
        schema, config = self._schema(n_classes, positive), self.config
        control = self._control(schema)
        return (
            Controller(schema, control, config.control.objective or "f1", events_max=config.window.events_max),
            Monitor(n_classes, positive, config.drift, schema.class_names, has_time=False),
            self._rebalancer(schema, control),
        )

    def _schema(self, n_classes: int, positive: int) -> Schema:
        names = tuple(str(i) for i in range(n_classes))
        known = self.columns.features if self.columns else ()
        return Schema(features=known or (Feature(name="x"),), label=Label(classes=names, positive=names[positive]))

    def _control(self, schema: Schema) -> ControlConfig:
        control = self.config.control
        if self._costs is None or control.weights != "cost":
            return control
        return control.model_copy(update={"costs": {n: self._costs(i) for i, n in enumerate(schema.class_names)}})

    def _rebalancer(self, schema: Schema, control: ControlConfig) -> Rebalancer:
        """One whose sampler, if there is to be one, compares all features known by now."""
        decay = self._learner.trained_decay
        if self.columns is None:
            return Rebalancer(schema, control, self.config.samples, trained_decay=decay)
        self._width, self._sampler_made_at = len(self.columns), self.seen
        named = self.columns.named(self.config.samples)
        return Rebalancer(schema, control, named, seed=self._seed, trained_decay=decay)

    def _features_of(self, x: dict[Any, Any]) -> NDArray[np.float32]:
        """The event as a sampler takes it, (1, d), once the sampler is renewed where that is due."""
        if self.columns is None:
            return self._raw
        self.columns.take(x)
        if self.columns.is_due(self._width, self._sampler_made_at, self.seen):
            schema, before = self._schema(self.n_classes, self.positive), self.rebalancer
            self.rebalancer = self._rebalancer(schema, self._control(schema))
            self.rebalancer.inherit(before)
        return self.columns.encoded(x, self._width)

    def _reversal(self) -> Callable[[], None]:
        """What takes back all that the next event is given to before the model has learned it."""
        kept = self.rebalancer, self._width, self._sampler_made_at
        lesson, known = self.rebalancer.reversal(), 0 if self.columns is None else len(self.columns)

        def take_back() -> None:
            lesson()
            self.rebalancer, self._width, self._sampler_made_at = kept
            if self.columns is not None:
                self.columns.take_back(known)

        return take_back

    def _rows(self, x: dict[Any, Any], lessons: Lessons) -> list[dict[Any, Any]]:
        """The dict of each row of the tape: the event's own, but for a synthetic one."""
        rows = [x] * len(lessons.X)
        if self.columns is not None:
            made = np.unique(lessons.tape.rows[lessons.tape.events >= SYNTHETIC_EVENT_MIN])
            for row in made.tolist():
                rows[row] = self.columns.decoded(lessons.X[row])
        return rows

    def _make_room(self) -> None:
        self._raw = np.zeros((1, self.n_classes), np.float32)
        self._scores = np.zeros((1, self.n_classes), np.float32)
        self._notes = np.zeros((1, at.NOTES), np.int16)

    def _make(self) -> DictLearner:
        return self._learner.fresh()

    def rebuild(self, n_classes: int, positive: int) -> None:
        """Let there be more classes, after those that are known, or another positive one.

        All that is known goes over: windows, scores, calibration, weights and what was taught, detectors and their
        cool-downs, held rules, a trial under way, what was done and is to be judged. Anew begin: thresholds where there
        are more classes, tuned at once on the scores that are held; the detectors of classes that are new; and of a
        share that was not watched (of two classes the positive one's is). Raises ConfigError, with nothing changed,
        where the objective is not for so many classes.
        """
        controller, monitor, rebalancer = self._of_classes(n_classes, positive)
        controller.inherit(self.controller)
        monitor.inherit(self.monitor)
        rebalancer.inherit(self.rebalancer)
        self.controller, self.monitor, self.rebalancer = controller, monitor, rebalancer
        if n_classes > self.n_classes:
            self._early = self._early_places() | {place for place in self._early if place > self.seen}
            self.lessons = np.pad(self.lessons, (0, n_classes - self.n_classes))
            self._appeared = np.append(self._appeared, np.full(n_classes - self.n_classes, self.seen))
            self.reactor.grow(n_classes, self.evaluation.confusion())
            for part in (self.windows, self.evaluation, self.succession):
                part.grow(n_classes)
        self.n_classes, self.positive = n_classes, positive
        self._make_room()
        self._renew_plan(at_once=True)
        held, self.held = self.held, HeldRules(n_classes)
        self.held.inherit(held, self.controller.plan.offsets())

    def _early_places(self) -> set[int]:
        return {self.seen + round(share * self.config.control.every) for share in EARLY}

    def kept(self) -> dict[str, Any]:
        """What ``take_back`` goes back to, until the next event is learned.

        A rebuild makes parts anew, or lets them grow by giving them other arrays: so the old ones need no copy.
        """
        return vars(self) | {name: copy(getattr(self, name)) for name in GROWN}

    def take_back(self, kept: dict[str, Any]) -> None:
        """Be as when ``kept`` was made: the lesson for which there were to be more classes was not learned."""
        vars(self).update(kept)

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

        weight: what the lesson's own weight is multiplied by. Raises what the model raises: then nothing has changed
        but the model.
        """
        event, y = self.seen, np.array([code], np.int16)
        ops = np.array([[0, at.PREDICT, event, 0], [0, at.LEARN_LABEL, event, len(self._matured)]], np.int64)
        weights = self.controller.plan.weights
        take_back = self._reversal()
        try:
            X = self._features_of(x)
            lessons = self.rebalancer.lessons(ops, X, y, self._matured, weights, times=weight)
            rows: Any = self._rows(x, lessons)  # what runs these tapes takes dicts
            P = self.succession.run(rows, lessons.y, lessons.tape, weights, lessons.own, ops, y)
        except BaseException:
            take_back()
            raise
        self.lessons = self.lessons + self._in_force.lessons
        scored = self._score(self.rebalancer.hear(lessons, P), ops)
        place = np.array([event], np.int64)
        self._matured = np.array([[0, code, event, event, event]], np.int64)
        self.windows.update(y, place)
        self.evaluation.add(y, scored.decision)
        self.controller.observe(self._raw, y, place, self._notes[:, at.SHADOWS])
        self.seen += 1
        of_recall = np.array([scored.decision if event >= self._recall_from else -1], np.int16)
        self.held.decide(self._raw, y, of_recall)
        for found in self.monitor.update(place, place, y, of_recall):
            self.signals.append(self.reactor.note(found, wanted(self, found)))
        if self.seen % self.config.control.every == 0:
            self._renew(at_once=self._react())
        elif self.seen in self._early:
            self._renew(at_once=True)

    def _react(self) -> bool:
        told: list[Action] = []  # the reactor remembers them
        return react(self, told)

    def start_afresh(self, cause: str) -> None:
        """Let the learner forget all that it learned."""
        self.succession.reset(cause)
        self.rebalancer.forget_trained()
        self.another_decides()

    def another_decides(self) -> None:
        """Scores, and recall as it was, are those of a learner that is in force no more."""
        self.controller.forget()
        self.monitor.forget(RECALL)
        self.held.forget()
        self._recall_from = NEVER

    @property
    def undefined(self) -> bool:
        """Whether the model in force has told probabilities that are not finite."""
        return self._in_force.undefined

    @property
    def mature(self) -> int:
        """Position of the last event: labels come with their events."""
        return self.seen - 1

    @property
    def present(self) -> tuple[int, int]:
        """The next event's position, which is its time."""
        return self.seen, self.seen

    @property
    def frozen(self) -> bool:
        """A loop's learner never is."""
        return False

    def _renew(self, *, at_once: bool) -> None:
        if self._recall_from == NEVER and self.controller.is_ready(self.windows.counts("rarest")):
            self._recall_from = self.seen
        plan = self._renew_plan(at_once=at_once)
        if self._recall_from != NEVER:
            self.monitor.forget_classes(RECALL, self.held.renew(plan.offsets(), plan.shares))

    def _renew_plan(self, *, at_once: bool) -> Plan:
        events = self.windows.length("rarest")
        counts = since_seen(self.windows.counts("rarest"), self.seen - self._appeared, events)
        return self.controller.renew(counts, self.rebalancer.trained, window_events=events, at_once=at_once)


def since_seen(counts: NDArray[np.int64], ages: NDArray[np.int64], events: int) -> NDArray[np.int64]:
    """Class counts of a window, int64 (K,), a class that appeared inside it as often as it has come since.

    ages: int64 (K,), events since each class appeared, its first among them; events: those of the window, which knew
    nothing of the class before. The first event, which is what made it appear, tells of no share; nor do few events,
    for a class that appears with two close together is not the half of the stream. Up to a half.

    >>> since_seen(np.array([4_000, 200, 9]), np.array([4_209, 4_209, 201]), 4_209)
    array([4000,  200,  175])
    """
    told = counts.copy()
    for k in np.flatnonzero((ages < events) & (ages >= APPEARED_EVENTS_MIN) & (counts > 1)).tolist():
        share = min((counts[k] - 1) / (ages[k] - 1), 0.5)
        told[k] = max(round(share / (1 - share) * (events - counts[k])), counts[k])
    return told
