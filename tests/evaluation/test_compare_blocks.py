"""Blocks and weighted metrics against slow twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamimb.evaluation import blocks
from streamimb.evaluation.metrics import overall
from streamimb.kernel import uniform


def drawn(seed, replicate, block, n):
    """The slow twin: event by event around the circle."""
    counts, left, number = np.zeros(n, int), n, 0
    while left:
        start = int(uniform(seed, replicate, number) * n)
        for i in range(min(block, left)):
            counts[(start + i) % n] += 1
        left -= min(block, left)
        number += 1
    return counts


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 60), st.data(), st.integers(0, 2**32), st.integers(0, 100))
def test_blocks_run_around_the_circle(n, data, seed, replicate):
    """A replicate is n events, in blocks that go on at the beginning where they reach the end."""
    block = data.draw(st.integers(1, n))
    weights = np.full(n, 77, np.int32)
    blocks.draw_blocks(seed, replicate, block, weights)
    np.testing.assert_array_equal(weights, drawn(seed, replicate, block, n))
    assert weights.sum() == n


def test_every_event_is_drawn_as_often():
    """The first and the last events have the same weight on average as those in the middle."""
    weights, total = np.empty(50, np.int32), np.zeros(50)
    for replicate in range(4_000):
        blocks.draw_blocks(1, replicate, 7, weights)
        total += weights
    np.testing.assert_allclose(total / 4_000, 1, atol=0.2)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=50))
def test_weighted_areas_are_those_of_repeated_events(rows):
    """A weight stands for so many copies, ties included; NaN where a class is not drawn."""
    y, score, w = (np.array(column) for column in zip(*rows, strict=True))
    ranked = blocks.ranking(y, (score / 6).astype(np.float32))
    out = np.empty(2)
    blocks.weigh_ranking(w.astype(np.int32), ranked.order, ranked.marks, out)
    y, score = np.repeat(y, w), np.repeat(score, w)
    if y.any() and not y.all():
        np.testing.assert_allclose(out, [sk.roc_auc_score(y, score), sk.average_precision_score(y, score)], rtol=1e-12)
    else:
        assert np.isnan(out).all()


@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_weighted_margins_are_the_confusions(K, n, seed):
    """Rows, columns and diagonal of the weighted confusion matrix, and its overall metrics."""
    rng = np.random.default_rng(seed)
    y, decision = rng.integers(0, K, (2, n)).astype(np.int16)
    w = rng.integers(0, 4, n).astype(np.int32)
    margins, out, expected = np.empty((1, 3, K)), np.empty((1, 5)), np.empty(5)
    blocks.weigh_decisions(w, y, decision, margins[0])
    C = sk.confusion_matrix(y, decision, labels=range(K), sample_weight=w) if w.any() else np.zeros((K, K))
    np.testing.assert_array_equal(margins[0], [C.sum(1), C.sum(0), C.diagonal()])
    blocks.overall_of(margins, out)
    overall(*margins[0], expected)
    np.testing.assert_array_equal(out[0], expected)


def test_autocovariances_are_the_sums():
    """The transform gives what the definition does."""
    x = np.random.default_rng(1).normal(size=300)
    x -= x.mean()
    expected = [(x[k:] * x[: len(x) - k]).sum() / len(x) for k in range(20)]
    np.testing.assert_allclose(blocks.autocovariances(x, 19), expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 10, 1_000])
def test_a_length_fits_any_series(n):
    """From one event on there is a length, between 1 and n / BLOCKS_MIN, n^(1/3) where nothing asks for more."""
    for series in (np.zeros(n), np.arange(n) * 1.0, np.random.default_rng(1).normal(size=n)):
        assert 1 <= blocks.block_length(series) <= max(1, n // blocks.BLOCKS_MIN)


def test_lengths_grow_with_memory():
    """A first-order series gets longer blocks the longer it remembers: the rule's own formula, about."""
    rng, n = np.random.default_rng(4), 50_000
    noise, lengths = rng.normal(size=n), []
    for memory in (0.0, 0.5, 0.9, 0.98):
        x = np.empty(n)
        x[0] = noise[0]
        for t in range(1, n):
            x[t] = memory * x[t - 1] + noise[t]
        lengths.append(blocks.block_length(x))
    assert lengths == sorted(lengths)
    assert lengths[0] <= 40
    # for AR(1) G / spectrum = 2 rho / (1 - rho^2), so that b = (6 rho^2 n)^(1/3) / (1 - rho^2)^(2/3)
    assert lengths[2] == pytest.approx((6 * 0.9**2 * n) ** (1 / 3) / (1 - 0.9**2) ** (2 / 3), rel=0.25)
