"""What a pipeline tells of itself: rows of metrics while it runs, a summary of the whole run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamimb.durations import show_time
from streamimb.outcome import Course, Metric, told_row

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

NAN = math.nan
#: The window name of a value that is no window's.
NOW = "now"
#: Up to where every event is mature: seconds since 1970, or a position where the stream has no times.
LABELLED_UNTIL = "labelled_until"
MICROSECONDS = 1e6
#: So many labels of one class and none of another are worth a word.
ONE_CLASS_LABELS_MIN = 20
#: How notes on labels begin: that word, and that labels found no event.
ONE_CLASS = "only labels of class"
LOST = "labels lost"


def gauges(pipeline: Pipeline) -> list[Metric]:
    """Quality as the evaluation measures it, shares by window, and what the controller has set."""
    names = pipeline.schema.class_names
    position, time = pipeline.store.next_position, pipeline.store.watermark
    rows = []
    for m in [*pipeline.evaluation.measure(), *pipeline.queue.measure()]:
        name = None if m.class_ is None else names[m.class_]
        rows.append(Metric(position, time, m.metric, name, m.window, m.value, m.low, m.high, m.support))

    def add(metric: str, window: str, values: NDArray[np.float64], support: int) -> None:
        rows.extend(
            Metric(position, time, metric, name, window, float(value), NAN, NAN, support)
            for name, value in zip(names, values, strict=True)
        )

    windows, plan = pipeline.windows, pipeline.controller.plan
    for window in windows.names:
        held = windows.seen if window == "decayed" else windows.length(window)
        add("class_ratio", window, windows.shares(window), held)
    add("class_ratio_reference", NOW, pipeline.reference, windows.seen)
    add("trained_class_ratio", NOW, plan.trained_shares, windows.seen)
    add("class_weight", NOW, plan.weights, windows.seen)
    add("decision_threshold", NOW, plan.thresholds, windows.seen)
    gauge = pipeline.rebalancer.gauge
    for name, value, (_, made) in zip(names, gauge.ratio.tolist(), gauge.support.tolist(), strict=True):
        if made > 0:
            rows.append(Metric(position, time, "memorisation", name, NOW, value, NAN, NAN, int(made)))
    waiting = pipeline.store.counts()["waiting"]
    rows.append(Metric(position, time, "pending_labels", None, NOW, float(waiting), NAN, NAN, waiting))
    until = pipeline.store.labelled_until()
    if until is not None:
        told = until / MICROSECONDS if pipeline.schema.has_time else float(until)
        rows.append(Metric(position, time, LABELLED_UNTIL, None, NOW, told, NAN, NAN, waiting))
    return rows


def summarise(pipeline: Pipeline) -> dict[str, Any]:
    """The whole run, in the names of ``replay --json`` without its clock; undefined is NaN."""
    names, has_time = pipeline.schema.class_names, pipeline.schema.has_time
    labels = pipeline.store.counts()
    totals = pipeline.evaluation.totals()
    classes = {names[k]: measured for k, measured in totals.pop("classes").items()}
    shares, until = pipeline.windows.shares("rarest"), pipeline.store.labelled_until()
    queue = pipeline.queue.totals()
    alerts_per_day = queue["windows"]["all"]["alerts_per_day"][0]
    return {
        "events": pipeline.store.next_position,
        "predicted": pipeline.store.next_position,
        "learned": labels["labelled"] + labels["expired"] + labels["corrected"],
        "rejected": pipeline.rejected,
        "labels": labels,
        "labelled_until": until if until is None or not has_time else show_time(until, has_time=True),
        "clamped": pipeline.store.clamped,
        "positive": names[pipeline.schema.positive],
        "classes": classes,
        **totals,
        "shares": dict(zip(names, shares.tolist(), strict=True)),
        "plan": {
            "weights": dict(zip(names, pipeline.controller.plan.weights.tolist(), strict=True)),
            "thresholds": dict(zip(names, pipeline.controller.plan.thresholds.tolist(), strict=True)),
            "trained_shares": dict(zip(names, pipeline.controller.plan.trained_shares.tolist(), strict=True)),
            "renewals": pipeline.controller.plan.number,
            "fixed_threshold": pipeline.controller.fixed,
        },
        "samples": _samples(pipeline),
        "objective": pipeline.controller.objectives[0].name,
        "objectives": pipeline.controller.shown(pipeline.evaluation.confusion(), alerts_per_day),
        "queue": {"cost": pipeline.controller.losses.name, **queue},
        "false_positives": pipeline.false_positives.told(),
        "signals": [told_row(s, has_time=has_time) for s in pipeline.signals],
        "signals_total": sum(pipeline.signal_counts.values()),
        "signal_counts": pipeline.signal_counts,
        "actions": [told_row(a, has_time=has_time) for a in pipeline.reactor.actions],
        "actions_total": pipeline.reactor.actions[-1].number if pipeline.reactor.actions else 0,
        "notes": [*pipeline.notes, *_lost(pipeline), *_one_class(pipeline)],
    }


def _lost(pipeline: Pipeline) -> list[str]:
    """What is said where labels found no event, and what holds those that come before theirs."""
    labels, counts = pipeline.config.label, pipeline.store.counts()
    lost = counts["unknown"]
    if not lost or pipeline.schema.id is None:
        return []
    if labels.early is None:
        span = "10m" if pipeline.schema.has_time else "1000"
        return [
            f"{LOST}: {lost:,} named no event that was known by then: it had not come yet, was refused or forgotten, "
            f"or never came. Where labels come before their events, have them held: label.early (how long, as {span})"
        ]
    held, keys = f"label.early = {labels.early}", "label.early"
    if counts["early"] > labels.early_max:  # else there was always room
        held += f" and label.early_max = {labels.early_max:,}"
        keys += " (how long) and label.early_max (how many)"
    return [
        f"{LOST}: {lost:,} were held for events that did not come within {held}. Where such events come later, "
        f"raise {keys}"
    ]


def _one_class(pipeline: Pipeline) -> list[str]:
    """What is said where labels of one class alone found events: nothing can be learned or measured beside it."""
    names, labels = pipeline.schema.class_names, pipeline.store.counts()
    seen = pipeline.evaluation.confusion().sum(1) + pipeline.evaluation.labels_come
    told = [name for name, n in zip(names, seen.tolist(), strict=True) if n]
    taught = labels["labelled"] + labels["expired"] + labels["corrected"]
    if len(told) != 1 or taught < ONE_CLASS_LABELS_MIN:
        return []
    others = [name for name in names if name not in told]
    span = "7d" if pipeline.schema.has_time else "10000"
    lost = labels["unknown"]
    came, where = ("found events", "Where the lost ones are of it, too, and") if lost else ("ever came", "Where")
    return [
        f"{ONE_CLASS} {told[0]} {came} ({taught:,}): nothing can be learned or measured beside "
        f"it. {where} no label means {' or '.join(others[:2])}, say so: label.wait (how long a label may take, as "
        f"{span}) and label.expires_as = {others[0]!r}"
    ]


def _samples(pipeline: Pipeline) -> dict[str, Any]:
    """Whether made rows are learned by heart, of classes with any, and how many labels were weighed down as suspicious.

    ``memorised``: class -> mean log-loss on new events, on copies and synthetic rows, and the first by the second.
    """
    names, gauge = pipeline.schema.class_names, pipeline.rebalancer.gauge
    rows = zip(names, gauge.fresh.tolist(), gauge.made.tolist(), gauge.ratio.tolist(), strict=True)
    suspects = pipeline.rebalancer.suspects
    return {
        "memorised": {name: told for name, *told in rows if not math.isnan(told[1])},
        "suspects": {} if suspects is None else dict(zip(names, suspects.tolist(), strict=True)),
    }


def course(pipeline: Pipeline) -> Course:
    """How the positive class stands now."""
    k = pipeline.schema.positive
    of_class = pipeline.evaluation.confusion("rarest")[k].tolist()
    known = sum(of_class)
    return Course(
        position=pipeline.store.next_position,
        share=float(pipeline.windows.shares("rarest")[k]),
        recall=of_class[k] / known if known else NAN,
        threshold=float(pipeline.controller.plan.thresholds[k]),
    )
