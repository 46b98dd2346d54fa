import numpy as np
import pytest

from streamimb.config import SamplesConfig
from streamimb.rebalance.clean import Clean
from streamimb.schema import Feature, Label, Schema


def schema_of(classes: int) -> Schema:
    return Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=list(range(classes))))


def stream(n: int, share: float, gap: float = 5.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    X = rng.normal(size=(n, 2))
    X[:, 0] += gap * y
    return X.astype(np.float32), y


def clean(X, y, **keys):
    sampler = Clean(schema_of(2), SamplesConfig(cleaning=keys))
    return sampler, sampler.sample(X, y, np.arange(len(y)), np.ones(len(y)))


@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_wrong_labels_are_found_and_right_ones_left(noise):
    """As many as the minority's own half, or a fifth: most wrong labels weigh nothing, nearly all right ones stay."""
    X, y = stream(40_000, 0.01)
    wrong = (y == 0) & (np.random.default_rng(2).random(len(y)) < noise)
    labels = np.where(wrong, 1, y).astype(np.int16)
    sampler, out = clean(X, labels)
    late = np.arange(40_000) > 10_000
    assert (out.weights[wrong & late] == 0).mean() > (0.85 if noise == 0.002 else 0.7)
    assert (out.weights[(y == 1) & late] == 0).mean() < 0.03
    assert (out.weights[labels == 0] == 1).all()
    assert sampler.suspects.tolist() == [0, (out.weights == 0).sum()]
    assert len(out) == 40_000


def test_a_suspicious_label_may_weigh_less_instead_of_nothing():
    """By the factor configured."""
    X, y = stream(20_000, 0.02)
    X[-1], y[-1] = 0.0, 1
    _, out = clean(X, y, weight=0.25)
    assert out.weights[-1] == 0.25


def test_a_minority_that_has_moved_is_believed_again():
    """Into the midst of the majority: suspected at first, and then dense enough to be believed."""
    X, y = stream(20_000, 0.02)
    moved = (np.arange(20_000) >= 10_000) & (y == 1)
    X[moved] = np.random.default_rng(3).normal([0.5, 0.5], 0.1, (moved.sum(), 2)).astype(np.float32)
    _, out = clean(X, y)
    fresh = out.weights[moved]
    assert (fresh[:10] == 0).mean() > 0.5
    assert (fresh[100:] == 0).mean() < 0.05


def test_where_most_are_suspicious_none_is():
    """A minority that cannot be told from the majority is not thrown away."""
    X, y = stream(40_000, 0.01, gap=0.0)
    _, out = clean(X, y, disagree=0.6, suspects_max=0.3)
    late = (y == 1) & (np.arange(40_000) > 10_000)
    assert (out.weights[late] == 0).mean() <= 0.35


def test_nothing_is_suspicious_while_buffers_are_small():
    """The first lessons of a class pass, wherever they are."""
    X, y = stream(2_000, 0.05)
    X[np.flatnonzero(y == 1)[:15], 0] = 0.0
    _, out = clean(X, y, neighbours=15)
    assert (out.weights[np.flatnonzero(y == 1)[:15]] == 1).all()


def test_the_majority_is_never_suspicious():
    """Nor is either class where they are alike in size."""
    X, y = stream(5_000, 0.45)
    odd = np.random.default_rng(4).random(5_000) < 0.1
    _, out = clean(X, np.where(odd, 1 - y, y).astype(np.int16))
    assert (out.weights == 1).all()


def test_roles_flip():
    """The class that is small now is looked at, whichever it is."""
    X, y = stream(20_000, 0.98)
    wrong = (y == 1) & (np.random.default_rng(5).random(len(y)) < 0.004)
    sampler, out = clean(X, np.where(wrong, 0, y).astype(np.int16))
    assert (out.weights[wrong][20:] == 0).mean() > 0.8
    assert sampler.suspects[1] == 0


def test_only_the_classes_named_are_looked_at():
    """Of two small classes with wrong labels one is cleaned."""
    rng = np.random.default_rng(6)
    y = rng.choice(3, 20_000, p=[0.96, 0.02, 0.02]).astype(np.int16)
    X = (rng.normal(size=(20_000, 2)) + np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[y]).astype(np.float32)
    wrong = (y == 0) & (rng.random(20_000) < 0.01)
    labels = np.where(wrong, rng.integers(1, 3, 20_000), y).astype(np.int16)
    sampler = Clean(schema_of(3), classes=np.array([True, False, True]))
    out = sampler.sample(X, labels, np.arange(20_000), np.ones(20_000))
    assert (out.weights[labels == 1] == 1).all()
    assert (out.weights[wrong & (labels == 2)][20:] == 0).mean() > 0.7
    assert sampler.suspects[1] == 0
