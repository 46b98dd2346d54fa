import numpy as np
import pytest

from streamimb.drift.lfr import LENGTHS, LEVEL_MIN, LFR, RATES
from streamimb.errors import StateError


def events(seed: int, recalls: list[float], specificity: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n * len(recalls)) < 0.3).astype(int)
    right = rng.random(len(y)) < np.where(y == 1, np.repeat(recalls, n), specificity)
    return y, np.where(right, y, 1 - y)


def test_bounds_hold_as_often_as_they_say():
    """Where nothing moves, one rate at one moment is beyond the bounds of warning about once in a hundred."""
    rng = np.random.default_rng(1)
    outside = []
    for _ in range(300):
        y = np.ones(120)
        detector = LFR(warning=0.05, drift=LEVEL_MIN)
        firings = detector.update_decided(y, rng.random(120) < 0.7)
        outside.append(len(firings.index) > 0 and firings.index[-1] == 119)
    # A warning is told at the value that enters the zone, so a little less often than it is in it.
    assert 0.005 < np.mean(outside) < 0.1


def test_the_table_is_bounded_and_belongs_to_the_seed():
    """The same seed draws the same bounds, another seed others; the table never grows."""
    y, q = events(2, [0.9, 0.4], 0.95, 3_000)
    detectors = [LFR(seed=s) for s in (1, 1, 2)]
    for detector in detectors:
        detector.update_decided(y, q)
    a, b, other = (d._bounds for d in detectors)
    assert a.shape == (len(LENGTHS), RATES, 4)
    assert a is b
    drawn = ~np.isnan(a) & ~np.isnan(other)
    assert 0 < drawn.sum() < a.size
    assert not np.array_equal(a[drawn], other[drawn])


def test_a_fallen_recall_is_told_with_its_rate():
    """Recall from 0.9 to 0.2: the drift says a rate that was high and is low."""
    y, q = events(3, [0.9, 0.2], 0.9, 3_000)
    drifts = LFR().update_decided(y, q).drifts
    late = drifts.at(drifts.index >= 3_000)
    assert late.index[0] < 3_100
    assert late.after[0] < late.before[0] - 0.2


@pytest.mark.parametrize(("y", "q"), [([2], [0]), ([0], [2]), ([0.5], [1])])
def test_refuses_what_is_no_cell(y, q):
    """Labels and decisions are of two classes."""
    with pytest.raises(ValueError, match="0 or 1"):
        LFR().update_decided(y, q)
    with pytest.raises(ValueError, match="watch"):
        LFR().update(4.0)


@pytest.mark.parametrize("wrong", [{"decay": 0.99}, {"drift": 0.1}, {"warning": 1.0}])
def test_refuses_impossible_parameters(wrong):
    """Beyond a decay of 0.95 the table's histories would be too short."""
    with pytest.raises(ValueError, match="decay"):
        LFR(**wrong)


def test_refuses_more_hits_than_events():
    """A state that is no history is refused."""
    detector = LFR()
    detector.update(3.0)
    state = detector.state()
    state["wholes"][0, 0] = 9
    with pytest.raises(StateError, match="possible"):
        LFR().restore(state)


def test_a_level_that_the_draws_cannot_tell_is_refused():
    """Below it every level would have the bounds of the most extreme draw."""
    with pytest.raises(ValueError, match=r"0\.0001 <= drift"):
        LFR(drift=LEVEL_MIN / 2)
