"""Any river classifier or pipeline behind the learners' protocol, event by event."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from streamimb.errors import ConfigError, LearnerError, StateError
from streamimb.kernel import Array, kernel, uniform
from streamimb.learners import river_models
from streamimb.learners.base import LEARN, PREDICT, State, Tape
from streamimb.learners.parameters import explain
from streamimb.learners.pickles import from_bytes, to_bytes
from streamimb.schema import Schema, Strict

#: Member number of the draw that rounds a weight to whole lessons.
REPEAT_MEMBER: Final = 0xC0FFEE
PROBE_EVENTS: Final = 200

#: What a model raises when it meets data that it was not made for.
FAILURES: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)

Row = dict[str, Any]


class AdapterParameters(Strict):
    """What the adapter itself takes from a river model's parameters."""

    #: How class weights reach the model: ``native`` as ``learn_one``'s ``w``, ``repeat`` as repeated lessons, ``auto``
    #: the first that works, ``refuse`` never.
    weights: Literal["auto", "native", "repeat", "refuse"] = "auto"
    #: Puts a StandardScaler before the model (and a OneHotEncoder for categorical features).
    scaler: bool = False
    #: Repetitions of one lesson at most.
    repeat_max: Annotated[int, Field(ge=1, le=10_000)] = 100


class RiverClassifier:
    """A river model by its dotted path, as in ``river.forest.ARFClassifier``.

    ``parameters`` are the constructor's, a nested model being ``{model = "river...", parameters = {...}}``, and for
    ``river.compose.Pipeline`` ``steps``, a list of such; beside them those of :class:`AdapterParameters`. A missing
    value is a key left out of the model's dict, a category is text, a class is its code. The seed goes to every
    constructor that has one. ``notes`` says what was found out about the model at the start; ``undefined`` counts the
    predictions that were not probabilities and became uniform ones.

    Raises ConfigError for a path or a parameter that is not there, LearnerError for a model that cannot learn this
    schema, cannot be saved, or cannot be weighted as asked.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> learner = RiverClassifier(schema, model="river.naive_bayes.GaussianNB", parameters={})
    >>> X = np.arange(400, dtype=np.float32)[:, None] % 20
    >>> y = (X[:, 0] > 14).astype(np.int16)
    >>> learner.run(X, y, Tape.only(LEARN, 400), np.ones(2)).shape
    (0, 2)
    >>> learner.run(X[[0, 19]], y[:2], Tape.only(PREDICT, 2), np.ones(2))[:, 1].round(2).tolist()
    [0.0, 0.95]
    """

    def __init__(self, schema: Schema, *, model: str, parameters: dict[str, Any], seed: int = 1) -> None:
        self.schema = schema
        self.seed = seed
        self.path = model
        own = {k: v for k, v in parameters.items() if k in AdapterParameters.model_fields}
        try:
            self.adapter = AdapterParameters(**own)
        except ValidationError as error:
            raise ConfigError(explain(error, AdapterParameters, "learner.parameters")) from None
        self._spec = {"model": model, "parameters": {k: v for k, v in parameters.items() if k not in own}}
        self._names = [f.name for f in schema.features]
        self._named = naming(self._names)
        self._categories = {
            j: f.categories for j, f in enumerate(schema.features) if f.type == "categorical"
        }  # None where codes are hashes
        self.undefined = 0
        self.notes: list[str] = []
        self._implied = math.nan  # the weight of a lesson that is given none
        self._model = self._build()
        self._native = self._probe()

    def reset(self, cause: str) -> None:  # noqa: ARG002
        self._model = self._build()

    def run(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rows = self._rows(X, tape)
        kinds, labels = tape.kinds.tolist(), y[tape.rows].tolist()
        costs = tape.lesson_weights(y, weights)
        answers: list[Any] = []
        predict, learn, answer = self._predictor(), self._model.learn_one, answers.append
        try:
            if self._native:
                implied = self._implied
                for kind, x, label, cost in zip(kinds, rows, labels, costs.tolist(), strict=True):
                    if kind == PREDICT:
                        answer(predict(x))
                    elif cost == implied:  # to give it costs a tenth of a linear model's lesson
                        learn(x, label)
                    elif cost > 0.0:
                        learn(x, label, w=cost)
            else:
                for kind, x, label, times in zip(kinds, rows, labels, self._times(tape, costs), strict=True):
                    if kind == PREDICT:
                        answer(predict(x))
                    else:
                        for _ in range(times):
                            learn(x, label)
        except FAILURES as error:
            raise LearnerError(f"{self.path} failed: {type(error).__name__}: {error}") from error
        return self._distributions(answers)

    def state(self) -> State:
        return {"model": to_bytes(self._model), "undefined": self.undefined}

    def restore(self, state: State) -> None:
        data, undefined = state.get("model"), state.get("undefined")
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or not isinstance(undefined, int):
            raise StateError(f"the saved state is none of {self.path}")
        model = from_bytes(data)
        if type(model) is not type(self._model):
            raise StateError(f"the saved model is a {type(model).__name__}, not a {type(self._model).__name__}")
        self._model, self.undefined = model, undefined

    def _build(self) -> Any:
        model = river_models.build(self._spec, self.seed, "learner")
        return river_models.scaled(model, categorical=bool(self._categories)) if self.adapter.scaler else model

    def _rows(self, X: NDArray[np.float32], tape: Tape) -> Iterator[Row]:
        """The row of each operation of a tape; operations on one row share it."""
        rows = tape.rows
        if len(X) <= len(rows):
            return map(self._dicts(X).__getitem__, rows.tolist())
        first, last = (int(rows.min()), int(rows.max())) if len(rows) else (0, -1)
        if last - first < len(rows):
            return map(self._dicts(X[first : last + 1]).__getitem__, (rows - first).tolist())
        rows, places = np.unique(rows, return_inverse=True)
        return map(self._dicts(X[rows]).__getitem__, places.tolist())

    def _dicts(self, X: NDArray[np.float32]) -> list[Row]:
        """Rows as river takes them: what is missing or not finite is left out."""
        names = self._names
        listed = X.tolist()
        if self._categories:
            for values in listed:
                for j, categories in self._categories.items():
                    code = values[j]
                    if code == code:
                        values[j] = str(int(code)) if categories is None else categories[int(code)]
        dicts = self._named(listed)
        holes = ~np.isfinite(X)
        if not holes.any():
            return dicts
        for i in np.flatnonzero(holes.any(axis=1)).tolist():
            for j in np.flatnonzero(holes[i]).tolist():
                del dicts[i][names[j]]
        return dicts

    def _times(self, tape: Tape, costs: NDArray[np.float64]) -> list[int]:
        if self.adapter.weights == "refuse":
            return [1] * len(tape)
        bounded = np.minimum(costs, float(self.adapter.repeat_max))
        times: list[int] = repetitions(self.seed, tape.events, tape.kinds, bounded).tolist()
        return times

    def _predictor(self) -> Callable[[Row], dict[Any, float]]:
        if river_models.has_probabilities(self._model):
            found: Callable[[Row], dict[Any, float]] = self._model.predict_proba_one
            return found
        decide = self._model.predict_one

        def certain(x: Row) -> dict[Any, float]:
            label = decide(x)
            return {} if label is None else {label: 1.0}

        return certain

    def _distributions(self, answers: list[dict[Any, float]]) -> NDArray[np.float64]:
        """Dicts of class to probability as rows that sum to one; uniform where they are none."""
        out = np.empty((len(answers), self.schema.n_classes))
        for k in range(out.shape[1]):
            out[:, k] = [a.get(k, 0.0) for a in answers]
        total = out.sum(axis=1)
        bad = ~np.isfinite(total) | (out < 0.0).any(axis=1)
        self.undefined += int(bad.sum())
        bad |= total <= 0.0  # a model that has seen nothing yet
        out[bad] = 1.0
        out /= out.sum(axis=1, keepdims=True)
        return out

    def _probe(self) -> bool:
        """Try fresh copies on made-up events: whether the model learns this schema, saves, and obeys weights."""
        how = self.adapter.weights
        rows, labels = self._made_up()
        plain = self._trial(rows, labels, None)
        if not np.array_equal(plain, self._trial(rows, labels, None)):
            self.notes.append(f"{self.path} draws numbers that no seed governs: a replay will differ")
        try:
            raised = self._trial(rows, labels, 10.0)
            verdict = "obeys" if raised[:, 1].mean() > plain[:, 1].mean() + 1e-9 else "ignores"
        except LearnerError:
            verdict = "refuses"
        native = verdict == "obeys" and how in ("auto", "native")
        if native and np.array_equal(plain, self._trial(rows, labels, 1.0)):
            self._implied = 1.0
        if how == "native" and not native:
            raise LearnerError(f"{self.path} {verdict} weights: use weights = 'repeat' or 'auto'")
        told = {"refuse": "they are left out, as configured", "native": "", "auto": "", "repeat": ""}[how]
        if not native and not told:
            told = "lessons are repeated instead"
        self.notes.append(f"{self.path} {verdict} class weights{': ' + told if told else ''}")
        return native

    def _trial(self, rows: list[Row], labels: list[int], weight: float | None) -> NDArray[np.float64]:
        """What a fresh copy predicts after learning the rows, class 1 with the given weight."""
        model = self._model
        self._model = self._build()
        try:
            for x, label in zip(rows, labels, strict=True):
                if weight is None:
                    self._model.learn_one(x, label)
                else:
                    self._model.learn_one(x, label, w=weight if label == 1 else 1.0)
            predict = self._predictor()
            answers = [predict(x) for x in rows]
            if weight is None:
                from_bytes(to_bytes(self._model))
            return self._distributions(answers)
        except FAILURES as error:
            raise LearnerError(f"{self.path} cannot learn this schema: {type(error).__name__}: {error}") from error
        except StateError as error:
            raise LearnerError(f"{self.path} cannot be saved: {error}") from error
        finally:
            self._model, self.undefined = model, 0

    def _made_up(self) -> tuple[list[Row], list[int]]:
        """Overlapping classes, with values missing here and there, drawn by the counter hash."""
        d, classes = len(self._names), self.schema.n_classes
        X = np.zeros((PROBE_EVENTS, d), np.float32)
        labels = [int(uniform(self.seed, i, d) * classes) for i in range(PROBE_EVENTS)]
        for i in range(PROBE_EVENTS):
            for j, feature in enumerate(self.schema.features):
                u = uniform(self.seed, i, j)
                if feature.type == "numeric":
                    X[i, j] = 4.0 * u + labels[i] / classes
                else:
                    X[i, j] = int(u * (2 if feature.categories is None else len(feature.categories)))
                if u < 0.02 and feature.missing != "refuse":
                    X[i, j] = np.nan
        return self._dicts(X), labels


def naming(names: Sequence[str]) -> Callable[[list[list[Any]]], list[Row]]:
    """What makes dicts of rows of values: a display of these keys, compiled as namedtuple compiles its own.

    It takes half the time of ``dict(zip(names, values))``.

    >>> naming(["a", "it's"])([[1.0, 2.0], [3.0, 4.0]])
    [{'a': 1.0, "it's": 2.0}, {'a': 3.0, "it's": 4.0}]
    """
    values = [f"_{i}" for i in range(len(names))]
    pairs = ", ".join(f"{name!r}: {value}" for name, value in zip(names, values, strict=True))
    made: Callable[[list[list[Any]]], list[Row]] = eval(f"lambda rows: [{{{pairs}}} for [{', '.join(values)}] in rows]")
    return made


@kernel
def repetitions(seed: int, events: Array, kinds: Array, weights: Array) -> Array:
    """Whole numbers whose mean is each lesson's weight, int64 (t,): the weight rounded up or down by a draw.

    Of all such draws this has the least variance, and a weight of one is one lesson always.
    """
    out = np.ones(len(events), np.int64)
    for i in range(len(events)):
        if kinds[i] == LEARN:
            whole = np.floor(weights[i])
            out[i] = np.int64(whole)
            if uniform(seed, events[i], REPEAT_MEMBER) < weights[i] - whole:
                out[i] += 1
    return out
