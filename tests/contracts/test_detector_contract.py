"""What every drift detector keeps: add a new one to DETECTORS and nothing else."""

import copy
import pickle
import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.checks import common

from streamimb.drift.adwin import ADWIN
from streamimb.drift.base import DRIFT, WARNING, Detector
from streamimb.drift.ddm_oci import DDMOCI
from streamimb.drift.hddm_w import HDDMW
from streamimb.drift.lfr import LFR
from streamimb.drift.pauc_ph import PAUCPageHinkley
from streamimb.drift.recall_scan import RecallScan
from streamimb.drift.share_scan import ShareScan
from streamimb.drift.share_test import ShareTest
from streamimb.errors import StateError


class Case(NamedTuple):
    """How a detector is made, what it watches while bits say when something goes wrong, and how much it says moved."""

    make: Callable[[], Detector]
    encode: Callable[[np.ndarray], np.ndarray] = lambda bits: bits
    gap: float = 0.5


def hits(bits: np.ndarray) -> np.ndarray:
    """Events of a class, missed where a bit is set."""
    return 1.0 - bits


def scored(bits: np.ndarray) -> np.ndarray:
    """Positives and negatives in turns, ranked well, or badly where a bit is set."""
    label = np.arange(len(bits)) % 2
    return (2 * label - 1) * (1.2 + 0.6 * np.where(bits > 0, 1 - label, label))


def cells(bits: np.ndarray) -> np.ndarray:
    """Positives and negatives in turns, decided wrongly where a bit is set."""
    label = np.arange(len(bits)) % 2
    return 2 * label + np.where(bits > 0, 1 - label, label)


DETECTORS = {
    "adwin": Case(ADWIN),
    "adwin_keep": Case(lambda: ADWIN(keep=True)),
    "adwin_eager": Case(lambda: ADWIN(delta=0.3, clock=1, min_window_length=2)),
    "adwin_warning": Case(lambda: ADWIN(warning_delta=0.05)),
    "share_scan": Case(lambda: ShareScan(20_000)),
    "recall_scan": Case(lambda: RecallScan(2_000), hits),
    "hddm_w": Case(lambda: HDDMW(two_sided_test=True), gap=0.3),
    "ddm_oci": Case(lambda: DDMOCI(decay=0.98), hits, gap=0.1),
    "lfr": Case(LFR, cells, gap=0.3),
    "pauc_ph": Case(lambda: PAUCPageHinkley(window=100, threshold=5.0), scored, gap=0.1),
    "share_test": Case(lambda: ShareTest(window=100), gap=0.1),
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

each_detector = pytest.mark.parametrize("case", DETECTORS.values(), ids=DETECTORS.keys())


def stream(seed: int, case: Case, segments: int = 6, n: int = 300) -> np.ndarray:
    """Bits whose share is high and low in turns, as the detector takes them."""
    rng = np.random.default_rng(seed)
    shares = 0.1 * rng.random(segments) + np.where(np.arange(segments) % 2, 0.8, 0.0)
    return case.encode((rng.random(segments * n) < np.repeat(shares, n)).astype(float))


def same_state(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@each_detector
@pytest.mark.parametrize("check", RIVER_CHECKS, ids=lambda c: c.__name__)
def test_passes_rivers_checks(case, check):
    """A detector of ours is one of river's, as far as river checks it."""
    check(case.make())


@each_detector
def test_fires_on_a_large_change_and_says_what_it_was(case):
    """From 0.1 to 0.9: a drift soon after the change, with the means on both sides of it far apart."""
    rng = np.random.default_rng(5)
    detector = case.make()
    bits = (rng.random(4000) < np.repeat([0.1, 0.9], 2000)).astype(float)
    firings = detector.update_many(case.encode(bits)).drifts
    late = firings.index >= 2000
    assert late.any()
    first = int(np.argmax(late))
    assert firings.index[first] < 2200
    assert abs(firings.after[first] - firings.before[first]) > case.gap
    assert 0 < firings.kept[first] <= firings.index[first] + 1


@each_detector
def test_never_fires_on_a_constant(case):
    """What does not move is no drift, and gives no warning."""
    detector = case.make()
    assert len(detector.update_many(case.encode(np.zeros(5000))).index) == 0
    assert detector.estimation == pytest.approx(round(detector.estimation))
    assert detector.width > 0


@each_detector
def test_a_firing_has_one_level(case):
    """Firings come in order, at most one a value, each a warning or a drift."""
    firings = case.make().update_many(stream(8, case))
    assert (np.diff(firings.index) > 0).all()
    assert set(firings.level.tolist()) <= {WARNING, DRIFT}
    assert len(firings.drifts.index) + len(firings.warnings.index) == len(firings.index)
    assert len(firings.drifts.index) > 0


@each_detector
def test_one_by_one_is_all_at_once(case):
    """``update`` and ``update_many`` leave the same state and fire at the same values."""
    x = stream(1, case)
    single, many = case.make(), case.make()
    fired = []
    for i, value in enumerate(x.tolist()):
        single.update(value)
        assert single.warning_detected in (True, False)
        assert not (single.warning_detected and single.drift_detected)
        if single.drift_detected or single.warning_detected:
            fired.append((i, DRIFT if single.drift_detected else WARNING))
    firings = many.update_many(x)
    assert list(zip(firings.index.tolist(), firings.level.tolist(), strict=True)) == fired
    assert DRIFT in firings.level
    assert same_state(single.state(), many.state())


@each_detector
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(0, 1800), max_size=5), saved=st.integers(0, 5))
def test_batches_and_restarts_are_invisible(case, seed, cuts, saved):
    """However values are cut, and wherever the state is saved and restored, the same drifts and the same state."""
    x = stream(seed, case)
    whole, cut = case.make(), case.make()
    expected = whole.update_many(x)
    edges = [0, *sorted(cuts), len(x)]
    parts = []
    for j, (a, b) in enumerate(pairwise(edges)):
        if j == saved:
            state, cut = copy.deepcopy(cut.state()), case.make()
            cut.restore(state)
        got = cut.update_many(x[a:b])
        parts.append(got._replace(index=got.index + a))
    for mine, theirs in zip(zip(*parts, strict=True), expected, strict=True):
        assert np.array_equal(np.concatenate(mine), theirs)
    assert same_state(whole.state(), cut.state())
    assert whole.drift_detected == cut.drift_detected


@each_detector
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_changes_nothing(case, bad):
    """One NaN must not poison a detector for ever."""
    detector = case.make()
    x = stream(2, case)
    detector.update_many(x)
    before = detector.state()
    with pytest.raises(ValueError, match="finite"):
        detector.update(bad)
    with pytest.raises(ValueError, match="finite"):
        detector.update_many([x[0], bad])
    assert same_state(before, detector.state())


@each_detector
def test_what_is_no_number_is_refused_by_name(case):
    """With the value, and changing nothing."""
    detector = case.make()
    before = detector.state()
    for bad in (None, "high", [0.5]):
        with pytest.raises(TypeError, match=re.escape(f"cannot watch {bad!r}, a {type(bad).__name__}: only numbers")):
            detector.update(bad)
    with pytest.raises(ValueError, match="only finite"):
        detector.update(10**400)
    assert same_state(before, detector.state())


@pytest.mark.parametrize("name", ["share_scan", "recall_scan", "hddm_w", "ddm_oci", "share_test"])
def test_what_is_out_of_bounds_is_told_with_the_bounds(name):
    """The value as a person writes it."""
    wanted = "class codes, whole numbers from 0 to 1" if name == "share_test" else "lie between 0 and 1"
    with pytest.raises(ValueError, match=rf"cannot watch 5\.0: values (are )?{wanted}"):
        DETECTORS[name].make().update(5)


@pytest.mark.parametrize(
    ("name", "call", "wrong"),
    [
        ("lfr", "update_decided takes labels and decisions", 5.0),
        ("pauc_ph", "update_scored takes scores and labels", 0.5),
    ],
)
def test_what_is_told_of_two_values_is_not_taken_for_one(name, call, wrong):
    """Neither a hit or a label alone, which would pass for a code, nor a number that is none."""
    detector = DETECTORS[name].make()
    before = detector.state()
    for update, value in ((detector.update, True), (detector.update, np.bool_(False)), (detector.update_many, [True])):
        with pytest.raises(TypeError, match=call):
            update(value)
    with pytest.raises(ValueError, match=rf"cannot watch {wrong}: .*{call}"):
        detector.update(wrong)
    ask = getattr(detector, call.partition(" ")[0])
    with pytest.raises(ValueError, match="one of each"):
        ask([1, 0], [1])
    assert same_state(before, detector.state())
    ask(1, 1)
    assert detector.width == 1


@each_detector
def test_no_values_change_nothing(case):
    """An empty batch is no news, and the last value's verdict stands."""
    detector = case.make()
    x = stream(3, case)
    last = int(detector.update_many(x).drifts.index[-1])
    again = case.make()
    again.update_many(x[: last + 1])
    assert again.drift_detected
    assert len(again.update_many([]).index) == 0
    assert again.drift_detected


@each_detector
def test_state_is_a_copy(case):
    """What was saved does not move with the detector."""
    detector = case.make()
    detector.update_many(stream(4, case))
    saved = detector.state()
    kept = copy.deepcopy(saved)
    detector.update_many(stream(5, case))
    assert same_state(saved, kept)
    again = case.make()
    again.restore(saved)
    again.update_many(stream(5, case))
    assert same_state(saved, kept)
    assert same_state(again.state(), detector.state())


@each_detector
def test_refuses_a_state_that_does_not_fit(case):
    """A state without its arrays, or with arrays of another shape, is a StateError and changes nothing."""
    detector = case.make()
    detector.update_many(stream(6, case))
    good = detector.state()
    for name, value in good.items():
        if isinstance(value, np.ndarray):
            with pytest.raises(StateError):
                detector.restore({**good, name: value[..., :-1]})
    with pytest.raises(StateError):
        detector.restore({})
    assert same_state(good, detector.state())


@each_detector
def test_pickles_as_it_is(case):
    """A river model that holds a detector can be saved by river's own means."""
    detector = case.make()
    detector.update_many(stream(7, case))
    other = pickle.loads(pickle.dumps(detector))
    assert same_state(detector.state(), other.state())


#: Those of which no parameter says how often they are wrong. All others can be tuned.
UNTUNED = {"ddm_oci", "lfr", "pauc_ph"}
each_tuned = pytest.mark.parametrize("name", sorted(DETECTORS.keys() - UNTUNED))


@each_tuned
def test_a_tuned_detector_is_as_rarely_wrong_as_was_asked_for(name):
    """Fewer alarms where nothing moves; a large change is still told."""
    bits = (np.random.default_rng(3).random(200_000) < 0.4).astype(float)
    case, told = DETECTORS[name], {}
    for between in (2_000.0, 1e7):
        detector = case.make()
        detector.tune(between)
        told[between] = len(detector.update_many(case.encode(bits)).drifts.index)
        assert told[between] <= 2.0 * len(bits) / between + 1
        assert len(detector.update_many(case.encode(np.ones(5_000))).drifts.index) >= 1
    assert told[1e7] <= told[2_000.0]


@each_tuned
def test_tuning_moves_the_alarms_and_not_how_it_was_made(name):
    """One change, told later or never where fewer alarms are wanted; a clone is as its original was made."""
    case = DETECTORS[name]
    often, seldom = case.make(), case.make()
    often.tune(100.0)
    seldom.tune(1e9)
    values = case.encode((np.random.default_rng(5).random(8_000) < np.repeat([0.2, 0.5], 4_000)).astype(float))
    first = [detector.update_many(values).drifts.index for detector in (often, seldom)]
    assert (first[0] >= 4_000).any()
    late = [found[found >= 4_000].min(initial=8_000) for found in first]
    assert late[0] < late[1]
    assert often.clone()._get_params() == case.make()._get_params()


@each_tuned
def test_what_was_tuned_is_saved(name):
    """A detector made as before goes on under the tuned significance; one made otherwise does not take it."""
    case = DETECTORS[name]
    detector, other = case.make(), case.make()
    detector.tune(1e6)
    detector.update_many(stream(1, case))
    other.restore(detector.state())
    assert same_state(detector.state(), other.state())
    x = stream(9, case, segments=2)
    assert np.array_equal(detector.update_many(x).index, other.update_many(x).index)
    assert same_state(detector.state(), other.state())


@pytest.mark.parametrize("name", sorted(UNTUNED))
def test_a_detector_without_such_a_parameter_says_so(name):
    """It is not tuned in silence."""
    with pytest.raises(TypeError, match="has no parameter that says how often it is wrong"):
        DETECTORS[name].make().tune(1e6)
