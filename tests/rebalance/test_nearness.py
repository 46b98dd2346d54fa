import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.errors import ConfigError
from streamimb.rebalance import buffers
from streamimb.rebalance.features import INVERSE, MEAN, SCALE_HORIZON_VALUES, distances, features_of, observe
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(
    features=[Feature(name="a"), Feature(name="b"), Feature(name="flag", type="boolean")], label=Label(classes=[0, 1])
)


def rows(rng: np.random.Generator, n: int) -> np.ndarray:
    X = np.c_[rng.normal(5.0, 2.0, n), rng.normal(0.0, 1e-3, n), rng.integers(0, 2, n)].astype(np.float32)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


def distance_twin(x: np.ndarray, z: np.ndarray, inverse: np.ndarray) -> float:
    """What the docstring says, a feature at a time."""
    total = 0.0
    for j in range(2):
        if np.isnan(x[j]) or np.isnan(z[j]):
            total += 2.0 * (np.isnan(x[j]) != np.isnan(z[j]))
        else:
            total += min(((float(x[j]) - float(z[j])) * inverse[j]) ** 2, 9.0)
    return total + float(not (x[2] == z[2] or (np.isnan(x[2]) and np.isnan(z[2]))))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_distances_are_those_of_the_definition(seed):
    """Numbers by squared z-score up to 9, categories by unlikeness, missing values by how many are."""
    rng = np.random.default_rng(seed)
    X, features = rows(rng, 60), features_of(SCHEMA)
    rings = buffers.make_rings(2, 3, 20)
    for i in range(60):
        observe(features, X, i)
        buffers.push(rings, 1, X, i, i, 0)
    out = np.full(20, np.nan)
    distances(features, X, 7, rings.values, 1, 20, out)
    inverse = features.scales[INVERSE]
    expected = [distance_twin(X[7], X[rings.events[1, b]], inverse) for b in range(20)]
    np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_scales_are_decayed_means_and_deviations():
    """Of the values that are there, weighed by their age."""
    rng = np.random.default_rng(3)
    X, features = rows(rng, 30_000), features_of(SCHEMA)
    X[:, 0] += np.linspace(0, 50, 30_000, dtype=np.float32)
    for i in range(len(X)):
        observe(features, X, i)
    x = X[~np.isnan(X[:, 0]), 0].astype(float)
    w = (1 - 1 / SCALE_HORIZON_VALUES) ** np.arange(len(x) - 1, -1, -1)
    mean = np.average(x, weights=w)
    assert features.scales[MEAN, 0] == pytest.approx(mean)
    assert features.scales[INVERSE, 0] == pytest.approx(np.average((x - mean) ** 2, weights=w) ** -0.5)


@given(st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 3.0, np.inf]), max_size=20), st.integers(0, 20), st.integers(1, 6))
def test_the_nearest_are_found_in_order_over_several_rings(far, split, k):
    """As by a stable sort of all; what is infinitely far is not found."""
    best, found = np.zeros((k, 3)), 0
    parts = [far[:split], far[split:]]
    for ring, part in enumerate(parts):
        found = buffers.nearest(np.array(part, float), len(part), ring, best, found)
    expected = sorted(
        ((d, ring, b) for ring, part in enumerate(parts) for b, d in enumerate(part) if d < np.inf),
        key=lambda item: item[0],
    )[:k]
    assert best[:found].tolist() == [list(map(float, item)) for item in expected]


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.one_of(st.integers(0, 1), st.tuples(st.integers(0, 40))), max_size=40), size=st.integers(1, 5))
def test_a_ring_holds_the_last_events_in_any_order_of_pushes_and_drifts(steps, size):
    """As lists that are cut: a number pushes the next event into that ring, a tuple forgets what is older."""
    rings = buffers.make_rings(2, 1, size)
    lists: list[list[int]] = [[], []]
    for event, step in enumerate(steps):
        if isinstance(step, tuple):
            buffers.forget(rings, step[0])
            lists = [[e for e in held if e >= step[0]] for held in lists]
        else:
            buffers.push(rings, step, np.array([[event]], np.float32), 0, event, 7)
            lists[step] = [*lists[step], event][-size:]
    for r, expected in enumerate(lists):
        held = rings.marks[r, buffers.HELD]
        assert sorted(rings.events[r, :held].tolist()) == expected
        assert rings.values[r, 0, :held].tolist() == rings.events[r, :held].tolist()
    assert buffers.possible({"marks": rings.marks}, rings)


def test_buffers_that_would_not_fit_are_refused():
    """With the size that would."""
    with pytest.raises(ConfigError, match=r"samples\.buffer = 100000: 1000 buffers of 100 features hold up to 671"):
        buffers.make_rings(1000, 100, 100_000)
