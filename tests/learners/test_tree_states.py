"""States that no trees could have been in: each is refused by the array's name, and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamimb import testing
from streamimb.errors import StateError
from streamimb.learners import forest_drift, forest_kernels
from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, Tape
from streamimb.learners.forest import ForestClassifier
from streamimb.learners.tree import HoeffdingTreeClassifier
from streamimb.learners.trees import TreeEnsemble
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=[0, 1]))
FAR = 1 << 62
COUNT = forest_kernels.RECALL + 2
LAST_ROW = forest_drift.HEAD + (forest_drift.ROWS - 1) * forest_drift.ROW_COLUMNS


def taught(cls: type[TreeEnsemble], **parameters: Any) -> TreeEnsemble:
    """A learner whose trees have split."""
    X = np.random.default_rng(0).uniform(-1, 1, (2_000, 2)).astype(np.float32)
    y = ((X[:, 0] > 0.2) != (X[:, 1] > -0.3)).astype(np.int16)
    learner = cls(SCHEMA, **parameters)
    learner.run(X, y, Tape.only(LEARN, len(y)), np.ones(2))
    assert learner.leaves.min() > 1
    return learner


@pytest.mark.parametrize(
    ("name", "place", "wrong"),
    [
        ("window", (0, forest_drift.HEAD), 200.0),
        ("window", (0, forest_drift.HEAD), 3e8),
        ("window", (0, forest_drift.HEAD), forest_drift.PER_ROW + 1.0),
        ("window", (0, forest_drift.HEAD), -1.0),
        ("window", (-1, LAST_ROW), 1.5),
        ("window", (0, forest_drift.OPEN_LESSONS), 32.0),
        ("window", (0, forest_drift.OPEN_LESSONS), -1e9),
        ("roles", (0, forest_kernels.ACTIVE), 2),
        ("roles", (0, forest_kernels.GROWING), -1),
        ("roles", (0, forest_kernels.DRIFTS), -1),
        ("skill", (0, COUNT), -1.0),
        ("sizes", (0, at.LEAVES), 0),
        ("sizes", (0, at.LEAVES), FAR),
        ("sizes", (0, at.NODES), FAR),
        ("sizes", (0, at.PLANTED), -1),
        ("nodes", (0, 0, at.LEFT), 0),
        ("nodes", (0, 0, at.LEFT), np.iinfo(np.int64).max),  # the right child's number is below zero then
        ("nodes", (0, 0, at.FEATURE), 2),
        ("nodes", (0, 0, at.FEATURE), -2),
        ("nodes", (0, 0, at.MASK), 0),
        ("nodes", (0, 0, at.DEPTH), -1),
        ("features", (0, 0, 0), -1),
        ("features", (0, 0, 0), 3),
    ],
)
def test_a_state_that_no_forest_could_have_is_refused(name: str, place: tuple[int, ...], wrong: float) -> None:
    """A kernel would take each for a place among other members' numbers, or beyond all of them."""
    taught_one = taught(ForestClassifier, members=3)
    state, before = taught_one.state(), testing.digest(taught_one.state())
    taught_one.restore(state)
    state[name][place] = wrong
    with pytest.raises(StateError, match=rf"forest: the saved trees are not possible: {name}: "):
        taught_one.restore(state)
    assert testing.digest(taught_one.state()) == before


@pytest.mark.parametrize(("column", "wrong"), [(forest_kernels.ACTIVE, 1), (forest_kernels.GROWING, 1)])
@pytest.mark.parametrize(("cls", "parameters"), [(HoeffdingTreeClassifier, {}), (ForestClassifier, {"drift": 0.0})])
def test_a_tree_in_the_background_is_refused_where_none_grows(
    cls: type[TreeEnsemble], parameters: dict[str, Any], column: int, wrong: int
) -> None:
    """There is one tree a member: the second one would be another member's, or none."""
    learner = taught(cls, **parameters)
    state = learner.state()
    state["roles"][-1, column] = wrong
    with pytest.raises(StateError, match="not possible: roles: "):
        learner.restore(state)


def test_the_states_that_a_forest_goes_through_are_all_possible() -> None:
    """One that warns and drifts all the time, with windows that fill and are cut."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 6_000).astype(np.int16)
    turned = np.where(np.arange(6_000) // 1_500 % 2, -1.0, 1.0)
    X = rng.normal(turned * y, 1.0, (2, 6_000)).T.astype(np.float32)
    forest = ForestClassifier(SCHEMA, members=3, warning=0.3, drift=0.05)
    rows: set[float] = set()
    for i in range(0, 6_000, 75):
        tape = Tape.only(LEARN, 75, i)
        forest.run(X[i : i + 75], y[i : i + 75], tape, np.ones(2))
        state = forest.state()
        forest.restore(state)
        rows |= set(state["window"][:, forest_drift.HEAD].tolist())
    assert forest.drifts > 3
    assert max(rows) == forest_drift.PER_ROW
