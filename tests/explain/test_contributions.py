import numpy as np
import pytest

from streamimb.config import LearnerConfig
from streamimb.errors import LearnerError
from streamimb.explain.contributions import explain, predict
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.registry import make_learner
from streamimb.schema import Feature, Label, Schema

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
    with pytest.raises(LearnerError, match="cannot be taken apart"):
        explain(learner, X, schema)
