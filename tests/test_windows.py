from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb import windows as module
from streamimb.config import WindowConfig
from streamimb.errors import ConfigError, StateError
from streamimb.windows import DECAYED, EVENTS, RAREST, TIME, TIME_ABS_MAX, ClassWindows

CONFIG = WindowConfig(rarest=4, events_min=6, events_max=60, events=9, decay=0.9)
SPAN = 20


class Twin:
    """The windows as their definitions say them, from the whole history."""

    def __init__(self, n_classes: int, config: WindowConfig, span: int) -> None:
        self.n_classes, self.config, self.span = n_classes, config, span
        self.y = np.zeros(0, np.int64)
        self.clock = np.zeros(0, np.int64)
        self.floor = dict.fromkeys((RAREST, EVENTS, TIME, DECAYED), 0)

    def update(self, y: np.ndarray, time: np.ndarray) -> None:
        self.y = np.r_[self.y, y]
        before = self.clock[-1:] if len(self.clock) else time[:1]
        self.clock = np.r_[self.clock, np.maximum.accumulate(np.r_[before, time])[1:]]

    def length(self, window: str) -> int:
        n = len(self.y)
        held = n - self.floor[window]
        if n == 0:
            return 0
        if window == EVENTS:
            return min(held, self.config.events)
        if window == TIME:
            return min(held, int((self.clock > self.clock[-1] - self.span).sum()))
        reach = min(held, self.config.events_max)
        present = np.unique(self.y[n - reach :])
        for length in range(min(self.config.events_min, reach), reach):
            if (self.tally(length)[present] >= self.config.rarest).all():
                return length
        return reach

    def tally(self, length: int) -> np.ndarray:
        return np.bincount(self.y[len(self.y) - length :], minlength=self.n_classes)

    def counts(self, window: str) -> np.ndarray:
        return self.tally(self.length(window))

    def decayed(self) -> np.ndarray:
        y = self.y[self.floor[DECAYED] :]
        weight = self.config.decay ** np.arange(len(y))[::-1]
        total = weight.sum() if len(y) else np.nan
        return np.array([weight[y == k].sum() for k in range(self.n_classes)]) / total

    def shorten(self, window: str, events: int) -> None:
        self.floor[window] = max(self.floor[window], len(self.y) - events)


def windows(n_classes: int = 3) -> ClassWindows:
    return ClassWindows(n_classes, CONFIG, time_span=SPAN)


def assert_equal(got: ClassWindows, twin: Twin) -> None:
    for name in (RAREST, EVENTS, TIME):
        assert got.length(name) == twin.length(name), name
        assert got.counts(name).tolist() == twin.counts(name).tolist(), name
    np.testing.assert_allclose(got.decayed(), twin.decayed(), rtol=1e-9, atol=1e-15)


def same_state(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@st.composite
def streams(draw) -> tuple[np.ndarray, np.ndarray]:
    """Classes whose shares change, vanish and return, with times that pause and come out of order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    segments = draw(st.lists(st.integers(1, 80), min_size=1, max_size=5))
    y = np.concatenate([rng.choice(3, n, p=rng.dirichlet([0.3, 0.3, 0.3])) for n in segments]).astype(np.int16)
    time = np.cumsum(rng.choice([0, 1, 2, 30], len(y), p=[0.3, 0.4, 0.25, 0.05])) + rng.integers(-5, 6, len(y))
    return y, time.astype(np.int64)


@settings(max_examples=120, deadline=None)
@given(streams())
def test_every_window_is_what_its_definition_says(stream):
    """After every event, the windows by count, time and rarest class and the decayed sizes are the twin's."""
    got, twin = windows(), Twin(3, CONFIG, SPAN)
    for i in range(len(stream[0])):
        part = stream[0][i : i + 1], stream[1][i : i + 1]
        got.update(*part)
        twin.update(*part)
        assert_equal(got, twin)
    assert got.seen == len(stream[0])


@settings(max_examples=60, deadline=None)
@given(streams(), st.lists(st.integers(0, 400), max_size=6), st.integers(0, 6))
def test_batches_and_restarts_are_invisible(stream, cuts, saved):
    """However events are cut, and wherever the state is saved and restored: bit-identical state."""
    y, time = stream
    whole, cut = windows(), windows()
    whole.update(y, time)
    for j, (a, b) in enumerate(pairwise([0, *sorted(cuts), len(y)])):
        if j == saved:
            state, cut = cut.state(), windows()
            cut.restore(state)
        cut.update(y[a:b], time[a:b])
    assert same_state(whole.state(), cut.state())


operations = st.lists(
    st.one_of(
        st.tuples(st.just("shorten"), st.sampled_from([RAREST, EVENTS, TIME, DECAYED]), st.integers(0, 50)),
        st.tuples(st.just("correct"), st.integers(0, 70), st.integers(0, 2)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(streams(), operations, st.integers(0, 2**32))
def test_shortening_correcting_and_restarting_in_any_order(stream, todo, seed):
    """Anywhere: a shortened window begins anew with its last events, a corrected event is of its new class."""
    y, time = stream
    got, twin = windows(), Twin(3, CONFIG, SPAN)
    rng = np.random.default_rng(seed)
    edges = [0, *sorted(rng.integers(0, len(y) + 1, len(todo))), len(y)]
    for (a, b), (what, first, second) in zip(pairwise(edges), [*todo, ("restart", 0, 0)], strict=True):
        got.update(y[a:b], time[a:b])
        twin.update(y[a:b], time[a:b])
        if what == "shorten":
            got.shorten(first, second)
            twin.shorten(first, second)
        elif what == "correct" and first < b:
            number = b - 1 - first
            if got.correct(number, int(twin.y[number]), second):
                twin.y[number] = second
        else:
            state, got = got.state(), windows()
            got.restore(state)
        assert_equal(got, twin)


def test_a_class_that_vanishes_and_returns():
    """Gone from the last ``events_max`` it no longer lengthens the window; its first event back does at once."""
    got = windows(2)

    def feed(k: int, n: int) -> None:
        got.update(np.full(n, k, np.int16), np.full(n, got.seen, np.int64))

    feed(1, 8)
    feed(0, 50)
    assert got.length(RAREST) == 50 + CONFIG.rarest
    feed(0, 9)
    assert got.counts(RAREST).tolist() == [59, 1]
    feed(0, 1)
    assert got.length(RAREST) == CONFIG.events_min
    assert got.shares(RAREST).tolist() == [1.0, 0.0]
    feed(1, 1)
    assert got.counts(RAREST).tolist() == [59, 1]
    feed(1, 5)
    assert got.counts(RAREST).tolist() == [4, 6]


def test_a_late_event_neither_empties_nor_stalls_the_time_window():
    """The clock is the largest time so far; what comes late counts as of the clock."""
    got = windows(2)
    got.update(np.array([0, 0, 1], np.int16), np.array([100, 110, 50]))
    assert got.counts(TIME).tolist() == [2, 1]
    got.update(np.array([0], np.int16), np.array([125]))
    assert got.counts(TIME).tolist() == [2, 1]
    got.update(np.array([0], np.int16), np.array([130]))
    assert got.counts(TIME).tolist() == [2, 0]


def test_a_time_window_is_bounded_by_count_too():
    """A burst within the span cannot grow the ring: the oldest events leave."""
    n = module.TIME_EVENTS_MAX + 5
    got = ClassWindows(2, CONFIG, time_span=SPAN)
    y = np.zeros(n, np.int16)
    y[:7] = 1
    got.update(y, np.zeros(n, np.int64))
    assert got.counts(TIME).tolist() == [module.TIME_EVENTS_MAX - 2, 2]
    other = ClassWindows(2, CONFIG, time_span=SPAN)
    other.restore(got.state())
    assert other.counts(TIME).tolist() == got.counts(TIME).tolist()


def test_empty_windows_are_undefined():
    """No events: shares are NaN, counts 0."""
    got = windows()
    for name in got.names:
        assert np.isnan(got.shares(name)).all()
    assert got.counts(RAREST).tolist() == [0, 0, 0]
    got.update(np.array([1, 2], np.int16), np.array([1, 2]))
    got.shorten(EVENTS, 0)
    got.shorten(DECAYED, 0)
    assert np.isnan(got.shares(EVENTS)).all()
    assert np.isnan(got.decayed()).all()
    assert got.shares(RAREST).tolist() == [0.0, 0.5, 0.5]


@pytest.mark.parametrize("decay", [1e-6, 0.5, 0.999, 0.999999])
def test_decayed_sizes_are_unbiased_at_once_and_never_overflow(decay):
    """After one event its class has size 1; after many the sizes are the recurrence's, whatever the decay."""
    got = ClassWindows(2, WindowConfig(decay=decay), time_span=None)
    y = (np.random.default_rng(1).random(20_000) < 0.01).astype(np.int16)
    got.update(y[:1], np.zeros(1, np.int64))
    assert got.decayed().tolist() == [1.0, 0.0]
    got.update(y[1:], np.zeros(len(y) - 1, np.int64))
    size = total = 0.0
    for k in y.tolist():
        size, total = decay * size + k, decay * total + 1
    np.testing.assert_allclose(got.decayed()[1], size / total, rtol=1e-9)
    assert got.decayed().sum() == pytest.approx(1.0)


def test_a_correction_outside_all_windows_is_told():
    """An event that no window holds any more is left alone."""
    got = windows(2)
    y = np.zeros(200, np.int16)
    got.update(y, np.arange(200))
    before = got.state()
    assert not got.correct(100, 0, 1)
    assert same_state(before, got.state())
    assert got.correct(199, 0, 1)
    assert got.counts(EVENTS).tolist() == [8, 1]
    for number, old, new in ((199, 0, 1), (200, 0, 1), (-1, 0, 1), (198, 0, 2)):
        with pytest.raises(ValueError, match="event"):
            got.correct(number, old, new)


@pytest.mark.parametrize(("y", "time"), [(3, 0), (-1, 0), (0, TIME_ABS_MAX), (0, -TIME_ABS_MAX)])
def test_what_is_no_class_or_no_time_changes_nothing(y, time):
    """A bad event in the middle of a batch refuses the whole batch."""
    got = windows()
    got.update(np.array([0, 1], np.int16), np.array([1, 2]))
    before = got.state()
    with pytest.raises(ValueError, match="event 1 "):
        got.update(np.array([0, y], np.int16), np.array([3, time]))
    with pytest.raises(ValueError, match="times"):
        got.update(np.array([0, 1], np.int16), np.array([3]))
    assert same_state(before, got.state())


def test_windows_that_cannot_be_are_refused():
    """Bounds that contradict each other, a span of nothing, and names that are none."""
    with pytest.raises(ConfigError, match="events_min"):
        ClassWindows(2, WindowConfig(events_min=10, events_max=9), time_span=None)
    for span in (0, -1, TIME_ABS_MAX):
        with pytest.raises(ConfigError, match=r"window\.time"):
            ClassWindows(2, WindowConfig(), time_span=span)
    got = ClassWindows(2, WindowConfig(), time_span=None)
    assert got.names == (RAREST, EVENTS, DECAYED)
    for name in (TIME, DECAYED, "none"):
        with pytest.raises(ValueError, match="windows"):
            got.counts(name)
    with pytest.raises(ValueError, match="keep"):
        got.shorten(EVENTS, -1)


@pytest.mark.parametrize("what", ["classes", "limits", "decay", "events", "class", "counts", "missing"])
def test_refuses_a_state_that_does_not_fit(what):
    """A state of other windows, or one that contradicts itself, is refused and changes nothing."""
    got = windows()
    got.update(np.array([0, 1, 2, 1], np.int16), np.arange(4))
    state = got.state()
    other = windows(2 if what == "classes" else 3)
    if what == "limits":
        other = ClassWindows(3, CONFIG.model_copy(update={"events": 10}), time_span=SPAN)
    elif what == "decay":
        other = ClassWindows(3, CONFIG.model_copy(update={"decay": 0.5}), time_span=SPAN)
    elif what == "events":
        state["y"] = state["y"][1:]
    elif what == "class":
        state["y"][0] = 3
    elif what == "counts":
        state["counts"][0, 0] += 1
    elif what == "missing":
        del state["time"]
    before = other.state()
    with pytest.raises(StateError, match="windows"):
        other.restore(state)
    assert same_state(before, other.state())
