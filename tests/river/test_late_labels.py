"""Compiled learners as river estimators, where labels come later than predictions, or never."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamimb.river import CompiledClassifier

MODELS = ["linear", "tree", "forest", "blend"]


def rows(n: int, seed: int = 1) -> tuple[list[dict[str, float]], list[bool]]:
    """One normal's sign against the other's, a tenth of the labels wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = (X[:, 0] * X[:, 1] > 0) ^ (rng.random(n) < 0.1)
    return [{"a": a, "b": b} for a, b in X.tolist()], y.tolist()


@pytest.mark.parametrize("learner", MODELS)
def test_a_prediction_leaves_no_trace(learner):
    """Whoever asks, for whatever event: what is learned is what the lessons say."""
    X, y = rows(600)
    others, _ = rows(600, seed=2)
    quiet, asked = CompiledClassifier(learner), CompiledClassifier(learner)
    for x, label, other in zip(X, y, others, strict=True):
        asked.predict_proba_one(x)
        asked.predict_proba_one(other)
        for model in (quiet, asked):
            model.learn_one(x, label)
    assert [quiet.predict_proba_one(x) for x in others] == [asked.predict_proba_one(x) for x in others]


def test_a_blend_learns_whom_to_trust_however_late_labels_are():
    """With a delay it is nearly as good as without; the linear members alone would know nothing."""
    X, y = rows(4_000)
    loss = {}
    for delay in (0, 50):
        model, total = CompiledClassifier("blend"), 0.0
        for i, x in enumerate(X):
            if i >= 2_000:
                total -= math.log(max(model.predict_proba_one(x).get(y[i], 0.0), 1e-9))
            else:
                model.predict_proba_one(x)
            if i >= delay:
                model.learn_one(X[i - delay], y[i - delay])
        loss[delay] = total / 2_000
    assert loss[50] < loss[0] + 0.02 < 0.6
