"""The loop as a whole: late labels, corrections, drift, and what it tells."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from streamimb import Batch, Config, Feature, Identity, Kind, Label, Pipeline, Schema, Time
from streamimb.batch import Reason
from streamimb.errors import StateError
from streamimb.testing import digest

HOUR = 3_600_000_000
DAY = 24 * HOUR


def schema(*, timed: bool = False, named: bool = False, k: int = 2) -> Schema:
    return Schema(
        features=[Feature(name="a"), Feature(name="b")],
        label=Label(classes=["legit", "fraud", "odd"][:k], positive="fraud"),
        time=Time(unit="us") if timed else None,
        id=Identity() if named else None,
    )


def events(n: int, share: float | np.ndarray, seed: int = 0, gap: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    return rng.normal(gap * y[:, None], 1.0, (n, 2)).astype(np.float32), y


def test_an_event_is_predicted_before_its_label_is_used():
    """Changing a label changes no prediction up to and with its own."""
    X, y = events(3_000, 0.1)
    other = y.copy()
    other[1_700] = 1 - other[1_700]
    first = Pipeline(schema(), Config()).process(Batch.of(X, y)).predictions.scores
    second = Pipeline(schema(), Config()).process(Batch.of(X, other)).predictions.scores
    assert (first[:1_701] == second[:1_701]).all()
    assert (first[1_701:] != second[1_701:]).any()


def test_the_summary_is_scikit_learns():
    """Recall, precision, kappa and areas of the whole run, from the predictions that were told."""
    X, y = events(20_000, 0.05)
    pipeline = Pipeline(schema(), Config())
    told = pipeline.process(Batch.of(X, y)).predictions
    found = pipeline.summary()
    q, s = told.decision, told.scores[:, 1]
    assert found["classes"]["fraud"]["recall"][0] == pytest.approx(metrics.recall_score(y, q))
    assert found["classes"]["fraud"]["precision"][0] == pytest.approx(metrics.precision_score(y, q))
    assert found["metrics"]["kappa"][0] == pytest.approx(metrics.cohen_kappa_score(y, q))
    assert found["metrics"]["brier"][0] == pytest.approx(metrics.brier_score_loss(y, s), rel=1e-6)
    assert found["metrics"]["roc_auc"][0] == pytest.approx(metrics.roc_auc_score(y, s), abs=1e-3)
    assert found["metrics"]["pr_auc"][0] == pytest.approx(metrics.average_precision_score(y, s), abs=1e-3)


def test_a_decision_can_be_had_from_score_and_threshold():
    """Two classes: the positive one above its threshold; more: argmax of score over threshold."""
    X, y = events(5_000, 0.1)
    told = Pipeline(schema(), Config()).process(Batch.of(X, y)).predictions
    assert ((told.scores[:, 1] > told.threshold) == (told.decision == 1)).all()


def test_late_labels_are_scored_against_the_prediction_made_at_the_time():
    """With a delay the evaluation counts exactly the decisions that were told when the features came."""
    X, y = events(6_000, 0.1)
    pipeline = Pipeline(schema(), Config(label={"delay": 500}))
    out = pipeline.process(Batch.of(X, y))
    known = out.matured.position
    assert (out.matured.label == y[known]).all()
    recall = pipeline.summary()["classes"]["fraud"]["recall"][0]
    assert recall == pytest.approx(metrics.recall_score(y[known], out.predictions.decision[known]))
    assert len(known) == 6_000 - 501


def early_positives(seed: int, days: int = 60, a_day: int = 1_000) -> list[Batch]:
    """Shares that never change; a fraud is reported within a day, everybody else is silent for a week."""
    n = days * a_day
    X, y = events(n, 0.03, seed)
    time = (np.arange(n) * (DAY // a_day)).astype(np.int64)
    rng = np.random.default_rng(seed)
    reported = time[y == 1] + rng.integers(HOUR, DAY, (y == 1).sum())
    ids = np.array([f"e{i}" for i in range(n)])
    order = np.argsort(np.r_[time, reported], kind="stable")
    frauds = int((y == 1).sum())
    both = Batch.of(
        np.r_[X, np.full((frauds, 2), np.nan, np.float32)],
        np.r_[np.full(n, -1), np.ones(frauds)].astype(np.int16),
        ids=np.r_[ids, ids[y == 1]].tolist(),
        time=np.r_[time, reported],
        label_time=np.r_[np.full(n, np.iinfo(np.int64).min), reported],
        kind=np.r_[np.full(n, Kind.FEATURES), np.full(frauds, Kind.LABEL)].astype(np.int8),
    )
    rows = order.tolist()
    arrays = {f: getattr(both, f)[rows] for f in ("X", "y", "kind", "time", "label_time")}
    return [Batch.of(arrays["X"], arrays["y"], ids=[both.ids[i] for i in rows], time=arrays["time"],
                     label_time=arrays["label_time"], kind=arrays["kind"])]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_constant_share_with_early_positives_raises_no_alarm(seed):
    """Shares and detectors read mature events, so that frauds which are known early look like no change of share."""
    pipeline = Pipeline(schema(timed=True, named=True), Config(label={"wait": "7d", "expires_as": "legit"}))
    signals = [s for batch in early_positives(seed) for s in pipeline.process(batch).signals]
    assert [s for s in signals if s.signal == "share" and s.kind == "drift"] == []
    shares = pipeline.summary()["shares"]
    assert shares["fraud"] == pytest.approx(0.03, abs=0.01)
    assert pipeline.summary()["labels"]["expired"] > 40_000


def test_a_moved_share_is_told_and_the_weights_are_renewed_at_once():
    """The signal says from what to what, and the next Plan keeps nothing of the old weights."""
    X, y = events(40_000, np.where(np.arange(40_000) < 20_000, 0.02, 0.2))
    pipeline = Pipeline(schema(), Config(control={"weights": "inverse_frequency", "smoothing": 0.9}))
    signals = [s for s in pipeline.process(Batch.of(X, y)).signals if s.signal == "share"]
    assert signals[0].position > 20_000 and signals[0].position < 21_000
    assert signals[0].action == "adjust" and signals[0].value > signals[0].reference
    assert pipeline.controller.plan.weights[1] == pytest.approx(1 / (2 * 0.2), rel=0.15)
    assert pipeline.reference[1] > 0.04  # at that moment the window still holds events of before


def test_a_fallen_recall_is_told():
    """When the positives change their meaning, the recall detector of their class says so."""
    X, y = events(30_000, 0.1, gap=4.0)
    X[15_000:][y[15_000:] == 1] *= -1
    signals = Pipeline(schema(), Config()).process(Batch.of(X, y)).signals
    fallen = [s for s in signals if s.signal == "recall" and s.class_ == "fraud"]
    assert fallen and 15_000 < fallen[0].position < 16_500 and fallen[0].value < fallen[0].reference


def test_told_only_means_told_only():
    """With action = tell, a drift changes nothing about the weights."""
    X, y = events(40_000, np.where(np.arange(40_000) < 20_000, 0.02, 0.2))
    tell = {"action": "tell"}
    told = Config(drift={"share": tell, "recall": tell, "unlabelled": {"detector": "none"}})
    none = {"detector": "none"}
    silent = Config(drift={"share": none, "recall": none, "unlabelled": none})
    a, b = Pipeline(schema(), told), Pipeline(schema(), silent)
    first, second = a.process(Batch.of(X, y)), b.process(Batch.of(X, y))
    assert first.signals and not second.signals
    assert (first.predictions.scores == second.predictions.scores).all()


def corrected_run(how: str) -> Pipeline:
    """Every fraud first expires as legit, then is reported."""
    X, y = events(4_000, 0.1)
    ids = [f"e{i}" for i in range(4_000)]
    pipeline = Pipeline(
        schema(named=True), Config(label={"wait": 100, "expires_as": "legit", "remember": 10_000, "corrections": how})
    )
    for start in range(0, 4_000, 500):
        stop = start + 500
        pipeline.process(Batch.of(X[start:stop], ids=ids[start:stop]))
        frauds = [i for i in range(max(start - 500, 0), start) if y[i] == 1]
        if frauds:
            m = len(frauds)
            pipeline.process(Batch.of(np.full((m, 2), np.nan, np.float32), np.ones(m, np.int16),
                                      ids=[ids[i] for i in frauds], kind=np.full(m, Kind.LABEL, np.int8)))  # fmt: skip
    return pipeline


def test_corrections_replace_what_was_counted_or_not_as_configured():
    """Learned and counted either way; the evaluation holds the truth only where it is asked to."""
    replaced, ignored = corrected_run("replace").summary(), corrected_run("ignore").summary()
    assert replaced["labels"]["corrected"] == ignored["labels"]["corrected"] > 300
    assert replaced["classes"]["fraud"]["support"] == replaced["labels"]["corrected"]
    assert ignored["classes"]["fraud"]["support"] == 0
    assert np.isnan(ignored["classes"]["fraud"]["recall"][0])


def test_more_than_two_classes():
    """Three classes, the rarest learned; thresholds sum to one."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, 30_000, p=[0.9, 0.07, 0.03]).astype(np.int16)
    X = (rng.normal(size=(30_000, 2)) + 3 * np.array([[0, 0], [1, 0], [0, 1]])[y]).astype(np.float32)
    pipeline = Pipeline(schema(k=3), Config(control={"objective": "g_mean"}))
    pipeline.process(Batch.of(X, y))
    told = pipeline.summary()
    assert told["metrics"]["g_mean"][0] > 0.8
    assert sum(told["plan"]["thresholds"].values()) == pytest.approx(1.0)


def test_a_run_without_any_positive_is_undefined_not_zero():
    """Recall of a class that never came is NaN, its weight finite, and no recall detector fires."""
    X, _ = events(8_000, 0.0)
    pipeline = Pipeline(schema(), Config())
    out = pipeline.process(Batch.of(X, np.zeros(8_000, np.int16)))
    told = pipeline.summary()
    assert np.isnan(told["classes"]["fraud"]["recall"][0]) and np.isnan(told["metrics"]["g_mean"][0])
    assert np.isfinite(list(told["plan"]["weights"].values())).all()
    assert [s for s in out.signals if s.signal in ("share", "recall")] == []


def test_events_without_any_label_are_still_predicted():
    """Nothing is learned, nothing fails."""
    X, _ = events(1_000, 0.0)
    pipeline = Pipeline(schema(), Config())
    out = pipeline.process(Batch.of(X))
    assert len(out.predictions) == 1_000 and pipeline.summary()["learned"] == 0
    assert out.matured.label.tolist() == [-1] * 1_000


def test_an_empty_batch_is_nothing():
    """No rows in, no rows out."""
    pipeline = Pipeline(schema(), Config())
    out = pipeline.process(Batch.of(np.zeros((0, 2), np.float32)))
    assert len(out.predictions) == len(out.matured) == 0


def test_a_state_of_another_version_is_refused():
    """Not silently taken."""
    pipeline = Pipeline(schema(), Config())
    with pytest.raises(StateError, match="version"):
        pipeline.restore({**pipeline.state(), "version": 0})


def test_the_summary_is_plain_data():
    """It serialises as JSON, NaN aside."""
    X, y = events(6_000, 0.1)
    pipeline = Pipeline(schema(), Config())
    pipeline.process(Batch.of(X, y))
    assert json.loads(json.dumps(pipeline.summary()))["events"] == 6_000


def test_memory_is_bounded_when_labels_never_come():
    """The store holds no more than its bound, whatever arrives."""
    pipeline = Pipeline(
        schema(named=True), Config(label={"wait": 10**9, "waiting_events_max": 500, "remember_events": 0})
    )
    X, _ = events(5_000, 0.0)
    pipeline.process(Batch.of(X, ids=[f"e{i}" for i in range(5_000)]))
    assert len(pipeline.store.state()["y"]) == 500
    assert pipeline.summary()["labels"]["evicted"] == 4_500


@pytest.mark.parametrize("absurd", [1 << 61, 1 << 62, (1 << 63) - 1, -(1 << 61), -(1 << 62), -(1 << 63)])
def test_a_time_that_cannot_be_counted_is_refused(absurd):
    """Wherever it comes from, and whatever stands first; the events around it are as if it were not there."""
    X, y = events(3, 0.5)
    pipeline, alone = Pipeline(schema(timed=True), Config()), Pipeline(schema(timed=True), Config())
    out = pipeline.process(Batch.of(X, y, time=np.array([absurd, 0, 1])))
    assert [(r.reason, r.field, r.offset) for r in out.rejected] == [(Reason.BAD_TIME, "time", 0)]
    alone.process(Batch.of(X[1:], y[1:], time=np.array([0, 1])))
    assert digest(pipeline.store.state()) == digest(alone.store.state())


def test_what_the_pipeline_refuses_names_its_field():
    """The id for an event that came twice, the time for one that is absurdly ahead."""
    named = schema(timed=True, named=True).model_copy(update={"id": Identity(name="key", path="meta.key")})
    pipeline = Pipeline(named, Config(time={"ahead": "refuse"}))
    X, _ = events(3, 0.5)
    out = pipeline.process(Batch.of(X, ids=["a", "a", "b"], time=np.array([0, 1, 400 * DAY])))
    found = [(r.reason, r.field) for r in out.rejected]
    assert found == [(Reason.DUPLICATE_ID, "meta.key"), (Reason.TIME_AHEAD, "time")]


def test_a_bound_on_waiting_that_nobody_set_is_told():
    """Only where labels have times of their own."""
    timed = schema(timed=True)
    late = timed.model_copy(update={"label": timed.label.model_copy(update={"time": "known"})})
    assert any("label.wait is not set" in note for note in Pipeline(late, Config()).notes)
    for contract, config in ((late, {"wait": "7d"}), (late, {"delay": "7d"}), (timed, {})):
        assert not any("label.wait" in note for note in Pipeline(contract, Config(label=config)).notes)


def test_recall_over_labels_as_they_come_holds_corrections():
    """Where silence stands for a class, the rare class is known by corrections only."""
    pipeline = corrected_run("ignore")
    early = {m.class_: m for m in pipeline.measure() if m.window == "early" and m.metric == "recall"}
    assert early["fraud"].support == min(pipeline.summary()["labels"]["corrected"], 200)
    assert 0 < early["fraud"].value < 1


class Changing:
    """A stream whose share of frauds jumps, with labels by position some events later, in one batch."""

    def __init__(self, *, timed: bool) -> None:
        n, lag = 3_000, 40
        X, y = events(n, np.where(np.arange(n) < 1_500, 0.02, 0.5))
        rows = [(i, False) for i in range(n)] + [(i, True) for i in range(n - lag)]
        rows.sort(key=lambda row: row[0] + (lag + 0.5 if row[1] else 0))
        at, is_label = np.array([i for i, _ in rows]), np.array([label for _, label in rows])
        known = np.where(is_label, at + lag, 0) * HOUR if timed else np.full(len(at), np.iinfo(np.int64).min)
        self.batch = replace(
            Batch.of(
                np.where(is_label[:, None], np.nan, X[at]), np.where(is_label, y[at], -1), time=(at * HOUR),
                label_time=known, kind=np.where(is_label, Kind.LABEL, Kind.FEATURES).astype(np.int8),
            ),
            key=at.astype(np.uint64),
        )  # fmt: skip
        if timed:  # an absurd time now and then
            self.batch.time[np.flatnonzero(~is_label)[100::100]] += 10_000 * DAY


@pytest.mark.parametrize("timed", [True, False])
def test_a_state_saved_between_a_drift_and_the_next_plan_acts_on_the_drift(timed):
    """What a signal asks for is part of the state; with times refused, and with labels that name positions."""
    config = Config(
        time={"ahead": "refuse"}, label={"wait": "20d" if timed else 100},
        control={"every": 500}, drift={"share": {"action": "reset"}, "recall": {"detector": "none"}},
    )  # fmt: skip
    batch = Changing(timed=timed).batch
    whole, first, second = (Pipeline(schema(timed=timed), config) for _ in range(3))
    told = whole.process(batch)
    resets = [a for a in told.actions if a.action == "reset"]
    drift = next(s for s in told.signals if s.kind == "drift" and s.action == "reset")
    assert resets and drift.position < resets[0].position
    assert len(told.rejected) == (29 if timed else 0)
    cut = 0
    while not first.signals:
        first.process(batch.slice(cut, cut + 1))
        cut += 1
    assert first.reactor.state()["due"]
    second.restore(first.state())
    rest = [second.process(batch.slice(i, i + 500)) for i in range(cut, len(batch), 500)]
    assert [a.position for out in rest for a in out.actions if a.action == "reset"] == [a.position for a in resets]
    assert digest(second.state()) == digest(whole.state())


def test_corrections_reach_what_objectives_are_told_to_have_decided():
    """Frauds that had expired to legit count as frauds in the objectives and in the window of scores."""
    X, y = events(6_000, 0.1)
    ids = [f"e{i}" for i in range(6_000)]
    pipeline = Pipeline(schema(named=True), Config(label={"wait": 100, "expires_as": "legit", "remember": 6_000}))
    pipeline.process(Batch.of(X, np.where(y == 1, -1, y).astype(np.int16), ids=ids))
    late = np.flatnonzero(y[:5_800] == 1)
    contrary = Batch.of(
        np.full((len(late), 2), np.nan, np.float32), np.ones(len(late), np.int16), ids=[ids[i] for i in late],
        kind=np.full(len(late), Kind.LABEL, np.int8),
    )  # fmt: skip
    pipeline.process(contrary)
    told = pipeline.summary()
    assert told["labels"]["corrected"] == len(late) == told["classes"]["fraud"]["support"]
    assert told["objectives"]["f1"]["recall"] == pytest.approx(told["classes"]["fraud"]["recall"][0], nan_ok=True)
    assert told["objectives"]["f1"]["precision"] == pytest.approx(told["classes"]["fraud"]["precision"][0], nan_ok=True)
    scores = pipeline.controller.scores
    assert scores.histogram[1].sum() == (scores.contents()[1] == 1).sum() > 0
    assert scores.histogram[0].sum() == (scores.contents()[1] == 0).sum()


def test_objectives_of_many_classes_are_told():
    """The chosen one's value is the run's macro-F1; the others' are of recent events."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, 6_000, p=[0.7, 0.2, 0.1]).astype(np.int16)
    X = rng.normal(2.0 * y[:, None], 1.0, (6_000, 2)).astype(np.float32)
    pipeline = Pipeline(schema(k=3), Config(learner={"model": "linear"}))
    pipeline.process(Batch.of(X, y))
    told = pipeline.summary()
    assert told["objectives"]["f1"]["value"] == pytest.approx(told["metrics"]["macro_f1"][0])
    assert set(told["objectives"]) == {"f1", "g_mean", "kappa", "g_mean+kappa", "balanced_accuracy"}
    assert all(0.4 < row["value"] < 2 and row["recall"] > 0 for row in told["objectives"].values())


def test_nothing_is_made_of_what_is_older_than_a_drift():
    """Buffers keep what came since the detector's date, however few: their floor is not that of the windows."""
    n, change = 30_000, 20_000
    X, y = events(n, np.where(np.arange(n) < change, 0.1, 0.6))
    config = Config(samples={"minority": "smote", "buffer": 2_000}, drift={"recall": {"detector": "none"}})
    pipeline = Pipeline(schema(), config)
    batch, every, told = Batch.of(X, y), config.control.every, []
    for start in range(0, n, every):
        out = pipeline.process(batch.slice(start, start + every))
        told += [s for s in out.signals if s.kind == "drift" and s.position > change]
        if told and out.actions:
            break
    state = pipeline.rebalancer.sampler.state()
    held = np.concatenate([row[:many] for row, (many, _) in zip(state["events"], state["marks"], strict=True)])
    assert told[0].position < change + config.window.events_min
    assert len(held) and held.min() > change - 50


def test_what_is_made_of_rare_rows_is_told():
    """Whether the model learns synthetic rows by heart, and how many labels were suspicious, with their figures."""
    X, y = events(20_000, 0.03)
    y[np.flatnonzero(y == 0)[::300]] = 1
    pipeline = Pipeline(schema(), Config(samples={"minority": "smote", "clean": True}))
    out = pipeline.process(Batch.of(X, y))
    told, gauge = pipeline.summary()["samples"], pipeline.rebalancer.gauge
    assert told["memorised"] == {"fraud": [gauge.fresh[1], gauge.made[1], gauge.ratio[1]]}
    assert told["suspects"]["fraud"] == pipeline.rebalancer.suspects[1] > 0
    assert [m.class_ for m in out.metrics if m.metric == "memorisation"][-1:] == ["fraud"]
    assert Pipeline(schema(), Config()).summary()["samples"] == {"memorised": {}, "suspects": {}}
