import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.drift.ddm_oci import DDMOCI


def slow(x: list[float], decay: float, warning: float, drift: float, events_min: int) -> list[tuple[int, int]]:
    """The rule as it is written down: where it warns and drifts."""
    fired, start = [], 0
    best, warned = (0.0, 0.0), False
    for i in range(len(x)):
        history = np.array(x[start : i + 1])
        weights = decay ** np.arange(len(history))[::-1]
        recall = float((weights * history).sum() / weights.sum())
        s = math.sqrt(max(recall * (1 - recall), 0) / weights.sum())
        if len(history) <= events_min:
            continue
        if recall + s >= sum(best):
            best = (recall, s)
        fell = recall < best[0]
        if fell and recall - s <= best[0] - drift * best[1]:
            fired.append((i, 2))
            start, best, warned = i + 1, (0.0, 0.0), False
        elif fell and recall - s <= best[0] - warning * best[1]:
            fired += [] if warned else [(i, 1)]
            warned = True
        else:
            warned = False
    return fired


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.9, 0.97]), st.integers(5, 40))
def test_is_the_rule_as_written(seed, decay, events_min):
    """Warnings and drifts where a slow reading of the paper has them."""
    rng = np.random.default_rng(seed)
    x = (rng.random(400) < np.repeat(rng.random(4), 100)).astype(float)
    firings = DDMOCI(decay=decay, events_min=events_min).update_many(x)
    got = list(zip(firings.index.tolist(), firings.level.tolist(), strict=True))
    assert got == slow(x.tolist(), decay, 2.0, 3.0, events_min)


def test_a_rise_is_no_drift():
    """From nothing found to everything found: nothing is told."""
    assert len(DDMOCI().update_many(np.repeat([0.0, 1.0], 200)).index) == 0


@pytest.mark.parametrize("wrong", [{"decay": 1.0}, {"warning": 4.0}, {"events_min": 0}])
def test_refuses_impossible_parameters(wrong):
    """A warning must be easier to get than a drift."""
    with pytest.raises(ValueError, match="decay"):
        DDMOCI(**wrong)
