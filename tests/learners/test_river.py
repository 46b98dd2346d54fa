"""The river adapter: what reaches a model, how weights do, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from river import linear_model, preprocessing

from streamimb.errors import ConfigError, LearnerError, StateError
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.river import RiverClassifier, naming, repetitions
from streamimb.schema import Feature, Label, Schema

NUMBERS = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["no", "yes"]))
MIXED = Schema(
    features=[Feature(name="a"), Feature(name="colour", type="categorical", categories=["red", "blue"])],
    label=Label(classes=["no", "yes"]),
)


def stream(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.3).astype(np.int16)
    return rng.normal(y[:, None], 1.0, (n, 2)).astype(np.float32), y


def make(path: str, schema: Schema = NUMBERS, seed: int = 1, **parameters: Any) -> RiverClassifier:
    return RiverClassifier(schema, model=f"river.{path}", parameters=parameters, seed=seed)


class Spy:
    """Records what a model is given."""

    def __init__(self) -> None:
        self.learned: list[tuple[dict[str, Any], int]] = []
        self.answer: dict[Any, float] = {}

    def learn_one(self, x: dict[str, Any], y: int, w: float = 1.0) -> None:
        self.learned.append((dict(x), y))

    def predict_proba_one(self, x: dict[str, Any]) -> dict[Any, float]:
        return self.answer


def test_it_answers_as_a_bare_river_loop_does() -> None:
    """Event by event, weights included."""
    X, y = stream(300)
    got = make("linear_model.LogisticRegression", scaler=True).run(X, y, Tape.interleaved(300), np.array([1.0, 4.0]))
    bare = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    for x, label, p in zip(X, y.tolist(), got, strict=True):
        row = {"a": float(x[0]), "b": float(x[1])}
        assert bare.predict_proba_one(row).get(True, 0.5) == pytest.approx(p[1], abs=1e-15)
        bare.learn_one(row, label, w=[1.0, 4.0][label])


def test_what_is_missing_or_not_finite_is_left_out_and_a_category_is_text() -> None:
    """A model sees only numbers, known categories, and whole-number classes."""
    learner, spy = make("naive_bayes.GaussianNB", MIXED, scaler=True), Spy()
    learner._model, learner._native = spy, True
    X = np.array([[1.5, 1.0], [np.nan, 0.0], [np.inf, np.nan]], np.float32)
    learner.run(X, np.array([0, 1, 0], np.int16), Tape.only(LEARN, 3), np.ones(2))
    assert spy.learned == [({"a": 1.5, "colour": "blue"}, 0), ({"colour": "red"}, 1), ({}, 0)]
    assert all(type(label) is int for _, label in spy.learned)


@drawn(st.lists(st.text(), min_size=1, max_size=300, unique=True))
def test_any_text_names_a_value(names: list[str]) -> None:
    """Quotes, braces, line ends: nothing in a feature's name is read as anything but its name."""
    values = [float(i) for i in range(len(names))]
    assert naming(names)([values, values]) == [dict(zip(names, values, strict=True))] * 2


@pytest.mark.parametrize("first", [0, 3])
def test_a_tape_of_some_rows_is_carried_out_on_those(first: int) -> None:
    """Whether a call is given its rows alone or all rows, and whether they lie side by side or apart."""
    X, y = stream(60)
    near = Tape.only(PREDICT, 6)
    for rows in (np.arange(first, first + 6), np.array([first, 55, 20, first, 7, 8])):
        a, b = (make("linear_model.LogisticRegression", scaler=True) for _ in range(2))
        for learner in (a, b):
            learner.run(X, y, Tape.interleaved(60), np.ones(2))
        whole = a.run(X, y, Tape(rows, near.kinds, rows), np.ones(2))
        np.testing.assert_array_equal(whole, b.run(X[rows], y[rows], near, np.ones(2)))


@pytest.mark.parametrize(
    ("answer", "expected", "undefined"),
    [
        ({}, [0.5, 0.5], 0),
        ({0: 0.0, 1: 0.0}, [0.5, 0.5], 0),
        ({1: 2.0, 0: 6.0}, [0.75, 0.25], 0),
        ({True: 1.0}, [0.0, 1.0], 0),
        ({0: float("nan"), 1: 0.5}, [0.5, 0.5], 1),
        ({0: float("inf"), 1: 0.5}, [0.5, 0.5], 1),
        ({0: -1.0, 1: 2.0}, [0.5, 0.5], 1),
    ],
)
def test_any_answer_becomes_a_distribution(answer: dict[Any, float], expected: list[float], undefined: int) -> None:
    """What was no probability at all is counted."""
    learner, spy = make("naive_bayes.GaussianNB"), Spy()
    spy.answer = answer
    learner._model = spy
    X, y = stream(1)
    np.testing.assert_allclose(learner.run(X, y, Tape.only(PREDICT, 1), np.ones(2)), [expected])
    assert learner.undefined == undefined


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("linear_model.LogisticRegression", "obeys class weights"),
        ("tree.HoeffdingTreeClassifier", "obeys class weights"),
        ("forest.ARFClassifier", "ignores class weights: lessons are repeated instead"),
        ("naive_bayes.GaussianNB", "refuses class weights: lessons are repeated instead"),
    ],
)
def test_the_probe_says_what_a_model_does_with_weights(path: str, verdict: str) -> None:
    """In words for the start of a run."""
    assert make(path).notes == [f"river.{path} {verdict}"]


def test_a_scaler_does_not_hide_that_weights_are_ignored() -> None:
    """A pipeline takes ``w`` for a model that cannot, and drops it."""
    notes = make("naive_bayes.GaussianNB", scaler=True).notes
    assert notes == ["river.naive_bayes.GaussianNB ignores class weights: lessons are repeated instead"]


@pytest.mark.parametrize(("implied", "given"), [(1.0, {None, 3.0}), (0.5, {1.0, 3.0})])
def test_a_weight_of_one_is_left_out_only_where_it_is_the_models_own(
    monkeypatch: pytest.MonkeyPatch, implied: float, given: set[float | None]
) -> None:
    """Whatever a model makes of a lesson without a weight, each lesson weighs what it should."""
    told: list[float | None] = []
    learn = linear_model.LogisticRegression.learn_one

    def told_and_learned(self: Any, x: dict[str, Any], y: int, w: float | None = None) -> None:
        told.append(w)
        learn(self, x, y, w=implied if w is None else w)

    monkeypatch.setattr(linear_model.LogisticRegression, "learn_one", told_and_learned)
    learner = make("linear_model.LogisticRegression")
    told.clear()
    X, y = stream(40)
    got = learner.run(X, y, Tape.interleaved(40), np.array([1.0, 3.0]))
    assert set(told) == given
    bare = linear_model.LogisticRegression()
    for x, label, p in zip(X.tolist(), y.tolist(), got, strict=True):
        row = dict(zip("ab", x, strict=True))
        assert bare.predict_proba_one(row).get(True, 0.5) == pytest.approx(p[1], abs=1e-15)
        learn(bare, row, label, w=[1.0, 3.0][label])


def test_native_weights_are_demanded_in_vain() -> None:
    """Then the learner does not start."""
    with pytest.raises(LearnerError, match="ignores weights"):
        make("forest.ARFClassifier", weights="native")


def test_refused_weights_are_left_out() -> None:
    """Each lesson is learned once, whatever its class weighs, and the notes say so."""
    learner, spy = make("naive_bayes.GaussianNB", weights="refuse"), Spy()
    learner._model = spy
    X, y = stream(50)
    learner.run(X, y, Tape.only(LEARN, 50), np.array([9.0, 0.1]))
    assert len(spy.learned) == 50
    assert learner.notes[0].endswith("they are left out, as configured")


def test_repetition_is_bounded() -> None:
    """A weight of a million is not a million lessons."""
    learner, spy = make("naive_bayes.GaussianNB", repeat_max=7), Spy()
    learner._model = spy
    X, y = stream(10)
    learner.run(X, y, Tape.only(LEARN, 10), np.array([1e6, 1e6]))
    assert len(spy.learned) == 70


def test_repetitions_have_the_weight_as_their_mean_and_belong_to_the_event() -> None:
    """Rounded up or down by a draw of (seed, event); a weight of one is always one lesson."""
    events, kinds = np.arange(20_000), np.full(20_000, LEARN, np.int8)
    times = repetitions(1, events, kinds, np.full(20_000, 2.3))
    assert set(times.tolist()) == {2, 3}
    assert times.mean() == pytest.approx(2.3, abs=0.02)
    np.testing.assert_array_equal(repetitions(1, events[500:], kinds[500:], np.full(19_500, 2.3)), times[500:])
    assert (repetitions(1, events, kinds, np.ones(20_000)) == 1).all()


def test_a_pipeline_is_a_list_of_steps() -> None:
    """Its steps take parameters, and models within models."""
    learner = make(
        "compose.Pipeline",
        steps=[
            {"model": "river.preprocessing.MinMaxScaler"},
            {
                "model": "river.ensemble.BaggingClassifier",
                "parameters": {"model": {"model": "river.tree.HoeffdingTreeClassifier"}, "n_models": 3},
            },
        ],
    )
    assert list(learner._model.steps) == ["MinMaxScaler", "BaggingClassifier"]
    assert len(learner._model["BaggingClassifier"]) == 3


def test_the_seed_reaches_every_constructor_that_has_one() -> None:
    """Unless the parameters give another."""
    assert make("forest.ARFClassifier", seed=42)._model.seed == 42
    assert make("forest.ARFClassifier", seed=42, n_models=2)._model.n_models == 2
    assert (
        RiverClassifier(
            NUMBERS, model="river.forest.ARFClassifier", parameters={"seed": 3, "n_models": 1}, seed=42
        )._model.seed
        == 3
    )


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("tree.HoeffdingTreeClassifier", {"grace_perod": 3}, r"grace_perod: .*did you mean 'grace_period'"),
        ("ensemble.BaggingClassifier", {}, r"refuses them: .*'model'"),
        ("compose.Pipeline", {}, "takes steps"),
        ("compose.Pipeline", {"steps": [{"model": "river.preprocessing.StandardScalar"}]}, r"steps\.0"),
        ("naive_bayes.GaussianNB", {"weights": "sometimes"}, r"learner\.parameters\.weights"),
    ],
)
def test_wrong_parameters_are_configuration_errors(path: str, parameters: dict[str, Any], message: str) -> None:
    """The message names the key."""
    with pytest.raises(ConfigError, match=message):
        make(path, **parameters)


def test_a_model_that_cannot_take_the_schema_is_refused_at_the_start() -> None:
    """A scaler of numbers alone chokes on text: told before the first event, not at it."""
    steps = [{"model": "river.preprocessing.StandardScaler"}, {"model": "river.linear_model.LogisticRegression"}]
    with pytest.raises(LearnerError, match="cannot learn this schema"):
        make("compose.Pipeline", MIXED, steps=steps)


@pytest.mark.parametrize("state", [{}, {"model": np.zeros(3, np.uint8), "undefined": 0}, {"model": 3, "undefined": 0}])
def test_a_state_that_is_none_of_its_own_is_refused(state: dict[str, Any]) -> None:
    """Missing, rotten or of another kind."""
    with pytest.raises(StateError):
        make("naive_bayes.GaussianNB").restore(state)


def test_another_models_state_is_refused() -> None:
    """A tree's is not a Bayesian's."""
    with pytest.raises(StateError, match="is a HoeffdingTreeClassifier, not a GaussianNB"):
        make("naive_bayes.GaussianNB").restore(make("tree.HoeffdingTreeClassifier").state())
