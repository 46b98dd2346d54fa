"""Learners by name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError
from streamimb.learners.linear import LinearClassifier
from streamimb.learners.registry import list_models, make_learner
from streamimb.learners.river import RiverClassifier
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))


def test_a_configuration_names_its_learner() -> None:
    """The parameters and the seed reach it."""
    linear = make_learner(SCHEMA, LearnerConfig(model="linear", parameters={"bins": 3}, seed=5))
    assert isinstance(linear, LinearClassifier)
    assert (linear.parameters.bins, linear.seed) == (3, 5)
    assert isinstance(make_learner(SCHEMA, LearnerConfig(model="river.naive_bayes.GaussianNB")), RiverClassifier)


@pytest.mark.parametrize(
    ("model", "nearest"),
    [
        ("linaer", "linear"),
        ("river.forest.ARFClasifier", "river.forest.ARFClassifier"),
        ("river.linear_models.LogisticRegression", "river.linear_model.LogisticRegression"),
        ("river.tree.HoeffdingTreeRegressor", "river.tree.HoeffdingTreeClassifier"),
    ],
)
def test_an_unknown_model_names_the_nearest(model: str, nearest: str) -> None:
    """A class that is no classifier counts as unknown."""
    with pytest.raises(ConfigError, match=rf"learner\.model: .*did you mean '{nearest}'"):
        make_learner(SCHEMA, LearnerConfig(model=model))


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("forest", {"tres": 4}, "learner.parameters.tres: unknown: there is grace, delta, tie, "),
        ("forest", {"n_models": 4}, "candidates, buckets, depth_max, leaves_max, bytes_max, members, bagging, "),
        ("forest", {"membres": 4}, "unknown (did you mean 'members'?): there is grace, "),
        ("linear", {"rte": 1}, "unknown (did you mean 'rate'?): there is rate, horizon, "),
        ("blend", {"members": [{"modl": "linear"}]}, "unknown (did you mean 'model'?): there is model, parameters"),
        ("blend", {"trees": 4}, "learner.parameters.trees: unknown: there is members, horizon"),
    ],
)
def test_an_unknown_parameter_is_told_what_there_is(model: str, parameters: dict[str, Any], message: str) -> None:
    """The nearest is named only where one is near: ``tres`` is not ``features``."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_learner(SCHEMA, LearnerConfig(model=model, parameters=parameters))


@pytest.mark.parametrize("model", ["os.system", "river.os.system", "river.base.Classifier", "river", "river..x"])
def test_nothing_but_a_classifier_of_rivers_is_a_model(model: str) -> None:
    """Neither another package, nor a function, nor an abstract class."""
    with pytest.raises(ConfigError, match=r"learner\.model"):
        make_learner(SCHEMA, LearnerConfig(model=model))


def test_all_models_are_listed_by_the_names_that_make_them() -> None:
    """The compiled one first, then river's."""
    models = list_models()
    assert models[0] == "linear"
    assert {"river.compose.Pipeline", "river.forest.ARFClassifier", "river.tree.HoeffdingTreeClassifier"} < set(models)
