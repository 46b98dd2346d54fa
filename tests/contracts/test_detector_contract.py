"""What every drift detector keeps: add a new one to DETECTORS and nothing else."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.checks import common

from streamimb.drift.adwin import ADWIN
from streamimb.drift.base import Detector
from streamimb.errors import StateError

DETECTORS = {
    "adwin": ADWIN,
    "adwin_keep": lambda: ADWIN(keep=True),
    "adwin_eager": lambda: ADWIN(delta=0.3, clock=1, min_window_length=2),
}
RIVER_CHECKS = [
    common.check_repr,
    common.check_str,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_init_has_default_params_for_tests,
    common.check_init_default_params_are_not_mutable,
    common.check_doc,
    common.check_clone_changes_memory_addresses,
    common.check_pickling_supports_roundtrip,
    common.check_repr_roundtrips_clone,
    common.check_clone_with_new_params_applies,
    common.check_get_params_matches_signature,
]

each_detector = pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS.keys())


def stream(seed: int, segments: int = 4, n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random(segments * n) < np.repeat(rng.random(segments), n)).astype(float)


def same_state(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@each_detector
@pytest.mark.parametrize("check", RIVER_CHECKS, ids=lambda c: c.__name__)
def test_passes_rivers_checks(make, check):
    """A detector of ours is one of river's, as far as river checks it."""
    check(make())


@each_detector
def test_fires_on_a_large_change_and_says_what_it_was(make):
    """From 0.1 to 0.9: a drift after the change, the means on both sides near it, no drift without a change."""
    rng = np.random.default_rng(5)
    detector: Detector = make()
    x = (rng.random(4000) < np.repeat([0.1, 0.9], 2000)).astype(float)
    firings = detector.update_many(x)
    late = firings.index >= 2000
    assert late.any()
    first = int(np.argmax(late))
    assert firings.index[first] < 2200
    assert firings.before[first] < 0.2
    assert firings.after[first] > 0.7
    assert 0 < firings.kept[first] <= firings.index[first] + 1


@each_detector
def test_never_fires_on_a_constant(make):
    """A value that does not move is no drift."""
    detector = make()
    assert len(detector.update_many(np.full(5000, 0.3)).index) == 0
    assert detector.estimation == pytest.approx(0.3)


@each_detector
def test_one_by_one_is_all_at_once(make):
    """``update`` and ``update_many`` leave the same state and fire at the same values."""
    x = stream(1)
    single, many = make(), make()
    fired = []
    for i, value in enumerate(x.tolist()):
        single.update(value)
        assert single.warning_detected in (True, False)
        if single.drift_detected:
            fired.append(i)
    assert many.update_many(x).index.tolist() == fired
    assert fired
    assert same_state(single.state(), many.state())


@each_detector
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(0, 1200), max_size=5), saved=st.integers(0, 5))
def test_batches_and_restarts_are_invisible(make, seed, cuts, saved):
    """However values are cut, and wherever the state is saved and restored, the same drifts and the same state."""
    x = stream(seed)
    whole, cut = make(), make()
    expected = whole.update_many(x)
    edges = [0, *sorted(cuts), len(x)]
    parts = []
    for j, (a, b) in enumerate(pairwise(edges)):
        if j == saved:
            state, cut = copy.deepcopy(cut.state()), make()
            cut.restore(state)
        got = cut.update_many(x[a:b])
        parts.append((got.index + a, got.before, got.after, got.kept))
    for mine, theirs in zip(zip(*parts, strict=True), expected, strict=True):
        assert np.array_equal(np.concatenate(mine), theirs)
    assert same_state(whole.state(), cut.state())
    assert whole.drift_detected == cut.drift_detected


@each_detector
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_changes_nothing(make, bad):
    """One NaN must not poison a detector for ever."""
    detector = make()
    detector.update_many(stream(2))
    before = detector.state()
    with pytest.raises(ValueError, match="finite"):
        detector.update(bad)
    with pytest.raises(ValueError, match="finite"):
        detector.update_many([0.5, bad])
    assert same_state(before, detector.state())


@each_detector
def test_no_values_change_nothing(make):
    """An empty batch is no news, and the last value's verdict stands."""
    detector = make()
    x = stream(3)
    last = int(detector.update_many(x).index[-1])
    again = make()
    again.update_many(x[: last + 1])
    assert again.drift_detected
    assert len(again.update_many([]).index) == 0
    assert again.drift_detected


@each_detector
def test_state_is_a_copy(make):
    """What was saved does not move with the detector."""
    detector = make()
    detector.update_many(stream(4))
    saved = detector.state()
    kept = copy.deepcopy(saved)
    detector.update_many(stream(5))
    assert same_state(saved, kept)
    again = make()
    again.restore(saved)
    again.update_many(stream(5))
    assert same_state(saved, kept)
    assert same_state(again.state(), detector.state())


@each_detector
def test_refuses_a_state_that_does_not_fit(make):
    """A state without its arrays, or with arrays of another shape, is a StateError and changes nothing."""
    detector = make()
    detector.update_many(stream(6))
    good = detector.state()
    for name, value in good.items():
        if isinstance(value, np.ndarray):
            with pytest.raises(StateError):
                detector.restore({**good, name: value[..., :-1]})
    with pytest.raises(StateError):
        detector.restore({})
    assert same_state(good, detector.state())


@each_detector
def test_pickles_as_it_is(make):
    """A river model that holds a detector can be saved by river's own means."""
    detector = make()
    detector.update_many(stream(7))
    other = pickle.loads(pickle.dumps(detector))
    assert same_state(detector.state(), other.state())
