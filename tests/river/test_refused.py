"""What a river estimator refuses, or its model does, leaves no trace; and is told in the user's own words."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest
from river import linear_model, naive_bayes, preprocessing, stats

from streamimb.errors import ConfigError, LearnerError
from streamimb.kernel import uniform
from streamimb.learners import linear
from streamimb.river import CompiledClassifier, RebalancedClassifier
from streamimb.river.classes import GUESS_LABELS

ESTIMATORS = [
    lambda: CompiledClassifier("linear"),
    lambda: CompiledClassifier("tree"),
    lambda: RebalancedClassifier(naive_bayes.GaussianNB(), every=50),
    lambda: RebalancedClassifier(CompiledClassifier("linear"), every=50, samples={"minority": "smote"}),
]


class Moody(naive_bayes.GaussianNB):  # type: ignore[misc]  # river's types are not followed
    """Refuses events that say so."""

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        if "refuse" in x:
            raise OSError("refused")
        super().learn_one(x, y)


def event(i: int) -> tuple[dict[str, float], str]:
    y = uniform(1, i, 0) < 0.1
    return {"a": uniform(1, i, 1) + y, "b": uniform(1, i, 2)}, "rare" if y else "rest"


def known(model: RebalancedClassifier) -> dict[str, Any]:
    """All that is known of the classes."""
    told = {k: v for k, v in vars(model._classes).items() if k not in ("_declared", "_why_two", "_binary")}
    return pickle.loads(pickle.dumps(told)) | {"positive": model.positive_class, "taught": model.taught}


@pytest.mark.parametrize("before", [0, 1, 5, 60, GUESS_LABELS - 1, GUESS_LABELS, GUESS_LABELS + 50])
@pytest.mark.parametrize("label", ["rest", "rare", "new"])
def test_a_lesson_that_failed_is_not_counted(before, label):
    """Neither in the classes' counts, from which the positive one is guessed, nor where it settles that guess."""
    model = RebalancedClassifier(Moody(), every=100, strategy="none")
    for i in range(before):
        model.learn_one(*event(i))
    held = known(model)
    for _ in range(3):
        with pytest.raises(OSError, match="refused"):
            model.learn_one({"a": 1.0, "refuse": 1.0}, label)
    assert known(model) == held


def test_lessons_that_failed_do_not_choose_the_positive_class():
    """A thousand refused events of the rarest class, and it is the rarest still."""
    model = RebalancedClassifier(Moody(), every=100)
    for i in range(100):
        model.learn_one(*event(i))
    for _ in range(GUESS_LABELS):
        with pytest.raises(OSError, match="refused"):
            model.learn_one({"refuse": 1.0}, "rare")
    model.learn_one({"a": 0.2, "b": 0.3}, "third")
    for i in range(100, 1_000):
        model.learn_one(*event(i))
    assert model.positive_class == "third"


def test_a_warning_that_is_an_error_is_raised_once_and_its_event_learned():
    """Of a feature that was named and does not come; of a column of another type."""
    rebalanced = RebalancedClassifier(naive_bayes.GaussianNB(), samples={"minority": "smote", "fixed": ["shop"]})
    compiled = CompiledClassifier("linear")
    compiled.learn_one({"a": "?"}, "rest")
    raised = {"rebalanced": 0, "compiled": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(GUESS_LABELS + 20):
            x, y = event(i)
            for name, model in (("rebalanced", rebalanced), ("compiled", compiled)):
                try:
                    model.learn_one(x, y)
                except UserWarning:
                    raised[name] += 1
    assert raised == {"rebalanced": 1, "compiled": 1}
    assert rebalanced._classes.seen == GUESS_LABELS + 20
    assert compiled._seen == compiled._classes.seen == GUESS_LABELS + 21


@pytest.mark.parametrize("action", ["default", "error"])
def test_a_model_that_no_longer_tells_probabilities_is_told_once(action):
    """Since which event, and what helps; the events are learned whether the warning is an error or not."""
    model, told = RebalancedClassifier(linear_model.LogisticRegression(), drift="tell"), []
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter(action)
        for i in range(300):
            x, y = event(i)
            try:
                model.learn_one({**x, "a": float("nan")} if i == 150 else x, y)
            except RuntimeWarning as warning:
                told.append(str(warning))
    told += [str(w.message) for w in shown if w.category is RuntimeWarning]
    assert len(told) == 1
    assert told[0].startswith("LogisticRegression: its probabilities are not finite since labelled event 151, and even")
    assert "an imputer outside" in told[0]
    assert model._classes.seen == 300
    assert set(model.predict_proba_one(event(1)[0])) == {"rest", "rare"}


def test_an_imputer_outside_keeps_probabilities_finite():
    """As the warning says: it fills what is missing, and there is nothing to warn of."""
    model = preprocessing.StatImputer(("a", stats.Mean())) | RebalancedClassifier(linear_model.LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(300):
            x, y = event(i)
            model.learn_one({**x, "a": None} if i == 150 else x, y)
    assert model.predict_proba_one(event(1)[0])["rare"] != 0.5


def test_a_learner_that_may_grow_no_more_refuses_the_class_and_goes_on(monkeypatch):
    """Once its weights would not fit; the event changes nothing, so that the classes known are told and learned."""
    monkeypatch.setattr(linear, "WEIGHTS_MAX", 60)
    model, other = (CompiledClassifier("linear", {"slots": 16, "bins": 0, "crosses": 0}) for _ in range(2))
    for i in range(12):
        for each in (model, other):
            each.learn_one({"shop": f"s{i % 3}"}, f"c{i % 3}")
    for label in ("c3", "c4"):
        with pytest.raises(LearnerError, match="lower slots"):
            model.learn_one({"shop": "s1", "new": 1.0}, label)
    for i in range(12):
        for each in (model, other):
            each.learn_one({"shop": f"s{i % 3}"}, f"c{i % 3}")
    assert model.predict_proba_one({"shop": "s1"}) == other.predict_proba_one({"shop": "s1"})
    assert sorted(model.predict_proba_one({"shop": "s1"})) == ["c0", "c1", "c2"]


@pytest.mark.parametrize("bounds", [[9.0, 1.0], [float("nan"), 1.0]])
def test_bounds_that_cannot_be_name_the_users_feature_at_once(bounds):
    """Not the column's name inside, and not when the second class comes."""
    with pytest.raises(ConfigError, match=re.escape("samples.bounds.amount = [")):
        RebalancedClassifier(naive_bayes.GaussianNB(), samples={"minority": "smote", "bounds": {"amount": bounds}})


@pytest.mark.parametrize("x", [[1.0, 2.0], None, "text", 5])
def test_what_is_no_event_is_told(x):
    """Where a learner or a sampler reads it; a model alone may take texts."""
    for model in (ESTIMATORS[0](), ESTIMATORS[3]()):
        for i in range(60):
            model.learn_one(*event(i))
        with pytest.raises(TypeError, match=r"^x: .* a dict is wanted, as"):
            model.learn_one(x, "rest")
    with pytest.raises(TypeError, match=r"^x: .* a dict is wanted, as"):
        ESTIMATORS[0]().predict_one(x)


@pytest.mark.parametrize("x", [[1.0, 2.0], None, 5])
def test_what_is_neither_event_nor_text_is_told_whatever_the_model(x):
    """Before a model says it in words of its own; nothing has changed."""
    model = ESTIMATORS[2]()
    for i in range(60):
        model.learn_one(*event(i))
    held = known(model)
    for call in (lambda: model.learn_one(x, "rare"), lambda: model.predict_one(x), lambda: model.predict_proba_one(x)):
        with pytest.raises(TypeError, match=r"^x: .* a dict is wanted, as"):
            call()
    assert known(model) == held


@pytest.mark.parametrize("make", ESTIMATORS)
def test_a_frame_of_labels_or_of_weights_is_refused(make):
    """As a sequence it is the names of its columns, which would be taken for labels where there is one row."""
    import pandas as pd

    model, X = make(), pd.DataFrame({"a": [1.0]})
    with pytest.raises(TypeError, match="y: a pandas Series is wanted, not a DataFrame"):
        model.learn_many(X, pd.DataFrame({"label": ["rare"]}))
    with pytest.raises(TypeError, match="w: one weight or a pandas Series is wanted, not a DataFrame"):
        model.learn_many(X, pd.Series(["rare"]), w=pd.DataFrame({"w": [1.0]}))
    assert model._labels in ([], [False, True])


@pytest.mark.parametrize("make", ESTIMATORS)
def test_frames_without_rows_or_before_any_lesson_are_answered(make):
    """By frames and columns of their length."""
    import pandas as pd

    X = pd.DataFrame([event(i)[0] for i in range(80)], index=range(100, 180))
    model = make()
    assert model.predict_many(X).tolist() == [None] * 80
    assert model.predict_proba_many(X).shape == (80, 0)
    model.learn_many(X[:0], pd.Series([], dtype=object))
    model.learn_many(X, pd.Series([event(i)[1] for i in range(80)]))
    assert list(model.predict_proba_many(X[:0]).columns) == model._labels
    assert model.predict_many(X[:0]).tolist() == []
    decided = model.predict_many(X)
    assert decided.index.equals(X.index)
    assert decided.tolist() == [model.predict_one(x) for x in X.to_dict("records")]


def test_a_complex_number_is_no_value():
    """Its imaginary part would be lost."""
    with pytest.raises(TypeError, match="a value is text, a bool, an int or a float"):
        CompiledClassifier("linear").learn_one({"a": np.complex64(1j)}, "rest")
