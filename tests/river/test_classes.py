"""Labels, the positive class and weights of river estimators: what is taken, told and refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from river import base, linear_model, naive_bayes, preprocessing, tree
from sklearn.linear_model import LogisticRegression

from streamimb.kernel import uniform
from streamimb.river import CompiledClassifier, RebalancedClassifier
from streamimb.river.classes import GUESS_LABELS, Classes
from streamimb.schema import CLASSES_MAX

MAKES = {
    "naive bayes": lambda: RebalancedClassifier(naive_bayes.GaussianNB()),
    "logistic": lambda: RebalancedClassifier(linear_model.LogisticRegression()),
    "compiled": lambda: CompiledClassifier("linear"),
}

#: Weights of which a thousand events are enough to learn.
WEIGHTED: dict[str, Any] = {"strategy": "inverse_frequency", "weight_max": 10.0, "drift": "adjust"}


def taught(model: base.Classifier, names: tuple[object, object], first: bool, n: int = 3_000) -> float:
    """Recall of the rare class, names[1], from event 1,000 on; test-then-train."""
    hits = []
    for i in range(n):
        y = uniform(1, i, 0) < 0.02 if i else first
        x = {"a": uniform(1, i, 1) + 0.6 * y, "b": uniform(1, i, 2)}
        if y and i >= 1_000:
            hits.append(model.predict_one(x) == names[1])
        model.learn_one(x, names[int(y)])
    return float(np.mean(hits))


@pytest.mark.parametrize("first", [True, False])
def test_true_is_positive_whichever_label_came_first(first):
    """What missing a rare event costs is what missing True costs, for a model that takes any classes, too."""
    model = RebalancedClassifier(tree.HoeffdingTreeClassifier(), objective="cost:FN=50,FP=1", **WEIGHTED)
    assert taught(model, (False, True), first) > 0.9
    assert model.positive_class is True


@pytest.mark.parametrize("first", [True, False])
def test_without_booleans_the_rarest_class_is_positive(first):
    """Even if it was the first to be seen; from GUESS_LABELS labels on it stays."""
    model = RebalancedClassifier(tree.HoeffdingTreeClassifier(), objective="cost:FN=50,FP=1", **WEIGHTED)
    assert taught(model, ("legit", "fraud"), first) > 0.9
    assert model.positive_class == "fraud"


def test_the_guess_is_fixed_when_shares_flip():
    """And with a thousand labels of one class it is the second that is rare."""
    classes = Classes(binary=False)
    labels = ["a"] * (GUESS_LABELS + 10) + ["b"] * (2 * GUESS_LABELS)
    assert classes.labels[[classes.take(y) for y in classes.check(labels)][-1]] == "b"
    assert classes.labels[classes.positive] == "b"


def test_a_declared_class_is_positive():
    """However common it is, and whatever a boolean would say."""
    model = RebalancedClassifier(linear_model.LogisticRegression(), positive="legit")
    taught(model, ("legit", "fraud"), first=False, n=1_500)
    assert model.positive_class == "legit"
    assert RebalancedClassifier(linear_model.LogisticRegression(), positive=False).positive_class is False


@pytest.mark.parametrize("names", [("legit", "fraud"), (0, 1), (1, 2)])
@pytest.mark.parametrize("first", [True, False])
def test_a_binary_model_takes_any_two_labels(names, first):
    """And answers under their names, of their own type."""
    model = RebalancedClassifier(linear_model.LogisticRegression(), objective="g_mean", **WEIGHTED)
    assert taught(model, names, first) > 0.3
    told = model.predict_proba_one({"a": 0.5, "b": 0.5})
    assert set(told) == set(names) == set(model.classes)
    assert type(model.predict_one({"a": 0.5, "b": 0.5})) is type(names[0])


def test_a_binary_model_refuses_a_third_class_before_anything_changes():
    """And says which two there are; in a frame, too."""
    model = RebalancedClassifier(linear_model.LogisticRegression())
    for i in range(100):
        model.learn_one({"a": float(i % 3)}, ["x", "y"][i % 2])
    before = model.predict_proba_one({"a": 1.0})
    with pytest.raises(ValueError, match="'z' is one class too many beside 'x', 'y'"):
        model.learn_one({"a": 1.0}, "z")
    with pytest.raises(ValueError, match="'z' is one class too many"):
        model.learn_many(pd.DataFrame({"a": [1.0, 2.0]}), pd.Series(["x", "z"]))
    assert model.predict_proba_one({"a": 1.0}) == before
    with pytest.raises(ValueError, match="'y' is one class too many beside 'p', 'x'"):
        RebalancedClassifier(linear_model.LogisticRegression(), positive="p").learn_many(
            pd.DataFrame({"a": [1.0, 2.0]}), pd.Series(["x", "y"])
        )


def test_a_pipelines_last_model_says_how_many_classes_there_are():
    """River calls every pipeline binary."""
    model = RebalancedClassifier(preprocessing.StandardScaler() | naive_bayes.GaussianNB())
    for i in range(300):
        model.learn_one({"a": float(i % 3)}, f"c{i % 3}")
    assert model.classes == ["c0", "c1", "c2"]


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize(
    ("label", "error"),
    [
        (None, ValueError),
        (math.nan, ValueError),
        (np.float32("nan"), ValueError),
        (math.inf, ValueError),
        ([1], TypeError),
        (b"x", TypeError),
        (pd.NA, ValueError),
    ],
)
def test_what_is_no_label_is_refused_and_nothing_changes(make, label, error):
    """It becomes no class, alone or in a frame."""
    model = make()
    for i in range(20):
        model.learn_one({"a": float(i)}, i % 2 == 0)
    before = model.predict_proba_one({"a": 1.0})
    with pytest.raises(error, match="label"):
        model.learn_one({"a": 1.0, "new": 2.0}, label)
    with pytest.raises(error, match="label"):
        model.learn_many(pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([True, label], dtype=object))
    assert model.predict_proba_one({"a": 1.0}) == before


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize(("w", "error"), [(-1.0, ValueError), (math.nan, ValueError), ("2", TypeError)])
def test_a_weight_that_is_none_is_refused(make, w, error):
    """Before its label is taken in."""
    model = make()
    with pytest.raises(error, match="w: "):
        model.learn_one({"a": 1.0}, "x", w=w)
    assert "x" not in model.predict_proba_one({"a": 1.0})


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_a_lesson_of_no_weight_teaches_nothing_and_a_heavy_one_more(make):
    """What a caller's weight says reaches the model."""

    def told(w: float) -> float:
        model = make()
        for i in range(400):
            y = i % 2 == 0
            model.learn_one({"a": uniform(1, i, 1) + (y and i >= 200)}, y, w=w if i >= 200 else 1.0)
        p: float = model.predict_proba_one({"a": 1.5})[True]
        return p

    assert told(0.0) < told(1.0) < told(8.0)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (np.ones((2, 1)), [True, False], TypeError, "DataFrame is wanted, not a numpy.ndarray"),
        (pl.DataFrame({"a": [1.0]}), pl.Series([True]), TypeError, "DataFrame is wanted, not a polars.DataFrame"),
        (pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([True]), ValueError, "1 labels for 2 rows"),
        (pd.DataFrame({"a": [1.0]}), True, TypeError, "Series is wanted, not a bool"),
    ],
)
def test_what_is_no_frame_with_its_labels_is_refused(make, X, y, error, message):
    """With words for what was given."""
    with pytest.raises(error, match=message):
        make().learn_many(X, y)


def test_classes_are_bounded():
    """A measure taken for a label ends in an error, not in memory without end."""
    classes = Classes(binary=False)
    for y in classes.check(range(CLASSES_MAX)):
        classes.take(y)
    with pytest.raises(ValueError, match="at most 1,000 classes"):
        classes.check([0.5])
    assert classes.check([3]) == [3]


@drawn(st.lists(st.sampled_from(["a", "b"]) | st.booleans(), min_size=1, max_size=20))
def test_a_binary_model_never_hears_of_a_third_class(labels):
    """Whatever comes, what was checked has one of two codes, and one of them is the model's True."""
    classes = Classes(binary=True)
    for y in labels:
        try:
            (label,) = classes.check([y])
        except ValueError:
            continue
        assert classes.labels[classes.take(label)] == label
        assert len(classes.labels) == len(classes.inner) <= 2
        assert len(set(classes.inner)) == len(classes.inner)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (naive_bayes.GaussianNB, "GaussianNB is a class, not an instance"),
        (linear_model.LinearRegression(), "a LinearRegression, which is a regressor: wanted is a river classifier"),
        (preprocessing.StandardScaler() | linear_model.LinearRegression(), "pipeline that ends in a LinearRegression"),
        (LogisticRegression(), "LogisticRegression of scikit-learn"),
        ("GaussianNB", "the text 'GaussianNB'"),
        (None, "a NoneType: wanted"),
        (preprocessing.StandardScaler(), "a StandardScaler: wanted"),
    ],
)
def test_what_is_no_classifier_is_refused(model, message):
    """With what was given and what is wanted."""
    with pytest.raises(TypeError, match=message):
        RebalancedClassifier(model)
