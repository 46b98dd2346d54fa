from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import Config, LearnerConfig
from streamimb.control.scoring import BIAS, PUT_IN, ROWS, TAKE_OUT, TEMPERATURE
from streamimb.errors import LearnerError
from streamimb.explain.contributions import explain, explain_scores, predict, scores
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.registry import make_learner
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest

MODELS = ("linear", "tree", "forest", "blend")


def schema_of(classes, positive):
    features = [
        Feature(name="a"), Feature(name="noise"), Feature(name="c", type="categorical"),
        Feature(name="listed", type="categorical", categories=("x", "y", "z")), Feature(name="flag", type="boolean"),
    ]  # fmt: skip
    return Schema(features=features, label=Label(classes=list(range(classes)), positive=positive))


def learned(model, classes=2, positive=1, n=3_000):
    """A learner that has learned which class a, c and both together make likely; and the events."""
    rng = np.random.default_rng(3)
    schema = schema_of(classes, positive)
    X = np.stack([rng.normal(size=n), rng.normal(size=n), rng.integers(0, 40, n), rng.integers(0, 3, n),
                  rng.integers(0, 2, n)], axis=1).astype(np.float32)  # fmt: skip
    X[rng.random(X.shape) < 0.05] = np.nan
    y = (np.nan_to_num(X[:, 0]) + 0.1 * (np.nan_to_num(X[:, 2]) > 20) > 0.8).astype(np.int16)
    y = np.where(rng.random(n) < 0.1, rng.integers(0, classes, n), y).astype(np.int16)
    learner = make_learner(schema, LearnerConfig(model=model))
    learner.run(X, y, Tape.interleaved(n), np.ones(classes))
    return learner, X, schema


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("model", ["linear", "blend"])
def test_log_odds_are_what_contributions_and_base_come_to(model, positive):
    """Of two classes contributions and base sum up to the log-odds of the learner's own probability."""
    learner, X, schema = learned(model, positive=positive)
    told = explain(learner, X[:300], schema)
    P = predict(learner, X[:300])
    assert told.unit == "log_odds"
    np.testing.assert_allclose(told.total, np.log(P[:, positive] / P[:, 1 - positive]), rtol=1e-9, atol=1e-9)
    assert np.abs(told.values[:, 0]).mean() > 5 * np.abs(told.values[:, 1]).mean()


@pytest.mark.parametrize("model", ["tree", "forest"])
@pytest.mark.parametrize("classes", [2, 4])
def test_probability_is_what_contributions_and_base_come_to(model, classes):
    """Of trees contributions and base sum up to the predicted probability."""
    learner, X, schema = learned(model, classes)
    told = explain(learner, X[:300], schema)
    assert told.unit == "probability"
    np.testing.assert_allclose(told.total, predict(learner, X[:300])[:, 1], rtol=1e-9, atol=1e-11)
    assert np.abs(told.values[:, 0]).mean() > np.abs(told.values[:, 1]).mean()


@pytest.mark.parametrize("model", ["linear", "blend"])
def test_many_classes_are_held_against_the_others_mean(model):
    """Of more classes the sum is the log-probability over the mean one of the others."""
    learner, X, schema = learned(model, 4)
    logs = np.log(predict(learner, X[:200]))
    wanted = logs[:, 1] - logs[:, [0, 2, 3]].mean(axis=1)
    np.testing.assert_allclose(explain(learner, X[:200], schema).total, wanted, rtol=1e-8, atol=1e-8)


once_learned = cache(learned)


@pytest.mark.parametrize("model", MODELS)
@settings(deadline=None, max_examples=25)
@given(
    classes=st.sampled_from([2, 3]), seed=st.integers(0, 10**6), temperature=st.floats(0.2, 5.0),
    shares=st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3), scale=st.sampled_from([0.1, 1.0, 1e6]),
)  # fmt: skip
def test_log_odds_of_the_score_are_what_contributions_and_base_come_to(
    model, classes, seed, temperature, shares, scale
):
    """Whatever the Plan and the events: base and values sum up to the score's log-odds, of more classes to the
    log-score over the mean one of the others; and they are finite.
    """
    learner, _, schema = once_learned(model, classes)
    rng = np.random.default_rng(seed)
    X = np.stack([rng.normal(0, scale, 20), rng.normal(0, scale, 20), rng.integers(0, 1 << 24, 20),
                  rng.integers(0, 3, 20), rng.integers(0, 2, 20)], axis=1).astype(np.float32)  # fmt: skip
    X[rng.random(X.shape) < 0.1] = np.nan
    parameters = np.zeros((ROWS, classes))
    parameters[PUT_IN], parameters[TAKE_OUT] = np.log(shares[:classes]), -np.log(shares[::-1][:classes])
    parameters[BIAS], parameters[TEMPERATURE] = rng.normal(size=classes), temperature
    told = explain_scores(learner, X, schema, parameters)
    logs = np.log(scores(predict(learner, X), parameters))
    wanted = logs[:, 1] - logs[:, [k for k in range(classes) if k != 1]].mean(axis=1)
    assert np.isfinite(told.values).all()
    np.testing.assert_allclose(told.total, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_those_of_the_pipeline(model):
    """What is taken apart is what /predict answers, and taking it apart leaves no trace."""
    _, X, schema = once_learned(model)
    pipeline = Pipeline(schema, Config(learner={"model": model}))
    pipeline.process(Batch.of(X[:2_000], (np.nan_to_num(X[:2_000, 0]) > 1).astype(np.int16)))
    before = digest(pipeline.state())
    told = explain_scores(pipeline.learner, X[2_000:2_200], schema, pipeline.controller.parameters)
    said = pipeline.predict(X[2_000:2_200]).scores[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-told.total)), said, atol=1e-5)
    assert digest(pipeline.state()) == before


@pytest.mark.parametrize("model", MODELS)
def test_nothing_of_the_learner_changes(model):
    """Asking and explaining leave the state as it was, to the bit, also between a prediction and its lesson."""
    learner, X, schema = learned(model)
    learner.run(X[:1], np.zeros(1, np.int16), Tape.only(PREDICT, 1, 9_999), np.ones(2))
    before = learner.state()
    explain(learner, X[:50], schema)
    predict(learner, X[:50])
    after = learner.state()
    assert set(before) == set(after)
    assert all(np.array_equal(before[key], after[key], equal_nan=True) for key in before)


def test_a_learner_that_knows_nothing():
    """Before any lesson no feature adds anything."""
    schema = schema_of(2, 1)
    X = np.ones((3, 5), np.float32)
    for model in MODELS:
        told = explain(make_learner(schema, LearnerConfig(model=model)), X, schema)
        assert (told.values == 0).all() and np.isfinite(told.base).all()


def test_river_models_cannot_be_taken_apart():
    """A model of river is refused with a sentence, and is left as it was when it is asked."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    learner = make_learner(schema, LearnerConfig(model="river.naive_bayes.GaussianNB"))
    X = np.random.default_rng(1).normal(size=(50, 1)).astype(np.float32)
    learner.run(X, (X[:, 0] > 0).astype(np.int16), Tape.only(LEARN, 50), np.ones(2))
    before = learner.state()["model"]
    assert predict(learner, X).shape == (50, 2)
    assert np.array_equal(before, learner.state()["model"])
    with pytest.raises(LearnerError, match=r"GaussianNB cannot be taken apart .* linear, tree, forest"):
        explain(learner, X, schema)
