"""Intervals against literal formulas and against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from streamimb.evaluation import intervals, metrics
from streamimb.evaluation.estimates import difference_of
from streamimb.evaluation.names import CONFUSION_METRICS


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_the_formula(n, data, confidence):
    """The ends solve |p - share| = z sqrt(p (1 - p) / n), as SciPy has them."""
    hits = data.draw(st.integers(0, n))
    low, high = intervals.wilson(hits, n, confidence)
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert math.isclose(low, expected.low, abs_tol=1e-9)
    assert math.isclose(high, expected.high, abs_tol=1e-9)


def test_nothing_has_no_interval():
    """Without events there is no interval."""
    assert np.isnan(intervals.wilson(0, 0)).all()
    assert np.isnan(intervals.f1_interval(0, 0, 3)).all()
    assert np.isnan(intervals.area_interval(np.nan, np.nan, 0)).all()
    assert np.isnan(intervals.mean_interval(0, 0, 0)).all()
    assert np.isnan(np.concatenate(intervals.bootstrap([[4, 1], [0, 0]], seed=1))).all()


@pytest.mark.parametrize(("n", "rate"), [(10, 0.9), (40, 0.5), (200, 0.05)])
def test_wilson_covers(n, rate):
    """The true rate is held about as often as asked, averaged over samples."""
    hits = np.random.default_rng(5).binomial(n, rate, 2_000)
    held = [low <= rate <= high for low, high in (intervals.wilson(int(h), n) for h in hits)]
    assert 0.92 < np.mean(held) < 0.99


def test_bootstrap_is_deterministic_and_seeded():
    """The same seed gives the same interval, another seed another."""
    C = [[900, 30], [4, 11]]
    first, again, other = (np.array(intervals.bootstrap(C, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("C", [[[900, 30], [4, 11]], [[50, 0], [0, 5]], [[50, 5, 1], [2, 8, 3], [0, 0, 0]]])
def test_bootstrap_holds_the_value(C):
    """Every interval holds its own value, and none of them is a point."""
    low, high = intervals.bootstrap(C, seed=3)
    value = [getattr(metrics, name)(C) for name in CONFUSION_METRICS]
    assert (low <= np.array(value) + 1e-12).all()
    assert (np.array(value) <= high + 1e-12).all()
    assert (high - low > 1e-3).all()


def test_bootstrapped_recall_is_jeffreys():
    """With the other class settled, the balanced accuracy's interval is that of the recall, Beta's quantiles."""
    low, high = intervals.bootstrap([[10_000_000, 0], [3, 9]], seed=1, replicates=10_000)
    expected = stats.beta.ppf([0.025, 0.975], 9.5, 3.5)
    np.testing.assert_allclose([2 * low[1] - 1, 2 * high[1] - 1], expected, atol=0.01)


def test_gamma_variates_are_gamma():
    """Mean, variance and shape are the gamma distribution's, below and above one."""
    for shape in (0.5, 0.9, 1.0, 3.5, 400.0):
        draws = [intervals.gamma_variate(shape, 7, i) for i in range(4_000)]
        assert stats.kstest(draws, stats.gamma(shape).cdf).pvalue > 0.01


def resampled(C, seed, replicates):
    """The slow twin of the bootstrap: whole matrices of gamma variates through the plain functions."""
    rng = np.random.default_rng(seed)
    C = np.asarray(C, float)
    K, out = len(C), []
    for _ in range(replicates):
        W = np.where(C > 0, rng.gamma(np.maximum(C, 1e-9)), 0.0)
        for i in np.flatnonzero(C.sum(1)):
            W[i, i] = rng.gamma(C[i, i] + 0.5)
            W[i, np.arange(K) != i] += rng.gamma(0.5) / (K - 1)
        out.append([getattr(metrics, name)(W) for name in CONFUSION_METRICS])
    return np.array(out)


@pytest.mark.parametrize("C", [[[900, 30], [4, 11]], [[300, 20, 10], [3, 8, 3], [1, 0, 6]]])
def test_bootstrap_is_its_slow_twins(C):
    """The ends are those of a plain NumPy bootstrap, but for its noise."""
    expected = np.quantile(resampled(C, 1, 4_000), [0.025, 0.975], axis=0)
    np.testing.assert_allclose(intervals.bootstrap(C, seed=1, replicates=4_000), expected, atol=0.015)


@pytest.mark.parametrize("recalls", [(0.95, 0.7), (0.99, 0.1), (0.9, 0.95)])
def test_bootstrap_covers(recalls):
    """With twenty rare events in a thousand, nine in ten intervals hold the true G-mean and kappa."""
    rng = np.random.default_rng(4)
    truth_C = np.array([[980 * recalls[0], 980 * (1 - recalls[0])], [20 * (1 - recalls[1]), 20 * recalls[1]]])
    truth = {name: getattr(metrics, name)(truth_C) for name in CONFUSION_METRICS}
    held = np.zeros(len(CONFUSION_METRICS))
    for trial in range(300):
        C = rng.multinomial(1_000, truth_C.ravel() / 1_000).reshape(2, 2)
        low, high = intervals.bootstrap(C, seed=trial)
        held += [low[i] <= truth[name] <= high[i] for i, name in enumerate(CONFUSION_METRICS)]
    assert (held / 300 > 0.88).all(), held / 300


def test_f1_interval_covers():
    """The interval of F1 holds the true one about as often as asked."""
    rng = np.random.default_rng(9)
    share = np.array([[0.95, 0.02], [0.01, 0.02]])
    truth = metrics.f1(share)[1]
    held = []
    for _ in range(1_000):
        C = rng.multinomial(1_000, share.ravel()).reshape(2, 2)
        low, high = intervals.f1_interval(C[1, 1], C[1].sum(), C[:, 1].sum())
        held.append(low <= truth <= high)
    assert 0.92 < np.mean(held) < 0.98


def test_mean_interval_is_normal():
    """Mean and interval of plain numbers, from their sums."""
    values = np.array([1.0, 2.0, 4.0])
    mean, low, high = intervals.mean_interval(3, values.sum(), (values**2).sum())
    half = 1.959964 * values.std(ddof=1) / 3**0.5
    np.testing.assert_allclose(
        [mean, low, high], [values.mean(), values.mean() - half, values.mean() + half], rtol=1e-6
    )


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 1.0, 2.0]))
def test_an_interval_of_f_beta_holds_it_and_never_shrinks_to_nothing(hits, missed, wrong, beta):
    """It holds the value, lies in [0, 1], and is undefined only where F is."""
    low, high = intervals.f_beta_interval(hits, hits + missed, hits + wrong, beta)
    if hits + missed == 0:
        assert np.isnan(low) and np.isnan(high)
        return
    value = (1 + beta**2) * hits / ((1 + beta**2) * hits + beta**2 * missed + wrong)
    assert 0 <= low - 1e-12 <= value <= high + 1e-12 <= 1 + 1e-9 or low == 0
    assert low <= value + 1e-12
    assert high - low > 0.01


def test_an_interval_of_f_beta_covers():
    """Of simulated runs, about 95 in 100 intervals hold the true value."""
    rng = np.random.default_rng(5)
    recall, false_alarms, n, positives, beta = 0.7, 0.02, 4_000, 200, 2.0
    hits, wrong = rng.binomial(positives, recall, 2_000), rng.binomial(n - positives, false_alarms, 2_000)
    whole = beta**2 * positives + recall * positives + false_alarms * (n - positives)
    true = (1 + beta**2) * recall * positives / whole
    held = [
        low <= true <= high
        for h, w in zip(hits, wrong, strict=True)
        for low, high in [intervals.f_beta_interval(h, positives, h + w, beta)]
    ]
    assert np.mean(held) > 0.94


@given(st.floats(1, 1e5), st.floats(0, 50), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_students_tail_and_quantile_are_scipys(freedom, t, confidence):
    """However few the degrees of freedom, down to the one of two blocks."""
    assert math.isclose(intervals.student_tail(t, freedom), 2 * stats.t.sf(t, freedom), rel_tol=1e-7, abs_tol=1e-14)
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert math.isclose(intervals.student_quantile(confidence, freedom), expected, rel_tol=1e-7)


@given(st.integers(1, 200), st.floats(0.01, 20), st.sampled_from([0.5, 0.9, 0.99]))
def test_the_p_value_is_the_level_at_which_the_interval_ends_at_0(freedom, value, confidence):
    """It is the same whatever confidence the interval was asked for, and an interval of 1 - p just touches 0."""
    drawn = np.array([-1.0, 1.0] * 50)
    *_, p = difference_of(value, drawn, freedom, confidence)
    assert p == difference_of(value, drawn, freedom, 0.95)[3]
    if 1e-6 < p < 0.999:
        assert math.isclose(difference_of(value, drawn, freedom, 1 - p)[1], 0.0, abs_tol=1e-5 * value)
