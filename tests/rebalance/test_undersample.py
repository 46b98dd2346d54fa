import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError
from streamimb.kernel import kernel, uniform
from streamimb.rebalance.clusters import assign, keep_share, make_clusters
from streamimb.rebalance.features import features_of, observe
from streamimb.rebalance.undersample import Undersample
from streamimb.schema import Feature, Label, Schema


def schema_of(d: int, classes: int = 2) -> Schema:
    return Schema(features=[Feature(name=f"f{j}") for j in range(d)], label=Label(classes=list(range(classes))))


def grouped(n: int, share: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A majority of three groups, 90, 9 and 1 % of it, and a minority beside the first: X, y, the group."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    group = np.where(y == 1, 3, rng.choice(3, n, p=[0.9, 0.09, 0.01]))
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 12.0], [2.0, -2.0]])
    return (centres[group] + rng.normal(size=(n, 2))).astype(np.float32), y, group


def thin(X, y, seed: int = 1, **keys):
    sampler = Undersample(schema_of(X.shape[1]), SamplesConfig(undersample=keys), seed=seed)
    return sampler, sampler.sample(X, y, np.arange(len(y)), np.ones(len(y)))


def test_the_majority_is_thinned_to_the_target_and_the_minority_kept():
    """At 2 % and target 0.2, a tenth of the majority."""
    X, y, _ = grouped(40_000, 0.02)
    sampler, kept = thin(X, y, target=0.2)
    assert (kept.y == 1).sum() == (y == 1).sum()
    late = kept.origin > 10_000
    ratio = kept.weights[late & (kept.y == 1)].sum() / kept.weights[late & (kept.y == 0)].sum()
    assert ratio == pytest.approx(0.2, rel=0.15)
    assert (kept.y == 0).sum() < 0.13 * (y == 0).sum()
    assert sampler.trained[1] / sampler.trained[0] == pytest.approx(0.2, rel=0.5)


def test_small_groups_are_kept_more_than_large_ones():
    """A group of 1 % keeps several times the share that the bulk does, and its weights undo it."""
    X, y, group = grouped(40_000, 0.02)
    _, kept = thin(X, y, boundary=0.0)
    late = kept.origin > 10_000
    of = group[kept.origin[late]]
    rates = np.bincount(of, minlength=4)[:3] / np.bincount(group[10_001:], minlength=4)[:3]
    assert rates[2] > 3 * rates[0]
    assert rates[2] > rates[1] > rates[0]
    shares = np.bincount(of, kept.weights[late], 4)[:3]
    np.testing.assert_allclose(shares / shares.sum(), [0.9, 0.09, 0.01], rtol=0.15)
    _, plain = thin(X, y, boundary=0.0, clusters=1)
    of = group[plain.origin[plain.origin > 10_000]]
    assert np.bincount(of, minlength=4)[2] < 0.5 * (rates[2] * (group[10_001:] == 2).sum())


def test_events_near_the_minority_are_preferred():
    """Those of the bulk that lie towards the minority are kept more often, the more so the larger ``boundary``."""
    X, y, group = grouped(40_000, 0.02)
    bulk = (group == 0) & (np.arange(40_000) > 10_000)
    near = bulk & (X[:, 0] - X[:, 1] > 2.0)
    far = bulk & (X[:, 0] - X[:, 1] < -2.0)
    preferred = []
    for boundary in (0.0, 0.5, 0.9):
        _, kept = thin(X, y, boundary=boundary)
        is_kept = np.isin(np.arange(40_000), kept.origin)
        preferred.append(is_kept[near].mean() / is_kept[far].mean())
    assert preferred[0] == pytest.approx(1.0, abs=0.25)
    assert preferred[0] < preferred[1] < preferred[2]
    assert preferred[2] > 2


def test_what_is_kept_stands_for_all_without_bias():
    """Over many seeds the weights of ``unbiased`` come to those of every event, near the boundary and far."""
    X, y, _ = grouped(4_000, 0.05)
    total = np.zeros(4_000)
    for seed in range(60):
        _, kept = thin(X, y, seed, weigh="unbiased")
        total[kept.origin] += kept.weights
    mean = total / 60
    assert mean[y == 0].mean() == pytest.approx(1.0, abs=0.01)
    for part in (X[:, 0] > 1.0, X[:, 1] > 9.0, X[:, 1] < -1.0):
        assert mean[part & (y == 0)].mean() == pytest.approx(1.0, abs=0.06)


def test_roles_flip():
    """When the majority has become the minority it is kept whole, and the other thinned."""
    rng = np.random.default_rng(4)
    y = (rng.random(20_000) < np.repeat([0.02, 0.98], 10_000)).astype(np.int16)
    X = rng.normal(2.0 * y)[:, None].astype(np.float32)
    _, kept = thin(X, y)
    of = kept.y[kept.origin > 14_000]
    assert (of == 0).sum() == (y[14_001:] == 0).sum()
    assert (of == 1).sum() < 0.2 * (y[14_001:] == 1).sum()


def test_without_a_minority_nothing_is_thinned():
    """One class alone is kept whole."""
    X, y, _ = grouped(500, 0.0)
    _, kept = thin(X, y)
    assert len(kept) == 500
    assert (kept.weights == 1).all()


def test_a_class_may_be_left_out():
    """Only the classes named are thinned."""
    rng = np.random.default_rng(5)
    y = rng.choice(3, 10_000, p=[0.5, 0.48, 0.02]).astype(np.int16)
    X = rng.normal(size=(10_000, 1)).astype(np.float32)
    sampler = Undersample(schema_of(1, 3), classes=np.array([True, False, False]))
    kept = sampler.sample(X, y, np.arange(10_000), np.ones(10_000))
    counts = np.bincount(kept.y)
    assert counts[1:].tolist() == np.bincount(y)[1:].tolist()
    assert counts[0] < 0.5 * (y == 0).sum()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8), st.floats(0.01, 1.0))
def test_shares_kept_of_the_groups_sum_to_the_rate(mass, rate):
    """The groups' shares times what is kept of each is the rate; none is over 1; smaller groups keep no less."""
    clusters = make_clusters(1, len(mass), 1)
    clusters.mass[0], clusters.used[0] = mass, len(mass)
    kept = np.array([keep_share(clusters, 0, c, rate) for c in range(len(mass))])
    shares = np.array(mass) / np.sum(mass)
    assert (shares * kept).sum() == pytest.approx(rate)
    assert (kept <= 1).all()
    assert (np.diff(kept[np.argsort(shares)]) <= 1e-12).all()


@kernel
def gather(clusters, features, X):
    for i in range(len(X)):
        observe(features, X, i)
        assign(clusters, features, X, i, 0, uniform(1, i, 0))


def test_clusters_find_a_group_that_comes_late_and_keep_a_rare_one():
    """Four groups, one of 1 % and one that begins half way, each has a centre near its own; none is in the void."""
    rng = np.random.default_rng(6)
    truth = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    group = np.r_[rng.choice(3, 5_000, p=[0.7, 0.29, 0.01]), rng.choice(4, 5_000, p=[0.6, 0.29, 0.01, 0.1])]
    X = (truth[group] + rng.normal(0.0, 0.7, (10_000, 2))).astype(np.float32)
    X[rng.random(X.shape) < 0.02] = np.nan
    clusters, features = make_clusters(1, 6, 2), features_of(schema_of(2))
    gather(clusters, features, X)
    apart = np.linalg.norm(truth[:, None] - clusters.centres[0][None], axis=2)
    assert (apart.min(axis=1) < 1.5).all()
    assert clusters.used[0] == 6
    assert clusters.mass[0].sum() == pytest.approx(5_000 * (1 - np.exp(-2.0)), rel=0.01)


def test_centres_that_would_not_fit_are_refused():
    """With the number that would."""
    with pytest.raises(ConfigError, match=r"samples\.undersample\.clusters = 64: memory holds 16 a class"):
        Undersample(schema_of(1024, 1000), SamplesConfig(buffer=10, undersample={"clusters": 64}))
