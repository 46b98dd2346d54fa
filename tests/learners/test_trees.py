"""The compiled trees: what they learn, what they withstand, what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.errors import ConfigError, LearnerError, StateError
from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.blend import FOREST_IN_BLEND
from streamimb.learners.forest import ForestClassifier
from streamimb.learners.tree import HoeffdingTreeClassifier
from streamimb.learners.trees import TreeEnsemble
from streamimb.schema import Feature, Label, Schema
from streamimb.streams import generate

BOTH: Any = pytest.mark.parametrize("cls", [HoeffdingTreeClassifier, ForestClassifier])


def schema_of(*kinds: str, classes: int = 2) -> Schema:
    features = [
        Feature(name=f"x{i}", type="categorical", categories=["a", "b", "c"])
        if kind == "listed"
        else Feature(name=f"x{i}", type=kind)
        for i, kind in enumerate(kinds)
    ]
    return Schema(features=features, label=Label(classes=list(range(classes))))


def squares(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four squares in the plane, the classes crosswise: no single cut and no line tells them apart."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 2)).astype(np.float32)
    return X, ((X[:, 0] > 0.2) != (X[:, 1] > -0.3)).astype(np.int16)


def teach(learner: TreeEnsemble, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> None:
    ones = np.ones(learner.schema.n_classes) if weights is None else weights
    learner.run(X, y, Tape.only(LEARN, len(y)), ones)


def ask(learner: TreeEnsemble, X: np.ndarray) -> np.ndarray:
    return learner.run(X, np.zeros(len(X), np.int16), Tape.only(PREDICT, len(X)), np.ones(learner.schema.n_classes))


@BOTH
def test_what_no_line_tells_apart_is_learned(cls: type[TreeEnsemble]) -> None:
    """Cuts below cuts: nine of ten new rows are told right."""
    X, y = squares(6_000)
    learner = cls(schema_of("numeric", "numeric"))
    teach(learner, X[:5_000], y[:5_000])
    assert (ask(learner, X[5_000:]).argmax(axis=1) == y[5_000:]).mean() > 0.9


@BOTH
@pytest.mark.parametrize("kind", ["listed", "categorical"])
def test_subsets_of_categories_are_split_off(cls: type[TreeEnsemble], kind: str) -> None:
    """A class that depends on two categories together is learned, whether they are listed or hashed."""
    rng = np.random.default_rng(1)
    codes = 3 if kind == "listed" else 25
    X = rng.integers(0, codes, (5_000, 2)).astype(np.float32)
    if kind == "categorical":
        X *= 640.0  # codes that are no small numbers
    even = (X % 2 == 0) if kind == "listed" else (X // 640 < 9)
    y = (even[:, 0] != even[:, 1]).astype(np.int16)
    learner = cls(schema_of(kind, kind), buckets=31)
    teach(learner, X[:4_000], y[:4_000])
    assert (ask(learner, X[4_000:]).argmax(axis=1) == y[4_000:]).mean() > 0.85
    assert learner.leaves.max() > 2


@BOTH
def test_missing_values_are_withstood(cls: type[TreeEnsemble]) -> None:
    """With a fifth of all values missing, most whole rows are told right; an empty one gets an answer."""
    X, y = squares(8_000)
    holes = X.copy()
    holes[np.random.default_rng(3).random(X.shape) < 0.2] = np.nan
    learner = cls(schema_of("numeric", "numeric"))
    teach(learner, holes[:7_000], y[:7_000])
    assert (ask(learner, X[7_000:]).argmax(axis=1) == y[7_000:]).mean() > 0.85
    assert ask(learner, np.full((1, 2), np.nan, np.float32)).sum() == pytest.approx(1.0)


@BOTH
def test_a_class_that_comes_late_is_learned(cls: type[TreeEnsemble]) -> None:
    """Leaves that never held a class learn it when it comes."""
    X, y = squares(6_000)
    y[3_000:][X[3_000:, 0] > 0.7] = 2
    learner = cls(schema_of("numeric", "numeric", classes=3))
    teach(learner, X[:3_000], y[:3_000])
    assert ask(learner, X[3_000:])[:, 2].max() < 0.2
    teach(learner, X[3_000:5_500], y[3_000:5_500])
    late = y[5_500:] == 2
    assert (ask(learner, X[5_500:]).argmax(axis=1) == 2)[late].mean() > 0.7


def test_a_lesson_of_weight_two_is_learned_twice() -> None:
    """A tree that nothing is drawn for cannot tell a weight from a repetition, as long as it does not split."""
    X, y = squares(100)
    double, twice = (HoeffdingTreeClassifier(schema_of("numeric", "numeric"), grace=1e6) for _ in range(2))
    teach(double, X, y, np.array([2.0, 2.0]))
    teach(twice, np.repeat(X, 2, axis=0), np.repeat(y, 2))
    one, other = (tree.state()["observed"][0, 0].reshape(2, 5, -1) for tree in (double, twice))
    np.testing.assert_allclose(one[:, : at.SCALE], other[:, : at.SCALE], rtol=1e-9)
    np.testing.assert_array_equal(double.state()["ranges"], twice.state()["ranges"])
    np.testing.assert_allclose(ask(double, X), ask(twice, X), atol=0.02)


@settings(max_examples=10, deadline=None)
@given(weight=st.floats(0.01, 100.0))
def test_a_common_weight_changes_no_leafs_classes(weight: float) -> None:
    """Naive Bayes in a single leaf depends on the classes' weights only by their ratio, up to what priors count."""
    X, y = squares(500)
    plain, scaled = (HoeffdingTreeClassifier(schema_of("numeric", "numeric"), grace=1e6, horizon=1e9) for _ in range(2))
    teach(plain, X, y)
    teach(scaled, X, y, np.full(2, weight))
    np.testing.assert_allclose(ask(plain, X), ask(scaled, X), atol=0.15)


def test_memory_is_bounded_and_a_full_tree_goes_on_learning() -> None:
    """A tree of four leaves stays one, and follows a change in them; arrays keep their size."""
    X, y = squares(4_000)
    tree = HoeffdingTreeClassifier(schema_of("numeric", "numeric"), leaves_max=4, horizon=200)
    size = sum(a.nbytes for a in tree.state().values())
    teach(tree, X, y)
    teach(tree, X, 1 - y)
    assert tree.leaves.tolist() == [4]
    assert sum(a.nbytes for a in tree.state().values()) == size
    assert (ask(tree, X).argmax(axis=1) == 1 - y).mean() > 0.6


def test_bytes_bound_the_leaves() -> None:
    """Fewer leaves where many classes and features would take more bytes than allowed; an error where none fit."""
    schema = schema_of(*["numeric"] * 20, classes=50)
    forest = ForestClassifier(schema, bytes_max=50_000_000)
    assert sum(a.nbytes for a in forest.state().values()) < 51_000_000
    assert 2 <= forest.trees.leaves.shape[1] < 512
    with pytest.raises(LearnerError, match="bytes_max"):
        ForestClassifier(schema, bytes_max=100_000)


def test_a_drift_replaces_members() -> None:
    """When classes swap places, trees are replaced, and the forest is right again before a forest without that is."""
    X, y = squares(12_000)
    y[6_000:] = 1 - y[6_000:]
    watching, blind = (ForestClassifier(schema_of("numeric", "numeric"), drift=d) for d in (1e-3, 0))
    for forest in (watching, blind):
        teach(forest, X[:8_000], y[:8_000])
    assert watching.drifts >= 5
    assert blind.drifts == 0
    right = [(ask(f, X[8_000:]).argmax(axis=1) == y[8_000:]).mean() for f in (watching, blind)]
    assert right[0] > max(right[1], 0.85)


def test_members_see_their_own_features() -> None:
    """A subspace is of the asked size, drawn for each member, and the same for the same seed."""
    schema = schema_of(*["numeric"] * 10)
    drawn = ForestClassifier(schema, features=0.4).state()["features"][:, 0]
    assert drawn.shape == (20, 4)
    assert len({tuple(row) for row in drawn[:10].tolist()}) > 5
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    np.testing.assert_array_equal(drawn, ForestClassifier(schema, features=0.4).state()["features"][:, 0])
    assert (drawn != ForestClassifier(schema, features=0.4, seed=2).state()["features"][:, 0]).any()


def test_a_class_first_known_late_in_a_leaf_has_a_density_at_once() -> None:
    """Its values were missing in its first lessons: the first one known counts."""
    schema = schema_of("numeric", "numeric")
    tree = HoeffdingTreeClassifier(schema, grace=1e6)
    X = np.random.default_rng(9).normal(0, 1, (81, 2)).astype(np.float32)
    y = np.zeros(81, np.int16)
    X[:-1, 1] = np.nan
    teach(tree, X, y)
    width = tree.trees.features.shape[2]
    places = [at.SCALE * width + 1, at.LOG * width + 1]
    assert (np.abs(tree.trees.observed[0, 0, 0, places]) < 1e200).all()
    assert (tree.trees.observed[0, 0, 0, places] != 0).all()
    assert tree.trees.observed[0, 0, 1, at.LOG * width + 1] == at.UNSEEN


@BOTH
def test_a_prediction_is_the_same_whether_or_not_its_lesson_follows(cls: type[TreeEnsemble]) -> None:
    """What a prediction found out serves the lesson of the same row; lessons alone leave the same trees."""
    X, y = squares(3_000)
    X[::7, 0] = np.nan
    X[:, 1] = np.floor(X[:, 1] * 5)
    asked, taught = (cls(schema_of("numeric", "categorical")) for _ in range(2))
    for part in (slice(0, 1_000), slice(1_000, 3_000)):
        n = len(y[part])
        asked.run(X[part], y[part], Tape.interleaved(n, part.start), np.ones(2))
        taught.run(X[part], y[part], Tape.only(LEARN, n, part.start), np.ones(2))
    for name, array in asked.state().items():
        np.testing.assert_array_equal(array, taught.state()[name], err_msg=name)
    np.testing.assert_array_equal(ask(asked, X), ask(taught, X))


@BOTH
def test_parameters_are_checked(cls: type[TreeEnsemble]) -> None:
    """An unknown one is named with the nearest, one out of bounds with its bound."""
    with pytest.raises(ConfigError, match=r"learner\.parameters\.grase: unknown \(did you mean 'grace'\?\)"):
        cls(schema_of("numeric"), grase=3)
    with pytest.raises(ConfigError, match=r"learner\.parameters\.delta: .*less than 1"):
        cls(schema_of("numeric"), delta=1.0)


@BOTH
def test_a_state_of_other_trees_is_refused(cls: type[TreeEnsemble]) -> None:
    """Other shapes, and numbers that are not finite; what no trees could hold: ``test_tree_states.py``."""
    learner = cls(schema_of("numeric", "numeric"))
    with pytest.raises(StateError, match="does not fit"):
        learner.restore(cls(schema_of("numeric"), candidates=3).state() | {"cuts": np.zeros((1, 1))})
    state = learner.state()
    state["observed"][0, 0, 0] = np.nan
    with pytest.raises(StateError, match="observed holds values that are not finite"):
        learner.restore(state)


def test_one_tree_is_as_good_as_rivers() -> None:
    """Test-then-train on a stream of trees' own kind: as often right as river's, less two points."""
    from river import tree as river_tree

    rng = np.random.default_rng(8)
    X = rng.uniform(0, 1, (4_000, 4)).astype(np.float32)
    y = np.where(X[:, 0] < 0.4, X[:, 1] < 0.5, X[:, 2] < 0.3).astype(np.int16) ^ (rng.random(4_000) < 0.05)
    ours = HoeffdingTreeClassifier(schema_of(*["numeric"] * 4))
    right = ours.run(X, y, Tape.interleaved(4_000), np.ones(2)).argmax(axis=1) == y
    theirs, model = [], river_tree.HoeffdingTreeClassifier()
    for x, label in zip((dict(enumerate(row)) for row in X.tolist()), y.tolist(), strict=True):
        theirs.append(model.predict_one(x) == label)
        model.learn_one(x, label)
    assert right.mean() > np.mean(theirs) - 0.02


def test_a_leaf_hands_on_what_it_observed_unless_features_are_drawn_anew() -> None:
    """After the first split the children of a member's own subspace hold Gaussians; those of drawn features none."""
    X, y = squares(2_000)
    y = (X[:, 0] > 0.2).astype(np.int16)
    held = {}
    for subspace in ("member", "leaf"):
        forest = ForestClassifier(schema_of("numeric", "numeric"), members=1, subspace=subspace, drift=0.0)
        for i in range(len(y)):
            teach(forest, X[i : i + 1], y[i : i + 1])
            if forest.leaves[0] == 2:
                break
        held[subspace] = forest.state()["observed"][0, :2].reshape(2, 2, at.GAUSSIAN_WIDTH, -1)[..., at.WEIGHT, :].sum()
    assert held["leaf"] == 0.0
    assert held["member"] > 5.0


def test_a_forest_finds_more_of_a_rare_class_than_by_surer_splits_that_hand_nothing_on() -> None:
    """Rare events near the border are told more often by the defaults than by the blend's forest."""
    made = generate("borderline", n=20_000, seed=1)
    tape, ones = Tape.interleaved(len(made.y), 0), np.ones(2)
    rare = made.y == 1
    own, blends = (
        ForestClassifier(made.schema, **parameters).run(made.X, made.y, tape, ones)[rare].argmax(axis=1).mean()
        for parameters in ({}, FOREST_IN_BLEND)
    )
    assert own > blends + 0.05


def test_features_that_are_all_boolean_fit_their_leaves():
    """A leaf has room for what densities read, though no feature has any."""
    schema = Schema(features=[Feature(name=n, type="boolean") for n in "ab"], label=Label(classes=[0, 1]))
    tree = HoeffdingTreeClassifier(schema)
    n_observed = tree.trees.features.shape[2]
    assert tree.trees.observed.shape[3] >= at.GAUSSIAN_WIDTH * n_observed
    rng = np.random.default_rng(0)
    X = (rng.random((2_000, 2)) < 0.5).astype(np.float32)
    P = tree.run(X, X[:, 0].astype(np.int16), Tape.interleaved(2_000, 0), np.ones(2))
    assert (P[1_000:].argmax(axis=1) == X[1_000:, 0]).all()
