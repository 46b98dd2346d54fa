"""Rankings and losses against scikit-learn, ties included, and their errors against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamimb.evaluation import ranking
from streamimb.evaluation.intervals import area_interval

#: Few distinct values, so that ties are the rule.
tied = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


def keys_of(y, score):
    bits = np.asarray(score, np.float32).view(np.uint32)
    return (bits << np.uint32(1)) | np.asarray(y, np.uint32)


@settings(max_examples=200, deadline=None)
@given(tied)
def test_areas_are_scikit_learns(pairs):
    """ROC-AUC and average precision equal scikit-learn's, from arrays and from packed keys, NaN with one class."""
    y = np.array([p for p, _ in pairs])
    score = np.array([s for _, s in pairs], np.float32) / np.float32(12)
    packed = ranking.areas_of_keys(keys_of(y, score))
    if y.all() or not y.any():
        assert np.isnan([ranking.roc_auc(y, score), ranking.pr_auc(y, score), *packed]).all()
        return
    expected = [sk.roc_auc_score(y, score), sk.average_precision_score(y, score)]
    np.testing.assert_allclose([ranking.roc_auc(y, score), ranking.pr_auc(y, score)], expected, rtol=1e-12)
    np.testing.assert_allclose(packed[:2], expected, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(2, 80), st.integers(0, 2**32 - 1))
def test_pmauc_is_hand_and_tills(classes, n, seed):
    """Over all pairs of classes, the mean AUC equals scikit-learn's one-vs-one."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n)])
    scores = np.round(rng.dirichlet(np.ones(classes), len(y)), 1)
    if classes == 2:
        expected = (sk.roc_auc_score(y == 0, scores[:, 0]) + sk.roc_auc_score(y == 1, scores[:, 1])) / 2
    else:
        rows = np.full((len(y), classes), 1 / classes)  # scikit-learn checks that rows sum to one; ranks need not
        rows[:, :-1] += (scores[:, :-1] - 1 / classes) * 1e-3
        rows[:, -1] = 1 - rows[:, :-1].sum(1)
        scores = rows
        expected = sk.roc_auc_score(y, scores, multi_class="ovo")
    assert ranking.pmauc(y, scores) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_losses_are_scikit_learns(classes, n, seed):
    """Brier and log-loss equal scikit-learn's for two classes and for more."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    scores = rng.dirichlet(np.full(classes, 0.3), n)
    scores = np.clip(scores, 1e-6, None)
    scores /= scores.sum(1, keepdims=True)
    labels = np.arange(classes)
    assert ranking.log_loss(y, scores) == pytest.approx(sk.log_loss(y, scores, labels=labels))
    if classes == 2:
        assert ranking.brier(y == 1, scores[:, 1]) == pytest.approx(sk.brier_score_loss(y == 1, scores[:, 1]))
        assert ranking.log_loss(y == 1, scores[:, 1]) == pytest.approx(sk.log_loss(y, scores, labels=labels))
    else:
        assert ranking.brier(y, scores) == pytest.approx(sk.brier_score_loss(y, scores, labels=labels))


def test_nothing_has_no_loss():
    """Without events the losses and PMAUC are undefined."""
    assert np.isnan([ranking.brier([], []), ranking.log_loss([], []), ranking.pmauc([0, 0], np.ones((2, 2)))]).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=700))
def test_radix_sort_sorts(values):
    """The keys come out as NumPy sorts them."""
    keys = np.array(values, np.uint32)
    np.testing.assert_array_equal(ranking.radix_sort(keys.copy()), np.sort(keys))


def jackknifed(y, score, measure):
    """Infinitesimal jackknife by numerical derivatives of the weighted measure."""
    base = measure(y, score, sample_weight=np.ones(len(y)))
    total, h = 0.0, 1e-5
    for i in range(len(y)):
        weight = np.ones(len(y))
        weight[i] += h
        total += ((measure(y, score, sample_weight=weight) - base) / h) ** 2
    return np.sqrt(total)


@pytest.mark.parametrize("levels", [5, 1000])
def test_standard_errors_are_the_jackknifes(levels):
    """Both standard errors are those that weighting each event a little more would give."""
    rng = np.random.default_rng(3)
    y = rng.random(300) < 0.2
    score = (np.floor((rng.normal(size=300) + y + 5) / 10 * levels) / levels).clip(0, 1).astype(np.float32)
    _, _, roc_error, pr_error = ranking.areas_of_keys(keys_of(y, score))
    shrink = np.sqrt((y.sum() - 1) / y.sum())
    assert roc_error * shrink == pytest.approx(jackknifed(y, score, sk.roc_auc_score), rel=0.01)
    assert pr_error * shrink == pytest.approx(jackknifed(y, score, sk.average_precision_score), rel=0.01)


@pytest.mark.parametrize(("positives", "area"), [(8, 0), (50, 0), (8, 1), (50, 1)])
def test_area_intervals_cover(positives, area):
    """Nine in ten samples of known classes hold the true area, even with eight positives."""
    rng = np.random.default_rng(11)
    negatives = 40 * positives
    truth_y = np.repeat([True, False], [100_000, 4_000_000])
    truth_score = rng.normal(size=len(truth_y)) + 1.5 * truth_y
    truth = (ranking.roc_auc, ranking.pr_auc)[area](truth_y, truth_score)
    held = 0
    for _ in range(400):
        y = np.repeat([True, False], [positives, negatives])
        score = 1 / (1 + np.exp(-(rng.normal(size=len(y)) + 1.5 * y)))
        found = ranking.areas_of_keys(keys_of(y, score))
        low, high = area_interval(found[area], found[area + 2], positives)
        held += low <= truth <= high
    assert held / 400 > 0.9
