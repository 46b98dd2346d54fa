import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.rebalance.sizes import SIZES, count, keep_rate, lacking, largest, smallest

sizes_of = st.lists(st.tuples(st.integers(1, 500), st.floats(0.1, 10)), min_size=2, max_size=5)


def filled(pairs: list[tuple[int, float]]) -> np.ndarray:
    counts, weights = np.array(pairs).T
    return np.stack([counts, counts * weights])


def test_sizes_decay_by_the_lesson():
    """S_k <- θ S_k + [y = k], and the same with weights."""
    sizes = np.zeros((SIZES, 2))
    for k, w in ((0, 1.0), (1, 2.0), (0, 3.0)):
        count(sizes, k, w, 0.5)
    assert sizes.tolist() == [[1.25, 0.5], [3.25, 1.0]]


@settings(deadline=None)
@given(sizes_of, st.floats(0.01, 1))
def test_thinning_leaves_the_target(pairs, target):
    """At the rate given the smallest class weighs ``target`` times what is left; nothing grows."""
    sizes = filled(pairs)
    k, low = largest(sizes), smallest(sizes)
    rate = keep_rate(sizes, k, target, 1e-9)
    assert 0 < rate <= 1
    if rate < 1:
        assert sizes[1, low] / (rate * sizes[1, k]) == pytest.approx(target)
        assert sizes[0, low] < target * sizes[0, k]


@settings(deadline=None)
@given(sizes_of, st.floats(0.01, 1))
def test_filling_up_reaches_the_target(pairs, target):
    """With so many more of each lesson the smallest class weighs ``target`` times the largest; else it did before."""
    sizes = filled(pairs)
    k, top = smallest(sizes), largest(sizes)
    more = lacking(sizes, k, target)
    assert more >= 0
    if more > 0:
        assert (1 + more) * sizes[1, k] == pytest.approx(target * sizes[1, top])
        assert sizes[0, k] < target * sizes[0, top]
    assert lacking(sizes, top, target) == 0


def test_a_class_that_acts_on_nothing_has_no_target():
    """Target 0 is no target."""
    sizes = filled([(900, 1.0), (10, 1.0)])
    assert (keep_rate(sizes, 0, 0.0, 0.01), lacking(sizes, 1, 0.0)) == (1.0, 0.0)


def test_the_share_kept_has_a_floor():
    """However rare the smallest class."""
    assert keep_rate(filled([(1_000_000, 1.0), (1, 1.0)]), 0, 1.0, 0.02) == 0.02


def test_weights_that_balance_already_leave_nothing_to_do():
    """Ten times fewer events that weigh ten times as much are neither thinned for nor filled up."""
    sizes = filled([(1000, 0.1), (100, 1.0)])
    assert (keep_rate(sizes, 0, 0.5, 0.02), lacking(sizes, 1, 0.5)) == (1.0, 0.0)


def test_a_class_that_has_gone_no_longer_sets_the_pace():
    """Unless it is one of two: then its return is waited for."""
    assert smallest(np.array([[500.0, 499.0, 0.001], [500.0, 499.0, 0.001]])) == 1
    assert smallest(np.array([[999.0, 0.001], [999.0, 0.001]])) == 1
    assert smallest(np.array([[999.0, 0.0], [999.0, 0.0]])) == 0
    assert smallest(np.zeros((2, 3))) == -1
