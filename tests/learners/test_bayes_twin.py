"""A leaf's naive Bayes against a slow, obvious twin: any mixture of features, missing values, weights, classes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.tree_bayes import BUCKET_PRIOR, CLASS_PRIOR, DISTANCE_MAX, FAR_OFF, VARIANCE_MIN
from streamimb.learners.trees import GrowthParameters, TreeEnsemble
from streamimb.schema import Feature, Label, Schema

BUCKETS = {"boolean": 2, "categorical": 32}


def density(v: float, column: np.ndarray, own: np.ndarray, w: np.ndarray) -> float:
    """The log-density of a value under a class: its variance counts the range, seen once, as of its last lesson."""
    known = ~np.isnan(column)
    own = own & known
    if not own.any():
        half = 0.5 * (column[known].max() - column[known].min())
        variance = max(half * half, VARIANCE_MIN)
        return -0.5 * math.log(variance) - min(0.5 * (v - column[known].min() - half) ** 2 / variance, DISTANCE_MAX)
    until = column[: np.flatnonzero(own).max() + 1]
    wide = (np.nanmax(until) - np.nanmin(until)) / 4
    n, mean = w[own].sum(), np.average(column[own], weights=w[own])
    variance = ((w[own] * (column[own] - mean) ** 2).sum() + wide**2) / (n + 1)
    variance = max(variance, VARIANCE_MIN)
    return -0.5 * math.log(variance) - min(0.5 * (v - mean) ** 2 / variance, DISTANCE_MAX)


def share(v: float, column: np.ndarray, own: np.ndarray, w: np.ndarray, buckets: int) -> float:
    """The logarithm of how often a class had a category, each bucket counted as seen half a time."""
    known = own & ~np.isnan(column)
    there = known & (column % buckets == v % buckets)
    return math.log((w[there].sum() + BUCKET_PRIOR) / (w[known].sum() + BUCKET_PRIOR * buckets))


def twin(X: np.ndarray, y: np.ndarray, w: np.ndarray, types: list[str], n_classes: int) -> np.ndarray:
    counts = np.array([w[y == k].sum() for k in range(n_classes)])
    floor, P = CLASS_PRIOR / (w.sum() + CLASS_PRIOR * n_classes), np.zeros((len(X), n_classes))
    for i, x in enumerate(X):
        logs = np.zeros(n_classes)
        for j, kind in enumerate(types):
            for k in range(n_classes if not np.isnan(x[j]) else 0):
                if kind == "numeric":
                    logs[k] += density(x[j], X[:, j], y == k, w)
                else:
                    logs[k] += share(x[j], X[:, j], y == k, w, BUCKETS[kind])
        off = np.clip(logs - logs[counts > 0].max(), FAR_OFF, 0)
        likely = counts * np.exp(off)
        P[i] = floor + (1 - floor * n_classes) * likely / likely.sum()
    return P / P.sum(axis=1, keepdims=True)


@settings(max_examples=60)
@example(["numeric", "categorical", "numeric", "numeric", "numeric"], 4, 6, 75362167)
@given(
    st.lists(st.sampled_from(["numeric", "categorical", "boolean"]), min_size=1, max_size=9),
    st.integers(2, 9), st.integers(3, 80), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_leaf_answers_what_its_twin_does(types, n_classes, n, seed):
    """Features and classes are taken in fours: what is beyond the last of them counts nowhere."""
    rng = np.random.default_rng(seed)
    X = np.empty((n, len(types)), np.float32)
    for j, kind in enumerate(types):
        scale, centre = 10 ** rng.uniform(-3, 3), 100 * rng.normal()
        X[:, j] = (
            rng.normal(centre, scale, n) if kind == "numeric" else rng.integers(0, 2 if kind == "boolean" else 100, n)
        )
    X[rng.random(X.shape) < 0.2] = np.nan
    y = rng.integers(0, n_classes, n).astype(np.int16)
    w = rng.choice([1.0, 0.5, 2.0], n)  # of others a mean may miss its only value by a rounding, which tells against it
    features = [Feature(name=f"x{j}", type=kind) for j, kind in enumerate(types)]
    schema = Schema(features=features, label=Label(classes=list(range(n_classes))))
    tree = TreeEnsemble(schema, GrowthParameters(grace=1e6, horizon=1e9), seed=1)
    tree.run(X, y, replace(Tape.only(LEARN, n), weights=w), np.ones(n_classes))
    tree.trees.leaves[0, 0, at.BAYES] = 1e9
    told = tree.run(X, y, Tape.only(PREDICT, n), np.ones(n_classes))
    np.testing.assert_allclose(told, twin(X.astype(float), y, w, types, n_classes), atol=1e-6)
