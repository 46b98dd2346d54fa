"""What the loop tells becomes metrics: a few additions a batch, no rendering, no lock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Reason, Rejected
from streamimb.config import Config
from streamimb.labels import layout as at
from streamimb.metrics import names as n
from streamimb.metrics.gauges import CLASS_GAUGES, OVERALL, Reading, read
from streamimb.metrics.values import Values
from streamimb.outcome import Action, Metric, Outcome
from streamimb.schema import Schema

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline
    from streamimb.sources.log import Partition, Records

#: Classes that have series of their own, the positive one always; the others count as ``other``.
CLASSES_SHOWN_MAX: Final = 5
#: Partitions whose lag has a series of its own; the lag of those beyond is added up as ``other``.
PARTITIONS_SHOWN_MAX: Final = 16
MICROSECONDS: Final = 1e6
#: Gauges are read no more often than this, seconds: a page is rendered once a second.
GAUGES_S: Final = 0.5
#: Quality with its intervals takes some milliseconds: where events have come it is this old at most, seconds.
QUALITY_S: Final = 5.0
#: Actions after which another learner, or an empty one, decides.
RESETS: Final = ("reset", "replaced", "rollback")
#: Counters of the label store, by the metric that shows them.
STORE_COUNTERS: Final = {
    "labels_late_total": at.N_LATE, "labels_unknown_total": at.N_UNKNOWN, "labels_early_total": at.N_EARLY,
    "labels_twice_total": at.N_TWICE,
    "labels_corrected_total": at.N_CORRECTED, "labels_expired_total": at.N_EXPIRED,
    "labels_dropped_total": at.N_DROPPED, "labels_evicted_total": at.N_EVICTED,
    "events_duplicate_total": at.N_DUPLICATE, "events_time_ahead_total": at.N_AHEAD,
}  # fmt: skip


class Exporter:
    """Hears what the worker tells (the methods of ``delivery.Observer``) and keeps the values of all metrics.

    version: of the program; wall: seconds since 1970, read once a batch; gauges_s: how often gauges are read, seconds.
    Counters count what this process did: what a restored pipeline counted before is left out. Gauges of several units
    of state are their means, counts their sums.
    """

    def __init__(
        self, schema: Schema, config: Config, *, version: str, wall: Callable[[], float], gauges_s: float = GAUGES_S
    ) -> None:
        self._schema, self._wall, self._gauges_s = schema, wall, gauges_s
        self._shown_at: dict[str, float] = {}
        self._measured_at: dict[str, float] = {}
        self._unshown: set[str] = set()
        self._unmeasured: set[str] = set()
        self._shown = _shown_classes(schema)
        self._names = [name if name in self._shown else n.OTHER for name in schema.class_names]
        self.values = Values(_sets(schema, config, self._shown, version))
        self._before: dict[str, NDArray[np.int64]] = {}
        self._read: dict[str, Reading] = {}
        self._measured: dict[str, dict[tuple[str, str | None], tuple[float, float, float]]] = {}
        self._records: Records | None = None
        self.values.put("build_info", 1.0, version)
        self.values.put("model_info", 1.0, *_model(schema, config))
        for name in ("ready", "learning_frozen", "threshold_pinned", "learners", "pending_labels"):
            self.values.put(name, 0.0)
        self.role("standby")

    def consumed(self, records: Records) -> None:
        self._records = records
        self.values.add("events_consumed_total", len(records))

    def redelivered(self, partition: Partition, records: int) -> None:  # noqa: ARG002  one series for all
        self.values.add("events_redelivered_total", records)

    def refused(self, rejected: Sequence[Rejected]) -> None:
        for event in rejected:
            self.values.add("events_rejected_total", 1, event.reason.value)

    def ignored(self, fields: Mapping[str, int]) -> None:
        self.values.add("fields_ignored_total", sum(fields.values()))

    def shortened(self, messages: int) -> None:
        self.values.add("dead_letters_cut_total", messages)

    def restored(self, unit: str, name: str | None, rotten: Sequence[Any], position: int) -> None:  # noqa: ARG002
        self.values.add("checkpoints_total", len(rotten), "rotten")
        self._before.pop(unit, None)

    def begins(self, unit: str, pipeline: Pipeline) -> None:
        """Count what the pipeline does from here on, and show how it stands: to be called once it is restored."""
        self._before[unit] = _counted(pipeline)
        self._measure(unit, pipeline.measure())
        self._show(unit, pipeline)

    def ends(self, unit: str) -> None:
        """The unit is another's now: its gauges go."""
        for held in (self._before, self._read, self._measured, self._shown_at, self._measured_at):
            held.pop(unit, None)
        self._unshown.discard(unit)
        self._unmeasured.discard(unit)
        self._put_gauges()

    def processed(self, unit: str, pipeline: Pipeline, outcome: Outcome) -> None:
        self._count(unit, pipeline)
        self._tell(outcome)
        self._unmeasured.add(unit)
        self._measure(unit, outcome.metrics)
        now = self._wall()
        self._unshown.add(unit)
        self.look(unit, pipeline)
        self.values.put("last_event_timestamp_seconds", now)
        if self._records is not None:
            self.values.observe("event_delay_seconds", np.maximum(now - self._records.timestamps / MICROSECONDS, 0.0))
            self._records = None

    def look(self, unit: str, pipeline: Pipeline) -> None:
        """Show what has moved since, if it is time: for the loop to call while no event comes, too."""
        now = self._wall()
        if unit in self._unmeasured and not 0 <= now - self._measured_at.get(unit, -math.inf) < QUALITY_S:
            self._measure(unit, pipeline.measure())
            self._unshown.add(unit)
        if unit in self._unshown and not 0 <= now - self._shown_at.get(unit, -math.inf) < self._gauges_s:
            self._shown_at[unit] = now
            self._unshown.discard(unit)
            self._show(unit, pipeline)

    def phase(self, name: str, seconds: float) -> None:
        self.values.add("loop_seconds_total", seconds, name)
        if name in n.STAGES and self._records is not None:
            self.values.observe("event_duration_seconds", np.array([seconds]), name, times=len(self._records))

    def saved(self, unit: str, name: str, size: int, seconds: float, position: int) -> None:  # noqa: ARG002
        self.values.add("checkpoints_total", 1, "written")
        self.values.put("checkpoint_bytes", float(size))
        self.values.put("last_checkpoint_timestamp_seconds", self._wall())
        self.values.observe("checkpoint_duration_seconds", np.array([seconds]))

    def save_failed(self, unit: str, error: Exception) -> None:  # noqa: ARG002  the log names them
        self.values.add("checkpoints_total", 1, "failed")

    def role(self, role: str) -> None:
        for known in n.ROLES:
            self.values.put("role", float(known == role), known)

    def ready(self, ready: bool) -> None:
        """Whether the service would be sent traffic."""
        self.values.put("ready", float(ready))

    def rebalanced(self, kind: str) -> None:
        """Partitions were ``assigned``, ``revoked`` or ``lost``."""
        self.values.add("rebalances_total", 1, kind)

    def lag(self, lag: Mapping[Partition, int]) -> None:
        shown: dict[tuple[str, ...], float] = {}
        for i, partition in enumerate(sorted(lag)):
            key = (partition.topic, str(partition.number) if i < PARTITIONS_SHOWN_MAX else n.OTHER)
            shown[key] = shown.get(key, 0.0) + lag[partition]
        if not shown:  # the last values would stand for ever
            shown = dict.fromkeys(self.values.numbers["consumer_lag_records"], math.nan)
        self.values.replace("consumer_lag_records", shown)

    def trouble(self, what: str, error: Exception | None) -> None:
        if error is not None:
            self.values.add("trouble_total", 1, what)

    def asked(self, outcome: str, events: int = 0) -> None:
        """A request to /predict ended; called by the HTTP side."""
        self.values.add("predict_requests_total", 1, outcome)
        self.values.add("predict_events_total", events)

    def pulled(self, action: Action) -> None:
        """A person pulled a lever."""
        self.values.add("levers_total", 1, action.action)
        self._acted([action])

    def told(self, event: str, **facts: Any) -> None:
        """What is worth a line of the log is no metric."""

    def _count(self, unit: str, pipeline: Pipeline) -> None:
        now = _counted(pipeline)
        more = (now - self._before.get(unit, np.zeros_like(now))).tolist()
        self._before[unit] = now
        for name, amount in zip([*STORE_COUNTERS, "features_missing_total"], more, strict=False):
            self.values.add(name, amount)
        first, k = len(STORE_COUNTERS) + 1, self._schema.n_classes
        for i, name in enumerate(self._names):
            self.values.add("events_learned_total", more[first + i], name)
            self.values.add("training_samples_total", more[first + k + i], name)

    def _tell(self, outcome: Outcome) -> None:
        decided = np.bincount(outcome.predictions.decision, minlength=self._schema.n_classes)
        for name, amount in zip(self._names, decided.tolist(), strict=True):
            self.values.add("predictions_total", amount, name)
        for signal in outcome.signals:
            metric = "drift_detected_total" if signal.kind == "drift" else "drift_warnings_total"
            self.values.add(metric, 1, signal.detector, signal.signal)
        self._acted(outcome.actions)
        if self._schema.has_time and len(outcome.matured):
            known = outcome.matured.label >= 0
            waited = (outcome.matured.label_time - outcome.matured.time)[known] / MICROSECONDS
            self.values.observe("label_delay_seconds", np.maximum(waited, 0.0))

    def _acted(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if action.measured_at < 0 and action.action in RESETS:
                self.values.add("model_resets_total", 1, action.signal)

    def _measure(self, unit: str, rows: Sequence[Metric]) -> None:
        measured = self._measured.setdefault(unit, {})
        if rows:
            self._measured_at[unit] = self._wall()
            self._unmeasured.discard(unit)
        for row in rows:
            if row.window == "rarest":
                measured[row.metric, row.class_] = row.value, row.low, row.high

    def _show(self, unit: str, pipeline: Pipeline) -> None:
        self._read[unit] = read(pipeline)
        self._put_gauges()

    def _put_gauges(self) -> None:
        """The mean over units, NaN where no unit knows; counts are added up."""
        readings = list(self._read.values())
        for name, (labels, value) in _means(readings, self._schema.class_names).items():
            for label, number in zip(labels, value, strict=True):
                self.values.put(name, number, *label)
        put, sums = self.values.put, [(r.waiting, r.positives, r.frozen, r.pinned) for r in readings]
        waiting, positives, frozen, pinned = (sum(column) for column in zip(*sums, strict=True)) if sums else (0,) * 4
        put("pending_labels", waiting)
        put("window_positives", positives)
        put("learning_frozen", float(frozen > 0))
        put("threshold_pinned", float(pinned > 0))
        put("learners", len(readings))
        put("pending_oldest_seconds", max((r.oldest for r in readings), default=math.nan))
        for metric in CLASS_GAUGES:
            for name in self._shown:
                for i, suffix in enumerate(("", "_low", "_high")):
                    put(f"{metric}{suffix}", self._mean(metric, name, i), name)
        for metric in OVERALL:
            put(metric, self._mean(metric, None, 0))

    def _mean(self, metric: str, name: str | None, i: int) -> float:
        found = [m[metric, name][i] for m in self._measured.values() if (metric, name) in m]
        known = [value for value in found if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


def _means(readings: Sequence[Reading], classes: Sequence[str]) -> dict[str, tuple[list[tuple[str, ...]], list[float]]]:
    """Gauges by name: their labels and values; the mean where there are several units."""
    told: dict[str, tuple[list[tuple[str, ...]], list[float]]] = {}
    if not readings:
        return told
    table = np.array([r.values for r in readings])
    known = np.isfinite(table)
    mean = np.full(table.shape[1:], np.nan)
    np.divide(np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0), out=mean, where=known.any(axis=0))
    for (name, window), row in zip(readings[0].rows, mean.tolist(), strict=True):
        labels, values = told.setdefault(name, ([], []))
        labels.extend((c,) if window is None else (c, window) for c in classes)
        values.extend(row)
    return told


def _counted(pipeline: Pipeline) -> NDArray[np.int64]:
    """What the pipeline has counted so far: the store's counters, missing values, lessons and samples a class."""
    store = pipeline.store.c[list(STORE_COUNTERS.values())]
    taught = pipeline.rebalancer.taught
    return np.concatenate([store, np.array([pipeline.missing], np.int64), taught[0], taught[1]])


def _shown_classes(schema: Schema) -> tuple[str, ...]:
    names, positive = schema.class_names, schema.class_names[schema.positive]
    others = [name for name in names if name != positive][: CLASSES_SHOWN_MAX - 1]
    return tuple(name for name in names if name == positive or name in others)


def _model(schema: Schema, config: Config) -> tuple[str, str, str]:
    return config.learner.model, config.control.objective or "f1", schema.class_names[schema.positive]


def _sets(schema: Schema, config: Config, shown: tuple[str, ...], version: str) -> dict[str, Sequence[Any]]:
    classes = shown if len(shown) == schema.n_classes else (*shown, n.OTHER)
    drift = config.drift
    pairs: list[tuple[str, str]] = [(drift.share.detector, "share"), (drift.recall.detector, "recall")]
    pairs = [(detector, signal) for detector, signal in pairs if detector != "none"]
    pairs += [("g_test", signal) for signal in n.UNLABELLED if drift.unlabelled.detector != "none"]
    windows = ("rarest", "events", "decayed") if config.window.time is None else ("rarest", "events", "time", "decayed")
    topics = [t for t in (config.source.topic, config.source.labels_topic) if t is not None]
    return {
        "class": classes,
        "window": windows,
        "reason": [*(reason.value for reason in Reason), n.OTHER],
        "drift_detected_total": [*pairs, (n.OTHER, n.OTHER)],
        "drift_warnings_total": [*pairs, (n.OTHER, n.OTHER)],
        "cause": n.CAUSES,
        "kind": ("freeze", "resume", "pin", "unpin", "reset", "rollback"),
        "rebalances_total": [(kind,) for kind in n.REBALANCES],
        "checkpoints_total": [(outcome,) for outcome in n.OUTCOMES],
        "predict_requests_total": [(outcome,) for outcome in n.ANSWERS],
        "phase": n.PHASES,
        "what": n.TROUBLES,
        "role": [(role,) for role in n.ROLES],  # the metric's name as well as its label's
        "stage": n.STAGES,
        "version": (version,),
        "model_info": [_model(schema, config)],
        "consumer_lag_records": [(topic, "0") for topic in topics or ["none"]],
    }
