"""What every sample strategy keeps: add a new one to SAMPLERS and nothing else."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamimb.config import SamplesConfig
from streamimb.errors import StateError
from streamimb.rebalance.base import SYNTHETIC_EVENT_MIN, Sampled, Sampler
from streamimb.rebalance.registry import make_sampler
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest

DECAY = 0.99
SAMPLERS: dict[str, tuple[int, dict[str, Any]]] = {
    "undersample": (2, {"majority": "undersample", "undersample": {"target": 0.8}}),
    "undersample, unbiased": (2, {"majority": "undersample", "undersample": {"target": 0.8, "weigh": "unbiased"}}),
    "undersample, no boundary": (3, {"majority": "undersample", "undersample": {"boundary": 0.0, "target": 1.0}}),
    "smote": (2, {"minority": "smote"}),
    "smote, fixed and bounded": (3, {"minority": "smote", "fixed": ("a", "shop"), "bounds": {"b": (-5e3, 5e3)}}),
    "smote, no votes": (2, {"minority": "smote", "smote": {"categorical": "base", "neighbours": 1}}),
    "borderline smote": (2, {"minority": "borderline_smote"}),
    "clean": (2, {"clean": True, "cleaning": {"neighbours": 4, "disagree": 0.6}}),
    "clean, down-weight": (4, {"clean": True, "cleaning": {"neighbours": 4, "disagree": 0.6, "weight": 0.25}}),
    "all": (
        2,
        {"clean": True, "majority": "undersample", "undersample": {"target": 0.5}, "minority": "borderline_smote"},
    ),
    "each class its own": (
        4,
        {
            "minority": "smote",
            "classes": {
                "0": {"majority": "undersample"},
                "1": {"majority": "undersample", "minority": "none"},
                "2": {"minority": "borderline_smote", "clean": True},
            },
        },
    ),
}
FILLING = [name for name, (_, keys) in SAMPLERS.items() if "minority" in keys]
THINNING = [name for name, (_, keys) in SAMPLERS.items() if "majority" in keys or "classes" in keys]
every_sampler = pytest.mark.parametrize("name", SAMPLERS)


def schema_of(classes: int) -> Schema:
    return Schema(
        features=[
            Feature(name="a"),
            Feature(name="b"),
            Feature(name="flag", type="boolean"),
            Feature(name="colour", type="categorical", categories=["red", "green", "blue"]),
            Feature(name="shop", type="categorical"),
        ],
        label=Label(classes=list(range(classes))),
    )


def make(name: str, seed: int = 1) -> Sampler:
    classes, keys = SAMPLERS[name]
    sampler = make_sampler(schema_of(classes), SamplesConfig(buffer=40, decay=DECAY, **keys), seed)
    assert sampler is not None
    return sampler


def lessons(name: str, n: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A stream with missing values whose largest class changes half way: X, y, events, weights."""
    classes = SAMPLERS[name][0]
    rng = np.random.default_rng(seed)
    y = np.minimum(rng.geometric(0.8, n) - 1, classes - 1)
    y = np.where(np.arange(n) < n // 2, y, classes - 1 - y).astype(np.int16)
    X = np.stack(
        [
            rng.normal(y * 2.0, 1.0),
            rng.normal(0.0, 1e4, n),
            rng.integers(0, 2, n),
            np.where(rng.random(n) < 0.7, y % 3, rng.integers(0, 3, n)),
            rng.integers(0, 1 << 24, n) // 4_000_000,
        ],
        axis=1,
    ).astype(np.float32)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y, np.arange(1000, 1000 + n), rng.choice([0.5, 1.0, 3.0], n)


def joined(parts: list[tuple[int, Sampled]]) -> list[np.ndarray]:
    """The rows of several calls, with origins counted from the first."""
    columns = [(s.X, s.y, s.weights, s.origin + start, s.synthetic, s.events) for start, s in parts]
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def run(sampler: Sampler, stream: tuple[np.ndarray, ...], cuts: list[int]) -> list[np.ndarray]:
    edges = [0, *sorted(cuts), len(stream[1])]
    return joined([(a, sampler.sample(*(s[a:b] for s in stream))) for a, b in itertools.pairwise(edges)])


@every_sampler
def test_rows_stand_for_their_lessons(name: str) -> None:
    """In order, the real row first and as it was but for its weight, all of the lesson's class, with finite weights."""
    X, y, events, weights = lessons(name, 1200)
    out = make(name).sample(X, y, events, weights)
    r = len(out)
    assert (out.X.shape, out.X.dtype, out.y.dtype) == ((r, 5), np.float32, np.int16)
    dtypes = [a.dtype for a in (out.weights, out.origin, out.synthetic, out.events)]
    assert dtypes == [np.float64, np.int64, np.bool_, np.int64]
    assert (np.diff(out.origin) >= 0).all()
    assert 0 <= out.origin.min() <= out.origin.max() < len(y)
    np.testing.assert_array_equal(out.y, y[out.origin])
    real = ~out.synthetic
    np.testing.assert_array_equal(out.X[real], X[out.origin[real]])
    np.testing.assert_array_equal(out.events[real], events[out.origin[real]])
    assert len(np.unique(out.origin[real])) == real.sum()
    assert real[np.flatnonzero(np.diff(out.origin, prepend=-1))].all()
    assert np.isfinite(out.weights).all()
    assert (out.weights >= 0).all()
    assert not np.isinf(out.X).any()
    assert out.synthetic.any() == (name in FILLING)
    assert (real.sum() < len(y)) == (name in THINNING)
    made = out.events[out.synthetic]
    assert (made >= SYNTHETIC_EVENT_MIN).all()
    assert len(np.unique(made)) == len(made)
    starts = out.starts(len(y))
    assert [starts[0], starts[-1], len(starts)] == [0, r, len(y) + 1]
    np.testing.assert_array_equal(np.repeat(np.arange(len(y)), np.diff(starts)), out.origin)


@every_sampler
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 20), cuts=st.lists(st.integers(0, 500), max_size=6))
def test_cutting_the_lessons_anywhere_gives_the_same_bits(name: str, seed: int, cuts: list[int]) -> None:
    """The same rows and the same state."""
    stream = lessons(name, 500, seed)
    whole, parts = make(name), make(name)
    assert_same(run(whole, stream, []), run(parts, stream, cuts))
    assert digest(whole.state()) == digest(parts.state())


@every_sampler
@settings(max_examples=8, deadline=None)
@given(at=st.integers(0, 400), forgets=st.booleans())
def test_a_restored_sampler_goes_on_as_if_never_stopped(name: str, at: int, forgets: bool) -> None:
    """Saved and restored into a fresh sampler at any lesson, after a drift or not."""
    stream = lessons(name, 400)
    first, second = make(name), make(name)
    first.sample(*(s[:at] for s in stream))
    if forgets:
        first.forget(1000 + at // 2)
    second.restore(first.state())
    rest = tuple(s[at:] for s in stream)
    assert_same(run(first, rest, []), run(second, rest, []))
    assert digest(first.state()) == digest(second.state())


@every_sampler
def test_a_state_is_a_copy(name: str) -> None:
    """What comes later does not reach a state that was taken before, nor one that was restored."""
    stream = lessons(name, 600)
    sampler = make(name)
    sampler.sample(*(s[:300] for s in stream))
    state = sampler.state()
    kept = copy.deepcopy(state)
    expected = run(sampler, tuple(s[300:] for s in stream), [])
    sampler.restore(state)
    assert_same(run(sampler, tuple(s[300:] for s in stream), []), expected)
    assert digest(state) == digest(kept)


@every_sampler
def test_refuses_a_state_that_does_not_fit(name: str) -> None:
    """A state without an array, of another shape, or infinite is a StateError and changes nothing."""
    sampler = make(name)
    sampler.sample(*lessons(name, 300))
    good = sampler.state()
    other = "clean" if "smote" in name else "smote"
    for bad in [{}, make(other).state(), *broken(good)]:
        with pytest.raises(StateError):
            sampler.restore(bad)
        assert digest(sampler.state()) == digest(good)


def broken(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The state with each of its arrays spoilt in turn, those of its stages too."""
    found: list[dict[str, Any]] = []
    for key, value in state.items():
        if isinstance(value, dict):
            found += [{**state, key: inner} for inner in broken(value)]
        elif isinstance(value, np.ndarray):
            found.append({**state, key: value[..., :-1]})
            if value.dtype == np.float64:
                found.append({**state, key: np.full_like(value, np.inf)})
                found += [] if key == "centres" else [{**state, key: np.full_like(value, np.nan)}]
            if key in ("marks", "used"):
                found += [{**state, key: np.full_like(value, bad)} for bad in (-1, 41)]
    return found


@every_sampler
def test_a_lesson_without_weight_is_handed_on_and_otherwise_ignored(name: str) -> None:
    """Every other row comes out as if it had not been there."""
    X, y, events, weights = lessons(name, 600)
    odd = np.arange(600) % 3 == 1
    with_odd = make(name).sample(X, y, events, np.where(odd, 0.0, weights))
    without = make(name).sample(X[~odd], y[~odd], events[~odd], weights[~odd])
    other = ~odd[with_odd.origin]
    np.testing.assert_array_equal(with_odd.X[other], without.X)
    np.testing.assert_array_equal(with_odd.weights[other], without.weights)
    assert np.flatnonzero(odd).tolist() == with_odd.origin[~other].tolist()
    assert (with_odd.weights[~other] == 0).all()


@every_sampler
def test_what_was_trained_on_is_counted(name: str) -> None:
    """``trained`` is the decayed weight of each class among the rows, for each lesson."""
    stream = lessons(name, 700)
    sampler = make(name)
    assert np.isnan(sampler.trained).all()
    out = sampler.sample(*stream)
    age = DECAY ** (699.0 - np.arange(700))
    expected = np.bincount(out.y, out.weights * age[out.origin], SAMPLERS[name][0]) / age.sum()
    np.testing.assert_allclose(sampler.trained, expected, rtol=1e-9)


@every_sampler
def test_draws_belong_to_seed_and_event(name: str) -> None:
    """Two samplers with one seed cannot be told apart; another seed or other events draw otherwise where any is."""
    X, y, events, weights = lessons(name, 900)
    one, same, other = (make(name, seed).sample(X, y, events, weights) for seed in (7, 7, 8))
    later = make(name, 7).sample(X, y, events + 5000, weights)
    assert digest(rows_of(one)) == digest(rows_of(same))
    draws = not name.startswith("clean")
    assert (digest(rows_of(one)) != digest(rows_of(other))) == draws
    assert (digest(rows_of(one)) != digest(rows_of(later))) == draws


def rows_of(out: Sampled) -> list[np.ndarray]:
    return [out.X, out.y, out.weights, out.origin]


@every_sampler
def test_no_lessons_change_nothing(name: str) -> None:
    """An empty batch gives no rows and leaves the state."""
    sampler = make(name)
    sampler.sample(*lessons(name, 200))
    before = digest(sampler.state())
    out = sampler.sample(*(s[:0] for s in lessons(name, 1)))
    assert (len(out), out.X.shape, out.starts(0).tolist()) == (0, (0, 5), [0])
    assert digest(sampler.state()) == before


@every_sampler
@pytest.mark.parametrize(
    ("column", "value"), [(0, np.inf), (1, -1), (1, 4), (3, -1.0), (3, np.nan), (3, np.inf), (2, None), (0, None)]
)
def test_refuses_what_are_no_lessons(name: str, column: int, value: float | None) -> None:
    """Infinite features, unknown classes, negative weights and columns of unlike lengths change nothing."""
    stream = list(lessons(name, 100))
    sampler = make(name)
    sampler.sample(*stream)
    before = digest(sampler.state())
    if value is None:
        stream[column] = stream[column][:-1]
    else:
        stream[column] = stream[column].copy()
        stream[column][50] = value
    with pytest.raises(ValueError, match=r"class|infinite|weight|lessons"):
        sampler.sample(*stream)
    assert digest(sampler.state()) == before


@pytest.mark.parametrize("name", ["smote", "undersample", "clean", "all"])
@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (1, [0, 7], "y: 7 is no class: y holds their places in the schema, whole numbers (0: 0, 1: 1)"),
        (1, ["y", "n"], "y: 'y' is no class: y holds their places in the schema"),
        (1, [0.5, 1.0], "y: 0.5 is no class: y holds their places in the schema"),
        (0, [["a"] * 5] * 2, "X holds numbers, not <U1"),
        (3, ["a", "b"], "weights holds numbers, not <U1"),
    ],
)
def test_what_is_no_lesson_is_told_with_what_is_wanted(name: str, column: int, values: Any, message: str) -> None:
    """The value and the values that there are, not what numpy made of it."""
    stream = list(lessons(name, 2))
    stream[column] = np.array(values)
    with pytest.raises(ValueError, match=re.escape(message)):
        make(name).sample(*stream)


@every_sampler
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_finite_input_keeps_rows_finite(name: str, data: st.DataObject) -> None:
    """The largest float32, denormals, constants and rows with nothing in them do no harm."""
    n = 80
    X, y, events, weights = lessons(name, n)
    numbers = st.one_of(
        st.sampled_from([3.4e38, -3.4e38, 1e-45, -1e-45, 0.0, 1.0, np.nan]),
        st.floats(width=32, allow_infinity=False),
    )
    X[:, :2] = data.draw(hnp.arrays(np.float32, (n, 2), elements=numbers))
    X[data.draw(st.integers(0, n - 1))] = np.nan
    sampler = make(name)
    out = sampler.sample(X, y, events, weights)
    assert not np.isinf(out.X).any()
    assert np.isfinite(out.weights).all()
    make(name).restore(sampler.state())


@every_sampler
def test_a_state_does_not_grow(name: str) -> None:
    """Its arrays have the size that they began with."""
    sampler = make(name)
    before = size_of(sampler.state())
    sampler.sample(*lessons(name, 5000))
    sampler.forget()
    sampler.sample(*lessons(name, 5000))
    assert size_of(sampler.state()) == before


def size_of(state: dict[str, Any]) -> int:
    return sum(size_of(v) if isinstance(v, dict) else getattr(v, "nbytes", 0) for v in state.values())


@every_sampler
def test_a_drift_empties_the_buffers_of_what_is_older(name: str) -> None:
    """Nothing held is older than the position given; without one nothing is held at all; what was trained on stays."""
    sampler = make(name)
    sampler.sample(*lessons(name, 400))
    trained = sampler.trained
    sampler.forget(1350)
    held = events_held(sampler.state())
    assert held
    assert min(held) >= 1350
    sampler.forget()
    assert events_held(sampler.state()) == []
    np.testing.assert_array_equal(sampler.trained, trained)


def events_held(state: dict[str, Any]) -> list[int]:
    if "stages" in state:
        return [e for stage in state["stages"].values() for e in events_held(stage)]
    return [e for ring, (held, _) in zip(state["events"], state["marks"], strict=True) for e in ring[:held].tolist()]


@every_sampler
def test_lessons_need_not_lie_in_one_piece(name: str) -> None:
    """A view with strides, or one that may not be written, gives the rows that a copy gives."""
    X, y, events, weights = lessons(name, 300)
    strided = np.asfortranarray(X)
    strided.flags.writeable = False
    assert_same(
        run(make(name), (X, y, events, weights), []),
        run(make(name), (strided, np.repeat(y, 2)[::2], events, weights), []),
    )
