"""Every metric, a line each: this list is the contract with dashboards and alerts."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

PREFIX: Final = "streamimb_"
COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"


class MetricSpec(NamedTuple):
    """A metric without its prefix, what it is labelled by, and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_CLASS: Final = ("class",)

METRICS: Final = (
    MetricSpec("events_consumed_total", COUNTER, (), "Records taken from the log that were new."),
    MetricSpec("events_learned_total", COUNTER, _CLASS, "Labels that the learner was taught, corrections among them."),
    MetricSpec("events_rejected_total", COUNTER, ("reason",), "Events that were refused."),
    MetricSpec("events_duplicate_total", COUNTER, (), "Events refused because their id had come before."),
    MetricSpec("events_redelivered_total", COUNTER, (), "Records that had been learned already and were passed over."),
    MetricSpec("events_time_ahead_total", COUNTER, (), "Events whose time lay beyond time.ahead_max."),
    MetricSpec("features_missing_total", COUNTER, (), "Feature values that were missing in accepted rows."),
    MetricSpec(
        "fields_ignored_total",
        COUNTER,
        (),
        "Values of fields that the schema does not name, of the first 32 such names.",
    ),
    MetricSpec("labels_late_total", COUNTER, (), "Labels of events that had dropped out, or expired to that class."),
    MetricSpec("labels_unknown_total", COUNTER, (), "Labels whose event was never seen or is forgotten."),
    MetricSpec("labels_early_total", COUNTER, (), "Labels that came before their event and were held (label.early)."),
    MetricSpec("labels_twice_total", COUNTER, (), "Labels that said what was known already."),
    MetricSpec("labels_corrected_total", COUNTER, (), "Labels that said otherwise than what was known."),
    MetricSpec("labels_expired_total", COUNTER, (), "Events that took the class that stands for silence."),
    MetricSpec("labels_dropped_total", COUNTER, (), "Events that dropped out without a label."),
    MetricSpec("labels_evicted_total", COUNTER, (), "Events that gave up waiting because too many waited."),
    MetricSpec("training_samples_total", COUNTER, _CLASS, "Lessons after resampling, those that were made included."),
    MetricSpec("predictions_total", COUNTER, _CLASS, "Decisions; the rate of the positive class is the alert rate."),
    MetricSpec("dead_letters_cut_total", COUNTER, (), "Dead letters that were cut: larger than their topic takes."),
    MetricSpec("drift_detected_total", COUNTER, ("detector", "signal"), "Drifts that were told."),
    MetricSpec("drift_warnings_total", COUNTER, ("detector", "signal"), "Warnings that were told."),
    MetricSpec("model_resets_total", COUNTER, ("cause",), "Learners reset, replaced or rolled back."),
    MetricSpec("levers_total", COUNTER, ("kind",), "Levers that people pulled."),
    MetricSpec("checkpoints_total", COUNTER, ("outcome",), "Checkpoints written, failed, or found rotten."),
    MetricSpec("rebalances_total", COUNTER, ("kind",), "Changes of which partitions are owned."),
    MetricSpec("loop_seconds_total", COUNTER, ("phase",), "Time that the loop spent on each of its phases."),
    MetricSpec("trouble_total", COUNTER, ("what",), "Times that brokers or storage did not answer."),
    MetricSpec("predict_requests_total", COUNTER, ("outcome",), "Requests to /predict."),
    MetricSpec("predict_events_total", COUNTER, (), "Events that /predict answered."),
    MetricSpec("class_ratio", GAUGE, ("class", "window"), "Share of a class among mature events of a window."),
    MetricSpec("class_ratio_reference", GAUGE, _CLASS, "Share of a class that drift is measured from."),
    MetricSpec("trained_class_ratio", GAUGE, _CLASS, "Share of a class in what the learner was taught, weighted."),
    MetricSpec("class_weight", GAUGE, _CLASS, "Weight of a class's lessons."),
    MetricSpec("decision_threshold", GAUGE, _CLASS, "Score above which a class is decided."),
    MetricSpec("recall", GAUGE, _CLASS, "Recall over the window of the rarest class; NaN without its events."),
    MetricSpec("recall_low", GAUGE, _CLASS, "Lower end of recall's interval."),
    MetricSpec("recall_high", GAUGE, _CLASS, "Upper end of recall's interval."),
    MetricSpec("precision", GAUGE, _CLASS, "Precision over the window of the rarest class; NaN without decisions."),
    MetricSpec("precision_low", GAUGE, _CLASS, "Lower end of precision's interval."),
    MetricSpec("precision_high", GAUGE, _CLASS, "Upper end of precision's interval."),
    MetricSpec("f1", GAUGE, _CLASS, "F1 over the window of the rarest class."),
    MetricSpec("f1_low", GAUGE, _CLASS, "Lower end of F1's interval."),
    MetricSpec("f1_high", GAUGE, _CLASS, "Upper end of F1's interval."),
    MetricSpec("g_mean", GAUGE, (), "Geometric mean of the recalls over the window of the rarest class."),
    MetricSpec("kappa", GAUGE, (), "Cohen's kappa over the window of the rarest class."),
    MetricSpec("pr_auc", GAUGE, (), "Average precision over the window of the rarest class."),
    MetricSpec("roc_auc", GAUGE, (), "Area under the ROC curve over the window of the rarest class."),
    MetricSpec("brier", GAUGE, (), "Brier score over the window of the rarest class."),
    MetricSpec("window_positives", GAUGE, (), "Positives in the window of the rarest class."),
    MetricSpec("consumer_lag_records", GAUGE, ("topic", "partition"), "Records between the next one and the end."),
    MetricSpec("last_event_timestamp_seconds", GAUGE, (), "When the last record was learned, since 1970."),
    MetricSpec("last_checkpoint_timestamp_seconds", GAUGE, (), "When the last checkpoint was written, since 1970."),
    MetricSpec("checkpoint_bytes", GAUGE, (), "Size of the last checkpoint."),
    MetricSpec("pending_labels", GAUGE, (), "Events that wait for their label."),
    MetricSpec("pending_oldest_seconds", GAUGE, (), "How long the oldest of them has waited, in event time."),
    MetricSpec("ready", GAUGE, (), "Whether /readyz answers 200."),
    MetricSpec("role", GAUGE, ("role",), "1 for the role in force."),
    MetricSpec("learning_frozen", GAUGE, (), "Whether a person has frozen learning."),
    MetricSpec("threshold_pinned", GAUGE, (), "Whether a person has pinned the threshold."),
    MetricSpec("learners", GAUGE, (), "Units of state that this process owns."),
    MetricSpec("build_info", GAUGE, ("version",), "1, for its label."),
    MetricSpec("model_info", GAUGE, ("model", "objective", "positive"), "1, for its labels."),
    MetricSpec("event_duration_seconds", HISTOGRAM, ("stage",), "How long a record was in a stage of the loop."),
    MetricSpec("event_delay_seconds", HISTOGRAM, (), "From a record's own timestamp until it was learned."),
    MetricSpec("label_delay_seconds", HISTOGRAM, (), "From an event until its label was known, in event time."),
    MetricSpec("checkpoint_duration_seconds", HISTOGRAM, (), "From a checkpoint's picture until it was written."),
)

#: Upper bounds of the buckets, seconds; the last one, +Inf, stands for itself.
BUCKETS: Final = {
    "event_duration_seconds": (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5),
    "event_delay_seconds": (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0),
    "label_delay_seconds": (1.0, 60.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0),
    "checkpoint_duration_seconds": (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0),
}
#: What takes the place of a label's value that is not in its set.
OTHER: Final = "other"
PHASES: Final = ("poll", "process", "send", "flush", "snapshot", "save", OTHER)
STAGES: Final = ("process", "send")
OUTCOMES: Final = ("written", "failed", "rotten")
REBALANCES: Final = ("assigned", "revoked", "lost")
ROLES: Final = ("owner", "standby")
TROUBLES: Final = ("brokers", "storage")
ANSWERS: Final = ("answered", "refused", "busy", "failed")
UNLABELLED: Final = ("alert_rate", "score", "missing", "feature")
CAUSES: Final = ("share", "recall", *UNLABELLED, "operator", OTHER)
