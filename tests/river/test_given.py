"""What a river estimator is given: weights of frames, seeds, names, missing values, features of two types."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from river import linear_model, naive_bayes, neighbors, preprocessing

from streamimb.config import COUNT_MAX
from streamimb.errors import ConfigError
from streamimb.river import CompiledClassifier, RebalancedClassifier
from streamimb.river.compiled import OTHER_TYPE_WARN

MISSING = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")]


def frame(n: int = 400) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(3)
    y = rng.random(n) < 0.3
    X = rng.normal(2.0 * y[:, None], 1.0, (n, 2))
    return pd.DataFrame(X, columns=["a", "b"]), pd.Series(np.where(y, "fraud", "legit"))


def rebalanced() -> RebalancedClassifier:
    return RebalancedClassifier(linear_model.LogisticRegression(), every=50)


@pytest.mark.parametrize("make", [rebalanced, CompiledClassifier])
@pytest.mark.parametrize("kind", ["scalar", "series"])
def test_a_frame_is_learned_with_its_weights(make, kind):
    """As the same events one by one, whether one weight is given or one a row; without it, as with a weight of 1."""
    X, y = frame()
    w = 0.25 if kind == "scalar" else pd.Series(np.arange(len(X)) % 4 / 2.0)
    many, one, plain = make(), make(), make()
    many.learn_many(X, y, w=w)
    plain.learn_many(X, y)
    for i, x in enumerate(X.to_dict("records")):
        one.learn_one(x, y[i], w=0.25 if kind == "scalar" else w[i])
    told = many.predict_proba_one({"a": 1.0, "b": 1.0})
    assert told == one.predict_proba_one({"a": 1.0, "b": 1.0})
    assert told != plain.predict_proba_one({"a": 1.0, "b": 1.0})


@pytest.mark.parametrize("make", [rebalanced, CompiledClassifier])
@pytest.mark.parametrize(
    ("w", "error", "message"),
    [
        (pd.Series([1.0]), ValueError, "w: 1 weights for 400 rows"),
        (pd.Series([1.0] * 399 + [-1.0]), ValueError, "w: -1.0: a weight is 0 or more"),
        ("1", TypeError, "w: '1' is a str"),
        (None, TypeError, "w: None is a NoneType"),
    ],
)
def test_wrong_weights_of_a_frame_are_refused_before_anything_changes(make, w, error, message):
    """One wrong weight at the end leaves the model as it was."""
    X, y = frame()
    model = make()
    with pytest.raises(error, match=message):
        model.learn_many(X, y, w=w)
    assert "fraud" not in model.predict_proba_one({"a": 1.0})


def test_a_misspelt_argument_is_refused():
    """``weight`` is no ``w``, in a pipeline neither."""
    X, y = frame()
    model = rebalanced()
    with pytest.raises(TypeError, match="unexpected keyword argument 'weight'"):
        model.learn_one({"a": 1.0}, "fraud", weight=5.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'weight'"):
        model.learn_many(X, y, weight=5.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'when'"):
        model.predict_one({"a": 1.0}, when=5.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 't'"):
        (preprocessing.StandardScaler() | model).learn_one({"a": 1.0}, "fraud", w=5.0, t=3)
    assert "fraud" not in model.classes
    (preprocessing.StandardScaler() | model).learn_one({"a": 1.0}, "fraud", w=5.0)
    assert model.classes == ["fraud"]


@pytest.mark.parametrize("names", [(False, True), ("legit", "fraud"), (7, 3)])
def test_signals_and_actions_name_the_label(names):
    """The label that was learned, not its place."""
    rng = np.random.default_rng(0)
    model = RebalancedClassifier(naive_bayes.GaussianNB(), drift="adjust", every=100, positive=names[1])
    for i in range(8_000):
        y = rng.random() < 0.2
        model.learn_one({"a": float(rng.normal(3.0 * y if i < 4_000 else -3.0 * y))}, names[y])
    for told in (model.signals, model.actions):
        found = {t.class_ for t in told}
        assert found
        assert found <= {None, *names}
        assert names[1] in found
        assert {type(c) for c in found} <= {type(None), type(names[1])}


@pytest.mark.parametrize("seed", ["a", None, -1, 1.5, True, COUNT_MAX + 1])
@pytest.mark.parametrize(
    "make",
    [
        lambda seed: RebalancedClassifier(neighbors.KNNClassifier(), seed=seed),
        lambda seed: CompiledClassifier(seed=seed),
    ],
)
def test_a_seed_is_a_whole_number(make, seed):
    """Told where it is given, not at the first repeated lesson."""
    with pytest.raises(ConfigError, match=r"^seed: "):
        make(seed)


@pytest.mark.parametrize("seed", [0, np.int64(5), COUNT_MAX])
def test_every_seed_that_is_taken_works(seed):
    """From the least to the largest, where lessons are repeated and where they are not."""
    for model in (RebalancedClassifier(naive_bayes.GaussianNB(), every=50, seed=seed), CompiledClassifier(seed=seed)):
        X, y = frame(200)
        model.learn_many(X, y)
        assert model.clone().seed == seed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "^learner: None is a NoneType"),
        ((7,), "^learner: 7 is a int"),
        (("linear", [1]), r"^parameters: \[1\]"),
        (("linear", {1: 2}), r"^parameters: \{1: 2\}"),
    ],
)
def test_a_compiled_learner_names_what_is_wrong(arguments, message):
    """As a configuration error."""
    with pytest.raises(ConfigError, match=message):
        CompiledClassifier(*arguments)


@pytest.mark.parametrize("make", [rebalanced, CompiledClassifier])
@pytest.mark.parametrize("label", MISSING, ids=repr)
def test_every_missing_label_is_told_alike(make, label):
    """None, NaN, and what pandas calls NA and NaT."""
    with pytest.raises(ValueError, match="a missing label cannot be learned: leave the event out"):
        make().learn_one({"a": 1.0}, label)


@pytest.mark.parametrize("value", [*MISSING[:-1], 10**400, -(10**400), float("inf")], ids=lambda v: repr(v)[:8])
def test_what_is_missing_or_no_float_is_a_missing_value(value):
    """Learned and predicted like an event without the feature."""
    X, y = frame()
    given, without = CompiledClassifier(), CompiledClassifier()
    for x, label in zip(X.to_dict("records"), y, strict=True):
        given.learn_one(x, label)
        without.learn_one(x, label)
        given.learn_one({"b": x["b"], "a": value}, label)
        without.learn_one({"b": x["b"]}, label)
    assert given.predict_proba_one({"a": value, "b": 1.0}) == without.predict_proba_one({"b": 1.0})
    assert given.other_type == {}


def test_a_value_of_another_kind_is_named_where_it_is_predicted():
    """As where it is learned."""
    X, y = frame()
    model = CompiledClassifier()
    model.learn_many(X, y)
    for act in (lambda: model.predict_one({"a": [1]}), lambda: model.learn_one({"a": [1]}, "fraud")):
        with pytest.raises(TypeError, match=r"feature 'a': \[1\] is a list"):
            act()


def test_a_feature_whose_values_are_of_another_type_is_warned_of_once():
    """A column that began with text and then holds numbers; nothing is told where few values are so."""
    X, y = frame()
    rows = X.to_dict("records")
    model = CompiledClassifier()
    model.learn_one({"a": "?", "b": 0.0}, "legit")
    with pytest.warns(UserWarning, match=f"feature 'a' is categorical.* {OTHER_TYPE_WARN} values") as told:
        for x, label in zip(rows, y, strict=True):
            model.learn_one(x, label)
    assert len(told) == 1
    assert model.other_type == {"a": len(rows)}
    calm = CompiledClassifier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, label in zip(rows, y, strict=True):
            calm.learn_one(x, label)
            calm.learn_one(x | {"a": "?"} if x["a"] > 0 else x, label)
    assert calm.other_type["a"] > OTHER_TYPE_WARN
