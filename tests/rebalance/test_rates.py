"""Rates that follow every event: against a slow twin, and what the papers say of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import ControlConfig
from streamimb.errors import ConfigError, StateError
from streamimb.rebalance.rates import Rates

NAMES = ("a", "b", "c")


def lessons(y: np.ndarray, delay: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A tape of lessons, each after all events ``delay`` rows before it have matured; and what matures."""
    rows = np.arange(len(y))
    ops = np.stack([rows, np.ones_like(rows), rows, np.maximum(rows - delay, 0)], axis=1).astype(np.int64)
    return ops, np.stack([rows, y, rows, rows, rows], axis=1).astype(np.int64)


def twin(rule: str, y: np.ndarray, weights: np.ndarray, config: ControlConfig, delay: int) -> list[float]:
    """The same rates from sums that are decayed one by one."""
    sizes, found = np.zeros(3), []
    for i, k in enumerate(y):
        if i > delay:
            sizes = sizes * config.size_decay + np.eye(3)[y[i - delay - 1]]
        if rule not in ("oob", "uob", "hybrid"):
            found.append(weights[k])
            continue
        if sizes.max() == 0:
            found.append(1.0)
            continue
        own = sizes[k] if sizes[k] > 0 else sizes.max() / config.weight_max
        if rule == "oob":
            rate = sizes.max() / own
        elif rule == "uob":
            rate = min(sizes[sizes > 0].min(), own) / own
        else:
            raised = np.maximum(sizes, config.hybrid_target * sizes.max())[sizes > 0].sum()
            rate = max(own, config.hybrid_target * sizes.max()) / own * sizes.sum() / raised
        found.append(float(np.clip(rate, 1 / config.weight_max, config.weight_max)))
    return found


classes = st.lists(st.sampled_from([0, 0, 0, 0, 1, 2]), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(
    classes, st.sampled_from(["oob", "uob", "hybrid", "none"]), st.integers(0, 5), st.sampled_from([0.5, 0.9, 0.999])
)
def test_rates_are_the_twins(labels, rule, delay, decay):
    """Whatever the order of the classes and however late they mature."""
    config = ControlConfig(weights=rule, size_decay=decay, weight_max=50)
    y, weights = np.array(labels, np.int16), np.array([0.5, 2.0, 3.0])
    ops, matured = lessons(y, delay)
    got = Rates(NAMES, config).weigh(ops, y, matured, weights)
    np.testing.assert_allclose(got, twin(rule, y, weights, config, delay), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(classes, st.lists(st.integers(0, 80), max_size=4))
def test_segments_are_invisible(labels, cuts):
    """However the lessons are cut into segments, and wherever the rates are saved and restored."""
    config, y, weights = ControlConfig(weights="oob"), np.array(labels, np.int16), np.ones(3)
    whole, cut = Rates(NAMES, config), Rates(NAMES, config)
    ops, matured = lessons(y)
    expected = whole.weigh(ops, y, matured, weights)
    got = []
    for start, stop in pairwise(sorted({0, len(y), *(c for c in cuts if c < len(y))})):
        state, cut = cut.state(), Rates(NAMES, config)
        cut.restore(state)
        part = ops[start:stop].copy()
        part[:, 3] -= start
        got.append(cut.weigh(part, y, matured[start:stop], weights))
    np.testing.assert_array_equal(np.concatenate(got), expected)
    np.testing.assert_array_equal(whole.sizes, cut.sizes)


def test_oversampling_trains_all_classes_alike():
    """At 2 % each class weighs the same in what the learner was taught."""
    y = (np.random.default_rng(0).random(20_000) < 0.02).astype(np.int16)
    rates = Rates(("a", "b"), ControlConfig(weights="oob", weight_max=1_000))
    ops, matured = lessons(y)
    weights = rates.weigh(ops, y, matured, np.ones(2))
    assert weights[y == 1].sum() / weights.sum() == pytest.approx(0.5, abs=0.1)
    assert rates.sizes[1] == pytest.approx(0.02, abs=0.015)


def test_a_class_may_have_a_rule_of_its_own():
    """One by the Plan, one by events."""
    rates = Rates(("a", "b"), ControlConfig(weights="none", class_rules={"b": "oob"}, weight_max=10))
    y = np.array([0, 0, 0, 0, 1], np.int16)
    ops, matured = lessons(y)
    assert rates.weigh(ops, y, matured, np.array([0.25, 9.0])).tolist() == [0.25, 0.25, 0.25, 0.25, 10.0]


def test_a_rule_for_no_class_is_refused():
    """With the classes there are."""
    with pytest.raises(ConfigError, match=r"control\.class_rules: 'z' is none of the classes a, b"):
        Rates(("a", "b"), ControlConfig(class_rules={"z": "oob"}))


def test_a_state_of_other_classes_is_refused():
    """Two classes are not three."""
    with pytest.raises(StateError, match="do not fit 3 classes"):
        Rates(NAMES, ControlConfig()).restore(Rates(("a", "b"), ControlConfig()).state())


@pytest.mark.parametrize(("rule", "ratio"), [("oob", 1.0), ("uob", 1.0), ("hybrid", 0.5)])
def test_a_rule_comes_to_its_ratio_at_one_in_a_hundred_by_default(rule, ratio):
    """No bound that nobody asked for keeps classes from being trained on as evenly as the rule says."""
    y = (np.arange(20_000) % 100 == 99).astype(np.int16)
    n = len(y)
    lessons = np.stack([np.arange(n), np.ones(n, np.int64), np.arange(n), np.arange(n)], axis=1)
    matured = np.stack([np.arange(n), y, y, y, y], axis=1).astype(np.int64)
    weights = Rates(("legit", "fraud"), ControlConfig(weights=rule)).weigh(lessons, y, matured, np.ones(2))[n // 2 :]
    later = y[n // 2 :]
    assert weights[later == 1].sum() / weights[later == 0].sum() == pytest.approx(ratio, rel=0.15)
