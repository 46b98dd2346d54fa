import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from streamimb.drift.pauc_ph import PAUCPageHinkley
from streamimb.errors import StateError


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 300), st.sampled_from([3, 1_000]))
def test_estimation_is_the_area_of_the_window(seed, window, n, levels):
    """After any number of values the AUC of the last ones, ties counted half; NaN where a class is missing."""
    rng = np.random.default_rng(seed)
    score, label = rng.integers(0, levels + 1, n) / levels, rng.integers(0, 2, n)
    detector = PAUCPageHinkley(window=window)
    detector.update_scored(score, label)
    if len(set(label[-window:])) < 2:
        assert np.isnan(detector.estimation)
    else:
        assert detector.estimation == pytest.approx(roc_auc_score(label[-window:], score[-window:]))


def test_a_rise_is_no_drift():
    """Scores that begin to rank well tell nothing."""
    y = np.tile([0, 1], 1_000)
    score = np.where(np.arange(2_000) < 1_000, 0.8 - 0.6 * y, 0.2 + 0.6 * y)
    assert len(PAUCPageHinkley(window=100, threshold=10.0).update_scored(score, y).index) == 0


@pytest.mark.parametrize(("score", "label"), [([1.5], [1]), ([0.5], [2]), ([-0.1], [0])])
def test_refuses_what_is_no_score_or_label(score, label):
    """Scores lie in [0, 1], labels are 0 or 1."""
    with pytest.raises(ValueError, match=r"^(scores lie between 0 and 1|labels are 0 or 1)$"):
        PAUCPageHinkley().update_scored(score, label)


@pytest.mark.parametrize("wrong", [{"window": 1}, {"threshold": 0.0}, {"warning": 2.0}, {"alpha": 0.0}])
def test_refuses_impossible_parameters(wrong):
    """A window of one event has no area."""
    with pytest.raises(ValueError, match="window"):
        PAUCPageHinkley(**wrong)


def test_refuses_a_place_beyond_the_window():
    """A state that would write past the window is refused."""
    detector = PAUCPageHinkley(window=10)
    detector.update_scored([0.3, 0.6], [0, 1])
    state = detector.state()
    state["wholes"][5] = 10
    with pytest.raises(StateError, match="possible"):
        PAUCPageHinkley(window=10).restore(state)
