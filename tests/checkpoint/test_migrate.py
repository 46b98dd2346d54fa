"""States of an older version: what the streamimb of then saved is gone on from, or refused with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.checkpoint import CheckpointStore, migrate
from streamimb.checkpoint.migrate import upgraded
from streamimb.checkpoint.version_7 import from_6_to_7, laid_out
from streamimb.checkpoint.version_8 import padded
from streamimb.config import Config
from streamimb.errors import StateError
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.registry import make_learner
from streamimb.pipeline import STATE_VERSION, Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest

#: Learners that the last streamimb of version 6 taught 1,500 lessons, what they then made of ``X3``, and what once that
#: of version 7 had taught them ``X2``, its densities made anew at each lesson as they are now. Features x and z are
#: numbers, c one of three categories, n true or false.
OLD = np.load(Path(__file__).with_name("trees_of_version_6.npz"))
FEATURES = {
    "x": Feature(name="x"),
    "c": Feature(name="c", type="categorical", categories=["u", "v", "w"]),
    "z": Feature(name="z"),
    "n": Feature(name="n", type="boolean"),
}
#: The defaults that a forest had then.
FOREST = {"surety": 6.0, "features": 0.7, "subspace": "leaf"}
CASES = {
    "tree": ("xczn", "tree", {"leaves_max": 6}),
    "words": ("cn", "tree", {"leaves_max": 6}),
    "forest": ("xczn", "forest", {"members": 2, "leaves_max": 5, **FOREST}),
    "blend": ("xczn", "blend", {"members": [{"model": "linear"}, {"model": "tree", "parameters": {"leaves_max": 3}}]}),
}


def contract(features: str = "xczn") -> Schema:
    return Schema(features=[FEATURES[name] for name in features], label=Label(classes=["a", "b", "c"]))


@pytest.mark.parametrize("case", CASES)
def test_trees_of_then_go_on(case):
    """They say what they said, and after more lessons what they would have said."""
    features, model, parameters = CASES[case]
    schema, config = contract(features), Config(learner={"model": model, "parameters": parameters})
    learner, saved = make_learner(schema, config.learner), {k: OLD[k] for k in OLD if k.startswith(f"{case}/")}
    state = {key.partition("/")[2]: value for key, value in saved.items()}
    then, later = state.pop("then"), state.pop("later")
    with pytest.raises(StateError, match="does not fit"):
        learner.restore(state)
    numeric = np.array([f.type == "numeric" for f in schema.features])
    learner.restore(padded(laid_out(state, 3, numeric), schema, config))
    X2, X3 = (np.ascontiguousarray(OLD[name][:, ["xczn".index(f) for f in features]]) for name in ("X2", "X3"))
    y2, ones = OLD["y2"], np.ones(3)
    np.testing.assert_allclose(learner.run(X3, y2[:60], Tape.only(PREDICT, 60), ones), then, atol=1e-9)
    learner.run(X2, y2, Tape.only(LEARN, len(y2)), ones)
    np.testing.assert_allclose(learner.run(X3, y2[:60], Tape.only(PREDICT, 60), ones), later, atol=1e-9)


def with_room_for(leaves: int, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A tree's state with slots that it does not use."""
    spare = {name: leaves - array.shape[1] for name, array in state.items() if name in ("leaves", "observed", "ranges")}
    spare |= {"features": leaves - state["features"].shape[1]}
    spare |= {name: 2 * leaves - 1 - state[name].shape[1] for name in ("nodes", "cuts")}
    return {
        name: np.pad(array, [(0, 0), (0, spare.get(name, 0)), *[(0, 0)] * (array.ndim - 2)])
        for name, array in state.items()
    }


@pytest.mark.parametrize("bytes_max", [4_096, 6_000])
def test_leaves_that_no_longer_fit_into_memory(bytes_max):
    """A tree that uses fewer is cut to what there is room for now; one that uses more is refused by name."""
    schema = contract()
    config = Config(learner={"model": "tree", "parameters": {"leaves_max": 10, "bytes_max": bytes_max}})
    state = {k.partition("/")[2]: OLD[k] for k in OLD if k.startswith("tree/")}
    then, _ = state.pop("then"), state.pop("later")
    old = with_room_for(10, laid_out(state, 3, np.array([f.type == "numeric" for f in schema.features])))
    if bytes_max == 4_096:
        with pytest.raises(StateError, match=r"6 leaves, of which 5 fit into learner\.parameters\.bytes_max 4096"):
            padded(old, schema, config)
        return
    made = make_learner(schema, config.learner)
    assert 6 <= made.state()["leaves"].shape[1] < 10
    made.restore(padded(old, schema, config))
    told = made.run(np.ascontiguousarray(OLD["X3"]), OLD["y2"][:60], Tape.only(PREDICT, 60), np.ones(3))
    np.testing.assert_allclose(told, then, atol=1e-9)


def taught(config: Config, n: int = 600) -> Pipeline:
    """A pipeline that has seen so many events."""
    pipeline, rng = Pipeline(contract(), config), np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 3, n), rng.normal(size=n), rng.integers(0, 2, n)])
    y = (X[:, 0] > 1).astype(np.int16) + (X[:, 2] > 2)
    pipeline.process(Batch.of(X.astype(np.float32), np.minimum(y, 2).astype(np.int16)))
    return pipeline


def as_version_6(state):
    """The state as it was laid out then, but for its trees."""
    reactor = {key: value for key, value in state["reactor"].items() if key not in ("heard", "waiting")}
    return {**state, "version": 6, "reactor": reactor}


def test_a_state_without_trees_differs_in_its_number():
    """It is restored as the state that it was made of."""
    config = Config(learner={"model": "linear"})
    state = taught(config).state()
    assert digest(upgraded(as_version_6(state), STATE_VERSION, contract(), config)) == digest(state)


def test_a_service_is_told_to_migrate_and_goes_on(tmp_path):
    """The old state is refused until it is rewritten; then it is what it was."""
    schema, config = contract(), Config(learner={"model": "linear"})
    pipeline, store = taught(config), CheckpointStore(tmp_path)
    state = pipeline.state()
    store.claim("topic", owner="one", group="g").write(as_version_6(state), [], 0, {}, {})
    with pytest.raises(StateError, match=r"version 6.*streamimb checkpoint migrate"):
        Pipeline(schema, config).restore(store.restore("topic").state)
    made = Pipeline(schema, config)
    migrate(store, "topic", schema, config, version=STATE_VERSION, owner="me", check=made.restore)
    again = Pipeline(schema, config)
    again.restore(store.restore("topic").state)
    assert digest(again.state()) == digest(made.state()) == digest(state)


@pytest.mark.parametrize("learner", [
    {"model": "forest"},
    {"model": "forest", "parameters": {"surety": 6.0}},
    {"model": "blend", "parameters": {"members": [{"model": "linear"}, {"model": "forest"}]}},
])  # fmt: skip
def test_a_forest_of_other_defaults_is_refused(learner):
    """Its trees were grown with others; the message says which, and to learn anew."""
    with pytest.raises(StateError, match=r"other defaults of learner\.parameters \((surety, )?features, subspace\).*"
                       r"replay --save-state"):  # fmt: skip
        from_6_to_7({"version": 6}, contract(), Config(learner=learner))


@pytest.mark.parametrize("learner", [
    {"model": "tree"},
    {"model": "tree", "parameters": {"surety": 6.0}},
    {"model": "blend", "parameters": {"members": [{"model": "linear"}, {"model": "tree"}]}},
])  # fmt: skip
def test_a_tree_of_another_default_is_refused(learner):
    """Alone or in a blend; it tried to split three times as often."""
    with pytest.raises(StateError, match=r"a tree had other defaults of learner\.parameters \(grace\).*--save-state"):
        from_6_to_7({"version": 6}, contract(), Config(learner=learner))


def test_a_blend_kept_its_forests_parameters(tmp_path):
    """The blend of no parameters is not refused."""
    config = Config(learner={"model": "blend"})
    state = {"version": 6, "reactor": {}, "succession": {"learner": {}, "challenger": {}}}
    assert from_6_to_7(state, contract(), config)["version"] == 7
