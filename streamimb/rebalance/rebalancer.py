"""From a segment of the stream to what the learner is taught: weights, and rows made or left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig, SamplesConfig
from streamimb.errors import StateError
from streamimb.learners.base import State, Tape
from streamimb.rebalance.clean import Clean
from streamimb.rebalance.memorise import MemorisationGauge
from streamimb.rebalance.rates import TRAINED_DECAY, Rates
from streamimb.rebalance.registry import make_sampler
from streamimb.rebalance.tape import count_taught, count_trained, lay_out, splice
from streamimb.schema import Schema


class Lessons(NamedTuple):
    """What a learner is run on, and how its answers are read.

    X: float32 (m, d); y: int16 (m,); tape: over their rows; own: int64, which of its predictions the segment asked
    for, in order; probes: int64 (p, 3), predictions that tell whether the model learns by heart. Valid until the next.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int16]
    tape: Tape
    own: NDArray[np.int64]
    probes: NDArray[np.int64]


class Rebalancer:
    """Weighs the lessons of a segment, lets a sampler leave out and make rows, and measures what was trained on.

    trained_decay: of what was trained on, a lesson; as fast as the learner forgets.
    Raises ConfigError where a rule or a strategy is for no class or feature that the schema has.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> rebalancer = Rebalancer(schema, ControlConfig(), SamplesConfig())
    >>> ops = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0]])  # predict, learn, predict, learn
    >>> X, y = np.array([[5.0], [90.0]], np.float32), np.array([0, 1], np.int16)
    >>> lessons = rebalancer.lessons(ops, X, y, np.zeros((0, 5), np.int64), np.array([0.5, 3.0]))
    >>> lessons.tape.rows, lessons.tape.kinds, lessons.tape.weights
    (array([0, 0, 1, 1]), array([0, 1, 0, 1], dtype=int8), array([0. , 0.5, 0. , 3. ]))
    >>> lessons.own, rebalancer.trained
    (array([0, 1]), array([0.49975, 3.     ]))
    """

    def __init__(
        self,
        schema: Schema,
        control: ControlConfig,
        samples: SamplesConfig,
        *,
        seed: int = 1,
        trained_decay: float = TRAINED_DECAY,
    ) -> None:
        self.rates = Rates(schema.class_names, control)
        self.sampler = make_sampler(schema, samples, seed)
        self.gauge = MemorisationGauge(schema.n_classes)
        self.trained = np.zeros(schema.n_classes)
        self._trained_decay = trained_decay
        self._plain_room = _room(0)
        #: Labels taught, and lessons after resampling, since this was made: int64 (2, K). For metrics, not state.
        self.taught = np.zeros((2, schema.n_classes), np.int64)

    def lessons(
        self,
        ops: NDArray[np.int64],
        X: NDArray[np.float32],
        y: NDArray[np.int16],
        matured: NDArray[np.int64],
        class_weights: NDArray[np.float64],
        *,
        times: float = 1.0,
    ) -> Lessons:
        """The tape of a segment: ops int64 (t, 4) on slots of X (slots, d) and y; matured int64 (m, 5).

        times: what the weight of each lesson is multiplied by.
        """
        weights = self.rates.weigh(ops, y, matured, class_weights) * times
        lessons = (self._plain if self.sampler is None else self._sampled)(ops, X, y, weights)
        count_taught(ops, y, lessons.tape.rows, lessons.tape.kinds, lessons.y, self.taught)
        return lessons

    def _plain(
        self, ops: NDArray[np.int64], X: NDArray[np.float32], y: NDArray[np.int16], weights: NDArray[np.float64]
    ) -> Lessons:
        if len(self._plain_room.rows) < 2 * len(ops):
            self._plain_room = _room(4 * len(ops))
        room = self._plain_room
        n, own, probed = lay_out(ops, y, weights, self.trained, self._trained_decay, *room)
        return _cut(room, X, y, n, own, probed)

    def _sampled(
        self, ops: NDArray[np.int64], X: NDArray[np.float32], y: NDArray[np.int16], weights: NDArray[np.float64]
    ) -> Lessons:
        assert self.sampler is not None
        learned = ops[:, 1] > 0
        slots = ops[:, 0]
        rows = self.sampler.sample(X[slots[learned]], y[slots[learned]], ops[learned, 2], weights[learned])
        room = _room(len(ops) + 2 * len(rows))
        starts = rows.starts(int(learned.sum()))
        n, own, probed = splice(ops, starts, rows.y, rows.weights, rows.events, rows.synthetic, *room)
        count_trained(rows.y, rows.weights, self.trained, self._trained_decay)
        both = np.concatenate([X[slots], rows.X]), np.concatenate([y[slots], rows.y])
        return _cut(room, *both, n, own, probed)

    def hear(self, lessons: Lessons, P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take what the probes tell out of the tape's predictions, float64 (·, K); return the segment's own."""
        return self.gauge.hear(P, lessons.probes, lessons.own) if len(lessons.probes) else P

    def reversal(self) -> Callable[[], None]:
        """What, called after the next ``lessons`` of at most one event's, takes that back: it was not learned."""
        sampler = None if self.sampler is None else self.sampler.reversal()
        rates, trained, taught = self.rates.state(), self.trained.copy(), self.taught.copy()

        def take_back() -> None:
            self.rates.restore(rates)
            self.trained[:], self.taught[:] = trained, taught
            if sampler is not None:
                sampler()

        return take_back

    @property
    def suspects(self) -> NDArray[np.int64] | None:
        """Lessons of each class that were weighed down as suspicious, int64 (K,); None where nothing looks for them."""
        for stage in getattr(self.sampler, "stages", (self.sampler,)):
            if isinstance(stage, Clean):
                return stage.suspects
        return None

    def forget(self, before: int) -> None:
        """A drift: nothing is made of events older than stream position ``before`` any more."""
        if self.sampler is not None:
            self.sampler.forget(before)

    def forget_trained(self) -> None:
        """The learner knows nothing any more."""
        self.trained[:] = 0.0

    def inherit(self, old: Rebalancer) -> None:
        """Go on from what fewer classes, which are the first of these, weighed and taught; a sampler begins anew."""
        self.rates.inherit(old.rates)
        self.trained[: len(old.trained)] = old.trained
        self.taught[:, : len(old.trained)] = old.taught

    def state(self) -> State:
        return {
            "rates": self.rates.state(),
            "gauge": self.gauge.state(),
            "sampler": {} if self.sampler is None else self.sampler.state(),
            "trained": self.trained.copy(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state. Raises StateError where it does not fit."""
        if bool(state["sampler"]) != (self.sampler is not None):
            raise StateError("rebalance: the state was saved with other [samples]")
        self.rates.restore(state["rates"])
        self.gauge.restore(state["gauge"])
        if self.sampler is not None:
            self.sampler.restore(state["sampler"])
        self.trained[:] = state["trained"]


class _Room(NamedTuple):
    rows: NDArray[np.int64]
    kinds: NDArray[np.int8]
    events: NDArray[np.int64]
    costs: NDArray[np.float64]
    asked: NDArray[np.int64]
    probes: NDArray[np.int64]


def _room(n: int) -> _Room:
    places = np.empty((3, n), np.int64)
    return _Room(places[0], np.empty(n, np.int8), places[1], np.empty(n), places[2], np.empty((n, 3), np.int64))


def _cut(room: _Room, X: NDArray[np.float32], y: NDArray[np.int16], n: int, own: int, probed: int) -> Lessons:
    tape = Tape(room.rows[:n], room.kinds[:n], room.events[:n], room.costs[:n])
    return Lessons(X, y, tape, room.asked[:own], room.probes[:probed])
