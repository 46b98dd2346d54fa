"""The learners of the speed benchmark, each alone on whole tapes, beside river's in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from speed_data import PLAIN, Shape, contract, events, tapes
from speed_table import Case, Row, rounds, row

from streamimb.config import Config
from streamimb.learners.base import Learner, Tape
from streamimb.learners.registry import make_learner

#: The delay of late labels, in events.
DELAY = 5_000
#: Events a call of the compiled learners.
MANY = 10_000
#: River's linear models see a tenth of the events, its trees a tenth of that; shapes that cost more, a fifth.
SLOW = 10
SLOWEST = 100
WIDE = 5
#: A lesson's weight where one is given.
WEIGHT = 2.0

RIVER_LOGISTIC = {"model": "river.linear_model.LogisticRegression", "parameters": {"scaler": True}}
RIVER_TREE = {"model": "river.tree.HoeffdingTreeClassifier", "parameters": {}}
#: Streams that the trees are shown; aims are for the first.
SHAPES = {"plain": PLAIN, "a tenth missing": Shape(missing=0.1), "50 classes": Shape(classes=50),
          "100 features": Shape(features=100)}  # fmt: skip


def learner_case(
    spec: dict[str, Any],
    X: NDArray[np.float32],
    y: NDArray[np.int16],
    plan: list[Tape],
    shape: Shape = PLAIN,
    weight: float = 1.0,
) -> Case:
    """A learner alone, carrying out tapes; ``weight``: each lesson's."""
    config, weights = Config.model_validate({"learner": spec}).learner, np.full(shape.classes, weight)

    def ready() -> Callable[[], object]:
        learner: Learner = make_learner(contract(shape), config)

        def run() -> None:
            for tape in plan:
                learner.run(X, y, tape, weights)

        return run

    return ready


def river_case(
    make: Callable[[], Any], X: NDArray[np.float32], y: NDArray[np.int16], weight: float | None = None
) -> Case:
    """The loop that river's own users write, on dicts made before, what is missing left out.

    weight: each lesson's, given as ``w``.
    """
    names = [f"x{i}" for i in range(X.shape[1])]
    dicts = [{name: v for name, v in zip(names, x, strict=True) if v == v} for x in X.tolist()]
    pairs = list(zip(dicts, y.tolist(), strict=True))

    def ready() -> Callable[[], object]:
        model = make()

        def run() -> None:
            predict, learn = model.predict_proba_one, model.learn_one
            if weight is None:
                for x, label in pairs:
                    predict(x)
                    learn(x, label)
            else:
                for x, label in pairs:
                    predict(x)
                    learn(x, label, w=weight)

        return run

    return ready


def river_logistic() -> Any:
    """River's logistic regression on standardised features."""
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def river_tree() -> Any:
    """River's Hoeffding tree."""
    from river import tree

    return tree.HoeffdingTreeClassifier()


def river_forest() -> Any:
    """River's adaptive random forest of ten trees, with its drift detection."""
    from river import forest

    return forest.ARFClassifier(n_models=10, seed=1)


def river_bagging() -> Any:
    """River's online bagging over nine Hoeffding trees."""
    from river import ensemble

    return ensemble.BaggingClassifier(river_tree(), n_models=9, seed=1)


def linear(n: int, repeats: int) -> list[Row]:
    """The compiled linear learner alone, test-then-train, beside river's logistic regression."""
    X, y = events(n)
    few = n // SLOW
    spec: dict[str, Any] = {"model": "linear"}
    no_curves = {**spec, "parameters": {"bins": 0, "crosses": 0}}

    def case(per_call: int, delay: int = 0, *, blocks: bool = False, spec: dict[str, Any] = spec) -> tuple[int, Case]:
        return n, learner_case(spec, X, y, tapes(n, per_call, delay, blocks=blocks))

    cases = {
        "10,000 events a call": case(MANY),
        "256 events a call": case(256),
        "10,000 a call, late, in turns": case(MANY, DELAY),
        "10,000 a call, late, in blocks": case(MANY, DELAY, blocks=True),
        "256 a call, late, in turns": case(256, DELAY),
        "256 a call, late, in blocks": case(256, DELAY, blocks=True),
        "no bins, no crosses, 10,000 a call": case(MANY, spec=no_curves),
        "river, bare loop": (few, river_case(river_logistic, X[:few], y[:few])),
    }
    taken = rounds(cases, repeats)
    few_, many = "256 events a call", "10,000 events a call"
    return [
        row("linear", many, taken, at_least=1_000_000),
        row("linear", few_, taken, at_least=1_000_000),
        *(row("linear", name, taken, few_ if name[0] == "2" else many, ratio_max=1.25) for name in list(cases)[2:6]),
        row("linear", "no bins, no crosses, 10,000 a call", taken, at_least=1_000_000),
        row("linear", "river, bare loop", taken, many),
    ]


def adapter(n: int, repeats: int) -> list[Row]:
    """River's models through the adapter beside the bare loop, each with lessons of weight one and of another."""
    X, y = events(n)
    plan = tapes(n, 256, 0, blocks=False)
    rows = []
    for name, spec, make in (
        ("logistic regression", RIVER_LOGISTIC, river_logistic),
        ("Hoeffding tree", RIVER_TREE, river_tree),
    ):
        how = ("bare loop", "bare loop that gives w", "adapter", "adapter that gives w")
        bare, weighted, adapted, adapted_weighted = (f"{name}, {each}" for each in how)
        taken = rounds(
            {
                bare: (n, river_case(make, X, y)),
                adapted: (n, learner_case(spec, X, y, plan)),
                weighted: (n, river_case(make, X, y, WEIGHT)),
                adapted_weighted: (n, learner_case(spec, X, y, plan, weight=WEIGHT)),
            },
            repeats,
        )
        rows += [row("river", bare, taken), row("river", adapted, taken, bare, ratio_max=1.15)]
        rows.append(row("river", weighted, taken, bare))
        rows.append(row("river", adapted_weighted, taken, weighted, ratio_max=1.15))
    return rows


def trees(n: int, repeats: int) -> list[Row]:
    """A tree, a forest of ten and the blend on streams of several shapes, beside river's tree and forest.

    River's see the first hundredth of the events, on which its trees are smallest and fastest.
    """
    rows = []
    for told, shape in SHAPES.items():
        m = n if told in ("plain", "a tenth missing") else n // WIDE
        X, y = events(m, shape)
        few, plan = max(m // SLOWEST, 1), tapes(m, MANY, 0, blocks=False)
        specs: dict[str, dict[str, Any]] = {
            "tree": {"model": "tree"},
            "forest of 10": {"model": "forest"},
            "forest of 10, no drift detection": {"model": "forest", "parameters": {"drift": 0.0}},
            "blend": {"model": "blend"},
        }
        cases = {f"{told}: {name}": (m, learner_case(spec, X, y, plan, shape)) for name, spec in specs.items()}
        cases[f"{told}: river tree"] = few, river_case(river_tree, X[:few], y[:few])
        cases[f"{told}: river forest of 10"] = few, river_case(river_forest, X[:few], y[:few])
        taken = rounds(cases, repeats)
        aims = {"plain: tree": 1_000_000, "plain: forest of 10": 100_000}
        beside = {"river tree": "tree", "river forest of 10": "forest of 10"}
        for name in cases:
            against = beside.get(name.removeprefix(f"{told}: "))
            rows.append(row("trees", name, taken, f"{told}: {against}" if against else "", at_least=aims.get(name)))
    return rows
