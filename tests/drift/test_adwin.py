from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift, forest
from river.datasets import synth

from streamimb.drift.adwin import ADWIN, AdwinBank
from streamimb.drift.adwin_kernels import COUNTS, USED, VALUE_ABS_MAX, WIDTH
from streamimb.errors import StateError

parameters = st.fixed_dictionaries(
    {
        "delta": st.sampled_from([1e-5, 0.002, 0.05, 0.5, 0.99]),
        "clock": st.sampled_from([1, 3, 32]),
        "max_buckets": st.integers(2, 7),
        "min_window_length": st.integers(1, 12),
        "grace_period": st.integers(0, 60),
    }
)


@st.composite
def drifting(draw) -> np.ndarray:
    """Values of several kinds whose level changes now and then, at any scale."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lengths = draw(st.lists(st.integers(1, 400), min_size=1, max_size=5))
    level = np.repeat(rng.random(len(lengths)), lengths)
    kind = draw(st.sampled_from(["bits", "tight", "wide", "levels", "offset"]))
    if kind == "bits":
        return (rng.random(len(level)) < level).astype(float)
    if kind == "levels":
        return np.round(level * 4)
    scale = {"tight": 0.05, "wide": 2.0, "offset": 1e-3}[kind]
    return rng.normal(level, scale) * draw(st.sampled_from([1.0, 1e-30, 1e30])) + (1e9 if kind == "offset" else 0.0)


@settings(max_examples=150, deadline=None)
@given(drifting(), parameters)
def test_is_rivers_bit_for_bit(x, kw):
    """After every value: the same drift or none, the same width, total, variance and estimation."""
    river, mine = drift.ADWIN(**kw), ADWIN(**kw)
    for value in x.tolist():
        river.update(value)
        mine.update(value)
        assert mine.drift_detected == river.drift_detected
        assert mine.width == river.width
        assert mine.total == river.total
        assert mine.variance == river.variance
        assert mine.estimation == river.estimation


def test_is_rivers_on_a_long_stream():
    """A hundred thousand values with ten changes: the same drifts, the same last window."""
    rng = np.random.default_rng(3)
    x = (rng.random(100_000) < np.repeat(rng.random(10) * 0.1, 10_000)).astype(float)
    river, mine = drift.ADWIN(), ADWIN()
    fired = []
    for i, value in enumerate(x.tolist()):
        river.update(value)
        if river.drift_detected:
            fired.append(i)
    assert mine.update_many(x).index.tolist() == fired
    assert len(fired) > 5
    assert (mine.width, mine.total, mine.variance) == (river.width, river.total, river.variance)


@settings(max_examples=40, deadline=None)
@given(drifting(), parameters, st.booleans())
def test_a_firing_tells_both_sides_of_the_strongest_cut(x, kw, keep):
    """``before``, ``after``, ``kept`` are of a split of the values since the last drift: that which ``keep`` makes."""
    detector = ADWIN(**kw, keep=keep)
    start = 0
    for i, value in enumerate(x.tolist()):
        firings = detector.update_many([value])
        if not detector.drift_detected:
            continue
        kept = int(firings.kept[0])
        window, first = x[start : i + 1], i + 1 - kept
        assert 0 < kept < len(window)
        scale = np.abs(window).max() * 1e-9
        assert firings.after[0] == pytest.approx(x[first : i + 1].mean(), rel=1e-9, abs=scale)
        assert firings.before[0] == pytest.approx(window[: len(window) - kept].mean(), rel=1e-9, abs=scale)
        assert not keep or detector.width == kept
        start = first if keep else i + 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.lists(st.integers(0, 2000), max_size=4))
def test_a_bank_is_so_many_detectors(seed, n, cuts):
    """Whatever order values come in and however they are cut, each detector is what it would be alone."""
    rng = np.random.default_rng(seed)
    deltas, clocks = rng.choice([0.002, 0.05, 0.3], n), rng.choice([1, 8, 32], n)
    bank = AdwinBank(n, deltas, clock=clocks)
    alone = [ADWIN(delta=d, clock=int(c), keep=True) for d, c in zip(deltas, clocks, strict=True)]
    which = rng.integers(0, n, 2000)
    value = (rng.random(2000) < np.where(np.arange(2000) < 1000, 0.2, 0.7)).astype(float)
    edges = [0, *sorted(cuts), 2000]
    got = [bank.update(which[a:b], value[a:b]) for a, b in pairwise(edges)]
    fired = np.concatenate([g.index + a for g, a in zip(got, edges, strict=False)])
    rows = []
    for d, detector in enumerate(alone):
        places = np.flatnonzero(which == d)
        firings = detector.update_many(value[places])
        rows += zip(places[firings.index], firings.before, firings.after, firings.kept, strict=True)
        for name in ("width", "total", "variance", "n_detections"):
            assert getattr(bank, name)[d] == getattr(detector, name)
    assert [tuple(r) for r in sorted(rows)] == list(
        zip(fired, *(np.concatenate([g[k] for g in got]) for k in (1, 2, 3)), strict=True)
    )


def test_an_empty_detector_has_no_estimation():
    """Undefined is NaN in a bank; river's single detector says 0."""
    assert np.isnan(AdwinBank(2).estimation).all()
    assert ADWIN().estimation == drift.ADWIN().estimation == 0.0


def test_a_bank_ignores_and_counts_what_it_cannot_take():
    """NaN, infinity and values that could not be squared change nothing but their count."""
    bank, clean = AdwinBank(2), AdwinBank(2)
    bad = np.array([np.nan, np.inf, -np.inf, 1e101, 0.5])
    bank.update(np.array([0, 0, 1, 1, 1]), bad)
    clean.update(np.array([1]), np.array([0.5]))
    assert bank.ignored.tolist() == [2, 2]
    assert np.array_equal(bank.buckets, clean.buckets)
    assert np.array_equal(bank.reals, clean.reals)
    with pytest.raises(ValueError, match="bounded"):
        ADWIN().update(2 * VALUE_ABS_MAX)


def test_largest_values_do_not_poison_a_window():
    """At the bound of what is taken, all stays finite and the drifts are river's."""
    x = np.repeat([-VALUE_ABS_MAX, VALUE_ABS_MAX, 0.0], 500)
    river, mine = drift.ADWIN(), ADWIN()
    fired = []
    for i, value in enumerate(x.tolist()):
        river.update(value)
        if river.drift_detected:
            fired.append(i)
    assert mine.update_many(x).index.tolist() == fired
    assert fired
    assert np.isfinite([mine.total, mine.variance]).all()


def test_a_bank_refuses_a_detector_it_has_not():
    """A wrong number is a ValueError and no value is taken."""
    bank = AdwinBank(2)
    for wrong in (-1, 2):
        with pytest.raises(ValueError, match="detector"):
            bank.update(np.array([0, wrong]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="values"):
        bank.update(np.array([0]), np.array([1.0, 1.0]))
    assert bank.width.tolist() == [0, 0]


def test_memory_is_bounded_and_stated():
    """When all rows are full the oldest bucket goes; the arrays never grow."""
    bank = AdwinBank(1, rows=4)
    size = bank.buckets.nbytes + bank.reals.nbytes + bank.wholes.nbytes
    x = np.random.default_rng(0).random(5000)
    for i in range(0, 5000, 7):
        part = x[i : i + 7]
        bank.update(np.zeros(len(part), np.int64), part)
        assert bank.width[0] <= 5 * (1 + 2 + 4 + 8) + 8
    assert bank.width[0] > 60
    kept = int(bank.width[0])
    assert bank.total[0] == pytest.approx(x[-kept:].sum())
    assert bank.variance[0] == pytest.approx(((x[-kept:] - x[-kept:].mean()) ** 2).sum())
    assert bank.buckets.nbytes + bank.reals.nbytes + bank.wholes.nbytes == size
    one = AdwinBank(1)
    assert one.buckets.nbytes + one.reals.nbytes + one.wholes.nbytes == 3456


@pytest.mark.parametrize(
    "wrong", [{"delta": 0.0}, {"delta": 1.0}, {"clock": 0}, {"max_buckets": 1}, {"min_window_length": 0}, {"rows": 1}]
)
def test_refuses_impossible_parameters(wrong):
    """What would divide by zero or never end is refused when made."""
    with pytest.raises(ValueError, match=r"delta|at least"):
        AdwinBank(1, **wrong)


@pytest.mark.parametrize("what", ["other delta", "other clock", "counts", "width", "used", "missing"])
def test_refuses_a_state_that_is_not_possible(what):
    """A state of other parameters, or one that contradicts itself, is refused and changes nothing."""
    bank = AdwinBank(2)
    bank.update(np.zeros(100, np.int64), np.ones(100))
    state = bank.state()
    other = AdwinBank(2, 0.1 if what == "other delta" else 0.002, clock=16 if what == "other clock" else 32)
    if what == "counts":
        state["wholes"][0, COUNTS] = 7
    elif what == "width":
        state["reals"][0, WIDTH] += 1
    elif what == "used":
        state["wholes"][1, USED] = 0
    elif what == "missing":
        del state["wholes"]
    before = other.state()
    with pytest.raises(StateError, match="adwin"):
        other.restore(state)
    assert all(np.array_equal(before[k], v) for k, v in other.state().items())


def test_a_river_forest_takes_it():
    """An adaptive random forest with our ADWIN learns exactly as with river's."""
    events = list(synth.ConceptDriftStream(seed=8, position=250, width=5).take(500))

    def predictions(make):
        model = forest.ARFClassifier(n_models=3, seed=8, drift_detector=make(), warning_detector=make())
        out = []
        for x, y in events:
            out.append(model.predict_one(x))
            model.learn_one(x, y)
        return out, model.n_drifts_detected(), model.n_warnings_detected()

    mine = predictions(lambda: ADWIN(delta=0.5, clock=1))
    assert mine == predictions(lambda: drift.ADWIN(delta=0.5, clock=1))
    assert mine[2] > 0
