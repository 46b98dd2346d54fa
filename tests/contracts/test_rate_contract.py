"""What every rate keeps, from a window's counts to the weight of a lesson: add a new one to RATES and nothing else."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any, Final, NamedTuple, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import ControlConfig
from streamimb.errors import StateError
from streamimb.rebalance.rates import Rates
from streamimb.rebalance.weights import bound_of, class_weights, rules_of
from streamimb.testing import digest

#: Lessons between two Plans, and those that the window of the counts holds.
EVERY: Final = 40
WINDOW: Final = 200


class Case(NamedTuple):
    """How many classes, the configuration, and whether the rate lifts what is rare, or does not look at shares."""

    classes: int
    config: dict[str, Any]
    lifts: bool = True


COSTS = {"0": 1.0, "1": 8.0, "2": 3.0}
RATES: dict[str, Case] = {
    "none": Case(2, {"weights": "none"}, lifts=False),
    "adaptive": Case(2, {"weights": "adaptive"}),
    "adaptive, 5 classes": Case(5, {"weights": "adaptive", "weight_max": 7.0}),
    "inverse frequency": Case(2, {"weights": "inverse_frequency"}),
    "effective number": Case(3, {"weights": "effective_number"}),
    "cost": Case(3, {"weights": "cost", "costs": COSTS}, lifts=False),
    "oob": Case(2, {"weights": "oob"}),
    "oob, 5 classes": Case(5, {"weights": "oob", "weight_max": 20.0, "size_decay": 0.9}),
    "uob": Case(2, {"weights": "uob"}),
    "uob, 5 classes": Case(5, {"weights": "uob", "size_decay": 0.95}),
    "hybrid": Case(2, {"weights": "hybrid"}),
    "hybrid, 4 classes, to a fifth": Case(4, {"weights": "hybrid", "hybrid_target": 0.2, "size_decay": 0.95}),
    "each class its own": Case(
        4, {"weights": "none", "class_rules": {"0": "oob", "1": "uob", "2": "hybrid", "3": "adaptive"}}
    ),
}
every_rate = pytest.mark.parametrize("name", RATES)


class Loop:
    """Rates under the Plan's class weights, which are made anew of the last WINDOW labels after every EVERY events."""

    def __init__(self, name: str, order: list[int] | None = None) -> None:
        case = RATES[name]
        self.names = [str(k) for k in (order or range(case.classes))]
        self.config = ControlConfig(**case.config)
        self.rules = rules_of(self.names, self.config)
        self.costs = np.array([COSTS.get(n, 1.0) for n in self.names])
        self.rates = Rates(self.names, self.config)
        self.bounds = np.array([bound_of(rule, self.config) for rule in self.rules])

    def plan(self, y: np.ndarray) -> np.ndarray:
        """The class weights after the labels y."""
        counts = np.bincount(y[-WINDOW:], minlength=len(self.names))
        return class_weights(counts, self.config, self.costs, self.rules, fades=True)

    def weights(self, y: np.ndarray, edges: list[int], first: int = 0) -> np.ndarray:
        """The weight of each lesson from ``first`` on, in segments that end at the edges and where a Plan is made."""
        stops = {first, len(y), *(e for e in edges if first < e < len(y)), *range(first - first % EVERY, len(y), EVERY)}
        told = []
        for start, stop in pairwise(sorted(s for s in stops if s >= first)):
            labels = y[start:stop]
            rows = np.arange(stop - start)
            ops = np.stack([rows, np.ones_like(rows), rows + start, rows], axis=1).repeat(2, axis=0)
            ops[::2, 1] = 0  # before each lesson the event is predicted
            out = self.rates.weigh(ops, labels, matured(labels, start), self.plan(y[: start - start % EVERY]))
            assert (out[::2] == 0).all()
            told.append(out[1::2])
        return np.concatenate([np.zeros(0), *told])


def matured(labels: np.ndarray, start: int = 0) -> np.ndarray:
    rows = np.arange(start, start + len(labels))
    return np.stack([rows, labels, rows, rows, rows], axis=1).astype(np.int64)


def stream(name: str, n: int = 600, seed: int = 0) -> np.ndarray:
    """Labels whose commonest class is the first, then the last; one class is absent for a while."""
    k = RATES[name].classes
    rng = np.random.default_rng(seed)
    y = np.minimum(rng.geometric(0.85, n) - 1, k - 1)
    y = np.where(np.arange(n) < n // 2, y, k - 1 - y).astype(np.int16)
    y[n // 4 : n // 2] = 0
    return y


def test_every_rule_of_the_configuration_has_a_case() -> None:
    """What can be asked for is held to the contract."""
    asked = {case.config["weights"] for case in RATES.values()}
    assert asked == set(get_args(ControlConfig.model_fields["weights"].annotation))


@every_rate
def test_weights_are_finite_positive_and_clamped(name: str) -> None:
    """Whatever is rare, absent or comes back."""
    loop, y = Loop(name), stream(name)
    weights = loop.weights(y, [])
    assert len(weights) == len(y)
    assert np.isfinite(weights).all()
    bounds = loop.bounds[y]
    assert (weights >= 1 / bounds * (1 - 1e-12)).all()
    assert (weights <= bounds * (1 + 1e-12)).all()


@every_rate
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_labels_and_any_bound_are_clamped(name: str, data: st.DataObject) -> None:
    """One class alone, each once, in any order, under the narrowest bound too."""
    case = RATES[name]
    loop = Loop(name)
    loop.config = loop.config.model_copy(update={"weight_max": data.draw(st.sampled_from([1.0, 1.5, 1e4]))})
    loop.rates = Rates(loop.names, loop.config)
    y = np.array(data.draw(st.lists(st.integers(0, case.classes - 1), min_size=1, max_size=60)), np.int16)
    weights = loop.weights(y, [])
    bound = loop.config.weight_max
    assert bound is not None
    assert ((weights >= 1 / bound * (1 - 1e-12)) & (weights <= bound * (1 + 1e-12))).all()


def rarer(weights: np.ndarray, y: np.ndarray, k: int) -> float:
    """How many times as much a lesson of the last class weighs as one of the first."""
    return float(weights[y == k - 1].mean() / weights[y == 0].mean())


@every_rate
def test_roles_may_flip(name: str) -> None:
    """What is rare now weighs more than what is common, whichever was so before; else shares change nothing."""
    case = RATES[name]
    n, k = 8_000, case.classes
    one_in_ten = np.arange(n) % 10 == 9
    y = np.concatenate([np.where(one_in_ten, k - 1, 0), np.where(one_in_ten, 0, k - 1)]).astype(np.int16)
    weights = Loop(name).weights(y, [])
    before, after = (rarer(weights[part], y[part], k) for part in (slice(n - 500, n), slice(2 * n - 500, 2 * n)))
    if name == "each class its own":  # the first by OOB, the last by adaptive weights
        assert before > 1 > after
    elif case.lifts:
        assert before > 1.5
        assert after == pytest.approx(1 / before, rel=0.05)
    else:
        assert before == pytest.approx(after)


@every_rate
def test_a_class_is_known_by_what_it_is_not_by_its_place(name: str) -> None:
    """Classes in another order have the same weights, each its own."""
    order = list(range(RATES[name].classes))[::-1]
    y = stream(name)
    there = np.argsort(order).astype(np.int16)
    np.testing.assert_allclose(Loop(name, order).weights(there[y], []), Loop(name).weights(y, []), rtol=1e-12)


@every_rate
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 20), cuts=st.lists(st.integers(1, 299), max_size=6))
def test_segments_are_invisible(name: str, seed: int, cuts: list[int]) -> None:
    """However lessons are cut, the same bits and the same state."""
    y = stream(name, 300, seed)
    whole, cut = Loop(name), Loop(name)
    np.testing.assert_array_equal(whole.weights(y, []), cut.weights(y, cuts))
    assert digest(whole.rates.state()) == digest(cut.rates.state())


@every_rate
@settings(max_examples=10, deadline=None)
@given(at=st.integers(0, 300))
def test_a_restored_rate_goes_on_as_if_never_stopped(name: str, at: int) -> None:
    """Saved and restored at any lesson; the state is a copy."""
    y = stream(name, 300)
    whole, first, second = Loop(name), Loop(name), Loop(name)
    expected = whole.weights(y, [])
    begun = first.weights(y[:at], [])
    state = first.rates.state()
    kept = copy.deepcopy(state)
    second.rates.restore(state)
    np.testing.assert_array_equal(np.concatenate([begun, second.weights(y, [], at)]), expected)
    assert digest(whole.rates.state()) == digest(second.rates.state())
    assert digest(state) == digest(kept)


@every_rate
def test_refuses_a_state_that_does_not_fit(name: str) -> None:
    """None, of other classes, or not finite: a StateError that changes nothing."""
    loop = Loop(name)
    loop.weights(stream(name), [])
    good = loop.rates.state()
    for bad in ({}, {"sizes": good["sizes"][:-1]}, {"sizes": np.full_like(good["sizes"], np.nan)}):
        with pytest.raises(StateError, match="rates"):
            loop.rates.restore(bad)
        assert digest(loop.rates.state()) == digest(good)


@every_rate
def test_what_has_no_label_and_no_lessons_change_nothing(name: str) -> None:
    """An event that matures without a label counts in no class, an empty segment not at all."""
    loop = Loop(name)
    loop.weights(stream(name), [])
    before, plan = digest(loop.rates.state()), loop.plan(stream(name))
    dropped = matured(np.full(5, -1, np.int16))
    nothing = np.zeros((0, 4), np.int64)
    for gone in (dropped, dropped[:0]):
        assert len(loop.rates.weigh(nothing, np.zeros(0, np.int16), gone, plan)) == 0
    assert digest(loop.rates.state()) == before


@every_rate
def test_a_class_that_appears_leaves_the_sizes_of_the_others(name: str) -> None:
    """With one class more the rates go on from the sizes that there were."""
    loop = Loop(name)
    loop.weights(stream(name), [])
    more = Rates([*loop.names, "another"], loop.config)
    more.inherit(loop.rates)
    np.testing.assert_array_equal(more.sizes, np.append(loop.rates.sizes, 0.0))
