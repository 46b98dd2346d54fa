"""The two laws of the architecture, and restoring anywhere, on random streams with every kind of label."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch, Kind
from streamimb.config import Config
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.testing import digest

SMALL = {
    "time": {"ahead_max": "10m", "ahead_confirm": 3},
    "control": {"every": 40, "tune_rarest": 3},
    "window": {"rarest": 10, "events_min": 20, "events_max": 120, "events": 30},
    "evaluation": {"every": 100, "bootstrap_replicates": 20},
    "drift": {"share": {"cooldown": 20}, "recall": {"cooldown": 20}},
}
LABELS = {
    "at once": {},
    "after a delay": {"delay": "30s"},
    "awaited": {"wait": "40s"},
    "expiring": {"wait": "20s", "expires_as": "a", "remember": "60s"},
    "crowded": {"wait": "60s", "expires_as": "a", "waiting_events_max": 25},
    "early": {"wait": "40s", "early": "30s", "early_max": 6},
    "corrections ignored": {"wait": "10s", "expires_as": "a", "remember": "90s", "corrections": "ignore"},
}

#: What each of these is run with: the rule of the weights, and what a drift asks for.
STEERED = {
    "at once": ("oob", "replace"),
    "after a delay": ("hybrid", "reset"),
    "awaited": ("inverse_frequency", "adjust"),
    "expiring": ("uob", "replace"),
    "crowded": ("effective_number", "reset"),
    "early": ("adaptive", "replace"),
    "corrections ignored": ("none", "replace"),
}

SAMPLED = {"after a delay", "corrections ignored"}


def schema(n_classes: int, *, timed: bool, named: bool) -> Schema:
    return Schema(
        features=[Feature(name="x"), Feature(name="z"), Feature(name="c", type="categorical")],
        label=Label(classes=list("abc")[:n_classes], positive="b"),
        time=Time(unit="us") if timed else None,
        id=Identity() if named else None,
    )


def stream(seed: int, n: int, n_classes: int, *, named: bool) -> Batch:
    """Events out of order, twice, ahead of their time; labels with them, later, twice, contrary, for nothing, before
    them and, in every other pair of seeds, before the first of them.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    X[:, 2] = rng.integers(0, 5, n)
    X[rng.random((n, 3)) < 0.05] = np.nan
    y = (X[:, 0] > 1).astype(np.int16) + (rng.random(n) < 0.1) * (n_classes > 2)
    time = np.cumsum(rng.integers(0, 2_000_000, n)) + rng.integers(-5_000_000, 5_000_000, n) * (rng.random(n) < 0.1)
    time[rng.random(n) < 0.01] *= 1_000
    time[n // 2 :] += 86_400_000_000 * (seed % 3 == 0)  # the stream moves on
    first = 6 if named and seed % 4 > 1 else 0
    time[first] = 10**15 if seed % 2 else time[first]  # its first time was a slip
    kind = rng.choice([Kind.BOTH, Kind.FEATURES, Kind.LABEL], n, p=[0.4, 0.4, 0.2] if named else [0.7, 0.3, 0])
    kind[:first], kind[first] = Kind.LABEL, Kind.FEATURES if first else kind[first]
    ids = np.arange(n)
    earlier = (ids * rng.random(n)).astype(int)
    ids = np.where((kind == Kind.LABEL) | (rng.random(n) < 0.03), earlier, ids)
    y = np.where(kind == Kind.FEATURES, -1, y % n_classes).astype(np.int16)
    later = np.where(rng.random(n) < 0.5, time + rng.integers(0, 60_000_000, n), np.iinfo(np.int64).min)
    ahead = (kind == Kind.LABEL) & (rng.random(n) < 0.3)  # before its event, if that comes
    ids = np.where(ahead, np.arange(n) + rng.integers(1, 60, n), ids)
    ids[:first] = first + 1 + rng.integers(0, 60, first)
    return Batch.of(
        X, y, ids=[f"e{i}" for i in ids] if named else None, time=time,
        label_time=later.astype(np.int64), kind=kind.astype(np.int8),
    )  # fmt: skip


def labels_of(case: str, *, timed: bool, named: bool) -> dict:
    """The keys of ``[label]``: counts of events where the stream has no times."""
    label = dict(LABELS[case])
    if not timed:
        label = {k: int(v[:-1]) if isinstance(v, str) and v.endswith("s") else v for k, v in label.items()}
    if not named:
        label.pop("early", None)  # nothing says whose label it is
    return label


def make(case: str, n_classes: int, *, timed: bool, named: bool) -> Pipeline:
    label = labels_of(case, timed=timed, named=named)
    rule, action = STEERED[case]
    steered = {
        **SMALL,
        "samples": {"minority": "smote", "majority": "undersample", "clean": True} if case in SAMPLED else {},
        "time": {**SMALL["time"], "ahead": "refuse" if case in ("awaited", "crowded") else "clamp"},
        "control": {**SMALL["control"], "weights": rule, "class_rules": {"b": "inverse_frequency"} if timed else {}},
        "drift": {signal: {**detector, "action": action} for signal, detector in SMALL["drift"].items()},
    }
    return Pipeline(schema(n_classes, timed=timed, named=named), Config(label=label, **steered))


def run(pipeline: Pipeline, batch: Batch, cuts: list[int]) -> list[object]:
    """Everything that came out, as one list whatever the cuts."""
    edges = [0, *sorted(c for c in cuts if 0 < c < len(batch)), len(batch)]
    told: list[object] = []
    for start, stop in pairwise(edges):
        out = pipeline.process(batch.slice(start, stop))
        p, m = out.predictions, out.matured
        columns = (p.position, p.time, p.scores, p.decision, p.threshold)
        told += [("predicted", *row) for row in zip(*(c.tolist() for c in columns), strict=True)]
        columns = (m.position, m.label, m.label_time)
        told += [("matured", *row) for row in zip(*(c.tolist() for c in columns), strict=True)]
        told += [("signal", repr(s)) for s in out.signals] + [("rejected", repr(r)) for r in out.rejected]
        told += [("metric", repr(row)) for row in out.metrics]
    order = ["predicted", "matured", "signal", "rejected", "metric"]
    return sorted(told, key=lambda row: order.index(row[0]))  # stable: each kind in its own order


OBJECTIVES = {
    "cost of amounts": {"control": {"objective": "cost:FN=x,FP=z"}},
    "alerts asked for": {"control": {"objective": "precision@7/day"}},
    "cost told": {"control": {"objective": "f1"}, "evaluation": {"cost": "FN=z,FP=2", "queue_k": 4, "queue_days": 3}},
}


def make_queue(objective: str, case: str) -> Pipeline:
    asked = {table: {**SMALL[table], **OBJECTIVES[objective].get(table, {})} for table in SMALL}
    label = {k: f"{v[:-1]}h" if isinstance(v, str) and v.endswith("s") else v for k, v in LABELS[case].items()}
    asked["time"]["ahead_max"] = "9d"
    return Pipeline(schema(2, timed=True, named=True), Config(label=label, **asked))


def over_days(seed: int) -> Batch:
    """The stream with an hour for a second: some weeks."""
    batch = stream(seed, 400, 2, named=True)
    known = batch.label_time > np.iinfo(np.int64).min
    return replace(
        batch, time=batch.time * 3_600, label_time=np.where(known, batch.label_time * 3_600, batch.label_time)
    )


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(sorted(OBJECTIVES)), st.sampled_from(sorted(LABELS)), st.integers(0, 10_000),
    st.lists(st.integers(1, 399), max_size=8), st.integers(0, 400),
)  # fmt: skip
def test_the_laws_hold_for_queues(objective, name, seed, cuts, at):
    """Over days, with amounts, some missing: cuts and a restore are invisible, in the summary's figures, too."""
    batch = over_days(seed)
    whole, cut, restored = (make_queue(objective, name) for _ in range(3))
    assert run(whole, batch, []) == run(cut, batch, cuts)
    first = make_queue(objective, name)
    run(first, batch.slice(0, at), [])
    restored.restore(first.state())
    run(restored, batch.slice(at, 400), [])
    assert digest(whole.state()) == digest(cut.state()) == digest(restored.state())
    for key in ("queue", "objectives", "false_positives"):
        assert repr(whole.summary()[key]) == repr(cut.summary()[key]) == repr(restored.summary()[key])


def test_the_streams_of_queues_last_for_days():
    """The law above is not kept for want of days, alerts and amounts."""
    pipeline = make_queue("cost of amounts", "awaited")
    run(pipeline, over_days(1), [])
    told = pipeline.summary()["queue"]["windows"]["days"]
    assert pipeline.queue.complete_days > 10
    assert min(told[name][0] for name in told) > 0


cases = st.tuples(
    st.sampled_from(sorted(LABELS)), st.sampled_from([2, 3]), st.booleans(), st.booleans(), st.integers(0, 10_000)
)


@settings(max_examples=25, deadline=None)
@given(cases, st.lists(st.integers(1, 399), max_size=12))
def test_batching_is_invisible(case, cuts):
    """However the same events are cut into batches: the same outputs, the same state, bit for bit."""
    name, k, timed, named, seed = case
    batch = stream(seed, 400, k, named=named)
    whole, cut = make(name, k, timed=timed, named=named), make(name, k, timed=timed, named=named)
    assert run(whole, batch, []) == run(cut, batch, cuts)
    assert digest(whole.state()) == digest(cut.state())


@pytest.mark.parametrize("name", sorted(LABELS))
def test_one_event_at_a_time_is_no_different(name):
    """Batches of one event give what one batch gives."""
    batch = stream(7, 300, 2, named=True)
    whole, single = make(name, 2, timed=True, named=True), make(name, 2, timed=True, named=True)
    assert run(whole, batch, []) == run(single, batch, list(range(300)))
    assert digest(whole.state()) == digest(single.state())


@settings(max_examples=25, deadline=None)
@given(cases, st.integers(0, 400))
def test_a_restored_pipeline_goes_on_as_if_never_stopped(case, at):
    """At any event: state, a new pipeline, restore, and the rest is the same."""
    name, k, timed, named, seed = case
    batch = stream(seed, 400, k, named=named)
    whole = make(name, k, timed=timed, named=named)
    first, second = make(name, k, timed=timed, named=named), make(name, k, timed=timed, named=named)
    told = run(first, batch.slice(0, at), [])
    state = first.state()
    run(first, batch.slice(at, 400), [])  # what the first does afterwards must not reach into the saved state
    second.restore(state)
    rest = run(second, batch.slice(at, 400), [])
    expected = run(whole, batch, [at])
    assert sorted(map(repr, told + rest)) == sorted(map(repr, expected))
    assert digest(second.state()) == digest(whole.state()) == digest(first.state())
