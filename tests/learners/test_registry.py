"""Learners by name."""

from __future__ import annotations

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
