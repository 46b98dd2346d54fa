"""Costs of amounts: what is understood, what a missing amount counts, and that tuning maximises the money."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import Config, ControlConfig
from streamimb.control import Controller
from streamimb.control.binary import BIN_LOW, BIN_WIDTH, BINS, bin_of, sweep
from streamimb.control.kinds import COST_OF_AMOUNTS, TOP_PER_DAY
from streamimb.control.losses import LOSS_MAX, Losses, cost_of
from streamimb.control.objectives import parse_objective, tuned_objectives, value_at
from streamimb.control.window import LOSS_UNITS, ScoreWindow
from streamimb.errors import ConfigError, StateError
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema, Time

DAY = 86_400_000_000


def schema(k: int = 2, *, timed: bool = False) -> Schema:
    return Schema(
        features=[Feature(name="x"), Feature(name="amount paid"), Feature(name="shop", type="categorical")],
        label=Label(classes=list("abc")[:k], positive="b"), time=Time(unit="us") if timed else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "amounts", "a", "b"),
    [
        ("cost:FN=amount paid,FP=2.5", ("amount paid", None), 0.0, 2.5),
        ("cost: FN = 3 , FP = x", (None, "x"), 3.0, 0.0),
        ("cost:FN=x,FP=amount paid", ("x", "amount paid"), 0.0, 0.0),
        ("cost:FN=1e3,FP=1", (None, None), 1_000.0, 1.0),
    ],
)
def test_a_cost_is_a_number_or_a_features_name(text, amounts, a, b):
    """On either side, with spaces in the name and around it."""
    objective = parse_objective(text)
    assert (objective.amounts, objective.a, objective.b) == (amounts, a, b)
    assert 0 < objective.start < 1


@pytest.mark.parametrize(
    ("objective", "told", "says"),
    [
        ("cost:FN=amuont paid,FP=1", None, "did you mean 'amount paid'"),
        ("cost:FN=shop,FP=1", None, "control.objective: the amount 'shop' of the cost is no numeric feature"),
        ("f1", "FN=zzz,FP=1", "evaluation.cost: the amount 'zzz' of the cost is no numeric feature \\(there is x, "),
        ("cost:FN=-5,FP=1", None, "above 0"),
        ("cost:FN=1e999,FP=1", None, "finite"),
        ("precision@0/day", None, "above 0"),
        ("precision@5/week", None, "did you mean"),
        ("precision@5/day", None, "needs event times"),
        ("f1", "FN=x", "evaluation.cost: 'FN=x' is no cost"),
        ("cost:FN=5,FP=1", "FN=6,FP=1", "leave it out"),
    ],
)
def test_what_cannot_be_is_refused(objective, told, says):
    """Naming what was given and what is near."""
    with pytest.raises(ConfigError, match=says):
        Controller(schema(), ControlConfig(), objective, events_max=100, cost=told)


def test_many_classes_have_no_such_objectives():
    """They are told so; a cost may be told of all the same."""
    for text in ("cost:FN=x,FP=1", "precision@5/day"):
        with pytest.raises(ConfigError, match="is for two classes and there are 3"):
            tuned_objectives(parse_objective(text), 3, has_time=True)
    assert Controller(schema(3), ControlConfig(), "f1", events_max=100, cost="FN=x,FP=1").losses.name == "FN=x,FP=1"


def test_a_missing_amount_counts_as_the_mean_of_its_side():
    """0 before any; negative amounts cost nothing; nothing costs more than LOSS_MAX."""
    losses = Losses(schema(), parse_objective("cost:FN=x,FP=2"))
    x = np.array([np.nan, 10, 20, np.nan, -5, 3e38, np.nan, 7], np.float32)
    y = np.array([1, 1, 1, 1, 1, 1, 0, 0], np.int16)
    X = np.stack([x, x, x], axis=1)
    assert losses.of(X, np.arange(8), y).tolist() == [0, 10, 20, 15, 0, LOSS_MAX, 2, 2]
    assert losses.one(X[3], 1) == pytest.approx((30 + LOSS_MAX) / 4)
    assert (losses.one(X[1], 1), losses.one(X[1], 0)) == (10, 2)
    other = Losses(schema(), parse_objective("cost:FN=x,FP=2"))
    other.restore(losses.state())
    assert other.one(X[0], 1) == losses.one(X[0], 1)
    with pytest.raises(StateError, match="losses"):
        other.restore({})


def test_without_a_cost_there_are_no_losses():
    """An empty array, and NaN."""
    losses = Losses(schema(), cost_of(parse_objective("f1"), None))
    assert len(losses.of(np.zeros((3, 3), np.float32), np.arange(3), np.zeros(3, np.int16))) == 0
    assert np.isnan(losses.one(np.zeros(3, np.float32), 1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.6))
def test_the_sweep_finds_the_cheapest_cut(seed, share):
    """No cut between two bins costs less, whatever the amounts; some positives cost nothing."""
    rng = np.random.default_rng(seed)
    y = (rng.random(80) < share).astype(int)
    y[:2] = 0, 1
    loss = np.where(y == 1, rng.choice([0.0, 3.0, 40.0, 500.0], 80), rng.choice([1.0, 2.0], 80))
    bins = np.array([bin_of(r) for r in rng.normal(2 * y, 1.5)])
    histogram = np.stack([np.bincount(bins[y == k], minlength=BINS) for k in (0, 1)])
    amounts = np.stack([np.bincount(bins[y == k], loss[y == k], BINS) for k in (0, 1)]).astype(np.int64)
    best = np.zeros((1, 2))
    sweep(histogram, amounts, np.ones(2), np.array([[COST_OF_AMOUNTS, 0.0, 0.0]]), best, np.zeros((1, 2), np.int64))
    costs = [loss[(bins >= cut) != (y == 1)].sum() for cut in [*np.unique(bins), BINS]]
    assert -best[0, 1] == pytest.approx(min(costs))
    cut = (best[0, 0] - BIN_LOW) / BIN_WIDTH
    assert loss[(bins >= cut) != (y == 1)].sum() == pytest.approx(min(costs))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 90))
def test_the_sweep_raises_about_as_many_alerts_as_asked(seed, wanted):
    """No cut comes nearer to the number, false alarms or not."""
    rng = np.random.default_rng(seed)
    y = (rng.random(80) < 0.1).astype(int)
    y[:2] = 0, 1
    bins = rng.integers(400, 440, 80)
    histogram = np.stack([np.bincount(bins[y == k], minlength=BINS) for k in (0, 1)])
    best, table = np.zeros((1, 2)), np.array([[TOP_PER_DAY, float(wanted), 0.0]])
    sweep(histogram, np.zeros((2, BINS), np.int64), np.ones(2), table, best, np.zeros((1, 2), np.int64))
    raised = (bins >= (best[0, 0] - BIN_LOW) / BIN_WIDTH).sum()
    assert abs(raised - wanted) == min(abs((bins >= cut).sum() - wanted) for cut in [*np.unique(bins), BINS])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_amounts_are_those_of_the_events_held(seed, sizes):
    """However events come and are forgotten, over the ring's end: to the last millionth, and after a restore."""
    rng = np.random.default_rng(seed)
    window, shadow = ScoreWindow(2, 1, 100, 2, by_amount=True), []
    lost = np.zeros(2)
    for size in sizes:
        raw, y = rng.normal(size=(size, 2)).astype(np.float32), (rng.random(size) < 0.3).astype(np.int16)
        shadows, loss = rng.integers(0, 4, size).astype(np.int16), rng.exponential(30, size)
        window.push(raw, y, np.arange(size), shadows, loss)
        shadow += list(zip(raw, y, loss, strict=True))
        for s in range(2):
            lost[s] += loss[(shadows >> s) & 1 != y].sum()
        keep = int(rng.integers(10, 100))
        window.keep(keep)
        shadow = shadow[-keep:]
        expected = np.zeros((2, BINS), np.int64)
        for r, c, money in shadow:
            expected[c, bin_of(r[1] - r[0])] += int(money * LOSS_UNITS)
        assert (window.amounts == expected).all()
        other = ScoreWindow(2, 1, 100, 2, by_amount=True)
        other.restore(window.state())
        window = other
    assert window.lost == pytest.approx(lost)


def test_an_event_without_its_loss_is_refused():
    """Where amounts are tuned for, each event has one."""
    with pytest.raises(ValueError, match="0 losses of 1 events"):
        Controller(schema(), ControlConfig(), "cost:FN=x,FP=1", events_max=100).observe(
            np.zeros((1, 2), np.float32), np.ones(1, np.int16), np.zeros(1, np.int64), np.zeros(1, np.int16)
        )


def test_amounts_beyond_reason_do_not_overflow():
    """The largest loss in every event of a full window: the sums stay whole and positive."""
    window = ScoreWindow(2, 1, 50_000, 1, by_amount=True)
    n = 50_000
    window.push(np.zeros((n, 2), np.float32), np.ones(n, np.int16), np.arange(n), np.zeros(n, np.int16),
                np.full(n, LOSS_MAX))  # fmt: skip
    assert 0 < window.amounts.sum() <= 2**62
    window.keep(0)
    assert not window.amounts.any()


def test_a_state_of_another_objective_is_refused():
    """Scores that were saved without amounts do not serve a cost of amounts, nor decisions of other objectives."""
    window = ScoreWindow(2, 1, 100, 2)
    window.push(np.zeros((1, 2), np.float32), np.ones(1, np.int16), np.zeros(1, np.int64), np.zeros(1, np.int16),
                np.zeros(0))  # fmt: skip
    for other in (ScoreWindow(2, 1, 100, 2, by_amount=True), ScoreWindow(2, 1, 100, 3)):
        with pytest.raises(StateError, match="saved scores"):
            other.restore(window.state())


def test_values_of_a_cost_and_of_so_many_alerts():
    """A cost is what an event lost, negative; alerts have their precision."""
    counts = np.array([[80, 10], [4, 6]])
    assert value_at(parse_objective("cost:FN=x,FP=1"), counts, 50.0)["value"] == -0.5
    assert value_at(parse_objective("precision@8/day"), counts)["value"] == 6 / 16
    assert np.isnan(value_at(parse_objective("cost:FN=x,FP=1"), counts * 0, 0.0)["value"])


def money_stream(n: int = 40_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives of two kinds: those that show cost little, those that hide cost much."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.05).astype(np.int16)
    dear = rng.random(n) < 0.3
    X = np.zeros((n, 3), np.float32)
    X[:, 0] = rng.normal(np.where(dear, 1.2, 3.0) * y, 1.0)
    X[:, 1] = np.where(dear, 300, 2) * rng.lognormal(0, 0.3, n)
    X[rng.random(n) < 0.02, 1] = np.nan
    return X, y, np.arange(n) * (DAY // 1_000)


def run(objective: str, cost: str | None = None) -> Pipeline:
    pipeline = Pipeline(
        schema(timed=True), Config(control={"objective": objective}, evaluation={"cost": cost, "queue_days": 20})
    )
    X, y, time = money_stream()
    pipeline.process(Batch.of(X, y, time=time))
    return pipeline


def test_tuning_for_money_saves_money():
    """Less is lost than under f1, or a cost of plain counts at the mean amount's price, on the same events."""
    cost = "FN=amount paid,FP=3"
    spent = {
        name: run(name, told).summary()["queue"]["windows"]["all"]["cost_per_event"]
        for name, told in ((f"cost:{cost}", None), ("f1", cost))
    }
    money, plain = spent[f"cost:{cost}"], spent["f1"]
    assert money[2] < plain[1], "the intervals lie apart"
    assert money[0] < 0.8 * plain[0]


def test_the_cost_shown_is_the_cost_that_was():
    """The chosen objective's row is the very decisions of the run, and an amount's cost is what the queue counted."""
    told = run("cost:FN=amount paid,FP=3").summary()
    shown = told["objectives"]["cost:FN=amount paid,FP=3"]
    assert shown["cost"] == pytest.approx(told["queue"]["windows"]["all"]["cost_per_event"][0])
    assert shown["value"] == pytest.approx(-shown["cost"])
    plain = run("f1", "FN=40,FP=3").summary()
    shown = plain["objectives"]["f1"]["cost"]
    assert shown == pytest.approx(plain["queue"]["windows"]["all"]["cost_per_event"][0])
    assert plain["objectives"]["g_mean"]["cost"] != shown


@pytest.mark.parametrize("k", [20, 60])
def test_so_many_alerts_a_day_are_raised(k):
    """About k a day, and their precision is about that of the day's k highest scores."""
    pipeline = run(f"precision@{k}/day")
    assert pipeline.queue.k == k
    told = pipeline.summary()["queue"]["windows"]["days"]
    assert told["alerts_per_day"][0] == pytest.approx(k, rel=0.1)
    shown = pipeline.summary()["objectives"][f"precision@{k}/day"]
    assert told["precision_at_k"][0] == pytest.approx(shown["precision"], abs=0.07)


@pytest.mark.parametrize("k", [2, 3])
def test_alerts_a_day_of_the_chosen_objective_are_the_queues(k):
    """On days that a later one has followed, days without events left out; a run of one day tells of none."""
    rng = np.random.default_rng(3)
    n = 6_000
    time = np.sort(np.r_[rng.integers(0, 2 * DAY, n // 2), rng.integers(7 * DAY, 9 * DAY + DAY // 3, n // 2)])
    y = rng.choice(k, n, p=[0.8, 0.2] if k == 2 else [0.7, 0.2, 0.1]).astype(np.int16)
    X = np.stack([rng.normal(2.0 * (y == 1)), np.ones(n), np.zeros(n)], axis=1).astype(np.float32)
    pipeline = Pipeline(schema(k, timed=True), Config(control={"objective": "f1"}, learner={"model": "linear"}))
    pipeline.process(Batch.of(X[:900], y[:900], time=time[:900]))
    assert np.isnan(pipeline.summary()["objectives"]["f1"]["alerts_per_day"])
    pipeline.process(Batch.of(X[900:], y[900:], time=time[900:]))
    told = pipeline.summary()
    shown = {name: row["alerts_per_day"] for name, row in told["objectives"].items()}
    assert told["queue"]["days"] == 4
    assert shown["f1"] == told["queue"]["windows"]["all"]["alerts_per_day"][0] > 0
    assert all(np.isfinite(value) for value in shown.values())
    other = Pipeline(schema(k, timed=True), Config(control={"objective": "f1"}, learner={"model": "linear"}))
    other.restore(pipeline.state())
    assert {name: row["alerts_per_day"] for name, row in other.summary()["objectives"].items()} == shown
