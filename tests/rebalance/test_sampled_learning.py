"""What the samplers do for a learner on a stream of 1 %."""

import numpy as np
import pytest

from streamimb.config import SamplesConfig
from streamimb.learners.base import PREDICT, Tape
from streamimb.learners.linear import LinearClassifier
from streamimb.rebalance.memorise import MemorisationGauge
from streamimb.rebalance.registry import make_sampler
from streamimb.rebalance.strategy import weighed
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(features=[Feature(name=f"f{j}") for j in range(5)], label=Label(classes=[0, 1]))
N = 30_000
LATE = 6_000


def stream(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three groups of a 1 % minority among six of the majority's: X, the classes, the labels that are learned."""
    rng = np.random.default_rng(2)
    y = (rng.random(N) < 0.01).astype(np.int16)
    rare, common = rng.normal(size=(3, 5)) * 3, rng.normal(size=(6, 5)) * 2
    group = rng.choice(6, N, p=[0.5, 0.25, 0.12, 0.08, 0.04, 0.01])
    X = np.where(y[:, None] == 1, rare[rng.integers(0, 3, N)], common[group]) + rng.normal(size=(N, 5))
    labels = np.where((y == 0) & (rng.random(N) < noise), 1, y).astype(np.int16)
    return X.astype(np.float32), y, labels


def predict_and_learn(X, labels, gauge: MemorisationGauge | None = None, **keys) -> tuple[np.ndarray, int]:
    """The minority's probability for each event, predicted before its rows are learned, and how many those are.

    With a gauge, a prediction before each row of the minority too.
    """
    sampler = make_sampler(SCHEMA, SamplesConfig(**keys))
    given = X, labels, np.arange(N), np.ones(N)
    out = weighed(*given) if sampler is None else sampler.sample(*given)
    # Row i < N is event i, before its lessons; row N + j is what the sampler gave.
    rows = np.r_[np.arange(N), N + np.arange(len(out)).repeat(1 if gauge is None else 2)]
    when = np.r_[np.arange(N) * 2.0, out.origin.repeat(1 if gauge is None else 2) * 2 + 1.0]
    kinds = np.r_[np.full(N, PREDICT), np.ones(len(out), int) if gauge is None else np.tile([PREDICT, 1], len(out))]
    order = np.argsort(when, kind="stable")
    rows, kinds = rows[order], kinds[order].astype(np.int8)
    weights, events = np.r_[np.ones(N), out.weights][rows], np.r_[np.arange(N), out.events][rows]
    tape = Tape(rows, kinds, events, weights)
    P = LinearClassifier(SCHEMA).run(np.r_[X, out.X], np.r_[labels, out.y], tape, np.ones(2))
    asked = rows[kinds == PREDICT]
    if gauge is not None:
        j = asked[asked >= N] - N
        gauge.update(P[asked >= N][np.arange(len(j)), out.y[j]], out.synthetic[j], out.y[j])
    return P[asked < N, 1], int((kinds != PREDICT).sum())


def recalls(p: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Of the minority and of the majority, at a threshold of one half."""
    hit = (p >= 0.5) == (y == 1)
    return hit[LATE:][y[LATE:] == 1].mean(), hit[LATE:][y[LATE:] == 0].mean()


def average_precision(p: np.ndarray, y: np.ndarray) -> float:
    hits = y[LATE:][np.argsort(-p[LATE:], kind="stable")] == 1
    return float((hits.cumsum() / np.arange(1, len(hits) + 1))[hits].mean())


@pytest.fixture(scope="module")
def alone() -> float:
    """The minority's recall of the learner without samples."""
    X, y, labels = stream()
    p, lessons = predict_and_learn(X, labels)
    assert lessons == N
    return recalls(p, y)[0]


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ({"majority": "undersample"}, 0.2),
        ({"minority": "smote"}, 0.15),
        ({"majority": "undersample", "minority": "smote"}, 0.25),
        ({"majority": "undersample", "minority": "borderline_smote"}, 0.2),
    ],
)
def test_the_minority_is_recalled_more_often(keys, more, alone):
    """At a small cost for the majority; with undersampling in a small part of the lessons."""
    X, y, labels = stream()
    p, lessons = predict_and_learn(X, labels, **keys)
    minority, majority = recalls(p, y)
    assert minority > alone + more
    assert majority > 0.92
    assert (lessons < 0.2 * N) == ("majority" in keys)


def test_thinning_out_without_bias_ranks_as_well_as_learning_everything(alone):
    """On a tenth of the lessons, weighed for all: the same shares, the same order of scores."""
    X, y, labels = stream()
    everything, _ = predict_and_learn(X, labels)
    p, lessons = predict_and_learn(X, labels, majority="undersample", undersample={"weigh": "unbiased"})
    assert lessons < 0.1 * N
    assert recalls(p, y)[0] == pytest.approx(alone, abs=0.1)
    assert average_precision(p, y) > average_precision(everything, y) - 0.03


@pytest.mark.parametrize("keys", [{}, {"minority": "smote"}, {"majority": "undersample"}])
def test_cleaning_helps_where_labels_are_wrong(keys):
    """As many wrong labels as right ones: true classes are ranked better and recalled more, whatever else is done."""
    X, y, labels = stream(noise=0.01)
    noisy, _ = predict_and_learn(X, labels, **keys)
    cleaned, _ = predict_and_learn(X, labels, clean=True, **keys)
    assert average_precision(cleaned, y) > average_precision(noisy, y) + 0.01
    assert recalls(cleaned, y)[0] > recalls(noisy, y)[0] + 0.02


def test_the_gauge_sees_that_synthetic_events_are_easier():
    """They follow their own base: the loss on them is below that on new minority events."""
    X, _, labels = stream()
    gauge = MemorisationGauge(2)
    predict_and_learn(X, labels, gauge, minority="smote")
    assert gauge.ratio[1] > 1.2
    assert gauge.support[1].min() > 80
    assert np.isnan(gauge.ratio[0])
