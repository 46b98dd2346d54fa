"""Metrics: the list in code, the list in the documentation and a scrape are one; series are few and always there."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamimb.batch import Batch, Reason, Rejected
from streamimb.config import Config, EvaluationConfig
from streamimb.delivery.observer import Observer
from streamimb.metrics import METRICS, PREFIX, Exporter, Page, as_markdown
from streamimb.metrics.exporter import QUALITY_S
from streamimb.metrics.values import SERIES_MAX
from streamimb.outcome import nothing
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sources.log import Partition, Records

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
CONFIG = Config(
    source={"topic": "events", "labels_topic": "labels"}, window={"time": "1h"}, evaluation={"every": 100},
    label={"wait": "100s", "expires_as": "c0"}, learner={"model": "linear", "parameters": {"slots": 64}},
)  # fmt: skip


def schema(n_classes=2):
    return Schema(
        features=[Feature(name="x")],
        label=Label(classes=[f"c{k}" for k in range(n_classes)], positive="c1"),
        time=Time(unit="us"),
        id=Identity(),
    )


def made(n_classes=2):
    contract, clock = schema(n_classes), [0.0]
    exporter = Exporter(contract, CONFIG, version="1.2.3", wall=lambda: 1_000.0, gauges_s=0.0)
    return exporter, Pipeline(contract, CONFIG), Page(exporter.values, clock=lambda: clock[0]), clock


def batch_of(n, *, first=0, n_classes=2, labelled=True):
    rng = np.random.default_rng(first)
    y = rng.integers(0, n_classes, n).astype(np.int16)
    X = (y[:, None] + rng.normal(size=(n, 1))).astype(np.float32)
    X[::50] = np.nan
    ids = [f"e{first + i}" for i in range(n)]
    return Batch.of(X, y if labelled else None, ids=ids, time=(first + np.arange(n)) * 1_000_000)


def scraped(page):
    """Every series by its name and labels."""
    series = {}
    for family in text_string_to_metric_families(page.content().decode()):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in series
            series[key] = sample.value
    return series


def value(page, name, **labels):
    return scraped(page)[PREFIX + name, tuple(sorted(labels.items()))]


def families(page):
    return {f.name for f in text_string_to_metric_families(page.content().decode()) if f.name.startswith(PREFIX)}


def test_quality_is_renewed_by_time_however_few_events_come():
    """Where evaluation.every is far off; not before, since that takes milliseconds, and not where no event came."""
    now, config = [1_000.0], CONFIG.model_copy(update={"evaluation": EvaluationConfig(every=1_000_000)})
    exporter = Exporter(schema(), config, version="0", wall=lambda: now[0], gauges_s=0.0)
    pipeline = Pipeline(schema(), config)
    g_mean = lambda: exporter.values.numbers["g_mean"][()]  # noqa: E731
    exporter.begins("topic", pipeline)
    exporter.processed("topic", pipeline, pipeline.process(batch_of(400)))
    assert math.isnan(g_mean())
    now[0] += QUALITY_S
    exporter.look("topic", pipeline)
    assert g_mean() == pytest.approx(next(m.value for m in pipeline.measure() if m.metric == "g_mean"))
    pipeline.measure = None  # whoever measures now fails
    now[0] += QUALITY_S
    exporter.look("topic", pipeline)


@pytest.mark.parametrize("n_classes", [2, 5, 40])
def test_all_series_are_there_from_the_first_scrape_on_and_few(n_classes):
    """What is scraped before the first event are the series of later, some hundreds at most."""
    exporter, pipeline, page, clock = made(n_classes)
    first = set(scraped(page))
    assert len(first) < SERIES_MAX
    exporter.begins("topic", pipeline)
    for i in range(5):
        exporter.processed("topic", pipeline, pipeline.process(batch_of(200, first=200 * i, n_classes=n_classes)))
    exporter.lag({Partition("events", 0): 3, Partition("labels", 0): 0})
    clock[0] += 2
    assert set(scraped(page)) == first


def test_docs_code_and_scrape_are_one_list():
    """A metric is in all three, or in none."""
    _, _, page, _ = made()
    listed = {PREFIX + spec.name.removesuffix("_total") for spec in METRICS}
    assert families(page) == listed
    assert as_markdown() in DOCS.read_text()
    assert len({spec.name for spec in METRICS}) == len(METRICS)


def test_names_follow_the_conventions():
    """Counters end in _total, everything else does not; units are base units."""
    for spec in METRICS:
        assert spec.name.endswith("_total") == (spec.kind == "counter"), spec.name
        assert not spec.name.endswith(("_ms", "_us", "_minutes", "_percent")), spec.name
        assert spec.help.endswith("."), spec.name


def test_what_is_undefined_is_nan():
    """Before the first label recall is undefined, and the count beside it says why."""
    exporter, pipeline, page, clock = made()
    exporter.begins("topic", pipeline)
    assert math.isnan(value(page, "recall", **{"class": "c1"}))
    assert value(page, "window_positives") == 0
    exporter.processed("topic", pipeline, pipeline.process(batch_of(400)))
    clock[0] = 1
    assert 0 <= value(page, "recall_low", **{"class": "c1"}) <= value(page, "recall", **{"class": "c1"}) <= 1
    assert value(page, "window_positives") > 100


def test_counters_count_what_happened():
    """Predictions, lessons, missing values, late, unknown and twice labels, by the pipeline's own counts."""
    exporter, pipeline, page, _ = made()
    exporter.begins("topic", pipeline)
    batch = batch_of(300)
    exporter.processed("topic", pipeline, pipeline.process(batch))
    exporter.processed("topic", pipeline, pipeline.process(batch.slice(0, 7)))  # once more: duplicates
    exporter.refused([Rejected("t", Reason.NOT_JSON, None, "")] * 3)
    told = {name: value(page, name) for name in ("events_duplicate_total", "features_missing_total")}
    assert told == {"events_duplicate_total": 7, "features_missing_total": 6 + 1}
    assert value(page, "events_rejected_total", reason="not_json") == 3
    assert sum(value(page, "predictions_total", **{"class": c}) for c in ("c0", "c1")) == 300
    assert value(page, "events_learned_total", **{"class": "c1"}) == (batch.y == 1).sum()
    assert value(page, "training_samples_total", **{"class": "c1"}) == (batch.y == 1).sum()


def test_counters_do_not_jump_where_a_pipeline_is_restored():
    """What a restored pipeline counted in its former life is not counted again."""
    exporter, pipeline, page, _ = made()
    pipeline.process(batch_of(300, labelled=False))
    pipeline.process(batch_of(1, first=1_000_000, labelled=False))
    other = Pipeline(pipeline.schema, CONFIG)
    other.restore(pipeline.state())
    assert other.store.counts()["expired"] == 300
    exporter.begins("topic", other)
    exporter.processed("topic", other, other.process(batch_of(2, first=2_000_000, labelled=False)))
    assert value(page, "labels_expired_total") == 1
    assert value(page, "pending_labels") == 2
    assert value(page, "pending_oldest_seconds") == 1


def test_levers_show():
    """A freeze and a pin are seen at the next batch; each lever is counted, a reset among the resets."""
    exporter, pipeline, page, _ = made()
    exporter.begins("topic", pipeline)
    for kind, threshold in (("freeze", None), ("pin", 0.25), ("reset", None)):
        exporter.pulled(pipeline.pull(kind, threshold=threshold).action)
    exporter.processed("topic", pipeline, pipeline.process(batch_of(10)))
    assert value(page, "learning_frozen") == value(page, "threshold_pinned") == 1
    assert value(page, "decision_threshold", **{"class": "c1"}) == 0.25
    assert value(page, "model_resets_total", cause="operator") == value(page, "levers_total", kind="freeze") == 1
    assert value(page, "events_learned_total", **{"class": "c1"}) == 0


def test_gauges_of_several_units_are_means_and_counts_are_sums():
    """Under the partition scope one process has many learners, and still the same series."""
    exporter, one, page, clock = made()
    other = Pipeline(one.schema, CONFIG)
    exporter.begins("partition-0", one)
    exporter.begins("partition-1", other)
    one.pull("pin", threshold=0.2)
    other.pull("pin", threshold=0.4)
    for unit, pipeline in (("partition-0", one), ("partition-1", other)):
        exporter.processed(unit, pipeline, pipeline.process(batch_of(50, labelled=False)))
    assert value(page, "decision_threshold", **{"class": "c1"}) == pytest.approx(0.3)
    assert (value(page, "pending_labels"), value(page, "learners")) == (100, 2)
    exporter.ends("partition-0")
    clock[0] = 1
    assert value(page, "decision_threshold", **{"class": "c1"}) == pytest.approx(0.4)
    assert (value(page, "pending_labels"), value(page, "learners")) == (50, 1)


def test_the_worker_can_tell_it_everything():
    """It has every method of an observer, with the same arguments."""
    for name, method in inspect.getmembers(Observer, inspect.isfunction):
        own = inspect.signature(getattr(Exporter, name)).parameters
        assert list(own) == list(inspect.signature(method).parameters), name


def test_records_and_checkpoints_are_timed():
    """Delays by the records' own timestamps, durations by phase, checkpoints by outcome."""
    exporter, pipeline, page, _ = made()
    empty = [None] * 3
    stamps = np.array([999_000_000, 999_990_000, 2_000_000_000])  # a clock that runs ahead is no negative delay
    records = Records(Partition("events", 0), np.arange(3), stamps, empty, empty, [[]] * 3)
    exporter.consumed(records)
    exporter.phase("process", 0.003)
    exporter.phase("brewing", 1.0)
    exporter.processed("topic", pipeline, nothing(2))
    exporter.saved("topic", "1", 4_096, 0.2, 3)
    exporter.save_failed("topic", OSError())
    exporter.restored("topic", "1", [("2", "torn")], 3)
    exporter.trouble("brokers", OSError())
    exporter.trouble("brokers", None)
    assert value(page, "event_delay_seconds_bucket", le="0.01") == 2
    assert value(page, "event_delay_seconds_sum") == pytest.approx(1.01)
    assert value(page, "event_duration_seconds_count", stage="process") == 3
    assert value(page, "loop_seconds_total", phase="other") == 1
    assert [value(page, "checkpoints_total", outcome=o) for o in ("written", "failed", "rotten")] == [1, 1, 1]
    assert value(page, "checkpoint_bytes") == 4_096
    assert value(page, "last_checkpoint_timestamp_seconds") == value(page, "last_event_timestamp_seconds") == 1_000
    assert value(page, "trouble_total", what="brokers") == 1


def test_the_lag_of_no_partition_is_nan():
    """Once the last partition is another's, the lag that it had is not told any more."""
    exporter, _, page, _ = made()
    exporter.lag({Partition("events", 0): 7})
    exporter.lag({})
    assert math.isnan(value(page, "consumer_lag_records", topic="events", partition="0"))


def test_the_lag_of_many_partitions_is_few_series():
    """Partitions beyond the bound are added up."""
    exporter, _, page, _ = made()
    exporter.lag({Partition("events", i): 10 for i in range(100)})
    shown = {key: v for key, v in scraped(page).items() if key[0] == "streamimb_consumer_lag_records"}
    assert len(shown) == 17
    assert sum(shown.values()) == 1_000
    assert len(scraped(page)) < SERIES_MAX


def test_a_storm_of_scrapes_renders_once_a_second():
    """Whoever asks within a second gets the bytes that are there."""
    _, _, page, clock = made()
    assert page.content() is page.content()
    assert page.renderings == 1
    clock[0] = 1.0
    page.content()
    assert page.renderings == 2


def test_gauges_are_read_twice_a_second_at_most():
    """Counters follow every batch; what takes longer to read waits for its turn."""
    wall = [1_000.0]
    exporter = Exporter(schema(), CONFIG, version="0", wall=lambda: wall[0])
    pipeline, page = Pipeline(schema(), CONFIG), Page(exporter.values, clock=lambda: wall[0])
    exporter.processed("topic", pipeline, pipeline.process(batch_of(10, labelled=False)))
    exporter.processed("topic", pipeline, pipeline.process(batch_of(10, first=10, labelled=False)))
    assert value(page, "pending_labels") == 10
    wall[0] += 1
    exporter.processed("topic", pipeline, pipeline.process(batch_of(10, first=20, labelled=False)))
    assert value(page, "pending_labels") == 30


def test_process_metrics_stay():
    """Resident memory under the name that every dashboard knows."""
    _, _, page, _ = made()
    assert scraped(page)["process_resident_memory_bytes", ()] > 1e6


def test_what_moved_last_is_shown_while_no_event_comes():
    """The gauges of a batch that came too soon after another are shown once it is time."""
    contract, clock = schema(), [0.0]
    exporter = Exporter(contract, CONFIG, version="1", wall=lambda: clock[0])
    pipeline = Pipeline(contract, CONFIG)
    exporter.begins("topic", pipeline)
    shown = []
    exporter._show = lambda unit, _: shown.append((unit, clock[0]))
    outcome = nothing(2)
    for moment in (10.0, 10.1):
        clock[0] = moment
        exporter.processed("topic", pipeline, outcome)
    clock[0] = 10.2
    exporter.look("topic", pipeline)
    assert shown == [("topic", 10.0)]
    for moment in (11.0, 12.0):
        clock[0] = moment
        exporter.look("topic", pipeline)
    assert shown == [("topic", 10.0), ("topic", 11.0)]
