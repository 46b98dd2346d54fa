"""The sections of a report that follow the stream: its classes, how well it went, how it was rebalanced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import numpy as np

from streamimb.durations import show_time
from streamimb.reporting import axes
from streamimb.reporting.charts import LINES_MAX, Across, Line, Mark, lanes, over_stream
from streamimb.reporting.figures import percent, rate, short, subject
from streamimb.reporting.folder import RunFolder, Track
from streamimb.reporting.html import Child, Markup, el
from streamimb.reporting.measured import Floats

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Signals that have a row of ticks at most.
LANES_MAX: Final = 8


def across_of(run: RunFolder, x: Floats) -> Across:
    """What the charts of a run share, for points at x."""
    m, has_time = run.measured, run.schema.has_time
    seen = m.events > 0
    low, high = (float(m.first[seen].min()), float(m.last[seen].max())) if seen.any() else (0.0, 1.0)
    axis = axes.times(low, high) if has_time else axes.counts(low, high)
    told = partial(_place, has_time=has_time)
    return Across(x, told, axis, "" if has_time else "events", marks_of(run))


def _place(x: float, *, has_time: bool) -> str:
    if not np.isfinite(x):
        return "no events"
    return show_time(round(x), has_time=True)[:16].replace("T", " ") if has_time else f"{round(x):,}"


def marks_of(run: RunFolder) -> list[Mark]:
    """The run's drifts and warnings."""
    has_time = run.schema.has_time
    return [Mark(place_of(s["time"], has_time=has_time), s.get("kind") == "drift") for s in run.signals]


def place_of(time: Any, *, has_time: bool) -> float:
    """Where on the x axis a told time is."""
    if not has_time:
        return float(time)
    return (datetime.fromisoformat(str(time)) - _EPOCH) / timedelta(microseconds=1)


def when(row: dict[str, Any]) -> str:
    """When a signal or an action was, in words."""
    time = row.get("time")
    return f"event {time:,}" if isinstance(time, int) else str(time)[:16].replace("T", " ")


def stretches_told(run: RunFolder) -> str:
    """What a point of the charts stands for."""
    n, events = len(run.measured.at), int(run.measured.events.max(initial=0))
    return f"Each point is a stretch of {events:,} events of its own" if n > 1 else f"One stretch of {events:,} events"


def class_order(run: RunFolder) -> list[int]:
    """The classes as every part of a page has them: the positive one, then the largest first."""
    sizes = run.measured.confusion.sum(1)
    return sorted(range(len(sizes)), key=lambda k: (k != run.schema.positive, -int(sizes[k])))


def stream_section(run: RunFolder) -> list[Child]:
    """The class shares along the stream, and its drifts."""
    m, names = run.measured, run.schema.class_names
    shares = m.shares()
    across, positive = across_of(run, m.at), run.schema.positive
    order = class_order(run)
    shown = order[:1] if len(names) == 2 else order[:LINES_MAX]
    lines = [Line(f"share of {names[k]}", shares[:, k]) for k in shown]
    extra = [("labelled events", m.known.tolist()), (f"of them {run.positive}", m.margins[:, 0, positive].tolist())]
    note = f"{stretches_told(run)}, {int(np.median(m.known)) if len(m.known) else 0:,} with a label."
    if len(order) > len(shown) and len(names) > 2:
        note += f" The {len(shown)} largest of {len(names)} classes, {run.positive} first."
    chart = over_stream("Class ratio", note, across, lines, told=percent, extra=extra)
    return [el("div", chart, _lanes(run, across), class_="grid2")]


def named(signal: dict[str, Any]) -> str:
    """What a signal, or an action's cause, is of."""
    return subject(str(signal.get("signal")), signal.get("class"))


def _lanes(run: RunFolder, across: Across) -> Markup:
    if not run.signals:
        return el("p", "No drift was detected, and none was warned of.", class_="quiet")
    by_name: dict[str, list[Mark]] = {}
    for signal, mark in zip(run.signals, marks_of(run), strict=True):
        by_name.setdefault(named(signal), []).append(mark)
    rows = sorted(by_name.items(), key=lambda row: -len(row[1]))
    drifts = sum(s.get("kind") == "drift" for s in run.signals)
    warnings = len(run.signals) - drifts
    note = (
        f"{drifts:,} drift{'s' * (drifts != 1)} (long ticks) and {warnings:,} warning{'s' * (warnings != 1)} (short)."
    )
    if len(rows) > LANES_MAX:
        note += f" The {LANES_MAX} most frequent of {len(rows)} signals."
    return lanes("What was detected", note, across, rows[:LANES_MAX])


def quality_charts(run: RunFolder) -> Markup:
    """Recall, precision, G-mean and PR-AUC along the stream, with their intervals."""
    m = run.measured
    across, k = across_of(run, m.at), run.schema.positive
    recall, precision = m.rates(k)
    of_class = m.margins[:, 0, k].tolist()
    charts = [
        over_stream(f"Recall of {run.positive}", "Share of its events that were found.", across,
                    [_line("recall", recall)], span=(0, 1), extra=[("events", of_class)]),
        over_stream(f"Precision of {run.positive}", "Share of the alerts that were right.", across,
                    [_line("precision", precision)], span=(0, 1), extra=[("alerts", m.margins[:, 1, k].tolist())]),
        over_stream("G-mean", "The geometric mean of the classes' recalls.", across,
                    [_line("G-mean", m.g_mean())], span=(0, 1)),
        over_stream("PR-AUC", "Average precision; the thin line is what guessing would have.", across,
                    [_line("PR-AUC", m.pr_auc()), Line("guessing: the share", m.shares()[:, k], aside=True)],
                    span=(0, 1)),
    ]  # fmt: skip
    return el("div", charts, class_="grid2")


def _line(name: str, values: Floats) -> Line:
    return Line(name, values[:, 0], values[:, 1], values[:, 2])


def control_charts(run: RunFolder) -> Markup:
    """Threshold, class weights, and the shares that the learner was taught beside the true ones."""
    m, positive = run.measured, run.positive
    charts: list[Child] = [
        over_stream(f"Decision threshold of {positive}", "The mean of those in force in each stretch.",
                    across_of(run, m.at), [Line("threshold", m.threshold)])
        if run.schema.n_classes == 2 else _by_class(run, "decision_threshold", "Decision thresholds", "", rate),
        _by_class(run, "class_weight", "Class weights", "How much a lesson of each class counts.", short),
    ]  # fmt: skip
    trained, true = run.track("trained_class_ratio", positive, "now"), run.track("class_ratio", positive, "rarest")
    if trained is not None and true is not None:
        lines = [Line("as taught, after weighting", trained.value), Line("in the stream", true.value)]
        charts.append(over_stream(f"Share of {positive}: taught and true", "", across_of(run, trained.x), lines,
                                  told=percent))  # fmt: skip
    return el("div", charts, class_="grid2")


def _by_class(run: RunFolder, metric: str, title: str, note: str, told: Any) -> Markup:
    names = [run.schema.class_names[k] for k in class_order(run)]
    tracks = [(name, run.track(metric, name, "now")) for name in names]
    known: list[tuple[str, Track]] = [(name, track) for name, track in tracks if track is not None][:LINES_MAX]
    x = known[0][1].x if known else np.zeros(0)
    return over_stream(title, note, across_of(run, x), [Line(name, t.value) for name, t in known], told=told)


def queue_chart(run: RunFolder) -> Markup | None:
    """Alerts a day over the last days, where events have times."""
    track = run.track("alerts_per_day", None, "days")
    if track is None or np.isfinite(track.value).sum() < 2:
        return None
    line = Line("alerts a day", track.value, track.low, track.high)
    return over_stream("Alerts a day", "The mean of the last days.", across_of(run, track.x), [line], told=short)
