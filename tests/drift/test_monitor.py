from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamimb.config import DetectorConfig, DriftConfig, RecallDetectorConfig
from streamimb.drift.adwin import ADWIN
from streamimb.drift.bank import CLOCK, RECALL, SHARE
from streamimb.drift.monitor import Monitor
from streamimb.errors import ConfigError, StateError
from streamimb.outcome import Signal
from streamimb.testing import digest

NAMES = ("a", "b", "c", "d")


def monitor(
    n_classes: int = 2, *, detector: str = "adwin", share: dict | None = None, recall: dict | None = None
) -> Monitor:
    config = DriftConfig(
        share=DetectorConfig(**{"detector": detector, "cooldown": 500, **(share or {})}),
        recall=RecallDetectorConfig(**{"detector": detector, "cooldown": 500, **(recall or {})}),
    )
    return Monitor(n_classes, 1, config, NAMES[:n_classes])


def feed(m: Monitor, y: np.ndarray, decision: np.ndarray | None = None, first: int = 0) -> list[Signal]:
    """The drifts that a monitor tells."""
    return [s for s in feed_all(m, y, decision, first) if s.kind == "drift"]


def feed_all(m: Monitor, y: np.ndarray, decision: np.ndarray | None = None, first: int = 0) -> list[Signal]:
    """The drifts and the warnings that a monitor tells."""
    position = np.arange(first, first + len(y), dtype=np.int64)
    y = y.astype(np.int16)
    return m.update(position, position * 10, y, y if decision is None else decision.astype(np.int16))


def binary(seed: int, shares: list[float], n: int = 5000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random(len(shares) * n) < np.repeat(shares, n)).astype(np.int16)


def decided(seed: int, y: np.ndarray, recalls: list[float]) -> np.ndarray:
    """The right class of each event at these recalls, one after the other, else the next class."""
    rng = np.random.default_rng(seed)
    right = rng.random(len(y)) < np.repeat(recalls, len(y) // len(recalls))
    return np.where(right, y, (y + 1) % max(2, int(y.max()) + 1)).astype(np.int16)


def same_state(a: dict, b: dict) -> bool:
    return digest(a) == digest(b)


each_default = pytest.mark.parametrize("detector", ["scan", "adwin"])


@each_default
@pytest.mark.parametrize("shares", [[0.02, 0.2], [0.2, 0.02]])
def test_a_share_that_moved_either_way_is_told_once(shares, detector):
    """The positive class's share, what it was, what it is, at the position of the event that showed it."""
    found = feed(monitor(detector=detector), binary(1, shares), first=1000)
    assert [(s.signal, s.detector, s.class_, s.kind, s.action) for s in found] == [
        ("share", detector, "b", "drift", "")
    ]
    assert 6000 <= found[0].position < 7000
    assert found[0].time == found[0].position * 10
    assert found[0].reference == pytest.approx(shares[0], rel=0.2)
    assert found[0].value == pytest.approx(shares[1], rel=0.5, abs=0.02)


@each_default
def test_a_recall_that_fell_is_told_and_one_that_rose_is_not(detector):
    """Recall of the positive class 0.4, then 0.9, then 0.4 again, its share constant: one signal."""
    y = binary(2, [0.1], n=18_000)
    decision = np.where(y == 1, decided(3, y, [0.4, 0.9, 0.4]), y)
    found = feed(monitor(detector=detector), y, decision)
    assert [(s.signal, s.class_) for s in found] == [(RECALL, "b")]
    assert found[0].position >= 12_000
    assert (y[12_000 : found[0].position + 1] == 1).sum() < 100
    assert found[0].value < 0.6 < found[0].reference


@each_default
def test_every_share_is_watched_where_there_are_more_than_two_classes(detector):
    """A share that moves from one class to another is told of both, by name."""
    rng = np.random.default_rng(4)
    y = np.r_[rng.choice(4, 6000, p=[0.6, 0.2, 0.1, 0.1]), rng.choice(4, 6000, p=[0.3, 0.2, 0.4, 0.1])]
    found = feed(monitor(4, detector=detector), y)
    assert {s.class_ for s in found} == {"a", "c"}
    assert {s.signal for s in found} == {SHARE}


def test_nothing_moves_little_is_told():
    """Ten million stationary events at 1 % with recall 0.7: at most as many drifts as were asked for, by setting."""
    told = {"sensitive": 0, "calm": 0}
    for seed in range(5):
        y = binary(seed, [0.01], n=2_000_000)
        decision = decided(seed + 100, y, [0.7])
        for setting in told:
            both = {"setting": setting, "cooldown": 0}
            told[setting] += len(feed(monitor(detector="scan", share=both, recall=both), y, decision))
    assert told["sensitive"] <= 100
    assert told["calm"] <= 4


@each_default
def test_a_class_without_events_keeps_its_recall_detector_silent(detector):
    """Gone for long and back as before: its share is told, its recall is not; its recall's memory is what it was."""
    y = np.r_[binary(7, [0.2]), np.zeros(20_000, np.int16), binary(8, [0.2])]
    m = monitor(detector=detector)
    rng = np.random.default_rng(9)
    decision = np.where(rng.random(len(y)) < 0.8, y, 1 - y)
    found = feed(m, y[:5000], decision[:5000])
    width = m.width(RECALL, 1)
    found += feed(m, y[5000:25_000], decision[5000:25_000], first=5000)
    assert m.width(RECALL, 1) == width > 900
    assert [s.signal for s in found] == [SHARE]
    assert found[0].value < 0.05 < found[0].reference
    found = feed(m, y[25_000:], decision[25_000:], first=25_000)
    assert [s.signal for s in found] == [SHARE]
    assert m.width(RECALL, 1) > width


def test_an_alarm_within_the_cool_down_is_swallowed_but_the_detector_forgets():
    """Two changes 2,000 events apart: with a short cool-down both are told, with a long one the first; same memory."""
    y = binary(10, [0.05, 0.4, 0.05], n=2000)
    short, long = monitor(share={"cooldown": 100}), monitor(share={"cooldown": 3000})
    told, swallowed = feed(short, y), feed(long, y)
    assert len(told) == 2
    assert swallowed == told[:1]
    assert short.width(SHARE, 1) == long.width(SHARE, 1) < 2500


def test_a_detector_may_be_turned_off():
    """``none`` watches nothing of its kind and leaves the other as it was."""
    y = binary(11, [0.05, 0.3])
    decision = decided(12, y, [0.9, 0.3])
    both = feed(monitor(), y, decision)
    assert {s.signal for s in both} == {SHARE, RECALL}
    for off, left in (({"share": {"detector": "none"}}, RECALL), ({"recall": {"detector": "none"}}, SHARE)):
        assert feed(monitor(**off), y, decision) == [s for s in both if s.signal == left]
    assert feed(monitor(share={"detector": "none"}, recall={"detector": "none"}), y, decision) == []


def test_an_event_without_a_decision_tells_nothing_of_recall():
    """-1 is no mistake: the share is read, the recall is not."""
    m = monitor()
    feed(m, np.ones(300), np.full(300, -1))
    assert (m.width(SHARE, 1), m.width(RECALL, 1)) == (300, 0)
    assert np.isnan(m.estimation(RECALL, 1))


def test_what_the_controller_takes_from_the_detectors():
    """Width and estimation since the last change; with two classes the shares are complements."""
    m = monitor()
    feed(m, binary(13, [0.05, 0.3], n=4000))
    assert 3500 < m.width(SHARE, 0) == m.width(SHARE, 1) < 4300
    assert m.estimation(SHARE, 1) == pytest.approx(0.3, abs=0.03)
    assert m.estimation(SHARE, 0) + m.estimation(SHARE, 1) == 1.0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_classes=st.sampled_from([2, 4]),
    share=st.sampled_from(["scan", "adwin", "hddm_w", "share_test"]),
    recall=st.sampled_from(["scan", "adwin", "hddm_w", "ddm_oci"]),
    cuts=st.lists(st.integers(0, 3000), max_size=5),
    saved=st.integers(0, 5),
)
def test_batches_and_restarts_are_invisible(seed, n_classes, share, recall, cuts, saved):
    """However events are cut, and wherever the state is saved: the same signals and the same state."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.choice(n_classes, 1000, p=rng.dirichlet(np.ones(n_classes))) for _ in range(3)])
    decision = decided(seed, y, [0.9, 0.3, 0.9])
    settings_of = {"share": {"cooldown": 300, "detector": share}, "recall": {"cooldown": 700, "detector": recall}}
    make = lambda: monitor(n_classes, **settings_of)  # noqa: E731
    whole, cut = make(), make()
    expected = feed_all(whole, y, decision)
    found = []
    for j, (a, b) in enumerate(pairwise([0, *sorted(cuts), len(y)])):
        if j == saved:
            state, cut = cut.state(), make()
            cut.restore(state)
        found += feed_all(cut, y[a:b], decision[a:b], first=a)
    assert found == expected
    assert same_state(whole.state(), cut.state())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n_classes=st.sampled_from([2, 3]))
@example(seed=104, n_classes=2)  # a class that vanishes, and falls twice
def test_is_one_adwin_for_each_share_and_each_recall(seed, n_classes):
    """What is told is what single detectors, fed by hand, say without a cool-down; of a vanished class one fall."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.choice(n_classes, 1500, p=rng.dirichlet(np.ones(n_classes))) for _ in range(2)])
    decision = decided(seed, y, [0.9, 0.3])
    got = feed(monitor(n_classes, share={"cooldown": 0}, recall={"cooldown": 0}), y, decision)
    rows = []
    for k in range(n_classes):
        if n_classes > 2 or k == 1:
            share = ADWIN(delta=0.002, clock=CLOCK[SHARE], keep=True).update_many(y == k)
            fell = -1
            for i, b, a in zip(share.index, share.before, share.after, strict=True):
                if a > b or fell < 0 or (y[fell + 1 : i + 1] == k).any():
                    rows.append((i, 0, k, a, b))
                    fell = i if a < b else -1
        places = np.flatnonzero(y == k)
        recall = ADWIN(delta=0.002, clock=CLOCK[RECALL], keep=True).update_many(decision[places] == k)
        at = places[recall.index]
        rows += [(i, 1, k, a, b) for i, b, a in zip(at, recall.before, recall.after, strict=True) if a < b]
    assert [
        (s.position, [SHARE, RECALL].index(s.signal), NAMES.index(s.class_), s.value, s.reference) for s in got
    ] == (sorted(rows))


def test_a_class_that_is_none_changes_nothing():
    """A bad event in the middle of a batch refuses the whole batch."""
    m = monitor()
    feed(m, binary(14, [0.1], n=100))
    before = m.state()
    for bad in (-1, 2):
        with pytest.raises(ValueError, match="event 1 "):
            feed(m, np.array([0, bad]))
    assert same_state(before, m.state())


@pytest.mark.parametrize("what", ["classes", "delta", "missing"])
def test_refuses_a_state_that_does_not_fit(what):
    """A state of other classes or another configuration is refused and changes nothing."""
    m = monitor()
    feed(m, binary(15, [0.1], n=500))
    state = m.state()
    other = monitor(3 if what == "classes" else 2, share={"delta": 0.1} if what == "delta" else None)
    if what == "missing":
        del state["silent_until"]
    before = other.state()
    with pytest.raises(StateError):
        other.restore(state)
    assert same_state(before, other.state())


def test_a_minority_that_vanishes_is_told_once_and_its_return_once():
    """1 %, nothing for 200,000 events, 1 % again: two drifts."""
    y = binary(16, [0.01, 0.0, 0.01], n=60_000)
    y = np.r_[y[:120_000], np.zeros(140_000, np.int16), y[120_000:]]
    found = feed(Monitor(2, 1, DriftConfig(), NAMES[:2]), y)
    assert [(s.signal, s.value > s.reference) for s in found] == [(SHARE, False), (SHARE, True)]


@each_default
def test_a_constant_stream_with_a_few_early_positives_tells_nothing(detector):
    """A handful at the start that never come again are no drift."""
    y = np.zeros(300_000, np.int16)
    y[[3, 40, 41, 90, 300]] = 1
    assert [s for s in feed(monitor(detector=detector), y) if s.signal == SHARE] == []


@each_default
def test_a_warning_comes_before_its_drift_and_silences_none(detector):
    """A slow ramp of the share: warned first, told after; the warning has no drift's cool-down."""
    rng = np.random.default_rng(17)
    y = (rng.random(60_000) < np.r_[np.full(20_000, 0.02), np.linspace(0.02, 0.06, 40_000)]).astype(np.int16)
    found = [s for s in feed_all(monitor(detector=detector, share={"cooldown": 100_000}), y) if s.position >= 20_000]
    kinds = [s.kind for s in found if s.signal == SHARE]
    assert kinds == ["warning", "drift"]


def test_pages_a_week_tune_the_scan_at_the_streams_rate():
    """At 100,000 events a week a page a year is harder to get than ten a week; without times there is no week."""
    week = 604_800_000_000
    y = binary(18, [0.02, 0.026], n=40_000)
    time = np.arange(80_000, dtype=np.int64) * (week // 100_000)
    told = {}
    for pages in (10.0, 1 / 52):
        m = monitor(detector="scan", share={"pages_a_week": pages})
        m.update(np.arange(40_000), time[:40_000], y[:40_000], y[:40_000])
        found = m.update(np.arange(40_000, 80_000), time[40_000:], y[40_000:], y[40_000:])
        told[pages] = next(s.position for s in found if s.kind == "drift" and s.signal == SHARE)
    assert told[10.0] < told[1 / 52]
    with pytest.raises(ConfigError, match="names no time"):
        Monitor(2, 1, DriftConfig(share=DetectorConfig(pages_a_week=1)), NAMES[:2], has_time=False)


@each_default
def test_what_a_cool_down_kept_silent_is_told_at_its_end_if_it_stands(detector):
    """5 % to 20 % is told, 20 % to 60 % within its cool-down only when that ends; back at 5 % nothing more is told."""
    stays, returns = (binary(19, [0.05, 0.05, 0.2, last, last, last], n=1_000) for last in (0.6, 0.05))
    told = feed(monitor(detector=detector, share={"cooldown": 2_000}), stays)
    assert [s.signal for s in told] == [SHARE, SHARE]
    assert told[1].position == told[0].position + 2_000
    assert told[1].reference == told[0].value
    assert told[1].value == pytest.approx(0.6, abs=0.05)
    assert len(feed(monitor(detector=detector, share={"cooldown": 2_000}), returns)) == 1


@pytest.mark.parametrize("detector", ["adwin", "scan", "share_test"])
@pytest.mark.parametrize("cooldown", [0, 5_000])
def test_a_class_that_vanishes_is_told_once_whatever_is_left_of_it_in_a_window(detector, cooldown):
    """A first cut that lies a little early leaves some of its events in the window; they are no second fall."""

    def made() -> Monitor:
        return monitor(detector=detector, share={"cooldown": cooldown}, recall={"detector": "none"})

    for seed in range(6):
        rng = np.random.default_rng(seed)
        y = np.r_[rng.random(20_000) < 0.05, np.zeros(30_000), rng.random(5_000) < 0.05].astype(np.int16)
        whole, cut = (made() for _ in range(2))
        found = feed(whole, y)
        halves = feed(cut, y[:20_800])
        state, cut = cut.state(), made()
        cut.restore(state)
        assert halves + feed(cut, y[20_800:], first=20_800) == found
        told = [(s.position, s.value > s.reference) for s in found if s.position >= 20_000]
        assert [rose for position, rose in told if position < 50_000] == [False]
        assert [rose for position, rose in told if position >= 50_000][:1] == [True]


def test_a_state_that_does_not_know_who_came_hides_no_fall():
    """One that an earlier build saved: the class vanishes after it, and that is told, once."""
    first, restored = (Monitor(2, 1, DriftConfig(), NAMES[:2]) for _ in range(2))
    y = np.r_[binary(16, [0.05], n=20_000), np.zeros(30_000, np.int16)]
    feed(first, y[:20_000])
    restored.restore({k: v for k, v in first.state().items() if k != "gone"})
    found = [s for s in feed(restored, y[20_000:], first=20_000) if s.signal == SHARE]
    assert [s.value > s.reference for s in found] == [False]


@pytest.mark.parametrize("detector", ["adwin", "hddm_w", "share_test"])
def test_pages_a_week_tune_the_others_too_and_are_saved(detector):
    """A page a year is told of a slower change later than ten a week, or not; restored anywhere, nothing changes."""
    week = 604_800_000_000
    y = np.r_[binary(21, [0.3], n=40_000), binary(22, [0.34], n=40_000)]
    time = np.arange(len(y), dtype=np.int64) * (week // 100_000)
    at = np.arange(len(y), dtype=np.int64)

    def made(pages: float) -> Monitor:
        recall = {"detector": "none"} if detector == "share_test" else {"pages_a_week": pages}
        return monitor(detector=detector, share={"pages_a_week": pages}, recall=recall)

    first = {}
    for pages in (100.0, 1 / 520):
        whole, cut = made(pages), made(pages)
        found = whole.update(at, time, y, y)
        parts = cut.update(at[:50_001], time[:50_001], y[:50_001], y[:50_001])
        state, cut = cut.state(), made(pages)
        cut.restore(state)
        assert parts + cut.update(at[50_001:], time[50_001:], y[50_001:], y[50_001:]) == found
        assert same_state(whole.state(), cut.state())
        told = [s.position for s in found if s.kind == "drift" and s.signal == SHARE and s.position >= 40_000]
        first[pages] = min(told, default=len(y))
    assert first[100.0] < first[1 / 520]


def test_a_recall_is_tuned_by_the_events_of_its_class():
    """Of a class of one in fifty a fiftieth of the looks: else it would be fifty times calmer than asked for."""
    y = (np.arange(8_192) % 50 == 0).astype(np.int16)
    time = np.arange(len(y), dtype=np.int64) * 6_048_000  # 100,000 a week
    m = monitor(detector="adwin", share={"pages_a_week": 1.0}, recall={"pages_a_week": 1.0})
    m.update(np.arange(len(y)), time, y, y)
    looks = 2 * 100_000 * np.array([49 / 50, 1 / 50]) / CLOCK[RECALL]
    np.testing.assert_allclose(m._banks[RECALL].reals[:, 3], 1 / looks, rtol=0.02)
    m.forget(RECALL)
    np.testing.assert_allclose(m._banks[RECALL].reals[:, 3], 1 / looks, rtol=0.02)
    assert m._banks[SHARE].reals[0, 3] == pytest.approx(CLOCK[SHARE] / 100_000, rel=0.02)
