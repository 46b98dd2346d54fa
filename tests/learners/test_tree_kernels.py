"""The trees' kernels against slow, obvious twins."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.forest_drift import DRIFTED, HEAD, ROW_COLUMNS, ROWS, WINDOW_COLUMNS, watch
from streamimb.learners.forest_kernels import judge, mean_drawn, poisson
from streamimb.learners.tree import HoeffdingTreeClassifier
from streamimb.learners.tree_bayes import BUCKET_PRIOR, CLASS_PRIOR
from streamimb.learners.tree_bounds import bound_cuts, normal, share_left, term
from streamimb.learners.tree_kernels import least_gain
from streamimb.learners.tree_layout import (
    ALL,
    BOUNDS,
    CLASS_START,
    CLASS_STEP,
    LEFT_OF,
    LEFTS,
    SHARES,
    WORK_ROWS,
)
from streamimb.learners.tree_screen import may_split
from streamimb.learners.tree_splits import (
    best_cut,
    best_split,
    best_subset,
    gain,
    place_candidates,
    scaled_entropy,
)
from streamimb.schema import Feature, Label, Schema

WEIGHTS = st.one_of(st.just(0.0), st.floats(1e-6, 100.0))


def one_leaf(
    X: np.ndarray, y: np.ndarray, classes: int, *, codes: int = 0, weight: float = 1.0, **parameters: Any
) -> HoeffdingTreeClassifier:
    """A tree that is still a leaf and learned the rows; ``codes``: listed categories of each feature, 0 for numbers."""
    kind: dict[str, Any] = {"type": "categorical", "categories": [str(i) for i in range(codes)]} if codes else {}
    features = [Feature(name=f"x{i}", **kind) for i in range(X.shape[1])]
    schema = Schema(features=features, label=Label(classes=list(range(classes))))
    tree = HoeffdingTreeClassifier(schema, grace=1e6, horizon=1e9, **parameters)
    tree.run(X.astype(np.float32), y.astype(np.int16), Tape.only(LEARN, len(y)), np.full(classes, weight))
    return tree


def entropy(weights: np.ndarray) -> float:
    p = weights[weights > 0] / weights.sum()
    return float(-(p * np.log2(p)).sum())


def slow_gain(left: np.ndarray, both: np.ndarray) -> float:
    right = both - left
    if min(left.sum(), right.sum()) <= 0.01 * both.sum():
        return 0.0
    after = (left.sum() * entropy(left) + right.sum() * entropy(right)) / both.sum()
    return entropy(both) - after


def test_naive_bayes_on_categories_is_its_twins() -> None:
    """Counts with half a count for each bucket; a hundred features do not underflow."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 80)
    X = rng.integers(0, 3, (80, 400)).astype(np.float32)
    tree = one_leaf(X, y, 2, codes=3)
    tree.trees.leaves[0, 0, [at.BAYES, at.PLAIN]] = 1.0, 0.0
    got = tree.run(X, y.astype(np.int16), Tape.only(PREDICT, 80), np.ones(2))
    logs = np.array(
        [
            [
                math.log((y == k).sum())
                + sum(
                    math.log(((X[y == k, j] == v).sum() + BUCKET_PRIOR) / ((y == k).sum() + 3 * BUCKET_PRIOR))
                    for j, v in enumerate(x)
                )
                for k in range(2)
            ]
            for x in X
        ]
    )
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    floor = CLASS_PRIOR / (80 + 2 * CLASS_PRIOR)
    np.testing.assert_allclose(got, floor + (1 - 2 * floor) * p / p.sum(axis=1, keepdims=True), atol=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(WEIGHTS, WEIGHTS), min_size=2, max_size=8))
def test_information_gain_is_its_twins(sides: list[tuple[float, float]]) -> None:
    """Never below 0, whatever the weights, up to the last bits."""
    work = np.zeros((WORK_ROWS, 32))
    work[LEFT_OF, : len(sides)] = [a for a, _ in sides]
    work[ALL, : len(sides)] = [a + b for a, b in sides]
    both, left = work[ALL, : len(sides)], work[LEFT_OF, : len(sides)]
    got = gain(work, len(sides), 0.01, scaled_entropy(work, ALL, len(sides)), 0.0)
    if both.sum() > 1e-3:
        assert got == pytest.approx(slow_gain(left, both), abs=1e-9)
        assert got > -1e-9


def test_the_best_cut_is_the_best_of_its_candidates() -> None:
    """Ten cuts between the values seen, each class on its side as its Gaussian says."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 500)
    X = rng.normal(y[:, None] * 2.0, 1.0, (500, 1)).astype(np.float32)
    tree = one_leaf(X, y, 3)
    found, cut = best_cut(tree.trees, 0, 0, 0, 3, np.zeros((WORK_ROWS, 32)), 0.0)
    own = [X[y == k, 0].astype(np.float64) for k in range(3)]
    low = max(X.min(), min(v.mean() - 3 * v.std() for v in own))
    high = min(X.max(), max(v.mean() + 3 * v.std() for v in own))
    cuts = low + (high - low) * np.arange(1, 11) / 11
    both = np.array([len(v) for v in own], float)
    gains = [
        slow_gain(np.array([len(v) * 0.5 * (1 + math.erf((c - v.mean()) / v.std() / 2**0.5)) for v in own]), both)
        for c in cuts
    ]
    assert found == pytest.approx(max(gains), abs=1e-4)
    assert cut == pytest.approx(cuts[int(np.argmax(gains))])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_for_two_classes_no_subset_is_better_than_the_one_found(seed: int, codes: int) -> None:
    """Against all subsets of the categories."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, codes, (200, 1))
    y = (rng.random(200) < rng.random(codes)[X[:, 0]]).astype(int)
    tree = one_leaf(X, y, 2, codes=codes)
    found, mask = best_subset(tree.trees, 0, 0, 0, 2, np.zeros((WORK_ROWS, 32)), 0.0)
    table = np.array([[((X[:, 0] == v) & (y == k)).sum() for k in range(2)] for v in range(codes)], float)
    subsets = [s for n in range(1, codes) for s in itertools.combinations(range(codes), n)]
    assert found == pytest.approx(
        max(slow_gain(table[list(s)].sum(axis=0), table.sum(axis=0)) for s in subsets), abs=1e-9
    )
    if found > 0:
        chosen = [v for v in range(codes) if mask >> v & 1]
        assert slow_gain(table[chosen].sum(axis=0), table.sum(axis=0)) == pytest.approx(found, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_a_term_of_the_entropy_is_bounded_from_below(p: float) -> None:
    """Interpolated between points of a concave function: never above it, and near."""
    true = -p * math.log2(p) if p > 0 else 0.0
    assert true - 6e-4 < term(p) <= true + 1e-12


@settings(deadline=None)
@given(st.floats(-6.0, 6.0))
def test_the_normal_distribution_is_near(z: float) -> None:
    """To a millionth within four standard deviations, to some 1e-5 beyond them, where it is cut off."""
    assert normal(z) == pytest.approx(0.5 * math.erfc(-z / 2**0.5), abs=1e-6 if abs(z) < 4 else 4e-5)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 60), st.booleans(), st.floats(0.05, 3.0))
def test_the_screen_stops_no_split_that_gains_enough(
    seed: int, classes: int, n: int, categories: bool, spread: float
) -> None:
    """Whatever a leaf has seen, repeated and missing values among it: what the search finds, the screen admits."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    X = np.round(rng.normal(y[:, None] * spread, 1.0, (n, 3)), 1)
    X[:, 2] = X[0, 2] + 1e-9 * y  # classes that lie on one value each
    if categories:
        X = np.abs(X).astype(int) % 4
    else:
        X[rng.random(X.shape) < 0.2] = np.nan
    tree = one_leaf(X, y, classes, codes=4 * categories)
    work = np.zeros((WORK_ROWS, 32))
    best = best_split(tree.trees, 0, 0, classes, work, False)[0]
    assert best == 0 or may_split(tree.trees, 0, 0, classes, work, best * (1 - 1e-9))
    assert not may_split(tree.trees, 0, 0, classes, work, best + 0.05)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(4, 300), st.floats(0.0, 4.0))
def test_no_cut_gains_more_than_the_variance_of_its_shares_allows(
    seed: int, classes: int, n: int, apart: float
) -> None:
    """Each candidate's gain, by the shares that lie left of it, is at most its bound; alike classes have a low one."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n, p=rng.dirichlet(np.ones(classes)))
    X = rng.normal(y[:, None] * apart, rng.uniform(0.2, 2.0, classes)[y][:, None])
    tree, work = one_leaf(X, y, classes), np.zeros((WORK_ROWS, 32))
    low, high = X.min(), X.max()
    total = place_candidates(tree.trees, 0, 0, 0, classes, low, high, work)
    bound_cuts(work, classes, 10, total)
    for c in range(10):
        assert work[LEFTS, c] == pytest.approx(share_left(work, classes, c + 1.0), rel=1e-12, abs=1e-12)
        assert slow_gain(work[SHARES, :classes], work[ALL, :classes]) <= work[BOUNDS, c]
    work[[CLASS_START, CLASS_STEP], :classes] = [[-1.0], [0.2]]
    bound_cuts(work, classes, 10, total)
    assert work[BOUNDS, :10].max() < 1e-4


def test_the_search_passes_over_only_what_cannot_win() -> None:
    """With a floor under what is asked for, a gain above it is found as without; so are the two best features'."""
    rng = np.random.default_rng(8)
    y = rng.integers(0, 4, 300)
    for codes in (0, 6):
        X = rng.normal(y[:, None] * [0.1, 0.6, 0.3, 0.5], 1.0, (300, 4))
        X = np.clip(np.round(X), 0, 5) if codes else X
        tree = one_leaf(X, y, 4, codes=codes)
        search, work = best_subset if codes else best_cut, np.zeros((WORK_ROWS, 32))
        whole = [search(tree.trees, 0, 0, f, 4, work, 0.0) for f in range(4)]
        for f, (found, place) in enumerate(whole):
            assert search(tree.trees, 0, 0, f, 4, work, 0.99 * found) == (found, place)
            assert search(tree.trees, 0, 0, f, 4, work, 2.0 * found)[0] <= found
        gains = sorted(found for found, _ in whole)
        assert best_split(tree.trees, 0, 0, 4, work, False)[:2] == pytest.approx((gains[-1], gains[-2]))
        assert best_split(tree.trees, 0, 0, 4, work, True)[0] == gains[-1]


def test_the_screen_admits_a_spread_that_rounding_left_below_zero() -> None:
    """A class seen once with a weight that is no power of two may be left with a spread of -2e-16."""
    X, y = np.array([[i / 40] for i in range(20)] + [[0.9]] * 3), np.array([0] * 20 + [1] * 3)
    tree = one_leaf(X, y, 2)
    tree.trees.observed[0, 0, 1, at.SPREAD * tree.trees.features.shape[2]] = -2e-16
    work = np.zeros((WORK_ROWS, 32))
    best = best_split(tree.trees, 0, 0, 2, work, False)[0]
    assert best > 0.5
    assert may_split(tree.trees, 0, 0, 2, work, 0.9 * best)


def test_chance_seldom_passes_for_a_gain() -> None:
    """Of a thousand splits of noise a few in a hundred are taken for real, of real ones nearly all."""
    rng = np.random.default_rng(5)
    passed = [0, 0]
    for real in (0, 1):
        for _ in range(1_000):
            left = rng.random(100) < 0.5
            y = rng.random(100) < (0.5 + 0.35 * real * (left - 0.5) * 2)
            table = np.array([[(left & y).sum(), (left & ~y).sum()], [y.sum(), (~y).sum()]], float)
            passed[real] += int(slow_gain(*table) > least_gain(100.0, 2, 3.0))
    assert passed[0] < 50
    assert passed[1] > 950


@settings(deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.floats(0.01, 30.0))
def test_poisson_draws_are_quantiles(u: float, mean: float) -> None:
    """The smallest number whose distribution function is above the draw."""
    k = poisson(mean, math.exp(-mean), u)
    terms = [math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(int(k) + 1)]
    assert sum(terms) > u - 1e-9
    assert sum(terms[:-1]) <= u + 1e-9


def test_poisson_draws_of_any_mean_have_that_mean() -> None:
    """Also where they are scaled up."""
    u = (np.arange(20_000) + 0.5) / 20_000
    for mean in (0.1, 1.0, 6.0, 60.0, 5_000.0):
        assert np.mean([poisson(mean, math.exp(-mean_drawn(mean)), v) for v in u]) == pytest.approx(mean, rel=0.01)


def test_recalls_are_of_each_class() -> None:
    """A tree that tells one class always and another never has skill one half, however rare they are."""
    skill = np.zeros((1, 7))
    for y in [0] * 90 + [2] * 10:
        judge(skill, 0, y, 1.0 if y == 0 else 0.0, 3, 500.0)
    np.testing.assert_allclose(skill[0], [0.5, 1.0, 0.0, 0.0, 90.0, 0.0, 10.0])


def feed(window: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> list[int]:
    """Where drifts were found."""
    pairs = zip(errors.tolist(), weights.tolist(), strict=True)
    return [i for i, (e, w) in enumerate(pairs) if watch(window, 0, e, w, 0.01, 0.001) == DRIFTED]


def test_a_rise_of_the_error_is_found_and_little_else() -> None:
    """Soon after it, once; not in ten steady streams more than once; a fall only shortens the window."""
    rng = np.random.default_rng(6)
    ones = np.ones(6_000)
    change = np.repeat([0.1, 0.3], 3_000)
    found = feed(np.zeros((1, WINDOW_COLUMNS)), (rng.random(6_000) < change).astype(float), ones)
    assert len(found) in (1, 2)
    assert 3_000 < found[0] < 3_500
    steady = [feed(np.zeros((1, WINDOW_COLUMNS)), (rng.random(6_000) < 0.2).astype(float), ones) for _ in range(10)]
    assert sum(map(len, steady)) <= 1
    window = np.zeros((1, WINDOW_COLUMNS))
    assert feed(window, (rng.random(6_000) < change[::-1]).astype(float), ones) == []
    assert held(window)[0] < 4_000


def held(window: np.ndarray) -> np.ndarray:
    """Weight, squares and error of all buckets of the first line."""
    rows = window[0, HEAD:].reshape(ROWS, ROW_COLUMNS)
    return sum((row[1 : 1 + 3 * int(row[0])].reshape(-1, 3).sum(axis=0) for row in rows), np.zeros(3))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 60))
def test_the_window_holds_what_it_was_fed(seed: int, blocks: int) -> None:
    """As long as nothing is dropped, buckets add up to all closed blocks."""
    rng = np.random.default_rng(seed)
    n = 32 * blocks + 5
    w = rng.uniform(0.5, 2.0, n)
    window = np.zeros((1, WINDOW_COLUMNS))
    for v in w.tolist():
        watch(window, 0, 0.5, v, 1e-9, 1e-9)
    whole = w[: 32 * blocks]
    np.testing.assert_allclose(held(window), [whole.sum(), (whole**2).sum(), 0.5 * whole.sum()])
