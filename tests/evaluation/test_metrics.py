"""Functions of a confusion matrix against scikit-learn, and their kernel against them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from streamimb.evaluation import metrics
from streamimb.evaluation.names import CONFUSION_METRICS

confusions = st.integers(2, 5).flatmap(
    lambda k: arrays(np.int64, (k, k), elements=st.one_of(st.just(0), st.integers(0, 30)))
)


def events(C):
    """True and decided classes, one of each an event."""
    true, decided = np.indices(C.shape)
    return np.repeat(true.ravel(), C.ravel()), np.repeat(decided.ravel(), C.ravel())


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(confusions)
def test_class_metrics_are_scikit_learns(C):
    """Recall, precision, F1 and F2 equal scikit-learn's, with NaN where it would need a zero division."""
    y, q = events(C)
    if not len(y):
        return
    labels = list(range(len(C)))
    for beta, ours in ((1.0, metrics.f1(C)), (2.0, metrics.f_beta(C, 2.0))):
        p, r, f, support = sk.precision_recall_fscore_support(
            y, q, labels=labels, beta=beta, zero_division=np.nan, average=None
        )
        close(metrics.precision(C), p)
        close(metrics.recall(C), r)
        close(ours, np.where(support > 0, f, np.nan))


@settings(max_examples=150, deadline=None)
@given(confusions)
def test_specificity_is_the_recall_of_the_rest(C):
    """Specificity is scikit-learn's recall of the class's complement."""
    y, q = events(C)
    for k in range(len(C)):
        ours = metrics.specificity(C)[k]
        if (y != k).any():
            close(ours, sk.recall_score(y != k, q != k))
        else:
            assert np.isnan(ours)


@settings(max_examples=150, deadline=None)
@given(confusions)
def test_overall_metrics_are_scikit_learns(C):
    """With two true classes or more, the overall metrics equal scikit-learn's; with fewer they are undefined."""
    y, q = events(C)
    present = np.unique(y)
    ours = {name: getattr(metrics, name)(C) for name in CONFUSION_METRICS}
    if len(present) < 2:
        assert all(np.isnan(v) for v in ours.values())
        return
    recalls = sk.recall_score(y, q, labels=present, average=None, zero_division=0)
    close(ours["balanced_accuracy"], recalls.mean())
    close(ours["g_mean"], np.prod(recalls) ** (1 / len(recalls)))
    close(ours["kappa"], sk.cohen_kappa_score(y, q))
    close(ours["mcc"], sk.matthews_corrcoef(y, q))
    close(ours["macro_f1"], sk.f1_score(y, q, labels=present, average="macro", zero_division=0))
    close(metrics.accuracy(C), sk.accuracy_score(y, q))


@settings(max_examples=150, deadline=None)
@given(confusions)
def test_kernel_equals_the_functions(C):
    """The compiled overall metrics are the plain functions' values."""
    out = np.empty(len(CONFUSION_METRICS))
    metrics.overall(*(np.ascontiguousarray(m) for m in metrics.margins(C)), out)
    close(out, [getattr(metrics, name)(C) for name in CONFUSION_METRICS])


def test_undefined_is_nan_never_zero():
    """Without events of a class its recall and F1 are undefined; without decisions for it its precision is."""
    C = [[10, 0], [0, 0]]
    assert np.isnan(metrics.recall(C)[1])
    assert np.isnan(metrics.f1(C)[1])
    assert np.isnan(metrics.precision(C)[1])
    assert np.isnan(metrics.specificity(C)[0])
    assert np.isnan(metrics.g_mean(C))
    assert np.isnan(metrics.accuracy(np.zeros((2, 2))))


def test_many_classes_average_over_those_with_events():
    """A class without events leaves the G-mean of the others alone."""
    assert metrics.g_mean([[9, 1, 0], [0, 4, 0], [0, 0, 0]]) == pytest.approx(0.9**0.5)
