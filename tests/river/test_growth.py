"""A compiled learner in river's dress keeps what it learned when features and classes appear."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from streamimb.kernel import uniform
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.linear import LinearClassifier
from streamimb.river import CompiledClassifier
from streamimb.schema import Feature, Label, Schema


def event(i: int, d: int = 2) -> tuple[dict[str, Any], bool]:
    y = uniform(1, i, 0) < 0.05
    return {f"f{j}": uniform(1, i, j + 1) + 0.6 * y for j in range(d)}, y


def taught(name: str, n: int, d: int = 2) -> CompiledClassifier:
    model = CompiledClassifier(name)
    for i in range(n):
        model.learn_one(*event(i, d))
    return model


def test_a_weight_of_a_feature_that_comes_late_leaves_the_others():
    """A lesson after 5,000 that brings a feature moves the positives' scores as one without it does."""
    model = taught("linear", 5_000)
    rows = [x for x, y in map(event, range(5_000)) if y]
    before = np.array([model.predict_proba_one(x)[True] for x in rows])
    x, y = event(5_000)
    model.learn_one({**x, "late": 1.0}, y, w=0.0)
    after = np.array([model.predict_proba_one(x)[True] for x in rows])
    np.testing.assert_allclose(after, before, atol=0.01)  # scales have moved by one event


@pytest.mark.parametrize("name", ["tree", "forest", "blend"])
def test_learners_that_are_made_anew_learn_thousands_of_events_again(name):
    """Not some hundreds: a rare class would be forgotten."""
    model = taught(name, 3_000)
    rows = [x for x, y in map(event, range(3_000)) if y]
    before = np.mean([model.predict_proba_one(x)[True] for x in rows])
    x, y = event(3_000)
    model.learn_one({**x, "late": 1.0}, y)
    after = np.mean([model.predict_proba_one(x)[True] for x in rows])
    assert after == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("name", ["tree", "forest"])
def test_many_features_one_by_one_make_few_learners(name, monkeypatch):
    """The more events are remembered, the longer a new feature waits."""
    model = CompiledClassifier(name)
    lessons: list[int] = []
    teach = CompiledClassifier._teach
    monkeypatch.setattr(CompiledClassifier, "_teach", lambda *a: lessons.append(len(a[3])) or teach(*a))
    for i in range(300):
        model.learn_one({f"f{i}": 1.0, "a": uniform(1, i, 1)}, i % 2 == 0)
    assert sum(lessons) < 300 * 8
    assert model._width > 200


def test_a_new_class_leaves_the_odds_of_the_others():
    """The third is thought as rare as it was, and then it is learned."""
    model = taught("linear", 3_000)
    rows = [event(i)[0] for i in range(100)]
    before = [model.predict_proba_one(x)[True] for x in rows]
    model.learn_one({"f0": 3.0, "f1": 3.0}, "third", w=0.0)
    told = [model.predict_proba_one(x) for x in rows]
    np.testing.assert_allclose([p[True] / (p[True] + p[False]) for p in told], before, atol=0.01)
    assert max(p["third"] for p in told) < 0.01
    for _ in range(200):
        model.learn_one({"f0": 3.0, "f1": 3.0}, "third")
    assert model.predict_one({"f0": 3.0, "f1": 3.0}) == "third"


def test_what_is_no_value_is_refused_before_anything_changes():
    """Neither its label nor the features beside it are taken in."""
    model = CompiledClassifier("linear")
    with pytest.raises(TypeError, match="feature 'a': \\[1\\] is a list"):
        model.learn_one({"a": [1], "b": 1.0}, "x")
    assert model.predict_proba_one({"b": 1.0}) == {}


@settings(max_examples=25, deadline=None)
@drawn(
    kinds=st.lists(st.sampled_from(["numeric", "categorical", "boolean"]), min_size=1, max_size=5),
    more=st.lists(st.sampled_from(["numeric", "categorical", "boolean"]), max_size=4),
    classes=st.integers(2, 4),
    extra=st.integers(0, 2),
)
def test_a_larger_linear_learner_answers_as_the_smaller(kinds, more, classes, extra):
    """Of rows without the new features, and among the classes that both know."""

    def make(types: list[str], k: int) -> LinearClassifier:
        features = [Feature(name=f"x{i}", type=t) for i, t in enumerate(types)]
        return LinearClassifier(Schema(features=features, label=Label(classes=[f"c{i}" for i in range(k)])), slots=64)

    rng = np.random.default_rng(1)
    X = rng.integers(0, 4, (300, len(kinds))).astype(np.float32) + rng.normal(0, 0.1, (300, 1)).astype(np.float32)
    y = (X[:, 0].astype(np.int64) % classes).astype(np.int16)
    old, new = make(kinds, classes), make(kinds + more, classes + extra)
    old.run(X, y, Tape.only(LEARN, 300), np.ones(classes))
    new.take_over(old, 300)
    wide = np.hstack([X, np.full((300, len(more)), np.nan, np.float32)])
    before = old.run(X, y, Tape.only(PREDICT, 300), np.ones(classes))
    after = new.run(wide, y, Tape.only(PREDICT, 300), np.ones(classes + extra))[:, :classes]
    np.testing.assert_allclose(after / after.sum(axis=1, keepdims=True), before, atol=1e-12)


def test_a_learner_that_is_no_part_is_not_taken_over():
    """Other features, or more classes."""
    schemas = [
        Schema(features=[Feature(name=name)], label=Label(classes=[f"c{i}" for i in range(k)]))
        for name, k in (("a", 2), ("b", 2), ("a", 3))
    ]
    small = LinearClassifier(schemas[0])
    for schema in schemas[1:]:
        with pytest.raises(ValueError, match="none of the first"):
            small.take_over(LinearClassifier(schema), 0)
