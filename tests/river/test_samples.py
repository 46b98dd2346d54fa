"""Samplers inside a river estimator: what a model is taught, on dicts whose features and classes come late."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from river import base, naive_bayes, preprocessing

from streamimb.errors import ConfigError
from streamimb.kernel import uniform
from streamimb.river import RebalancedClassifier
from streamimb.river import columns as module
from streamimb.river.classes import GUESS_LABELS
from streamimb.river.columns import FEATURES_MAX, Columns
from streamimb.testing import digest

SMOTE = {"minority": "smote"}


class Recorder(base.Classifier):
    """Remembers its lessons in a list that its copies share."""

    def __init__(self, lessons: list[Any]) -> None:
        self.lessons = lessons

    _multiclass = True

    def clone(self, new_params: Any = None, include_attributes: bool = False) -> Recorder:
        return Recorder(self.lessons)

    def learn_one(self, x: dict[Any, Any], y: Any, w: float = 1.0) -> None:
        if "bad" in x:
            raise OSError("refused")
        self.lessons.append((x, y, w))

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        return {}


def event(i: int, share: float = 0.05) -> tuple[dict[str, Any], bool]:
    y = uniform(1, i, 0) < share
    shop = "toys" if uniform(1, i, 3) < 0.5 + 0.4 * y else "food"
    return {"a": uniform(1, i, 1) + y, "new": uniform(1, i, 2) < 0.3, "shop": shop, "other": [i]}, y


def taught(n: int, **parameters: Any) -> list[Any]:
    lessons: list[Any] = []
    model = RebalancedClassifier(Recorder(lessons), strategy="none", drift="none", every=100, **parameters)
    del lessons[:]  # whether it obeys weights was tried
    for i in range(n):
        model.learn_one(*event(i))
    return lessons


def test_events_are_learned_as_they_are_and_synthetic_ones_in_their_form():
    """An event's own dict, a value that no sampler knows included; a synthetic one of the types of the others."""
    lessons = taught(2_000, samples=SMOTE)
    own = [event(i) for i in range(2_000)]
    real = [(x, y) for x, y, _ in lessons if "other" in x]
    assert real == own
    made = [(x, y) for x, y, _ in lessons if "other" not in x]
    assert len(made) > 100
    assert {y for _, y in made} == {True}
    positives = [x["a"] for x, y in own if y]
    for x, _ in made:
        assert x.keys() == {"a", "new", "shop"}
        assert min(positives) - 1e-6 <= x["a"] <= max(positives) + 1e-6
        assert type(x["new"]) is bool
        assert x["shop"] in ("toys", "food")


def test_undersampling_leaves_out_the_majority_alone():
    """The minority is learned whole."""
    lessons = taught(3_000, samples={"majority": "undersample"})
    counts = [sum(y is label for _, y, _ in lessons) for label in (False, True)]
    assert counts[1] == sum(event(i)[1] for i in range(3_000))
    assert counts[0] < 1_500


def test_a_suspicious_label_is_weighed_down():
    """Of a minority far away, one in the middle of the majority."""
    lessons: list[Any] = []
    model = RebalancedClassifier(Recorder(lessons), strategy="none", drift="none", samples={"clean": True})
    for i in range(3_000):
        y = uniform(1, i, 0) < 0.05
        model.learn_one({"a": uniform(1, i, 1) + 6.0 * y}, y)
    n = len(lessons)
    model.learn_one({"a": 0.5}, True)
    assert [w for _, _, w in lessons[n:]] in ([], [0.0])


@pytest.mark.parametrize("samples", [SMOTE, {"minority": "borderline_smote", "majority": "undersample"}])
def test_probabilities_are_under_the_streams_own_shares(samples):
    """Whatever was trained on."""
    model = RebalancedClassifier(naive_bayes.GaussianNB(), samples=samples, strategy="none")
    told, positive = [], []
    for i in range(6_000):
        x, y = event(i)
        x = {"a": x["a"], "new": x["new"]}
        if i > 3_000:
            told.append(model.predict_proba_one(x)[True])
            positive.append(y)
        model.learn_one(x, y)
    assert np.mean(told) == pytest.approx(np.mean(positive), rel=0.1)


def test_a_pickled_model_goes_on_as_if_never_stopped():
    """Buffers, texts and draws too."""
    scaled = preprocessing.StandardScaler() | naive_bayes.GaussianNB()
    whole = RebalancedClassifier(scaled, samples={**SMOTE, "clean": True})
    cut = whole.clone()
    for i in range(1_200):
        x, y = event(i)
        numbers = {"a": x["a"], "b": float(x["new"])}
        whole.learn_one(numbers, y)
        cut.learn_one(numbers, y)
        if i == 700:
            cut = pickle.loads(pickle.dumps(cut))
    assert whole.predict_proba_one({"a": 0.9}) == cut.predict_proba_one({"a": 0.9})
    other = whole.clone({"seed": 2})
    for i in range(1_200):
        x, y = event(i)
        other.learn_one({"a": x["a"], "b": float(x["new"])}, y)
    assert whole.predict_proba_one({"a": 0.9}) != other.predict_proba_one({"a": 0.9})


def test_a_lesson_of_no_weight_leaves_no_trace_in_the_buffers():
    """Nothing is made of it."""
    lessons: list[Any] = []
    model = RebalancedClassifier(Recorder(lessons), strategy="none", drift="none", samples=SMOTE)
    for i in range(1_500):
        x, y = event(i)
        model.learn_one(x, y)
        if y:
            model.learn_one({**x, "a": 100.0}, y, w=0.0)
    assert max(x["a"] for x, _, _ in lessons if "other" not in x) < 3.0


def test_new_features_and_classes_are_compared_after_a_while():
    """A synthetic event has a feature that came late, and may be of a class that did."""
    lessons: list[Any] = []
    model = RebalancedClassifier(Recorder(lessons), strategy="none", drift="none", samples=SMOTE, objective="g_mean")
    for i in range(3_000):
        x, y = event(i)
        late = {"late": 1.0 + uniform(1, i, 4)} if i > 600 else {}
        model.learn_one({**x, **late}, "c" if i > 1_000 and uniform(1, i, 5) < 0.05 else "b" if y else "a")
    made = [(x, y) for x, y, _ in lessons if "other" not in x]
    assert {y for x, y in made if "late" in x} == {"b", "c"}
    assert any("late" not in x for x, _ in made)


def test_a_class_whose_first_lesson_fails_leaves_the_samplers():
    """They go on with the features and classes that they had."""
    given, plain = [], []
    for lessons, fails in ((given, True), (plain, False)):
        model = RebalancedClassifier(Recorder(lessons), every=100, drift="none", samples=SMOTE, objective="g_mean")
        for i in range(1_500):
            if fails and i == 800:
                with pytest.raises(OSError, match="refused"):
                    model.learn_one({"bad": 1.0}, "c")
            model.learn_one(*event(i))
    assert [(x, y) for x, y, _ in given if "bad" not in x] == [(x, y) for x, y, _ in plain]


@pytest.mark.parametrize("samples", [
    SMOTE, {"minority": "borderline_smote"}, {"majority": "undersample"}, {"clean": True}, None,
    {**SMOTE, "majority": "undersample", "clean": True},
])  # fmt: skip
def test_an_event_that_the_model_refuses_leaves_nothing(samples):
    """Of a class that is known: no feature, no row in a buffer that was full or not, no count; the rest is the same."""
    given, plain = [], []
    loops = []
    for lessons, fails in ((given, True), (plain, False)):
        parameters = {} if samples is None else {"samples": {**samples, "buffer": 40}}
        model = RebalancedClassifier(Recorder(lessons), strategy="oob", every=100, drift="none", **parameters)
        for i in range(1_500):
            x, y = event(i)
            for refused in (y, not y) if fails and i > 50 and i % 7 == 0 else ():
                with pytest.raises(OSError, match="refused"):
                    model.learn_one({**x, "a": 5.0, "bad": 1.0}, refused)
            model.learn_one(x, y)
        loops.append(model._loop)
    assert given == plain
    one, other = loops
    assert digest(one.rebalancer.state()) == digest(other.rebalancer.state())
    assert one.rebalancer.taught.tolist() == other.rebalancer.taught.tolist()
    if samples is not None:
        assert one.columns.features == other.columns.features


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ("smote", "samples: 'smote': strategies by what they do are wanted, as {'minority': 'smote'}"),
        ({"minorty": "smote"}, "samples.minorty: unknown (did you mean 'minority'?)"),
        ({"minority": "smot"}, "samples.minority: "),
        ({}, "samples: neither minority, majority nor clean asks for anything"),
        ({"buffer": 100}, "samples: neither minority, majority nor clean asks for anything"),
        ({**SMOTE, "classes": {"b": {"clean": True}}}, "samples.classes: for streamimb.Pipeline only"),
    ],
)
def test_samples_that_cannot_be_are_told(samples, message):
    """With what is wanted."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        RebalancedClassifier(naive_bayes.GaussianNB(), samples=samples)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"fixed": ("shop",), "bounds": {"b": (0, 1)}},
            "samples.bounds: no numeric feature is called 'b' (there is a)",
        ),
        ({"fixed": ("shpo",)}, "samples.fixed: no feature is called 'shpo' (did you mean 'shop'?)"),
    ],
)
def test_a_feature_that_does_not_come_is_warned_of_once(named, message):
    """It may still come."""
    model = RebalancedClassifier(Recorder([]), samples={**SMOTE, **named})
    with pytest.warns(UserWarning, match=re.escape(message)):
        for i in range(GUESS_LABELS):
            model.learn_one(*event(i))
    model.learn_one(*event(0))


def test_fixed_features_and_bounds_are_kept_to():
    """By the names that the dicts have."""
    lessons = taught(1_500, samples={**SMOTE, "fixed": ("shop",), "bounds": {"a": (0.0, 0.4)}})
    made = [x["a"] for x, _, _ in lessons if "other" not in x]
    assert made
    assert 0.4 - 1e-6 < max(made) <= 0.4  # as float32 0.4 is more


def test_texts_and_features_are_bounded(monkeypatch):
    """What is beyond them is missing in synthetic events, and nothing grows."""
    columns = Columns()
    columns.take({f"f{i}": 1.0 for i in range(FEATURES_MAX + 5)})
    assert len(columns) == FEATURES_MAX
    monkeypatch.setattr(module, "TEXTS_MAX", 3)
    columns = Columns()
    for text in ("a", "b", "c", "a", "d"):
        columns.take({"shop": text})
    found = [columns.decoded(columns.encoded({"shop": text}, 1)) for text in "abcd"]
    assert found == [{"shop": "a"}, {}, {"shop": "c"}, {"shop": "d"}]
