from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.drift.unlabelled import BLOCK_EVENTS, UnlabelledMonitor
from streamimb.drift.unlabelled_kernels import BINS, SAMPLE_VALUES, apart
from streamimb.errors import StateError
from streamimb.outcome import Signal
from streamimb.testing import digest

NAMES = ("amount", "age", "country", "constant")
CATEGORICAL = np.array([False, False, True, False])


def monitor(**settings_of) -> UnlabelledMonitor:
    return UnlabelledMonitor(4, NAMES, CATEGORICAL, **settings_of)


class Stream:
    """Still events, to be spoiled: features, scores and decisions. Seed 2 holds no chance alarm before that."""

    def __init__(self, n: int, seed: int = 2) -> None:
        rng = np.random.default_rng(seed)
        self.X = np.column_stack(
            [rng.lognormal(size=n), rng.normal(40, 10, n), rng.integers(0, 30, n), np.full(n, 7.0)]
        ).astype(np.float32)
        self.X[rng.random(n) < 0.02, 1] = np.nan
        self.scores = rng.beta(1, 20, n).astype(np.float32)
        self.decision = (rng.random(n) < 0.03).astype(np.int16)
        self.rng = rng

    def feed(self, m: UnlabelledMonitor, a: int = 0, b: int | None = None) -> list[Signal]:
        at = np.arange(len(self.X), dtype=np.int64)[a:b]
        return m.update(at, at * 10, self.X[a:b], self.scores[a:b], self.decision[a:b])


HALF = 20 * BLOCK_EVENTS


def spoiled(what: str) -> Stream:
    s = Stream(2 * HALF)
    late = slice(HALF, None)
    if what == "amount":
        s.X[late, 0] *= 3
    elif what == "country":
        s.X[late, 2] = s.rng.integers(20, 50, HALF)
    elif what == "constant up":
        s.X[late, 3] = 7.5
    elif what == "constant down":
        s.X[late, 3] = 6.5
    elif what == "missing":
        s.X[late, 1][s.rng.random(HALF) < 0.08] = np.nan
    elif what == "gone":
        s.X[late, 0] = np.nan
    elif what == "scores":
        s.scores[late] = s.rng.beta(2, 20, HALF)
    elif what == "alerts":
        s.decision[late] = s.rng.random(HALF) < 0.06
    return s


@pytest.mark.parametrize(
    ("what", "signal", "name"),
    [
        ("amount", "feature", "amount"),
        ("country", "feature", "country"),
        ("constant up", "feature", "constant"),
        ("constant down", "feature", "constant"),
        ("missing", "missing", "age"),
        ("gone", "missing", "amount"),
        ("scores", "score", None),
        ("alerts", "alert_rate", None),
    ],
)
def test_what_moved_is_told_once_by_name(what, signal, name):
    """One signal, of the right kind and feature, at the end of the first block after the change, and no other."""
    found = spoiled(what).feed(monitor())
    assert [(s.signal, s.class_, s.kind, s.position) for s in found] == [
        (signal, name, "drift", HALF + BLOCK_EVENTS - 1)
    ]
    assert found[0].time == 10 * found[0].position
    if signal in ("missing", "alert_rate"):
        assert found[0].reference < 0.04 < found[0].value
    else:
        assert found[0].value >= found[0].reference >= 0.1


def test_false_alarms_are_no_more_than_asked_for():
    """Four million still events at 200,000 between two: at most twice as many as that."""
    assert sum(len(Stream(400_000, seed).feed(monitor())) for seed in range(10)) <= 40


def test_a_page_a_year_takes_more_than_a_page_an_hour():
    """A small change of the alert rate is told only to who wants many pages."""
    s = Stream(2 * HALF)
    s.decision[HALF:] = s.rng.random(HALF) < 0.045
    often, seldom = monitor(between=5_000), monitor(between=1e15)
    assert "alert_rate" in {x.signal for x in s.feed(often)}
    assert s.feed(seldom) == []
    assert len(s.feed(monitor(pages_a_week=1e12))) >= len(s.feed(monitor(pages_a_week=1.0)))


def test_nothing_is_told_while_it_is_learned_what_moves_anyway():
    """A feature that swings from the first block on is never told: its swing is what is usual."""
    s = Stream(40 * BLOCK_EVENTS)
    s.X[:, 1] += (20 * np.repeat(np.arange(40) % 2, BLOCK_EVENTS)).astype(np.float32)
    assert [x for x in s.feed(monitor(cooldown=0)) if x.class_ == "age"] == []


def test_what_moves_all_the_time_becomes_silent():
    """A feature that begins to swing after the warm-up is told, and less and less; without the cool-down too."""
    s = Stream(400 * BLOCK_EVENTS)
    swing = np.repeat(np.where(np.arange(400) > 20, np.arange(400) % 2, 0), BLOCK_EVENTS)
    s.X[:, 1] += (20 * swing).astype(np.float32)
    found = [x.position for x in s.feed(monitor(cooldown=0)) if x.class_ == "age"]
    assert found
    assert sum(p >= 200 * BLOCK_EVENTS for p in found) < sum(p < 200 * BLOCK_EVENTS for p in found) / 2


@pytest.mark.parametrize("seed", range(3))
def test_a_large_change_does_not_hide_smaller_ones_that_follow(seed):
    """Scores move by three standard deviations, then by 0.4 each time, alerts by 37 %, then by 10 %: all told.

    Twenty blocks lie between two changes: what moved was steady, and that is no sign that it moves anyway.
    """
    s = Stream(5 * HALF, seed)
    s.scores = s.rng.normal(np.repeat([0.0, 3.0, 3.4, 3.8, 4.2], HALF)).astype(np.float32)
    s.decision = (s.rng.random(5 * HALF) < np.repeat([0.03, 0.4, 0.5, 0.6, 0.7], HALF)).astype(np.int16)
    found = s.feed(monitor(between=5_000_000))
    for signal in ("score", "alert_rate"):
        assert [x.position // HALF for x in found if x.signal == signal] == [1, 2, 3, 4]


@pytest.mark.parametrize("phase", [1, 3, 8])
def test_a_cool_down_does_not_keep_from_learning_what_moves_all_the_time(phase):
    """A feature that swings every few blocks is told at first, and in the second half of the stream no more."""
    s = Stream(400 * BLOCK_EVENTS)
    blocks = np.arange(400)
    swing = np.repeat(np.where(blocks > 20, blocks // phase % 2, 0), BLOCK_EVENTS)
    s.X[:, 1] += (20 * swing).astype(np.float32)
    found = [x.position for x in s.feed(monitor()) if x.class_ == "age"]
    assert found
    assert max(found) < 200 * BLOCK_EVENTS


def test_a_cool_down_silences_what_was_told():
    """A share that goes up and comes back within the cool-down is told once; after it, twice."""
    s = Stream(2 * HALF)
    s.decision[HALF : HALF + 4 * BLOCK_EVENTS] = 1
    assert [len(s.feed(monitor(cooldown=c))) for c in (2 * HALF, BLOCK_EVENTS)] == [1, 2]


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 26_000), max_size=5), saved=st.integers(0, 5))
def test_batches_and_restarts_are_invisible(cuts, saved):
    """However events are cut, and wherever the state is saved: the same signals and the same state."""
    s = Stream(26_000)
    s.X[20_000:, 0] *= 5
    whole, cut = monitor(between=1_000), monitor(between=1_000)
    expected, found = s.feed(whole), []
    for j, (a, b) in enumerate(pairwise([0, *sorted(cuts), 26_000])):
        if j == saved:
            state, cut = cut.state(), monitor(between=1_000)
            cut.restore(state)
        found += s.feed(cut, a, b)
    assert found == expected
    assert expected
    assert digest(whole.state()) == digest(cut.state())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(1.0, 1e4))
def test_g_and_the_index_are_what_they_say(seed, scale):
    """As plain NumPy has them, where no bin is too thin; nought for a histogram against itself."""
    rng = np.random.default_rng(seed)
    old, new = rng.integers(20, 200, (2, 1, BINS)) * np.round(scale)
    g, psi, freedom = apart(old, new)
    total = old.sum() + new.sum()
    expected = [(x.sum() * (old + new) / total, x) for x in (old, new)]
    assert g[0] == pytest.approx(2 * sum((x * np.log(x / e)).sum() for e, x in expected))
    p, q = (old + 0.5) / (old.sum() + 0.5), (new + 0.5) / (new.sum() + 0.5)
    assert psi[0] == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert freedom[0] == BINS - 1
    assert apart(old, old)[0][0] == pytest.approx(0.0, abs=1e-6)


def test_events_of_the_wrong_shape_change_nothing():
    """A column too few is a ValueError."""
    m = monitor()
    s = Stream(100)
    before = digest(m.state())
    at = np.arange(100)
    with pytest.raises(ValueError, match="features"):
        m.update(at, at, s.X[:, :3], s.scores, s.decision)
    assert digest(m.state()) == before


@pytest.mark.parametrize("wrong", [{"between": 0.5}, {"cooldown": -1}])
def test_refuses_impossible_parameters(wrong):
    """No event is between two alarms of the same event."""
    with pytest.raises(ValueError, match="features"):
        monitor(**wrong)


@pytest.mark.parametrize("what", ["features", "missing", "sampled"])
def test_refuses_a_state_that_does_not_fit(what):
    """A state of other features, or one that would leave the arrays, is refused and changes nothing."""
    m = monitor()
    Stream(100).feed(m)
    state = m.state()
    other = UnlabelledMonitor(3, NAMES[:3]) if what == "features" else monitor()
    if what == "missing":
        del state["edges"]
    elif what == "sampled":
        state["sampled"][0] = SAMPLE_VALUES + 1
    before = digest(other.state())
    with pytest.raises(StateError):
        other.restore(state)
    assert digest(other.state()) == before
