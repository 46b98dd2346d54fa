"""Where false alarms come from: planted ranges are found, noise is not, and the memory is bounded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.errors import StateError
from streamimb.evaluation import FalsePositives
from streamimb.evaluation.false_positives import ALERTS_MAX, SAMPLE_MAX
from streamimb.evaluation.ranges import FOUND_MAX, SAME, SUPPORT_MIN
from streamimb.schema import Feature
from streamimb.testing import digest

FEATURES = (
    Feature(name="amount"), Feature(name="hour"), Feature(name="new", type="boolean"),
    Feature(name="shop", type="categorical", categories=("food", "fuel", "toys", "travel")), Feature(name="noise"),
)  # fmt: skip


def events(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    columns = (rng.lognormal(3, 1, n), rng.integers(0, 24, n), rng.random(n) < 0.3, rng.integers(0, 4, n),
               rng.normal(size=n))  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def told(X: np.ndarray, likely: np.ndarray, seed: int = 1, features: tuple[Feature, ...] = FEATURES) -> list[dict]:
    """Alerts, all false but one in ten, come ten times as often where it is likely."""
    rng = np.random.default_rng(seed)
    decision = (rng.random(len(X)) < np.where(likely, 0.3, 0.03)).astype(np.int16)
    y = (decision * (rng.random(len(X)) < 0.1)).astype(np.int16)
    memory = FalsePositives(features, 1)
    memory.update(X, np.arange(len(X)), y, decision)
    return memory.told()


X = events(20_000)
PLANTED = {
    "amount >= ": X[:, 0] > 60, "amount < ": X[:, 0] < 8, " <= hour < ": (X[:, 1] >= 8) & (X[:, 1] < 12),
    "new = true": X[:, 2] == 1, "shop = toys": X[:, 3] == 2,
}  # fmt: skip


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_range_is_found_first(text):
    """At an end, inside, of a boolean, of a category: with its shares, its lift, its precision, its support."""
    first, *rest = told(X, PLANTED[text])
    assert text in first["range"]
    assert rest == [] or rest[0]["false_positive_share"] - rest[0]["event_share"] < 0.1
    share = PLANTED[text].mean()
    expected = 10 * share / (10 * share + 1 - share)
    assert first["false_positive_share"] == pytest.approx(expected, abs=0.08)
    assert first["event_share"] == pytest.approx(share, abs=0.05)
    assert first["lift"] == pytest.approx(first["false_positive_share"] / first["event_share"])
    assert first["precision"] == pytest.approx(0.1, abs=0.04)
    assert first["support"] >= SUPPORT_MIN


def test_two_features_together_are_found():
    """Where neither holds much alone: the range names both."""
    both = (X[:, 2] == 1) & (X[:, 3] == 2)
    first = told(X, both)[0]
    assert {"new = true", "shop = toys"} == set(first["range"].split(" & "))
    assert set(first["feature"].split(" & ")) == {"new", "shop"}


def test_a_missing_value_is_a_range():
    """Of a number and of a category."""
    for j, name in ((0, "amount"), (3, "shop")):
        holes = X.copy()
        holes[np.random.default_rng(5).random(len(X)) < 0.1, j] = np.nan
        assert told(holes, np.isnan(holes[:, j]))[0]["range"] == f"{name} missing"


@pytest.mark.parametrize("seed", range(5))
def test_where_there_is_nothing_nothing_is_told(seed):
    """False alarms that come from everywhere have no range."""
    assert told(events(20_000, seed), np.zeros(20_000, bool), seed) == []


def test_one_cause_is_told_once():
    """Two features that say the same give one row."""
    twice = np.c_[X[:, 0], 2 * X[:, 0] + 1]
    rows = told(twice, X[:, 0] > 60, features=(Feature(name="a"), Feature(name="b")))
    assert len(rows) == 1 and SAME < 1


def test_hashed_categories_are_told_by_their_code():
    """Their text is not kept."""
    hashed = X.copy()
    hashed[:, 3] = np.array([11, 222, 3333, 44444])[X[:, 3].astype(int)]
    features = (*FEATURES[:3], Feature(name="shop", type="categorical"), FEATURES[4])
    assert told(hashed, X[:, 3] == 2, features=features)[0]["range"] == "shop = #3333"


def test_few_false_positives_have_no_range():
    """Under SUPPORT_MIN of them nothing is told, nor before any event."""
    memory = FalsePositives(FEATURES, 1)
    assert memory.told() == []
    n = SUPPORT_MIN - 1
    memory.update(X, np.arange(n), np.zeros(n, np.int16), np.ones(n, np.int16))
    assert memory.told() == []


def test_memory_is_bounded_and_of_one_time():
    """A million alerts leave the last ALERTS_MAX, and a sample that began at about the same time."""
    memory, n = FalsePositives((Feature(name="n"),), 1), 400_000
    rng = np.random.default_rng(2)
    decision = (rng.random(n) < 0.05).astype(np.int16)
    memory.update(np.arange(n, dtype=np.float32)[:, None], np.arange(n), np.zeros(n, np.int16), decision)
    state = memory.state()
    assert len(state["alerts"]) == ALERTS_MAX and len(state["sample"]) == SAMPLE_MAX
    assert (state["alerts"][:, 0] == np.flatnonzero(decision)[-ALERTS_MAX:]).all()
    assert n - state["sample"][0, 0] == pytest.approx(n - state["alerts"][0, 0], rel=0.1)
    assert len(memory.told()) <= FOUND_MAX
    wide = FalsePositives(tuple(Feature(name=f"f{i}") for i in range(10_000)), 1)
    assert sum(np.asarray(ring).nbytes for ring in (wide._alerts, wide._sample)) <= 1 << 25


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9_000), max_size=5), st.integers(0, 9_000))
def test_cuts_and_restores_are_invisible(cuts, at):
    """The same state and the same rows, over more alerts than the memory holds."""
    n, y = 9_000, np.zeros(9_000, np.int16)
    decision = (X[:n, 0] > 12).astype(np.int16)
    whole, cut = FalsePositives(FEATURES, 1), FalsePositives(FEATURES, 1)
    whole.update(X, np.arange(n), y, decision)
    for first, last in itertools.pairwise([0, *sorted([*cuts, at]), n]):
        if first == at:
            saved, cut = cut.state(), FalsePositives(FEATURES, 1)
            cut.restore(saved)
        cut.update(X, np.arange(first, last), y[first:last], decision[first:last])
    assert digest(whole.state()) == digest(cut.state())
    assert whole.told() == cut.told()


def test_a_correction_turns_a_false_alarm_into_a_true_one():
    """As if its label had been so; of an event that is not remembered, nothing changes."""
    n = 3_000
    decision = (X[:n, 0] > 12).astype(np.int16)
    y = (X[:n, 4] > 1).astype(np.int16)
    right, memory = FalsePositives(FEATURES, 1), FalsePositives(FEATURES, 1)
    right.update(X, np.arange(n), y, decision)
    memory.update(X, np.arange(n), np.zeros(n, np.int16), decision)
    for i in np.flatnonzero(y).tolist():
        memory.correct(i, 1)
    assert digest(memory.state()) == digest(right.state())


def test_a_state_of_other_features_is_refused():
    """Or one that is torn."""
    memory = FalsePositives(FEATURES, 1)
    for state in (FalsePositives(FEATURES[:2], 1).state(), {}, {**memory.state(), "marks": np.full(3, 9)}):
        with pytest.raises(StateError, match="false positives"):
            memory.restore(state)
