"""What the queue gets: a slow twin, cuts, restores, corrections, intervals, what is undefined."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import EvaluationConfig
from streamimb.errors import ConfigError, StateError
from streamimb.evaluation import QueueEvaluation
from streamimb.evaluation.queue import BLOCK_EVENTS, poisson, resampled
from streamimb.testing import digest

DAY = 86_400_000_000
NONE = np.zeros(0)


def make(k: int = 3, days: int = 4, *, has_time: bool = True, cost: bool = True) -> QueueEvaluation:
    return QueueEvaluation(1, EvaluationConfig(queue_k=k, queue_days=days), has_time=has_time, cost=cost, seed=5)


def stream(n: int, seed: int, a_day: float = 9.0, late: float = 0.05) -> dict[str, np.ndarray]:
    """Events of some days, before and after 1970, with days without any; scores tie; a few come days late."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.exponential(DAY / a_day, n) * rng.choice([1, 30], n, p=[0.98, 0.02])).astype(np.int64)
    time += -5 * DAY - (rng.random(n) < late) * rng.integers(0, 4 * DAY, n)
    return {
        "time": time,
        "y": (rng.random(n) < 0.3).astype(np.int16),
        "decision": (rng.random(n) < 0.4).astype(np.int16),
        "score": (rng.integers(0, 6, n) / 5).astype(np.float32),
        "loss": rng.integers(0, 50, n) / 4,
    }


def feed(queue: QueueEvaluation, s: dict[str, np.ndarray], first: int = 0, last: int | None = None) -> None:
    queue.update(*(column[first:last] for column in s.values()))


def values(queue: QueueEvaluation) -> dict[tuple[str, str], float]:
    return {(m.metric, m.window): m.value for m in queue.measure()}


def held_days(time: np.ndarray, days: int) -> np.ndarray:
    """The day under which each event is counted, by the rule: -1 where it had left the last ``days`` + 1 that began."""
    begun: list[int] = []
    out = []
    for day in (time // DAY).tolist():
        if not begun or day > begun[-1]:
            begun.append(day)
        out.append(len(begun) - 1 - begun[::-1].index(day) if day in begun[-days - 1 :] else -1)
    return np.array(out)


def by_hand(s: dict[str, np.ndarray], k: int, days: int) -> dict[tuple[str, str], float]:
    """Every figure by its definition, day by day, with a full sort."""
    place, found = held_days(s["time"], days), []
    spent = np.where(s["y"] != s["decision"], s["loss"], 0.0)
    for day in range(place.max()):
        rows = np.flatnonzero(place == day)
        top = rows[np.lexsort((rows, -s["score"][rows]))][:k]
        found.append((s["decision"][rows].sum(), s["y"][top].mean(), spent[rows].sum(), len(rows)))
    table = np.array(found, float).reshape(-1, 4)
    out = {}
    for window, part in (("all", table), ("days", table[-days:])):
        means = part.mean(axis=0) if len(part) else np.full(4, np.nan)
        out |= dict(
            zip(((m, window) for m in ("alerts_per_day", "precision_at_k", "cost_per_day")), means, strict=False)
        )
        out["cost_per_event", window] = part[:, 2].sum() / part[:, 3].sum() if len(part) else np.nan
    out["cost_per_event", "all"] = spent.mean()
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 6))
def test_figures_are_those_of_a_full_sort(n, seed, k, days):
    """Days, ties, late events, days without any: as counted by hand."""
    s, queue = stream(n, seed), make(k, days)
    feed(queue, s)
    expected = by_hand(s, k, days)
    assert values(queue).keys() == expected.keys()
    for name, value in values(queue).items():
        assert value == pytest.approx(expected[name], nan_ok=True), name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 200), max_size=6), st.integers(0, 200))
def test_cuts_and_restores_are_invisible(seed, cuts, at):
    """However the events are cut, wherever it was saved: the same state, the same figures, bit for bit."""
    s, whole, cut = stream(200, seed), make(), make()
    feed(whole, s)
    for first, last in itertools.pairwise([0, *sorted([*cuts, at]), 200]):
        if first == at:
            saved, cut = cut.state(), make()
            cut.restore(saved)
        feed(cut, s, first, last)
    assert digest(whole.state()) == digest(cut.state())
    assert repr(whole.measure()) == repr(cut.measure())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_correction_is_as_if_it_had_been_so(seed):
    """Of days that are held, in the top k or not, an alert or not; where nothing came late."""
    s = stream(150, seed, late=0.0)
    wrong = {**s, "y": s["y"].copy(), "loss": s["loss"].copy()}
    rng, right, queue = np.random.default_rng(seed), make(days=100), make(days=100)
    changed = rng.choice(150, 20, replace=False)
    wrong["y"][changed] = 1 - wrong["y"][changed]
    wrong["loss"][changed] = rng.integers(0, 50, 20) / 4
    feed(right, s)
    feed(queue, wrong)
    for i in changed.tolist():
        labels, losses = (int(wrong["y"][i]), int(s["y"][i])), (float(wrong["loss"][i]), float(s["loss"][i]))
        queue.correct(i, int(s["time"][i]), int(s["decision"][i]), labels, losses)
    assert values(queue) == pytest.approx(values(right), nan_ok=True)


def test_a_correction_of_a_day_long_gone_moves_all_events_only():
    """The cost an event costs is put right; the days are closed."""
    s, queue = stream(300, 1, late=0.0), make(days=2)
    feed(queue, s)
    before = values(queue)
    queue.correct(0, int(s["time"][0]), 0, (0, 1), (9.0, 30.0))
    after = values(queue)
    assert after.pop(("cost_per_event", "all")) == pytest.approx(before.pop(("cost_per_event", "all")) + 30 / 300)
    assert after == before


def test_a_day_ends_at_midnight_utc():
    """The last microsecond belongs to the day, the next to the next, before 1970 as after."""
    for midnight in (-3 * DAY, 0, 19_000 * DAY):
        queue = make(cost=False)
        time, ones = midnight + np.array([-DAY, -1, 0, DAY]), np.ones(4, np.int16)
        queue.update(time, ones, ones, np.ones(4, np.float32), NONE)
        told = {m.metric: m for m in queue.measure() if m.window == "days"}
        assert (told["alerts_per_day"].value, told["alerts_per_day"].support) == (1.5, 2)
        assert queue.complete_days == 2


def test_before_a_day_is_complete_nothing_is_known_of_days():
    """NaN, never 0; what an event costs is known at once."""
    queue = make()
    assert np.isnan([[m.value, m.low, m.high] for m in queue.measure()]).all()
    feed(queue, {**stream(5, 2), "time": np.arange(5)})
    told = values(queue)
    assert told.pop(("cost_per_event", "all")) >= 0
    assert np.isnan(list(told.values())).all()


def test_without_times_only_an_event_has_a_cost():
    """Blocks of events stand for days in its interval and its window."""
    rng, n = np.random.default_rng(3), 8 * BLOCK_EVENTS
    queue = make(days=3, has_time=False)
    y, decision = (rng.random((2, n)) < 0.1).astype(np.int16)
    loss = rng.exponential(5, n)
    queue.update(np.arange(n), y, decision, np.ones(n, np.float32), loss)
    told = {(m.metric, m.window): (m.value, m.low, m.high) for m in queue.measure()}
    spent = np.where(y != decision, loss, 0.0)
    whole, recent = told.pop(("cost_per_event", "all")), told.pop(("cost_per_event", "days"))
    assert whole[0] == pytest.approx(spent.mean())
    assert recent[0] == pytest.approx(spent[4 * BLOCK_EVENTS : 7 * BLOCK_EVENTS].mean())
    assert whole[1] < whole[0] < whole[2] and recent[1] < recent[0] < recent[2]
    assert np.isnan(list(told.values())).all() and queue.complete_days == 0


def test_without_costs_there_are_none():
    """Costs are NaN, alerts are counted."""
    queue, s = make(cost=False), stream(100, 4)
    feed(queue, {**s, "loss": NONE})
    told = values(queue)
    assert all(np.isnan(v) == name.startswith("cost") for (name, _), v in told.items())


@pytest.mark.parametrize("days", [4, 30])
def test_intervals_hold_what_they_say(days):
    """Of many streams whose days differ, 95 % intervals of the window hold the truth in 90 to 99.5 %."""
    rng, held = np.random.default_rng(6), []
    for seed in range(400):
        rate = rng.lognormal(3, 0.5, days)
        alerts = rng.poisson(rate).astype(float)
        cost = rng.gamma(2.0, alerts + 1.0)
        ones = np.ones(days)
        (alert, low, high), (_, cheap, dear) = resampled(
            np.stack([alerts, cost], axis=1), np.stack([ones, ones], axis=1), seed, 200, 0.95
        )
        truth = np.exp(3 + 0.125)
        held.append((low <= truth <= high, cheap <= 2 * (truth + 1) <= dear))
        assert low <= alert <= high
    assert ((np.mean(held, axis=0) > 0.86) & (np.mean(held, axis=0) < 0.995)).all(), np.mean(held, axis=0)


def test_no_alert_in_five_days_is_not_none_for_sure():
    """Counts have Poisson's interval and precision Wilson's, however alike the days."""
    queue, n = make(k=2, cost=False), 60
    queue.update(
        np.arange(n) * DAY // 10, np.ones(n, np.int16), np.zeros(n, np.int16), np.ones(n, np.float32), NONE
    )  # fmt: skip
    told = {(m.metric, m.window): m for m in queue.measure()}
    for window, days in (("all", 5), ("days", 4)):
        alerts, precision = told["alerts_per_day", window], told["precision_at_k", window]
        assert (alerts.value, alerts.low) == (0, 0) and alerts.high == pytest.approx(poisson(0, days)[1])
        assert (precision.value, precision.high) == (1, 1) and 0.5 < precision.low < 0.9


@pytest.mark.parametrize("column", ["score", "loss"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_that_is_not_finite_gets_in(column, bad):
    """The whole update is refused and changes nothing."""
    queue, s = make(), stream(20, 1)
    feed(queue, s)
    before = digest(queue.state())
    s[column][7] = bad
    with pytest.raises(ValueError, match="not finite"):
        feed(queue, s)
    with pytest.raises(ValueError, match="losses"):
        feed(queue, {**s, "loss": NONE})
    assert digest(queue.state()) == before


def test_what_cannot_be_held_is_refused():
    """A top k of so many days that memory has no room; a state of another k, or torn."""
    with pytest.raises(ConfigError, match="queue_k 100000 on each"):
        make(100_000, 30)
    queue = make()
    for state in ({**make(4).state(), "k": queue.k}, {}, {**queue.state(), "counts": queue.state()["counts"] + 9}):
        with pytest.raises(StateError, match="queue"):
            queue.restore(state)
