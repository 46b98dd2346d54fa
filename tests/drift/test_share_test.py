import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency

from streamimb.drift.chi2 import chi2_upper
from streamimb.drift.share_test import ShareTest, _moved
from streamimb.errors import StateError


def test_the_statistic_is_the_likelihood_ratio_of_two_proportions():
    """The class that moved most by scipy's G, and that G."""
    old, new = np.array([900, 80, 20]), np.array([400, 40, 60])
    each = [
        chi2_contingency([[a, old.sum() - a], [b, new.sum() - b]], correction=False, lambda_="log-likelihood")[0]
        for a, b in zip(old, new, strict=True)
    ]
    moved, most = _moved(old, new)
    assert moved == int(np.argmax(each)) == 2
    assert most == pytest.approx(max(each))


@pytest.mark.parametrize("freedom", [1, 2, 5, 15])
@pytest.mark.parametrize("significance", [0.05, 1e-4, 1e-8])
def test_quantiles_of_chi_squared(freedom, significance):
    """Exact for one degree of freedom; else never much below scipy's, and far out in the tail up to 15 % above."""
    ratio = chi2_upper(significance, freedom) / chi2.isf(significance, freedom)
    assert 0.99 < ratio < (1.001 if freedom == 1 else 1.15)


@pytest.mark.parametrize(("significance", "freedom"), [(0.0, 1), (1.0, 1), (0.05, 0)])
def test_no_quantile_of_nothing(significance, freedom):
    """What is no probability has no quantile."""
    with pytest.raises(ValueError, match="chi-squared"):
        chi2_upper(significance, freedom)


def test_either_way_and_any_class():
    """A rise and a fall of a class of four are told; where nothing moves, nothing."""
    rng = np.random.default_rng(1)
    for p in ([0.7, 0.1, 0.1, 0.1], [0.85, 0.1, 0.04, 0.01]):
        x = np.r_[rng.choice(4, 5_000, p=[0.8, 0.1, 0.05, 0.05]), rng.choice(4, 2_000, p=p)]
        drifts = ShareTest(n_classes=4).update_many(x).drifts
        assert drifts.index[0] > 5_000
    assert len(ShareTest(n_classes=4).update_many(rng.integers(0, 4, 50_000)).drifts.index) == 0


@pytest.mark.parametrize("code", [2.0, -1.0, 0.5])
def test_refuses_what_is_no_class(code):
    """Values are class codes."""
    with pytest.raises(ValueError, match="watch"):
        ShareTest().update(code)


@pytest.mark.parametrize("wrong", [{"n_classes": 1}, {"window": 1}, {"every": 0}, {"drift": 0.1}])
def test_refuses_impossible_parameters(wrong):
    """A warning must be easier to get than a drift, and a share needs two classes."""
    with pytest.raises(ValueError, match="at least"):
        ShareTest(**wrong)


def test_refuses_a_code_that_is_no_class():
    """A state whose window holds another class is refused."""
    detector = ShareTest(window=10)
    state = detector.state()
    state["wholes"][-1] = 2
    with pytest.raises(StateError, match="possible"):
        detector.restore(state)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.9])
def test_a_class_that_vanishes_is_told_once(share):
    """The window in which it was seen lies on both sides of the change: it is no reference for what comes after."""
    for seed in range(10):
        y = np.r_[np.random.default_rng(seed).random(20_000) < share, np.zeros(30_000)]
        assert (ShareTest().update_many(y).drifts.index >= 20_000).sum() == 1


@pytest.mark.parametrize("shares", [(0.05, 0.2), (0.0, 0.05), (0.2, 0.05), (0.9, 0.6)])
def test_of_two_classes_the_share_of_the_second_is_told(shares):
    """The mean of the values, so that a rise is one, whichever rounding makes of two equal statistics."""
    for seed in range(20):
        y = np.random.default_rng(seed).random(20_000) < np.repeat(shares, 10_000)
        firings = ShareTest().update_many(y).drifts
        first = int(np.argmax(firings.index >= 10_000))
        assert (firings.after[first] > firings.before[first]) == (shares[1] > shares[0])
