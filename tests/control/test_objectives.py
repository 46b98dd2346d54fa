"""Objectives: what is understood, what is refused, and the best cut against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from streamimb.control.binary import BIN_LOW, BIN_WIDTH, BINS, bin_of, sweep
from streamimb.control.many import LOG_HIGH, LOG_LOW, STEPS, tune_many
from streamimb.control.objectives import parse_objective, tuned_objectives, value_at
from streamimb.errors import ConfigError

PLAIN = ["f1", "f_beta:2", "g_mean", "kappa", "g_mean+kappa", "balanced_accuracy", "cost:FN=50,FP=1",
         "recall>=0.9", "precision>=0.5"]  # fmt: skip


def value(name: str, y: np.ndarray, q: np.ndarray) -> float:
    """The objective by its definition, from scikit-learn's parts."""
    tn, fp, fn, tp = metrics.confusion_matrix(y, q, labels=[0, 1]).ravel()
    recall, specificity = tp / (tp + fn), tn / (tn + fp)
    precision = tp / (tp + fp) if tp + fp else 1.0
    g_mean = np.sqrt(recall * specificity)
    if name.startswith("recall"):
        return 2 - (tp + fp) / len(y) if recall >= 0.9 else recall - 1
    if name.startswith("precision"):
        return 2 + recall if precision >= 0.5 and tp else precision - 1
    return {
        "f1": lambda: metrics.f1_score(y, q, zero_division=0),
        "f_beta:2": lambda: metrics.fbeta_score(y, q, beta=2, zero_division=0),
        "g_mean": lambda: g_mean,
        "kappa": lambda: metrics.cohen_kappa_score(y, q),
        "g_mean+kappa": lambda: g_mean + metrics.cohen_kappa_score(y, q),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(y, q),
        "cost:FN=50,FP=1": lambda: -(50 * fn + fp) / len(y),
    }[name]()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(PLAIN), st.floats(0.02, 0.6))
def test_the_sweep_finds_the_best_cut(seed, name, share):
    """No cut between two bins is better than the one that the sweep takes, by the objective's own definition."""
    rng = np.random.default_rng(seed)
    y = (rng.random(80) < share).astype(int)
    y[:2] = 0, 1
    ratio = rng.normal(2 * y, 1.5)
    bins = np.array([bin_of(r) for r in ratio])
    histogram = np.stack([np.bincount(bins[y == k], minlength=BINS) for k in (0, 1)])
    objective = parse_objective(name)
    best = np.zeros((1, 2))
    table = np.array([[objective.kind, objective.a, objective.b]])
    sweep(histogram, np.zeros((2, BINS), np.int64), np.ones(2), table, best, np.zeros((1, 2), np.int64))
    brute = max(value(name, y, (bins >= cut).astype(int)) for cut in [*np.unique(bins), BINS])
    assert best[0, 1] == pytest.approx(brute, abs=1e-12)
    cut = (best[0, 0] - BIN_LOW) / BIN_WIDTH
    assert value(name, y, (bins >= cut).astype(int)) == pytest.approx(brute, abs=1e-12)


def test_an_alert_budget_is_kept_and_used():
    """As many alerts as allowed, no more."""
    rng = np.random.default_rng(1)
    bins = rng.permutation(BINS)[:500]
    histogram = np.stack([np.bincount(bins[50:], minlength=BINS), np.bincount(bins[:50], minlength=BINS)])
    objective = parse_objective("alerts<=10/day")
    best = np.zeros((1, 2))
    sweep(
        histogram,
        np.zeros((2, BINS), np.int64),
        np.ones(2),
        np.array([[objective.kind, 40.0, 0.0]]),
        best,
        np.zeros((1, 2), np.int64),
    )
    cut = (best[0, 0] - BIN_LOW) / BIN_WIDTH
    assert 0 < (bins >= cut).sum() <= 40


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["f1", "kappa", "balanced_accuracy", "g_mean"]))
def test_many_thresholds_are_no_worse_than_any_single_change(seed, name):
    """After tuning, no candidate for one class alone is better, by scikit-learn's figures."""
    rng = np.random.default_rng(seed)
    n, k = 150, 3
    y = rng.choice(k, n, p=[0.7, 0.2, 0.1]).astype(np.int16)
    u = rng.normal(size=(n, k)) + 2 * np.eye(k)[y] + np.log([0.7, 0.2, 0.1])
    u -= u.max(axis=1, keepdims=True)
    logs = np.zeros(k)
    before = score(name, y, u, np.zeros(k))
    reached = tune_many(u, y, parse_objective(name).kind, 1, logs)
    tuned = score(name, y, u, logs)
    assert tuned >= before - 1e-9
    if name != "g_mean":  # whose search smooths empty recalls
        assert reached == pytest.approx(tuned, abs=1e-9)
    step = (LOG_HIGH - LOG_LOW) / (STEPS - 1)
    last = [score(name, y, u, np.r_[logs[:2], LOG_LOW + i * step]) for i in range(STEPS)]
    assert tuned >= max(last) - (0.05 if name == "g_mean" else 1e-9)


def score(name: str, y: np.ndarray, u: np.ndarray, logs: np.ndarray) -> float:
    q = (u - logs).argmax(axis=1)
    recalls = metrics.recall_score(y, q, average=None, labels=np.unique(y), zero_division=0)
    return {
        "f1": metrics.f1_score(y, q, average="macro", labels=np.unique(y), zero_division=0),
        "kappa": metrics.cohen_kappa_score(y, q),
        "balanced_accuracy": recalls.mean(),
        "g_mean": recalls.prod() ** (1 / len(recalls)),
    }[name]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("f2", "f1"), ("gmean", "g_mean"), ("kapa", "kappa"), ("recall>=1.5", "at most at 1"),
        ("cost:FN=0,FP=1", "above 0"), ("alerts<=0/day", "above 0"), ("precision", "precision>=0.5"), ("", "Known are"),
    ],
)  # fmt: skip
def test_an_unknown_objective_is_refused_with_the_nearest(text, says):
    """Naming the key, the value, and what is near."""
    with pytest.raises(ConfigError, match=r"control\.objective") as caught:
        parse_objective(text)
    assert says in str(caught.value)


def test_an_unknown_objective_is_told_in_sentences():
    """With or without a near one, what is known follows as a sentence of its own."""
    for text, said in (
        ("cost:FP=1", r"'cost:FP=1': FN is missing: write cost:FN=50,FP=1"),
        ("cost:FN=2", r"FP is missing"),
        ("cost:", r"FN and FP are missing"),
        ("cost:FP=1,FN=2", r"a cost is of FN, then of FP"),
        ("recal>=0.9", r"is not known \(did you mean 'recall>=0.9'\?\)\. Known are f1,"),
        ("#", r"known. Known"),
    ):
        with pytest.raises(ConfigError, match=said):
            parse_objective(text)


def test_objectives_that_cannot_be_are_refused():
    """A cost of two classes among three; alerts a day without days."""
    with pytest.raises(ConfigError, match="two classes"):
        tuned_objectives(parse_objective("cost:FN=2,FP=1"), 3, has_time=True)
    with pytest.raises(ConfigError, match="event times"):
        tuned_objectives(parse_objective("alerts<=5/day"), 2, has_time=False)


def test_values_from_counts_are_undefined_where_nothing_was_seen():
    """NaN, never 0."""
    nothing = value_at(parse_objective("f1"), np.zeros((2, 2), np.int64))
    assert all(np.isnan(v) for v in nothing.values())


def test_values_from_counts():
    """Recall and precision of known counts."""
    counts = np.array([[80, 10], [4, 6]])
    told = value_at(parse_objective("recall>=0.5"), counts)
    assert told == {"value": 6 / 16, "recall": 0.6, "precision": 6 / 16}
