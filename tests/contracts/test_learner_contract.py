"""What the pipeline relies on, held against every kind of learner."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamimb.config import LearnerConfig
from streamimb.control.scoring import PROBABILITY_MIN, ROWS, TEMPERATURE
from streamimb.errors import LearnerError
from streamimb.explain import explain_scores
from streamimb.explain.contributions import predict
from streamimb.learners.base import LEARN, PREDICT, Learner, State, Tape
from streamimb.learners.registry import make_learner
from streamimb.schema import Feature, Label, Schema

CASES: dict[str, tuple[int, str, dict[str, Any]]] = {
    "linear": (2, "linear", {}),
    "linear, no bins": (2, "linear", {"bins": 0}),
    "linear, no crosses": (2, "linear", {"crosses": 0}),
    "linear, focal loss": (2, "linear", {"focal": 2.0}),
    "linear, 4 classes": (4, "linear", {"slots": 64}),
    "one tree": (2, "tree", {"grace": 20}),
    "one tree, 4 classes, 7 leaves": (4, "tree", {"grace": 20, "leaves_max": 7, "buckets": 4}),
    "compiled forest": (2, "forest", {"members": 3, "grace": 10}),
    "compiled forest, by leaf": (3, "forest", {"members": 2, "grace": 10, "subspace": "leaf", "bagging": 1.0}),
    "nervous forest": (2, "forest", {"members": 2, "grace": 10, "warning": 0.9, "drift": 0.8}),
    "blend": (3, "blend", {}),
    "logistic": (2, "river.linear_model.LogisticRegression", {"scaler": True}),
    "naive bayes": (3, "river.naive_bayes.GaussianNB", {"scaler": True}),
    "tree": (2, "river.tree.HoeffdingTreeClassifier", {"grace_period": 20}),
    "forest": (2, "river.forest.ARFClassifier", {"n_models": 2, "grace_period": 20}),
    "patches": (3, "river.ensemble.SRPClassifier", {"n_models": 2}),
    "bagging": (
        2,
        "river.ensemble.BaggingClassifier",
        {"model": {"model": "river.tree.HoeffdingTreeClassifier"}, "n_models": 2},
    ),
}
COMPILED_MODELS = ("linear", "tree", "forest")
COMPILED = [name for name, case in CASES.items() if case[1] in COMPILED_MODELS]
every_learner = pytest.mark.parametrize("name", CASES)


def schema_of(classes: int) -> Schema:
    return Schema(
        features=[
            Feature(name="a"),
            Feature(name="b"),
            Feature(name="flag", type="boolean"),
            Feature(name="colour", type="categorical", categories=["red", "green", "blue"]),
            Feature(name="shop", type="categorical"),
        ],
        label=Label(classes=list(range(classes))),
    )


def make(name: str, seed: int = 1) -> Learner:
    classes, model, parameters = CASES[name]
    return make_learner(schema_of(classes), LearnerConfig(model=model, parameters=parameters, seed=seed))


def stream(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A stream with missing values whose classes differ in ``a`` and in colour."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n).astype(np.int16)
    X = np.stack(
        [
            rng.normal(y * 3.0, 1.0),
            rng.normal(0.0, 1e4, n),
            rng.integers(0, 2, n),
            np.where(rng.random(n) < 0.8, y % 3, rng.integers(0, 3, n)),
            rng.integers(0, 1 << 24, n) // 4_000_000,
        ],
        axis=1,
    ).astype(np.float32)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y


def late_tape(n: int, delay: int, first_event: int = 0) -> Tape:
    """Every lesson ``delay`` rows after its prediction."""
    ops = sorted([(i, 0, i) for i in range(n)] + [(i + delay, -1, i) for i in range(n)])
    rows = np.array([row for _, _, row in ops], np.int64)
    kinds = np.array([PREDICT if late == 0 else LEARN for _, late, _ in ops], np.int8)
    return Tape(rows, kinds, rows + first_event)


def cut(tape: Tape, start: int, stop: int) -> Tape:
    return Tape(tape.rows[start:stop], tape.kinds[start:stop], tape.events[start:stop])


def weights_of(name: str) -> np.ndarray:
    return np.linspace(0.7, 2.6, CASES[name][0])


def assert_distributions(P: np.ndarray) -> None:
    assert np.isfinite(P).all()
    assert (P >= 0.0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1.0, atol=1e-12)


def assert_same(a: State, b: State) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


@every_learner
def test_predictions_before_any_lesson_are_distributions(name: str) -> None:
    """A learner that knows nothing still answers with probabilities."""
    X, y = stream(20, CASES[name][0])
    P = make(name).run(X, y, Tape.only(PREDICT, 20), weights_of(name))
    assert P.shape == (20, CASES[name][0])
    assert_distributions(P)


@every_learner
def test_a_prediction_changes_nothing(name: str) -> None:
    """Asking ten times more leaves every later answer as it was."""
    X, y = stream(150, CASES[name][0])
    quiet, asked = make(name), make(name)
    for learner in (quiet, asked):
        learner.run(X, y, Tape.only(LEARN, 100), weights_of(name))
    for _ in range(10):
        asked.run(X, y, Tape.only(PREDICT, 150), weights_of(name))
    tape = Tape.interleaved(150, 100)
    np.testing.assert_array_equal(quiet.run(X, y, tape, weights_of(name)), asked.run(X, y, tape, weights_of(name)))


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name][1].startswith("river.")])
def test_what_is_asked_beside_the_stream_leaves_no_trace(name: str) -> None:
    """Between an event's prediction and its lesson, too: the same bits, and the same answer as within the stream."""
    X, y = stream(120, CASES[name][0])
    learner = make(name)
    learner.run(X, y, Tape.interleaved(100), weights_of(name))
    learner.run(X[100:], y[100:], Tape.only(PREDICT, 1, 100), weights_of(name))
    before = learner.state()
    asked = learner.run(X[50:], np.zeros(70, np.int16), Tape.asked(70), np.ones(CASES[name][0]))
    assert_same(before, learner.state())
    np.testing.assert_array_equal(asked, learner.run(X[50:], y[50:], Tape.only(PREDICT, 70, 200), weights_of(name)))


@every_learner
def test_contributions_come_to_the_answer_or_are_refused(name: str) -> None:
    """Own learners' base and contributions sum up to their answer's log-odds; others say that they cannot be split."""
    classes, model, _ = CASES[name]
    X, y = stream(120, classes)
    learner = make(name)
    learner.run(X, y, Tape.interleaved(100), weights_of(name))
    plan = np.zeros((ROWS, classes))
    plan[TEMPERATURE] = 1.0
    schema = schema_of(classes)
    if model.startswith("river."):
        with pytest.raises(LearnerError, match=f"{model} cannot be taken apart"):
            explain_scores(learner, X, schema, plan)
        return
    logs = np.log(np.maximum(predict(learner, X), PROBABILITY_MIN))
    others = np.arange(classes) != schema.positive
    wanted = logs[:, schema.positive] - logs[:, others].mean(axis=1)
    np.testing.assert_allclose(explain_scores(learner, X, schema, plan).total, wanted, rtol=1e-9, atol=1e-9)


@every_learner
@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, 240), max_size=6), delay=st.sampled_from([0, 1, 17, 120]))
def test_cutting_the_tape_anywhere_gives_the_same_bits(name: str, cuts: list[int], delay: int) -> None:
    """Batches are invisible, whether labels are late or not."""
    X, y = stream(120, CASES[name][0])
    tape = late_tape(120, delay)
    whole, parts = make(name), make(name)
    expected = whole.run(X, y, tape, weights_of(name))
    edges = [0, *sorted(cuts), len(tape)]
    got = [parts.run(X, y, cut(tape, start, stop), weights_of(name)) for start, stop in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(got), expected)


@pytest.mark.parametrize("name", COMPILED)
@settings(max_examples=10, deadline=None)
@given(at=st.integers(0, 400))
def test_a_compiled_learners_state_is_the_same_wherever_the_tape_is_cut(name: str, at: int) -> None:
    """Not only the answers: every array."""
    X, y = stream(200, CASES[name][0])
    tape = Tape.interleaved(200)
    whole, parts = make(name), make(name)
    whole.run(X, y, tape, weights_of(name))
    parts.run(X, y, cut(tape, 0, at), weights_of(name))
    parts.run(X, y, cut(tape, at, 400), weights_of(name))
    assert_same(whole.state(), parts.state())


@every_learner
@settings(max_examples=4, deadline=None)
@given(at=st.integers(0, 300))
def test_a_restored_learner_goes_on_as_if_never_stopped(name: str, at: int) -> None:
    """Saved and restored into a fresh learner at any operation."""
    X, y = stream(150, CASES[name][0])
    tape = Tape.interleaved(150)
    first, second = make(name), make(name)
    first.run(X, y, cut(tape, 0, at), weights_of(name))
    second.restore(first.state())
    rest = cut(tape, at, 300)
    np.testing.assert_array_equal(second.run(X, y, rest, weights_of(name)), first.run(X, y, rest, weights_of(name)))


@every_learner
def test_a_state_is_a_copy(name: str) -> None:
    """What is learned afterwards does not reach a state that was taken before."""
    X, y = stream(120, CASES[name][0])
    learner = make(name)
    learner.run(X, y, Tape.only(LEARN, 60), weights_of(name))
    state = learner.state()
    before = learner.run(X, y, Tape.only(PREDICT, 120), weights_of(name))
    learner.run(X, y, Tape.only(LEARN, 120), weights_of(name))
    learner.restore(state)
    learner.run(X, y, Tape.only(LEARN, 120), weights_of(name))
    learner.restore(state)
    np.testing.assert_array_equal(learner.run(X, y, Tape.only(PREDICT, 120), weights_of(name)), before)


@every_learner
def test_a_reset_learner_equals_a_fresh_one(name: str) -> None:
    """Nothing of what was learned remains."""
    X, y = stream(150, CASES[name][0])
    used, fresh = make(name), make(name)
    used.run(X, y, Tape.interleaved(150), weights_of(name))
    used.reset("drift")
    tape = Tape.interleaved(150)
    np.testing.assert_array_equal(used.run(X, y, tape, weights_of(name)), fresh.run(X, y, tape, weights_of(name)))


@every_learner
def test_the_same_seed_gives_the_same_answers(name: str) -> None:
    """Two learners with one seed cannot be told apart."""
    X, y = stream(150, CASES[name][0])
    a, b = (make(name, seed=7).run(X, y, Tape.interleaved(150), weights_of(name)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


@every_learner
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_any_finite_input_keeps_probabilities_finite(name: str, data: st.DataObject) -> None:
    """The largest float32, denormals, constants and rows with nothing in them do no lasting harm."""
    n, classes = 40, CASES[name][0]
    numbers = st.one_of(
        st.sampled_from([3.4e38, -3.4e38, 1e-45, -1e-45, 0.0, 1.0, np.nan]),
        st.floats(width=32, allow_infinity=False),
    )
    X, y = stream(n, classes)
    X[:, :2] = data.draw(hnp.arrays(np.float32, (n, 2), elements=numbers))
    X[data.draw(st.integers(0, n - 1))] = np.nan
    learner = make(name)
    assert_distributions(learner.run(X, y, Tape.interleaved(n), weights_of(name)))
    for value in learner.state().values():
        assert np.isfinite(value).all()


@every_learner
def test_class_weights_have_an_effect(name: str) -> None:
    """A class that weighs ten times as much is expected more."""
    X, y = stream(400, CASES[name][0])
    X[:, 0] = np.random.default_rng(3).normal(size=400)
    X[:, 3] = 0
    light, heavy = make(name), make(name)
    even = np.ones(CASES[name][0])
    raised = even.copy()
    raised[-1] = 10.0
    light.run(X, y, Tape.only(LEARN, 400), even)
    heavy.run(X, y, Tape.only(LEARN, 400), raised)
    ask = Tape.only(PREDICT, 400)
    assert heavy.run(X, y, ask, even)[:, -1].mean() > light.run(X, y, ask, even)[:, -1].mean() + 0.05


@every_learner
def test_a_tape_may_weigh_each_lesson(name: str) -> None:
    """Weights on the tape that are the classes' own change nothing; a tape of zeros teaches no class."""
    X, y = stream(200, CASES[name][0])
    weights, ask = weights_of(name), Tape.only(PREDICT, 200)
    plain, told, untaught = make(name), make(name), make(name)
    before = untaught.run(X, y, ask, weights)
    lessons = Tape.only(LEARN, 200)
    plain.run(X, y, lessons, weights)
    told.run(X, y, replace(lessons, weights=weights[y]), weights)
    untaught.run(X, y, replace(lessons, weights=np.zeros(200)), weights)
    np.testing.assert_array_equal(told.run(X, y, ask, weights), plain.run(X, y, ask, weights))
    np.testing.assert_allclose(untaught.run(X, y, ask, weights), before, atol=0.05)


@every_learner
def test_it_learns_a_stream_that_can_be_learned(name: str) -> None:
    """Far better than chance after a few hundred events, with missing values in between."""
    classes = CASES[name][0]
    X, y = stream(1_000, classes)
    P = make(name).run(X, y, Tape.interleaved(1_000), np.ones(classes))
    assert (P.argmax(axis=1) == y)[500:].mean() > 0.75
