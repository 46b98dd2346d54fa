"""What trees spare themselves: each shortcut against the long way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.forest import ForestClassifier
from streamimb.learners.tree_bayes import bayes, certain, gather, joint, only_class
from streamimb.learners.tree_rows import bucket_of, read
from streamimb.learners.tree_splits import best_subset, bound_subsets, scaled_entropy
from streamimb.schema import Feature, Label, Schema
from tests.learners.test_tree_kernels import entropy, one_leaf


@pytest.mark.parametrize("drift", [0.0, 0.8])
def test_a_lesson_that_no_member_draws_leaves_no_trace(drift: float) -> None:
    """Neither trees nor skill nor watch hear of it; the lessons after it are what they would have been."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 600).astype(np.int16)
    X = rng.normal(y[:, None], 1.0, (600, 2)).astype(np.float32)
    schema = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=[0, 1]))
    forests = [ForestClassifier(schema, members=3, bagging=1.0, warning=0.9, drift=drift) for _ in range(2)]
    for forest in forests:
        forest.run(X[:300], y[:300], Tape.only(LEARN, 300), np.ones(2))
    forests[0].run(X[300:], y[300:], Tape.interleaved(300, 300), np.full(2, 1e-12))
    for name, array in forests[0].state().items():
        np.testing.assert_array_equal(array, forests[1].state()[name], err_msg=name)


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 60), weight=st.floats(0.01, 30.0), classes=st.integers(2, 9))
def test_a_leaf_of_one_class_answers_what_naive_bayes_would(n: int, weight: float, classes: int) -> None:
    """Bit for bit, whatever the row: there is nothing to tell apart."""
    X = np.random.default_rng(2).normal(size=(n, 3)).astype(np.float32)
    tree = one_leaf(X, np.ones(n, np.int16), classes, weight=weight)
    trees, scratch, long, short = tree.trees, tree._room(), np.zeros(12), np.zeros(12)
    rows = read(X, trees.buckets)
    assert only_class(trees, 0, 0, classes) == 1
    certain(trees, 0, 0, 1, classes, short)
    for row in range(min(n, 5)):
        gather(trees, 0, 0, rows, row, scratch)
        joint(trees, 0, 0, classes, scratch)
        bayes(trees, 0, 0, classes, scratch.logs, long)
        np.testing.assert_array_equal(short[:classes], long[:classes])


@pytest.mark.parametrize(("classes", "wanted"), [([0, 0], 0), ([2, 2], 2), ([0, 1], -1), ([], -1)])
def test_the_only_class_of_a_leaf_is_told(classes: list[int], wanted: int) -> None:
    """None where there are several, or no lessons yet."""
    y = np.array(classes, np.int16)
    assert only_class(one_leaf(np.zeros((len(y), 1)), y, 3).trees, 0, 0, 3) == wanted


@given(v=st.floats(-1e9, 1e9), buckets=st.integers(2, at.BUCKETS_MAX))
def test_a_bucket_is_the_code_modulo_their_number(v: float, buckets: int) -> None:
    """Of codes beyond them and below zero, too."""
    assert bucket_of(v, buckets) == int(v) % buckets


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), codes=st.integers(2, 12), classes=st.integers(2, 5))
def test_no_subset_gains_more_than_all_buckets_apart(seed: int, codes: int, classes: int) -> None:
    """The bound is that gain, up to the table's error, and the search finds nothing above it."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, codes, (150, 1))
    y = (rng.integers(0, classes, 150) + X[:, 0] * (rng.random(150) < 0.3)) % classes
    tree, work = one_leaf(X, y, classes, codes=codes), np.zeros((at.WORK_ROWS, 32))
    found, _ = best_subset(tree.trees, 0, 0, 0, classes, work, 0.0)
    before = scaled_entropy(work, at.ALL, classes)
    bound = bound_subsets(tree.trees, 0, 0, 0, int(tree.trees.buckets[0]), classes, work, before)
    table = np.array([[((X[:, 0] == v) & (y == k)).sum() for k in range(classes)] for v in range(codes)], float)
    apart = entropy(table.sum(axis=0)) - sum(row.sum() * entropy(row) for row in table if row.any()) / 150
    assert found <= bound
    assert apart - 1e-9 <= bound <= apart + 0.01


def test_rows_far_from_all_classes_but_one_are_told_as_that_one() -> None:
    """A likelihood too far below the best one's counts as none; the floor under probabilities stays."""
    rng = np.random.default_rng(5)
    y = (np.arange(200) % 2).astype(np.int16)
    X = rng.normal(y[:, None] * 1_000.0, 1.0, (200, 8)).astype(np.float32)
    tree = one_leaf(X, y, 2)
    tree.trees.leaves[0, 0, [at.BAYES, at.PLAIN]] = 1.0, 0.0
    P = tree.run(X, y, Tape.only(PREDICT, 200), np.ones(2))
    assert (P.argmax(axis=1) == y).all()
    assert (P > 0.0).all()
