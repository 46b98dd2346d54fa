"""Live keys may change between two starts; each of them is tried, and the objective most of all."""

from __future__ import annotations

import numpy as np
import pytest

from streamimb import Config, Pipeline, testing
from streamimb.checkpoint import Setup
from streamimb.checkpoint.format import pack, unpack
from streamimb.checkpoint.setup import keys
from streamimb.metrics.names import UNLABELLED
from tests.checkpoint.test_every_state import schema, stream

BEFORE = {
    "control": {"every": 50, "tune_rarest": 5, "objective": "f1"},
    "window": {"rarest": 20, "events_min": 50, "events_max": 400, "events": 100},
    "evaluation": {"every": 200, "bootstrap_replicates": 20},
    "label": {"wait": "4000s", "remember": "9000s"},
    "drift": {s: {"detector": "adwin", "delta": 0.05, "cooldown": 20} for s in ("share", "recall")},
}
#: A value of each live key that is another than that of BEFORE.
CHANGED = {
    "limits.event_bytes_max": 100, "limits.fields_max": 9, "limits.number_abs_max": 7.0, "time.ahead_max": "1d",
    "time.ahead": "refuse", "time.ahead_confirm": 2, "label.corrections": "ignore", "label.waiting_events_max": 10,
    "label.waiting_bytes_max": 5_000, "control.weights": "oob", "control.class_rules": {"b": "none"},
    "control.weight_max": 2.0, "control.smoothing": 0.0, "control.effective_beta": 0.9, "control.hybrid_target": 0.1,
    "control.costs": {"b": 3.0}, "control.objective": "g_mean", "control.threshold": 0.3, "control.tune_rarest": 50,
    "drift.share.action": "reset", "drift.share.cooldown": 300, "drift.recall.action": "tell",
    "drift.recall.cooldown": 0, "drift.unlabelled.cooldown": 100,
    **{f"drift.unlabelled.action.{s}": "reset" for s in UNLABELLED}, "reaction.resets_per_hour_max": 1,
    "reaction.trial_lessons_max": 10, "evaluation.every": 70, "evaluation.confidence": 0.5,
    "evaluation.bootstrap_replicates": 30, "evaluation.beta": 0.5, "evaluation.queue_k": 3,
    "evaluation.queue_days": 2, "evaluation.cost": "FN=x,FP=2", "learner.threads": 3,
}  # fmt: skip
N, AT = 1_200, 617


def config(**changes: object) -> Config:
    """BEFORE with keys, by their dotted paths, set to other values."""
    tree = {table: dict(inner) for table, inner in BEFORE.items()}
    for path, value in changes.items():
        *tables, name = path.split(".")
        place = tree
        for table in tables:
            place[table] = dict(place.get(table, {}))
            place = place[table]
        place[name] = value
    return Config(**tree)


def batches():
    batch = stream(N, 2)
    return batch.slice(0, AT), batch.slice(AT, N)


@pytest.fixture(scope="module")
def saved():
    """A state in mid-interval, with events waiting, as it comes out of a file."""
    pipeline = Pipeline(schema(2), config())
    pipeline.process(batches()[0])
    return b"".join(pack({}, pipeline.state()))


def restored(saved: bytes, **changes: object) -> Pipeline:
    pipeline = Pipeline(schema(2), config(**changes))
    pipeline.restore(unpack(saved)[1])
    return pipeline


def test_every_live_key_is_tried():
    """The table above is the list of them."""
    assert set(CHANGED) == {k for k, (_, live) in keys(config(), schema(2)) if live and not k.startswith("schema.")}


@pytest.mark.parametrize("key", CHANGED)
def test_a_pipeline_goes_on_under_another_value_of_a_live_key(saved, key):
    """It restores, learns on, and what it then saves restores too; cutting the rest changes nothing."""
    first, second = restored(saved, **{key: CHANGED[key]}), restored(saved, **{key: CHANGED[key]})
    rest = batches()[1]
    told = first.process(rest).predictions
    for start in range(0, len(rest), 83):
        second.process(rest.slice(start, start + 83))
    assert len(told) + first.store.counts()["waiting"] > 400 and np.isfinite(told.scores).all()
    assert testing.digest(first.state()) == testing.digest(second.state())
    second.restore(unpack(b"".join(pack({}, first.state())))[1])
    assert testing.digest(first.state()) == testing.digest(second.state())
    assert Setup(schema(2), config()).digest == Setup(schema(2), config(**{key: CHANGED[key]})).digest


def test_another_objective_keeps_the_thresholds_until_the_next_tuning(saved):
    """Then they are those that one comes to which had the objective among the shown ones all along.

    Signals only tell: recall begins anew under another objective, so that one of the two would act on a drift alone.
    """
    tell = {"drift.recall.action": "tell"}
    before, rest = restored(saved, **tell), batches()[1]
    names, first = [o.name for o in before.controller.objectives], before.controller.plan
    before.process(rest.slice(0, 100))
    tuned = before.controller.plan
    other = next(i for i, cut in enumerate(tuned.cuts) if cut != tuned.thresholds[1])
    after = restored(saved, **tell, **{"control.objective": names[other]})
    assert (after.controller.plan.thresholds == first.thresholds).all()
    assert after.controller.plan.cuts[0] == first.cuts[other]
    after.process(rest.slice(0, 100))
    assert after.controller.plan.thresholds[1] == tuned.cuts[other] != tuned.thresholds[1]
    assert set(after.summary()["objectives"]) == set(names)


def test_objectives_are_counted_from_the_events_predicted_under_them(saved):
    """Those that waited across the change were predicted under others: they are counted by none."""
    after = restored(saved, **{"control.objective": "kappa"})
    rest = batches()[1]
    told = after.process(rest).predictions
    counted = after.controller.scores.confusion.sum(axis=(1, 2))
    assert (counted == counted[0]).all()
    assert 0 < counted[0] <= len(told)
    again = restored(saved)
    again.process(rest)
    assert again.controller.scores.confusion.sum(axis=(1, 2))[0] > counted[0]


@pytest.mark.parametrize("change", [{"control.objective": "cost:FN=x,FP=z"}, {"evaluation.cost": "FN=x,FP=2"}])
def test_amounts_are_learned_from_the_change_on(saved, change):
    """A cost of amounts that earlier events never told: thresholds stay until enough have come with theirs."""
    before, after = restored(saved), restored(saved, **change)
    first = after.controller.plan.thresholds.copy()
    assert (first == before.controller.plan.thresholds).all()
    rest = batches()[1]
    after.process(rest)
    assert (after.controller.plan.thresholds != first).any()
    assert np.isfinite(after.summary()["objectives"][after.controller.objectives[0].name]["cost"])


def test_a_fixed_threshold_holds_at_once(saved):
    """And a tuned one comes back with the next tuning."""
    fixed = restored(saved, **{"control.threshold": 0.3})
    assert fixed.controller.plan.thresholds.tolist() == [0.7, 0.3]
    told = fixed.process(batches()[1].slice(0, 10)).predictions
    assert (told.threshold == np.float32(0.3)).all()
    tuned = Pipeline(schema(2), config())
    tuned.restore(fixed.state())
    tuned.process(batches()[1].slice(10, 200))
    assert tuned.controller.plan.thresholds[1] != 0.3


def test_another_queue_begins_anew(saved):
    """Days counted with another k are not mixed with those to come; corrections of events before it change nothing."""
    after = restored(saved, **{"evaluation.queue_k": 3})
    assert len(after.queue) == 0
    after.queue.correct(0, 0, 1, (0, 1), (0.0, 0.0))
    after.process(batches()[1])
    assert 0 < len(after.queue) < after.windows.seen


def test_recall_under_another_objective_is_no_drift(saved):
    """Its detectors begin anew, on what is decided after the next tuning."""
    after = restored(saved, **{"control.objective": "recall>=0.9"})
    assert [after.monitor.width("recall", k) for k in (0, 1)] == [0, 0]
    assert restored(saved).monitor.width("recall", 1) > 0  # the minority's is watched
