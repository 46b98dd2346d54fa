"""RebalancedClassifier beside the model that it wraps."""

from __future__ import annotations

import pickle
from typing import ClassVar

import numpy as np
import pytest
from river import base, forest, linear_model, naive_bayes, preprocessing

from streamimb.errors import ConfigError
from streamimb.river import CompiledClassifier, RebalancedClassifier
from streamimb.river.learner import obeys_weights


def stream(n: int, share: float | np.ndarray, seed: int = 0, gap: float = 1.5) -> list[tuple[dict[str, float], bool]]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < share
    X = rng.normal(gap * y[:, None], 1.0, (n, 2))
    return [({"a": float(a), "b": float(b)}, bool(label)) for (a, b), label in zip(X, y, strict=True)]


def recall(model: base.Classifier, events: list[tuple[dict[str, float], bool]]) -> float:
    """Of the positives in the second half, test-then-train."""
    hits = []
    for i, (x, y) in enumerate(events):
        if y and i > len(events) // 2:
            hits.append(model.predict_one(x) is True)
        model.learn_one(x, y)
    return float(np.mean(hits))


def test_it_finds_positives_that_the_model_alone_misses():
    """At 2 % and one half a logistic model says no to nearly all; tuned for the G-mean it finds most."""
    events = stream(6_000, 0.02)
    alone = linear_model.LogisticRegression()
    wrapped = RebalancedClassifier(linear_model.LogisticRegression(), objective="g_mean")
    assert recall(wrapped, events) > recall(alone, events) + 0.3


def test_probabilities_are_under_the_streams_own_shares():
    """However much lessons are weighted, the mean probability is the share."""
    model = RebalancedClassifier(linear_model.LogisticRegression(), strategy="oob")
    told = []
    for i, (x, y) in enumerate(stream(8_000, 0.05)):
        if i > 4_000:
            told.append(model.predict_proba_one(x)[True])
        model.learn_one(x, y)
    assert np.mean(told) == pytest.approx(0.05, rel=0.3)


@pytest.mark.parametrize("drift", ["replace", "reset", "adjust", "tell"])
def test_what_drift_asks_for_is_done(drift):
    """A concept that turns round is told, and what was done about it."""
    events = stream(4_000, 0.2, gap=3.0) + [({k: -v for k, v in x.items()}, y) for x, y in stream(4_000, 0.2, 1, 3.0)]
    model = RebalancedClassifier(naive_bayes.GaussianNB(), drift=drift, every=100)
    for x, y in events:
        model.learn_one(x, y)
    assert any(s.signal == "recall" and s.position > 4_000 for s in model.signals)
    done = {a.action for a in model.actions}
    wanted = {"replace": "replaced", "reset": "reset", "adjust": "adjust"}
    assert wanted[drift] in done if drift in wanted else not done


def test_classes_may_appear_late():
    """A third class after a thousand events gets probabilities, and the others keep theirs."""
    rng = np.random.default_rng(0)
    model = RebalancedClassifier(naive_bayes.GaussianNB(), every=50)
    for i in range(2_000):
        y = int(rng.integers(0, 2 if i < 1_000 else 3))
        model.learn_one({"a": float(rng.normal(3 * y))}, f"c{y}")
    told = model.predict_proba_one({"a": 6.0})
    assert sorted(told) == ["c0", "c1", "c2"]
    assert model.predict_one({"a": 6.0}) == "c2"
    assert model.predict_one({"a": 0.0}) == "c0"


def test_a_pickled_model_goes_on_as_if_never_stopped():
    """River's way of saving works in the middle of a stream."""
    events = stream(3_000, 0.1)
    whole = RebalancedClassifier(preprocessing.StandardScaler() | linear_model.LogisticRegression(), drift="replace")
    for x, y in events[:1_510]:
        whole.learn_one(x, y)
    again = pickle.loads(pickle.dumps(whole))
    for x, y in events[1_510:]:
        assert again.predict_proba_one(x) == whole.predict_proba_one(x)
        whole.learn_one(x, y)
        again.learn_one(x, y)


class Counting(naive_bayes.GaussianNB):
    """Counts its lessons by class."""

    lessons: ClassVar[dict[bool, int]] = {}

    def learn_one(self, x, y):
        self.lessons[y] = self.lessons.get(y, 0) + 1
        super().learn_one(x, y)


@pytest.mark.parametrize("samples", [None, {"minority": "smote"}])
def test_taught_counts_a_lesson_as_often_as_it_was_repeated(samples):
    """What the model was called for since there were two classes; the labels stay what came."""
    model = RebalancedClassifier(Counting(), strategy="oob", drift="none", samples=samples)
    events = stream(2_000, 0.02)
    for x, y in events:
        if not model.taught:
            Counting.lessons.clear()
        model.learn_one(x, y)
    taught = model.taught
    positives = sum(y for _, y in events)
    assert taught[True]["labels"] == positives
    assert taught[True]["lessons"] > 3 * positives
    assert {label: counts["lessons"] for label, counts in taught.items()} == Counting.lessons


def test_models_that_ignore_weights_are_found_out():
    """A forest accepts w and ignores it; a logistic regression obeys it; naive Bayes takes none."""
    assert obeys_weights(linear_model.LogisticRegression())
    assert not obeys_weights(forest.ARFClassifier(n_models=2, seed=1))
    assert not obeys_weights(naive_bayes.GaussianNB())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strategy": "oop"}, "strategy: 'oop' is not one of .*did you mean 'oob'"),
        ({"strategy": "nope"}, "'nope' is not one of adaptive, .*, none$"),
        ({"strategy": None}, "strategy: None is not one of"),
        ({"objective": None}, "objective: None is a NoneType"),
        ({"positive": float("nan")}, "positive: label: nan"),
        ({"drift": "resett"}, "did you mean 'reset'"),
        ({"objective": "f2"}, "control.objective: 'f2' is not known"),
        ({"objective": "cost:FN=x,FP=1"}, "amounts of features serve"),
        ({"every": 0}, "every: Input should be greater than 0"),
    ],
)
def test_what_is_not_known_is_told(parameters, message):
    """With the nearest that is."""
    with pytest.raises(ConfigError, match=message):
        RebalancedClassifier(linear_model.LogisticRegression(), **parameters)


def test_compiled_learners_refuse_rivers_own_and_unknown_ones():
    """And say which there are."""
    with pytest.raises(ConfigError, match="river's own"):
        CompiledClassifier("river.tree.HoeffdingTreeClassifier")
    with pytest.raises(ConfigError, match="did you mean 'linear'"):
        CompiledClassifier("linaer")


def test_compiled_learners_take_text_booleans_and_what_is_missing():
    """A category decides the class; numbers come and go."""
    rng = np.random.default_rng(0)
    model, hits = CompiledClassifier("linear"), []
    for _ in range(1_500):
        colour = str(rng.choice(["red", "green"]))
        x = {"colour": colour, "n": float(rng.normal()), "flag": bool(rng.random() < 0.5)}
        x = {k: v for k, v in x.items() if k == "colour" or rng.random() < 0.7}
        hits.append(model.predict_one(x) == (colour == "red"))
        model.learn_one(x, colour == "red")
    assert np.mean(hits[500:]) > 0.99
