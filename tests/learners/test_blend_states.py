"""What a blend refuses to go on from, and that it is then as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamimb import testing
from streamimb.config import LearnerConfig
from streamimb.errors import StateError
from streamimb.learners.base import Tape
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.registry import make_learner
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["legit", "fraud"]))
MEMBERS = [{"model": "linear"}, {"model": "forest", "parameters": {"members": 3}}]
NAMES = ("powers", "curvature", "last", "last_event")


def taught(n: int, members: list[dict[str, Any]] = MEMBERS) -> BlendClassifier:
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    blend = make_learner(SCHEMA, LearnerConfig(model="blend", parameters={"members": members}))
    assert isinstance(blend, BlendClassifier)
    blend.run(X, (X[:, 0] > 1).astype(np.int16), Tape.interleaved(n), np.ones(2))
    return blend


def refused(blend: BlendClassifier, state: dict[str, Any], message: str) -> None:
    """The state is refused with these words, and the blend goes on as if it had never met it."""
    before, members = testing.digest(blend.state()), list(blend.members)
    with pytest.raises(StateError, match=message):
        blend.restore(state)
    assert testing.digest(blend.state()) == before
    assert all(a is b for a, b in zip(blend.members, members, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_an_array_that_is_none_of_this_blends_is_refused(name: str) -> None:
    """Missing, no array, of another shape or of another type: before the first member is restored."""
    blend, state = taught(300), taught(600).state()
    refused(blend, {key: value for key, value in state.items() if key != name}, f"blend: the saved {name} does not fit")
    for wrong in (state[name].tolist(), state[name][:0], np.stack([state[name]] * 2), state[name].astype(np.float32)):
        refused(blend, state | {name: wrong}, f"blend: the saved {name} does not fit")


@pytest.mark.parametrize("name", ["powers", "curvature", "last"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(name: str, wrong: float) -> None:
    """One of them would make every later prediction NaN."""
    blend, state = taught(300), taught(600).state()
    state[name].flat[-1] = wrong
    refused(blend, state, f"blend: the saved {name} holds values that are not finite")


@pytest.mark.parametrize("name", NAMES)
def test_values_below_the_least_are_refused(name: str) -> None:
    """A curvature of -20 would divide by zero; events below NOBODYS are none."""
    blend, state = taught(300), taught(600).state()
    state[name].flat[0] = -20
    refused(blend, state, f"blend: the saved {name} holds values below")


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("0.table", np.nan, "linear: the saved table"),
        ("1.window", -1.0, "forest: the saved trees are not possible: window"),
        ("1.cuts", np.inf, "forest: the saved cuts"),
    ],
)
def test_a_member_whose_state_is_bad_leaves_the_others_as_they_were(name: str, wrong: float, message: str) -> None:
    """Whichever it is: no member goes on from another state than the rest."""
    blend, state = taught(300), taught(600).state()
    state[name][:] = wrong
    refused(blend, state, message)
    refused(blend, {key: value for key, value in state.items() if key != name}, name.partition(".")[2])


def test_a_river_model_that_cannot_be_read_leaves_the_others_as_they_were() -> None:
    """Its bytes are looked at when it is restored, after the members before it."""
    members = [{"model": "linear"}, {"model": "river.naive_bayes.GaussianNB"}]
    blend, state = taught(100, members), taught(200, members).state()
    refused(blend, state | {"1.model": np.zeros(9, np.uint8)}, "cannot be read")
    blend.restore(state)
    assert testing.digest(blend.state()) == testing.digest(state)


def test_what_was_refused_first_is_taken_when_it_is_whole() -> None:
    """And what goes on from it says what the other blend says."""
    blend, other = taught(300), taught(600)
    state = other.state()
    refused(blend, state | {"powers": np.full(2, np.nan)}, "powers")
    blend.restore(state)
    assert testing.digest(blend.state()) == testing.digest(state)
    X = np.random.default_rng(9).normal(size=(200, 2)).astype(np.float32)
    y, tape = (X[:, 1] > 0).astype(np.int16), Tape.interleaved(200, 600)
    np.testing.assert_array_equal(blend.run(X, y, tape, np.ones(2)), other.run(X, y, tape, np.ones(2)))
    assert testing.digest(state) != testing.digest(blend.state())
