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


def cases() -> Iterator[object]:
    for name, make in MODELS.items():
        model = make()
        for n, check in enumerate(checks.yield_checks(model)):
            if check.__name__ not in model._unit_test_skips():
                yield pytest.param(make, check, id=f"{name}-{check.__name__}-{n}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("make", "check"), list(cases()))
def test_rivers_own_checks_pass(make, check):
    """River's conventions, as river checks them."""
    check(make().clone())


def test_it_composes_in_pipelines():
    """As a step behind a scaler, and inside another."""
    model = compose.Pipeline(preprocessing.StandardScaler(), RebalancedClassifier(linear_model.LogisticRegression()))
    model.learn_one({"a": 1.0}, True)
    assert set(model.predict_proba_one({"a": 1.0})) == {False, True}
