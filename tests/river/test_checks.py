"""What is offered as a river estimator is held against river's own checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from river import base, checks, compose, linear_model, naive_bayes, preprocessing, tree

from streamimb.river import CompiledClassifier, RebalancedClassifier

MODELS: dict[str, Callable[[], base.Classifier]] = {
    "logistic": lambda: RebalancedClassifier(
        preprocessing.StandardScaler() | linear_model.LogisticRegression(), every=50
    ),
    "naive bayes": lambda: RebalancedClassifier(naive_bayes.GaussianNB(), strategy="oob", drift="replace", every=50),
    "tree": lambda: RebalancedClassifier(tree.HoeffdingTreeClassifier(grace_period=50), strategy="hybrid", every=100),
    "compiled": lambda: RebalancedClassifier(CompiledClassifier("linear"), drift="reset", every=50),
    "sampled": lambda: RebalancedClassifier(
        naive_bayes.GaussianNB(), samples={"minority": "borderline_smote", "majority": "undersample"}, every=50
    ),
    "linear": lambda: CompiledClassifier("linear"),
}
#: Making these teaches their learner, which compiles it: while tests are collected, another is asked for its checks.
ASKED_LIKE = {"compiled": "tree"}


def names(model: base.Classifier) -> list[str]:
    return [check.__name__ for check in checks.yield_checks(model)]


def cases() -> Iterator[object]:
    for name, make in MODELS.items():
        model = MODELS[ASKED_LIKE.get(name, name)]()
        for n, check in enumerate(checks.yield_checks(model)):
            if check.__name__ not in model._unit_test_skips():
                yield pytest.param(make, check, id=f"{name}-{check.__name__}-{n}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("make", "check"), list(cases()))
def test_rivers_own_checks_pass(make, check):
    """River's conventions, as river checks them."""
    check(make().clone())


@pytest.mark.parametrize(("name", "other"), ASKED_LIKE.items())
def test_no_check_is_left_out(name, other):
    """What is asked of another is what river asks of this one."""
    model = MODELS[name]()
    assert names(model) == names(MODELS[other]())
    assert model._unit_test_skips() == MODELS[other]()._unit_test_skips()


def test_it_composes_in_pipelines():
    """As a step behind a scaler, and inside another."""
    model = compose.Pipeline(preprocessing.StandardScaler(), RebalancedClassifier(linear_model.LogisticRegression()))
    model.learn_one({"a": 1.0}, True)
    assert set(model.predict_proba_one({"a": 1.0})) == {False, True}
