"""A river model under the protocol of the learners, on dicts instead of arrays, and whether it obeys weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import uniform
from streamimb.learners.base import PREDICT, State, Tape
from streamimb.learners.river import FAILURES, REPEAT_MEMBER
from streamimb.rebalance.rates import TRAINED_DECAY
from streamimb.river.compiled import CompiledClassifier
from streamimb.river.wrapped import last_step

PROBE_EVENTS: Final = 60
#: A lesson is repeated at most so many times.
REPEAT_MAX: Final = 100


def obeys_weights(model: Any) -> bool:
    """Whether a model learns from ``learn_one(x, y, w=...)``: some accept it and ignore it, so copies are tried."""
    if "w" not in inspect.signature(model.learn_one).parameters:
        return False
    try:
        plain, raised = (_taught(model.clone(), weight) for weight in (1.0, 10.0))
    except FAILURES:
        return False
    return raised > plain + 1e-9


def _taught(model: Any, weight: float) -> float:
    """The mean probability of the class that was taught with the given weight."""
    rows = [({"a": uniform(1, i, 0), "b": uniform(1, i, 1)}, uniform(1, i, 2) < 0.5) for i in range(PROBE_EVENTS)]
    for x, y in rows:
        model.learn_one(x, y, w=weight if y else 1.0)
    return float(np.mean([model.predict_proba_one(x).get(True, 0.0) for x, _ in rows]))


class DictLearner:
    """Runs tapes over rows that are dicts of features; ``labels`` are the classes by their codes.

    >>> from river import naive_bayes
    >>> from streamimb.learners.base import LEARN
    >>> learner = DictLearner(naive_bayes.GaussianNB, ["legit", "fraud"], native=False, seed=1)
    >>> rows, y = [{"a": 0.1}, {"a": 0.2}, {"a": 0.9}, {"a": 1.1}], np.array([0, 0, 1, 1], np.int16)
    >>> learner.run(rows, y, Tape.only(LEARN, 4), np.ones(2)).shape
    (0, 2)
    >>> learner.predict({"a": 1.0}).round(2).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, make: Callable[[], Any], labels: Sequence[Any], *, native: bool, seed: int) -> None:
        self._make, self.labels, self._native, self._seed = make, labels, native, seed
        self.model = make()
        #: Lessons of the first class before there was a second, and their weight as far as the model remembers it.
        self.alone_lessons, self.alone_weight = 0, 0.0
        #: How often the model was taught each class in the last run, repetitions among them.
        self.lessons: list[int] = []
        #: Whether an answer in a run was not finite, and so taken for even probabilities.
        self.undefined = False

    def fresh(self) -> DictLearner:
        """Another like this one that knows nothing."""
        return DictLearner(self._make, self.labels, native=self._native, seed=self._seed)

    @property
    def trained_decay(self) -> float:
        """How much of a lesson's weight is left in the model after another lesson, as far as the model says so."""
        last = last_step(self.model)
        horizon = last.horizon if isinstance(last, CompiledClassifier) else None
        return TRAINED_DECAY if horizon is None else 1.0 - 1.0 / horizon

    def predict(self, x: dict[Any, Any]) -> NDArray[np.float64]:
        """Class probabilities of one row, float64 (1, K)."""
        return np.array([_shares(self._answer(x))], np.float64)

    def learn(self, x: dict[Any, Any], code: int, weight: float) -> None:
        """One lesson of the stream's first class, before there is a tape."""
        self._teach(x, self.labels[code], weight, 0)
        self.alone_lessons += 1
        self.alone_weight = self.trained_decay * self.alone_weight + weight

    def run(self, X: Any, y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        told, lessons = [], [0] * len(weights)
        lesson_weights = tape.lesson_weights(y, weights).tolist()
        ops = zip(tape.rows.tolist(), tape.kinds.tolist(), tape.events.tolist(), lesson_weights, strict=True)
        for row, kind, event, weight in ops:
            if kind == PREDICT:
                answer = self._answer(X[row])
                self.undefined |= not math.isfinite(sum(answer))
                told.append(_shares(answer))
            else:
                code = int(y[row])
                lessons[code] += self._teach(X[row], self.labels[code], weight, event)
        self.lessons = lessons
        return np.array(told, np.float64).reshape(len(told), len(weights))

    def _answer(self, x: dict[Any, Any]) -> list[float]:
        """What the model tells of each class."""
        try:
            found = self.model.predict_proba_one(x)
        except NotImplementedError:
            label = self.model.predict_one(x)
            found = {} if label is None else {label: 1.0}
        return [found.get(label, 0.0) for label in self.labels]

    def _teach(self, x: dict[Any, Any], label: Any, weight: float, event: int) -> int:
        """Give the lesson as often as its weight says; how often that was."""
        if self._native:
            if weight > 0.0:
                self.model.learn_one(x, label, w=weight)
            return int(weight > 0.0)
        weight = min(weight, REPEAT_MAX)
        whole = int(weight)
        times = whole + int(uniform(self._seed, event, REPEAT_MEMBER) < weight - whole)
        for _ in range(times):
            self.model.learn_one(x, label)
        return times

    def reset(self, cause: str) -> None:  # noqa: ARG002
        self.model = self._make()

    def state(self) -> State:
        """A river estimator is saved whole, by pickle: nothing is told here."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing to take in; see ``state``."""


def _shares(answer: list[float]) -> list[float]:
    """A model's answer as probabilities of all classes; even ones where it is none."""
    total = sum(answer)
    if not 0.0 < total < math.inf:
        return [1 / len(answer)] * len(answer)
    return [v / total for v in answer]
