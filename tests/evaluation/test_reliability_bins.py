"""Calibration by bins against scikit-learn's curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from streamimb.evaluation.calibration import calibration_table, expected_calibration_error, reliability

pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 64)), min_size=1, max_size=80)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_bins_are_scikit_learns(events):
    """Mean score and share of each bin equal scikit-learn's curve, scores on the edges included."""
    y = np.array([p for p, _ in events])
    score = np.array([s for _, s in events]) / 64
    rows = reliability(calibration_table(y, score, 8))
    share, mean = calibration_curve(y, score, n_bins=8)
    np.testing.assert_allclose([r[0] for r in rows], mean)
    np.testing.assert_allclose([r[1] for r in rows], share)
    assert sum(r[2] for r in rows) == len(y)
    expected = sum(abs(m - s) * n for m, s, n in rows) / len(y)
    assert expected_calibration_error(calibration_table(y, score, 8))[0] == pytest.approx(expected)


def test_error_shrinks_with_events():
    """The standard error is that of a mean: a quarter with sixteen times the events."""
    rng = np.random.default_rng(1)
    errors = []
    for n in (1_000, 16_000):
        score = rng.random(n)
        errors.append(expected_calibration_error(calibration_table(rng.random(n) < score**2, score))[1])
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_no_events_no_error():
    """Without events the calibration error is undefined."""
    assert np.isnan(expected_calibration_error(np.zeros((10, 4)))).all()
    assert reliability(np.zeros((10, 4))) == []
