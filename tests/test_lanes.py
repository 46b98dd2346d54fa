"""Four numbers at once, against NumPy."""

import numpy as np
import pytest

from streamimb import lanes
from streamimb.kernel import leaf


@leaf
def apply(which, a, b, out):
    for i in range(0, len(a), lanes.WIDTH):
        x, y = lanes.load(a, i), lanes.load(b, i)
        if which == 0:
            found = (x + y) * x - y / x
        elif which == 1:
            found = lanes.exp(x)
        elif which == 2:
            found = lanes.log(x)
        elif which == 3:
            found = lanes.where_less(x, y, x, y * 2.0)
        else:
            found = lanes.where_equal(x, x, y, lanes.all_of(-1.0))
        lanes.store(out, i, found)


@leaf
def totals(a, out):
    for i in range(0, len(out) * lanes.WIDTH, lanes.WIDTH):
        out[i // lanes.WIDTH] = lanes.total(lanes.load(a, i)) + lanes.number(a, i)


def run(which, a, b=None):
    out = np.zeros(len(a))
    apply(which, a, a if b is None else b, out)
    return out


RNG = np.random.default_rng(1)


def test_arithmetic_is_numpys_bit_for_bit():
    a, b = RNG.normal(size=40), RNG.normal(size=40)
    np.testing.assert_array_equal(run(0, a, b), (a + b) * a - b / a)


def test_exponentials_over_their_whole_range():
    x = np.concatenate([RNG.uniform(-700, 700, 4_000), RNG.uniform(-1, 1, 400), [0.0, -700.0, 700.0, 1e-300]])
    np.testing.assert_allclose(run(1, x), np.exp(x), rtol=1e-12)
    np.testing.assert_array_equal(run(1, np.zeros(4)), np.ones(4))


def test_logarithms_of_what_is_positive_and_normal():
    x = np.exp(np.concatenate([RNG.uniform(-700, 700, 4_000), RNG.uniform(-0.5, 0.5, 400)]))
    np.testing.assert_allclose(run(2, x), np.log(x), rtol=1e-11, atol=1e-15)
    np.testing.assert_array_equal(run(2, np.ones(4)), np.zeros(4))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_comparison_with_what_is_no_number_says_no(value):
    a, b = np.array([1.0, 3.0, value, 0.0]), np.array([2.0, 2.0, 2.0, np.nan])
    np.testing.assert_array_equal(run(3, a, b), [1.0, 4.0, 4.0, np.nan])
    known = [2.0, 2.0, 2.0 if value == np.inf else -1.0, np.nan]
    np.testing.assert_array_equal(run(4, a, b), known)


def test_the_sum_of_four_wherever_they_lie_among_several_axes():
    a, out = RNG.normal(size=(2, 3, 4)), np.zeros(6)
    totals(a, out)
    np.testing.assert_allclose(out, a.sum(axis=2).ravel() + a[..., 0].ravel(), rtol=1e-14)
