from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.errors import StateError
from streamimb.rebalance.memorise import MemorisationGauge
from streamimb.testing import digest


def rows(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(n), rng.random(n) < 0.7, rng.integers(0, 3, n).astype(np.int16)


def test_means_are_decayed_by_the_row_of_their_kind_and_class():
    """As the definition says them, and the support is what they rest on."""
    p, made, y = rows(1, 400)
    gauge = MemorisationGauge(3, decay=0.9)
    gauge.update(p, made, y)
    for k in range(3):
        for kind, means in ((False, gauge.fresh), (True, gauge.made)):
            loss = -np.log(p[(made == kind) & (y == k)])
            age = 0.9 ** np.arange(len(loss) - 1, -1, -1)
            assert means[k] == pytest.approx(np.average(loss, weights=age))
            assert gauge.support[k, int(kind)] == pytest.approx(age.sum())
    np.testing.assert_allclose(gauge.ratio, gauge.fresh / gauge.made)


def test_what_was_not_seen_is_undefined():
    """No made row of a class, no ratio."""
    gauge = MemorisationGauge(2)
    assert np.isnan([gauge.fresh, gauge.made, gauge.ratio]).all()
    gauge.update(np.array([0.5]), np.array([False]), np.array([1], np.int16))
    assert gauge.fresh.round(3).tolist()[1] == 0.693
    assert np.isnan(gauge.ratio).all()
    assert gauge.support.tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_certainty_of_either_kind_stays_finite():
    """Probabilities 0 and 1 have a loss."""
    gauge = MemorisationGauge(1)
    gauge.update(np.array([0.0, 1.0]), np.array([False, True]), np.zeros(2, np.int16))
    assert np.isfinite(gauge.ratio).all()
    assert gauge.ratio[0] > 1e6


def test_a_model_that_knows_its_copies_by_heart_is_seen():
    """Nearest neighbour on noise: copies are certain, new events a guess; and a constant model: the ratio is 1."""
    rng = np.random.default_rng(2)
    memory: set[int] = set()
    by_heart, constant = MemorisationGauge(2), MemorisationGauge(2)
    for _ in range(300):
        event = int(rng.integers(1 << 40))
        for copy in (False, True, True):
            p = 0.99 if event in memory else 0.5
            memory.add(event)
            for gauge, probability in ((by_heart, p), (constant, 0.5)):
                gauge.update(np.array([probability]), np.array([copy]), np.array([1], np.int16))
    assert by_heart.ratio[1] > 50
    assert constant.ratio[1] == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=4), st.integers(0, 4))
def test_batches_and_restarts_are_invisible(cuts, saved):
    """However rows are cut, and wherever the state is saved."""
    stream = rows(3, 200)
    whole, parts = MemorisationGauge(3), MemorisationGauge(3)
    whole.update(*stream)
    for j, (a, b) in enumerate(pairwise([0, *sorted(cuts), 200])):
        if j == saved:
            state, parts = parts.state(), MemorisationGauge(3)
            parts.restore(state)
        parts.update(*(s[a:b] for s in stream))
    assert digest(whole.state()) == digest(parts.state())


@pytest.mark.parametrize(
    ("p", "made", "y"),
    [
        ([1.1], [True], [0]),
        ([np.nan], [True], [0]),
        ([0.5], [True], [3]),
        ([0.5], [True], [-1]),
        ([0.5, 0.5], [True], [0]),
    ],
)
def test_refuses_what_are_no_rows(p, made, y):
    """And changes nothing."""
    gauge = MemorisationGauge(3)
    with pytest.raises(ValueError, match=r"probabilit|class"):
        gauge.update(np.array(p), np.array(made), np.array(y, np.int16))
    assert np.isnan(gauge.fresh).all()


def test_refuses_states_and_decays_that_do_not_fit():
    """Another number of classes, another decay, losses that are none."""
    gauge = MemorisationGauge(2)
    for state in (
        {},
        MemorisationGauge(3).state(),
        MemorisationGauge(2, decay=0.5).state(),
        {**gauge.state(), "losses": np.full((2, 2, 2), np.nan)},
        {**gauge.state(), "losses": np.full((2, 2, 2), -1.0)},
    ):
        with pytest.raises(StateError):
            gauge.restore(state)
    with pytest.raises(ValueError, match="decay"):
        MemorisationGauge(2, decay=1.0)
