import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import binary

from streamimb.drift.hddm_w import HDDMW


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    kw=st.fixed_dictionaries(
        {
            "drift_confidence": st.sampled_from([1e-4, 0.001]),
            "warning_confidence": st.sampled_from([0.005, 0.05]),
            "lambda_val": st.sampled_from([0.01, 0.05, 0.3]),
            "two_sided_test": st.booleans(),
        }
    ),
)
def test_drifts_where_rivers_does(seed, lengths, kw):
    """At the same values, for rises and for falls."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.random(len(lengths)), lengths)
    x = (rng.random(len(level)) < level).astype(float)
    river, fired = binary.HDDMW(**kw), []
    for i, value in enumerate(x.tolist()):
        river.update(value)
        if river.drift_detected:
            fired.append(i)
    assert HDDMW(**kw).update_many(x).drifts.index.tolist() == fired


def test_a_fall_is_told_only_where_it_is_looked_for():
    """Two-sided finds a fall; one-sided, river's default, does not."""
    x = np.r_[np.tile([1, 1, 1, 0], 200), np.zeros(200)]
    assert len(HDDMW().update_many(x).drifts.index) == 0
    fall = HDDMW(two_sided_test=True).update_many(x).drifts
    assert fall.after[0] < fall.before[0]


def test_a_warning_comes_before_a_drift():
    """A rise enters the zone of warning first, once."""
    x = np.r_[np.tile([0, 0, 0, 1], 250), np.ones(100)]
    assert HDDMW().update_many(x).level.tolist() == [1, 2]


@pytest.mark.parametrize("wrong", [{"drift_confidence": 0.1}, {"lambda_val": 1.0}, {"warning_confidence": 1.0}])
def test_refuses_impossible_parameters(wrong):
    """A warning must be easier to get than a drift."""
    with pytest.raises(ValueError, match="confidence"):
        HDDMW(**wrong)
