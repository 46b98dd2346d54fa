"""The state of a pipeline of every configuration goes through a file and comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from streamimb import Batch, Config, Feature, Identity, Label, Pipeline, Schema, Time, testing
from streamimb.checkpoint import CheckpointStore
from streamimb.checkpoint.format import pack, unpack
from tests.checkpoint.trees import P0

SMALL = {
    "control": {"every": 50, "tune_rarest": 5},
    "window": {"rarest": 20, "events_min": 50, "events_max": 400, "events": 100},
    "evaluation": {"every": 200, "bootstrap_replicates": 20},
}
ALWAYS = {"cooldown": 20}
CONFIGS = {
    **{f"learner {m}": {"learner": {"model": m}} for m in ("blend", "linear", "tree", "forest")},
    **{
        f"river {m}": {"learner": {"model": f"river.{m}"}}
        for m in ("naive_bayes.GaussianNB", "forest.ARFClassifier", "neighbors.KNNClassifier")
    },
    **{f"weights {w}": {"control": {"weights": w}} for w in ("oob", "uob", "hybrid", "effective_number", "none")},
    **{f"minority {m}": {"samples": {"minority": m}} for m in ("smote", "borderline_smote")},
    "majority": {"samples": {"majority": "undersample", "clean": True}},
    "classes of their own": {"samples": {"classes": {"b": {"minority": "smote", "clean": True}}}},
    **{
        f"detectors {s} {r}": {"drift": {"share": {"detector": s, **ALWAYS}, "recall": {"detector": r, **ALWAYS}}}
        for s, r in [("adwin", "hddm_w"), ("share_test", "ddm_oci"), ("scan", "none"), ("none", "adwin")]
    },
    "resets": {"drift": {s: {"detector": "adwin", **ALWAYS, "action": "reset"} for s in ("share", "recall")}},
    "pages": {"drift": {s: {"pages_a_week": 2.0} for s in ("share", "recall", "unlabelled")}},
    "no unlabelled": {"drift": {"unlabelled": {"detector": "none"}}},
    "waits": {"label": {"wait": "40s", "expires_as": "a", "remember": "90s"}},
    "amounts": {"control": {"objective": "cost:FN=x,FP=z"}},
    "a queue": {"control": {"objective": "precision@7/day"}, "evaluation": {"cost": "FN=z,FP=2"}},
}


def stream(n: int, classes: int) -> Batch:
    """A share that moves and a concept that turns, so that detectors and trials have their say."""
    rng = np.random.default_rng(5)
    y = (rng.random(n) < np.where(np.arange(n) < n // 2, 0.1, 0.4)).astype(np.int16)
    y[rng.random(n) < 0.1] = classes - 1
    X = rng.normal(np.where(np.arange(n) < n // 2, 2.0, -2.0)[:, None] * y[:, None], 1.0, (n, 3)).astype(np.float32)
    X[:, 2] = rng.integers(0, 5, n)
    return Batch.of(X, y, ids=[f"e{i}" for i in range(n)], time=np.arange(n, dtype=np.int64) * 100_000_000)


def schema(classes: int, *, numeric: bool = False) -> Schema:
    kinds = ("numeric", "numeric", "numeric" if numeric else "categorical")
    return Schema(
        features=[Feature(name=n, type=t) for n, t in zip("xzc", kinds, strict=True)],
        label=Label(classes=list("abc")[:classes], positive="b"), time=Time(unit="us"), id=Identity(),
    )  # fmt: skip


def make(name: str, classes: int) -> Pipeline:
    config = {**SMALL, **{t: {**SMALL.get(t, {}), **keys} for t, keys in CONFIGS[name].items()}}
    return Pipeline(schema(classes, numeric="river" in name), Config(**config))


@pytest.mark.parametrize(("name", "classes"), [*((n, 2) for n in CONFIGS), ("learner blend", 3), ("waits", 3)])
def test_every_state_goes_through_a_file(name, classes):
    """Bit for bit, and what goes on from it predicts what would have gone on without it."""
    n = 600 if "river" in name else 1_500
    batch = stream(n, classes)
    first = make(name, classes)
    first.process(batch.slice(0, n // 2 + 17))
    state = first.state()
    _, found = unpack(b"".join(pack({}, state)))
    assert testing.digest(found) == testing.digest(state)
    second = make(name, classes)
    second.restore(found)
    rest = batch.slice(n // 2 + 17, n)
    a, b = first.process(rest).predictions, second.process(rest).predictions
    assert (a.scores == b.scores).all() and (a.decision == b.decision).all()
    if "river" not in name:
        assert testing.digest(first.state()) == testing.digest(second.state())


def test_a_pipeline_goes_on_from_a_store(tmp_path):
    """Saved and restored every hundred events, it says what one that was never stopped says."""
    batch, whole = stream(1_000, 2), make("waits", 2)
    told = whole.process(batch).predictions.scores
    scores = []
    for start in range(0, 1_000, 100):
        pipeline, claim = make("waits", 2), CheckpointStore(tmp_path).claim("t", owner="one", group="g")
        found = claim.restore()
        assert (found is None) == (start == 0)
        if found is not None:
            pipeline.restore(found.state)
            assert found.offsets == {P0: start}
        scores.append(pipeline.process(batch.slice(start, start + 100)).predictions.scores)
        claim.write(pipeline.state(), [], 0, {P0: start + 100}, {})
    assert (np.concatenate(scores) == told).all()
    assert testing.digest(pipeline.state()) == testing.digest(whole.state())
