from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import SamplesConfig
from streamimb.rebalance.base import Sampled
from streamimb.rebalance.borderline import BorderlineSmote
from streamimb.rebalance.smote import Smote
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(
    features=[
        Feature(name="a"),
        Feature(name="b"),
        Feature(name="flag", type="boolean"),
        Feature(name="shop", type="categorical"),
    ],
    label=Label(classes=["legit", "fraud"]),
)


def stream(n: int, share: float, seed: int = 1, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    X = np.stack(
        [rng.normal(2.0 * y), rng.normal(100.0, 10.0, n), rng.integers(0, 2, n), rng.choice([7, 70, 16_000_000], n)],
        axis=1,
    ).astype(np.float32)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def fill(X, y, kind=Smote, smote: dict | None = None, **keys) -> Sampled:
    sampler = kind(SCHEMA, SamplesConfig(smote=smote or {}, **keys))
    return sampler.sample(X, y, np.arange(len(y)), np.ones(len(y)))


@pytest.mark.parametrize(("share", "target", "most"), [(0.05, 0.25, 20), (0.2, 1.0, 20), (0.02, 0.1, 20)])
def test_the_minority_comes_to_its_target(share, target, most):
    """Where ``max_per_event`` allows it; the majority is as it was."""
    X, y = stream(40_000, share)
    out = fill(X, y, smote={"target": target, "max_per_event": most}, decay=0.9995)
    late = out.origin > 10_000
    counts = np.bincount(out.y[late])
    assert counts[1] / counts[0] == pytest.approx(target, rel=0.1)
    assert (out.y[out.synthetic] == 1).all()
    assert (~out.synthetic).sum() == len(y)


def test_the_number_made_for_an_event_is_clamped():
    """At 1 : 500 there are ``max_per_event`` for each but the first, which has no neighbours."""
    X, y = stream(20_000, 0.002)
    out = fill(X, y, smote={"max_per_event": 4})
    made = np.bincount(out.origin[out.synthetic], minlength=len(y))[y == 1]
    assert made[0] == 0
    assert (made[1:] == 4).all()


def test_nothing_is_made_while_classes_are_near_enough():
    """Above the target there is nothing to add; and then the other class becomes the minority."""
    X, y = stream(2_000, 0.45)
    assert not fill(X, y).synthetic.any()
    X, y = stream(4_000, 0.97)
    assert set(fill(X, y).y[fill(X, y).synthetic].tolist()) == {0}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), votes=st.sampled_from(["vote", "base"]), missing=st.sampled_from([0.0, 0.2]))
def test_synthetic_events_lie_between_events_of_their_class(seed, votes, missing):
    """Numbers within the range seen, categories and booleans among those seen, missing only where the base is."""
    X, y = stream(600, 0.1, seed, missing)
    out = fill(X, y, smote={"categorical": votes}, buffer=20)
    made, base = out.X[out.synthetic], X[out.origin[out.synthetic]]
    assert len(made)
    seen = X[y == 1]
    for j in (0, 1):
        assert np.nanmin(seen[:, j]) <= np.nanmin(made[:, j]) <= np.nanmax(made[:, j]) <= np.nanmax(seen[:, j])
    np.testing.assert_array_equal(np.isnan(made), np.isnan(base))
    assert set(made[:, 2][~np.isnan(made[:, 2])].tolist()) <= {0.0, 1.0}
    assert set(made[:, 3][~np.isnan(made[:, 3])].tolist()) <= {7.0, 70.0, 16_000_000.0}
    if votes == "base":
        np.testing.assert_array_equal(made[:, 2:], base[:, 2:])


def test_a_synthetic_event_is_on_the_line_to_one_of_its_nearest_neighbours():
    """As brute force finds them among the last events of the class, by standardised distance."""
    schema = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=[0, 1]))
    rng = np.random.default_rng(2)
    y = (rng.random(3_000) < 0.05).astype(np.int16)
    X = (rng.normal(size=(3_000, 2)) * [1.0, 1000.0]).astype(np.float32)
    out = Smote(schema, SamplesConfig(buffer=30)).sample(X, y, np.arange(3_000), np.ones(3_000))
    checked = 0
    for made, i in zip(out.X[out.synthetic], out.origin[out.synthetic].tolist(), strict=True):
        ring = np.flatnonzero(y[:i] == 1)[-30:]
        if len(ring) < 30:
            continue
        scale = X[: i + 1].std(axis=0)
        far = np.minimum(((X[ring] - X[i]) / scale) ** 2, 9.0).sum(axis=1)
        near = X[ring[np.argsort(far)[:6]]].astype(float)
        along, side = near - X[i], made - X[i].astype(float)
        gap = (side / scale * (along / scale)).sum(axis=1) / ((along / scale) ** 2).sum(axis=1)
        off = np.abs((side - gap[:, None] * along) / scale).max(axis=1)
        assert ((off < 1e-4) & (gap > -1e-4) & (gap < 1.0001)).any()
        checked += 1
    assert checked > 300


def test_votes_are_those_of_the_neighbours():
    """One event of another shop among many of one becomes like the others, unless told to stay."""
    X, y = stream(600, 0.2)
    X[:, 3] = 7
    X[-1, 3], y[-1] = 70, 1
    for votes, shop in (("vote", 7.0), ("base", 70.0)):
        out = fill(X, y, smote={"categorical": votes, "target": 1.0})
        made = out.X[out.synthetic & (out.origin == 599), 3]
        assert len(made)
        assert (made == shop).all()


def test_fixed_features_and_bounds_are_respected():
    """A fixed feature is the base's own; a bounded one stays inside, even where the events do not."""
    X, y = stream(3_000, 0.1)
    out = fill(X, y, fixed=("a", "shop"), bounds={"b": (95.0, 105.0)})
    made, base = out.X[out.synthetic], X[out.origin[out.synthetic]]
    np.testing.assert_array_equal(made[:, [0, 3]], base[:, [0, 3]])
    assert made[:, 1].min() == 95.0
    assert made[:, 1].max() == 105.0
    assert base[:, 1].min() < 90.0


@pytest.mark.parametrize("bounds", [(98.1, 101.1), (97.7, 103.3)])
def test_bounds_hold_as_they_are_written(bounds):
    """No float32 is one of these numbers: what is made lies within them all the same, at the next ones inside."""
    X, y = stream(3_000, 0.1)
    out = fill(X, y, bounds={"b": bounds})
    made = out.X[out.synthetic, 1].astype(float)
    assert bounds[0] <= made.min() < bounds[0] + 1e-5
    assert bounds[1] - 1e-5 < made.max() <= bounds[1]


def test_bounds_between_which_no_float32_lies_give_the_nearest():
    """A feature that is to be 0.7 in every synthetic event is what 0.7 is in the others."""
    X, y = stream(3_000, 0.1)
    out = fill(X, y, bounds={"b": (0.7, 0.7)})
    assert set(out.X[out.synthetic, 1].tolist()) == {float(np.float32(0.7))}


def test_nothing_is_made_of_events_older_than_a_drift():
    """After ``forget`` the new concept's events are mixed with each other only."""
    X, y = stream(4_000, 0.1)
    X[2_000:, 0] += 1000.0
    sampler = Smote(SCHEMA)
    numbers = np.arange(4_000)
    sampler.sample(X[:2_100], y[:2_100], numbers[:2_100], np.ones(2_100))
    sampler.forget(2_000)
    out = sampler.sample(X[2_100:], y[2_100:], numbers[2_100:], np.ones(1_900))
    assert out.synthetic.any()
    assert out.X[out.synthetic, 0].min() > 990.0


def test_weights_count_towards_the_target_and_pass_on():
    """Where class weights balance already nothing is made; a synthetic event weighs what its base does."""
    X, y = stream(4_000, 0.1)
    sampler = Smote(SCHEMA)
    assert not sampler.sample(X, y, np.arange(4_000), np.where(y == 1, 9.0, 1.0)).synthetic[1_000:].any()
    out = Smote(SCHEMA).sample(X, y, np.arange(4_000), np.where(y == 1, 2.0, 1.0))
    assert (out.weights[out.synthetic] == 2.0).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_borderline_smote_multiplies_events_in_danger_only(seed):
    """As brute force finds them: half or more of ten neighbours of the other class, but not all."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    rng = np.random.default_rng(seed)
    y = (rng.random(3_000) < 0.1).astype(np.int16)
    X = rng.normal(2.5 * y)[:, None].astype(np.float32)
    out = BorderlineSmote(schema, SamplesConfig(buffer=50)).sample(X, y, np.arange(3_000), np.ones(3_000))
    multiplied = set(out.origin[out.synthetic].tolist())
    kinds = Counter()
    for i in np.flatnonzero(y == 1).tolist():
        mine, others = np.flatnonzero(y[:i] == 1)[-50:], np.flatnonzero(y[:i] == 0)[-50:]
        if len(mine) < 50:
            continue
        pool = np.r_[others, mine]
        order = np.argsort(np.abs(X[pool, 0] - X[i, 0]), kind="stable")[:10]
        against = int((y[pool[order]] == 0).sum())
        kinds[5 <= against < 10, i in multiplied] += 1
    assert kinds[False, True] == 0
    assert kinds[False, False] > 5
    assert kinds[True, True] > 5


def test_borderline_smote_makes_up_for_those_that_are_safe():
    """The class comes to the same weight as by SMOTE where there is room for it."""
    X, y = stream(40_000, 0.1)
    smote = {"target": 0.2, "max_per_event": 20}
    plain, border = (fill(X, y, kind, smote) for kind in (Smote, BorderlineSmote))
    assert border.synthetic.sum() == pytest.approx(plain.synthetic.sum(), rel=0.15)
    assert len(set(border.origin[border.synthetic])) < 0.7 * len(set(plain.origin[plain.synthetic]))


def test_many_lessons_at_once_need_no_more_room():
    """More lessons than are worked on at a time come out as if in pieces."""
    X, y = stream(30_000, 0.3)
    out = fill(X, y, smote={"target": 1.0, "max_per_event": 100})
    assert (~out.synthetic).sum() == 30_000
    assert out.synthetic.sum() > 9_000
