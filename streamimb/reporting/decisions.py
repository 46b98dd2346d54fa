"""The sections of a report on what was decided: confusion, curves, calibration, objectives, queue, false alarms."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamimb.evaluation.intervals import wilson
from streamimb.reporting.charts import bar, in_square
from streamimb.reporting.figures import percent, rate, short, value_of
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, Markup, el, folded, table
from streamimb.reporting.in_force import in_force
from streamimb.reporting.over_time import class_order, queue_chart

#: Classes of a confusion matrix, and of a table of classes, at most; the others are put together, or counted.
CLASSES_SHOWN_MAX: Final = 12
OTHERS: Final = "all others"
METRICS: Final = {"g_mean": "G-mean", "pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "kappa": "kappa", "mcc": "MCC",
                  "balanced_accuracy": "balanced accuracy", "brier": "Brier score", "log_loss": "log-loss",
                  "ece": "calibration error"}  # fmt: skip


def interval_told(estimate: Any) -> str:
    """The bounds of [value, low, high] in words, or nothing.

    >>> interval_told([0.5, 0.25, 0.75])
    '0.250 to 0.750'
    """
    if not isinstance(estimate, list) or len(estimate) < 3 or None in estimate[1:]:
        return ""
    return f"{rate(estimate[1])} to {rate(estimate[2])}"


def _estimate(estimate: Any) -> Child:
    said = interval_told(estimate)
    return [rate(value_of(estimate)), el("span", f" ({said})", class_="quiet") if said else None]


def classes_table(run: RunFolder) -> list[Child]:
    """Recall, precision and F1 of each class."""
    classes: dict[str, Any] = run.summary["classes"]
    total = sum(c["support"] for c in classes.values())
    order = sorted(classes, key=lambda name: (name != run.positive, classes[name]["support"]))
    rows: list[list[Child]] = []
    for name in order[:CLASSES_SHOWN_MAX]:
        told = classes[name]
        share = percent(told["support"] / total if total else None)
        rows.append([name, f"{told['support']:,}", share, *(_estimate(told[m]) for m in ("recall", "precision", "f1"))])
    head = ["class", "events", "share", "recall", "precision", "F1"]
    more = len(order) - CLASSES_SHOWN_MAX
    left_out = el("p", f"{more} more classes are in summary.json.", class_="quiet") if more > 0 else None
    return [table(head, rows, caption="Each class, intervals in brackets", numbers=range(1, 6)), left_out]


def metrics_table(run: RunFolder) -> Markup:
    """What is overall: of the whole run, and the mean of its windows."""
    metrics: dict[str, Any] = run.summary["metrics"]
    rows: list[list[Child]] = [
        [title, _estimate(metrics[name]), _windowed(metrics, name)]
        for name, title in METRICS.items()
        if name in metrics
    ]
    return table(["measure", "whole run", "mean of windows"], rows, caption="Overall", numbers=(1, 2))


def _windowed(metrics: dict[str, Any], name: str) -> Child:
    estimate = metrics.get(f"windowed_{name}")
    return "" if value_of(estimate) is None else _estimate(estimate)


def confusion(run: RunFolder) -> Markup:
    """The confusion matrix, of many classes the positive and the largest ones."""
    C, names = run.measured.confusion, list(run.schema.class_names)
    order = class_order(run)
    kept = order if len(order) <= CLASSES_SHOWN_MAX else order[: CLASSES_SHOWN_MAX - 1]
    groups = [[k] for k in kept] + ([[k for k in order if k not in kept]] if len(kept) < len(order) else [])
    titles = [names[g[0]] if len(g) == 1 else OTHERS for g in groups]
    rows: list[list[Child]] = []
    for i, (title, group) in enumerate(zip(titles, groups, strict=True)):
        cells = [int(C[np.ix_(group, other)].sum()) for other in groups]
        rows.append([title, *(_cell(n, sum(cells), right=i == j and len(group) == 1) for j, n in enumerate(cells))])
    head = ["true class", *(f"decided {title}" for title in titles)]
    caption = "Events, and their share of the true class; shaded is right"
    return el("div", el("h3", "Confusion matrix"), _matrix(head, rows, caption), class_="matrix")


def _cell(n: int, of: int, *, right: bool) -> Child:
    told = [f"{n:,} ", el("span", percent(n / of if of else None), class_="share")]
    return el("div", told, class_="right") if right else told


def _matrix(head: list[str], rows: list[list[Child]], caption: str) -> Markup:
    return table(head, rows, caption=caption, numbers=range(1, len(head)))


def curves(run: RunFolder) -> Markup:
    """Precision against recall, ROC, and whether scores come true."""
    m, k = run.measured, run.schema.positive
    told = run.summary["metrics"]
    C = m.confusion
    hits, row, col, n = int(C[k, k]), int(C[k].sum()), int(C[:, k].sum()), int(C.sum())
    share = row / n if n else None
    at = (hits / row, hits / col) if row and col else None
    false = ((col - hits) / (n - row), hits / row) if row and n > row else None
    pr = in_square(
        "Precision and recall", f"Area (average precision) {_sentence(told.get('pr_auc'))}. The dot is what was"
        f" decided, the dashed line what guessing would have ({percent(share)}).",
        ("recall", "precision"), m.precision_recall(), level=share, dot=at,
    )  # fmt: skip
    roc = in_square(
        "ROC", f"Area {_sentence(told.get('roc_auc'))}. The dot is what was decided.",
        ("false positive rate", "recall"), m.roc(), diagonal=True, dot=false,
    )  # fmt: skip
    return el("div", pr, roc, reliability(run), class_="grid3")


def _sentence(estimate: Any) -> str:
    bounds = interval_told(estimate)
    return rate(value_of(estimate)) + (f" ({bounds})" if bounds else "")


def reliability(run: RunFolder) -> Markup:
    """Whether a score of 0.3 comes true three times in ten."""
    held = [(float(s), float(o), int(n)) for s, o, n in run.summary.get("calibration") or []]
    bounds = [wilson(o * n, n) for _, o, n in held]
    rows: list[list[Child]] = [
        [rate(s), rate(o), f"{rate(low)} to {rate(high)}", f"{n:,}"]
        for (s, o, n), (low, high) in zip(held, bounds, strict=True)
    ]
    head = ["mean score", "share that came true", "interval", "events"]
    distance = _sentence(run.summary["metrics"].get("ece"))
    note = f"On the diagonal a score says how often it comes true. Mean distance {distance}."
    return in_square(
        "Reliability", note, ("score", "share that came true"), [(s, o) for s, o, _ in held], diagonal=True,
        intervals=bounds, details=folded("Table", table(head, rows, numbers=range(4))),
    )  # fmt: skip


def objectives(run: RunFolder) -> list[Child]:
    """What another objective would have decided."""
    told: dict[str, Any] = run.summary.get("objectives") or {}
    chosen, daily = run.summary.get("objective"), run.schema.has_time
    costs = (run.summary.get("queue") or {}).get("cost") is not None
    head = ["objective", "threshold now", "cost an event" if costs else "its value", "recall", "precision"]
    rows: list[list[Child]] = []
    column = "cost" if costs else "value"
    forced = in_force(run.summary, value=column)
    for name, row in (forced | told).items():
        by = el("b", name) if name in forced else el("b", f"{name} (chosen)") if name == chosen and not forced else name
        cells: list[Child] = [by, rate(row.get("threshold"))]
        cells += [short(row.get(column)), rate(row.get("recall")), rate(row.get("precision"))]
        rows.append([*cells, *([short(row.get("alerts_per_day"))] if daily else [])])
    head += ["alerts a day"] if daily else []
    if all(row.get("value") is None for row in told.values()):
        return []
    return [el("h3", "What another objective would have decided"), table(head, rows, numbers=range(1, len(head)))]


def queue(run: RunFolder) -> list[Child]:
    """What those who look at the alerts get, and what wrong decisions cost."""
    told: dict[str, Any] = run.summary.get("queue") or {}
    windows = told.get("windows") or {}
    titles = {"alerts_per_day": "alerts a day", "precision_at_k": f"precision in the top {told.get('k')} a day",
              "cost_per_day": "cost a day", "cost_per_event": "cost an event"}  # fmt: skip
    rows: list[list[Child]] = []
    for name, title in titles.items():
        whole, recent = ((windows.get(w) or {}).get(name) for w in ("all", "days"))
        if value_of(whole) is not None:
            rows.append([title, *_amount(recent), *_amount(whole)])
    if not rows:
        return [
            el("p", "The stream has no times, or no cost was configured: there is no queue to tell of.", class_="quiet")
        ]
    days = f"last {told.get('window_days')} days"
    cost = el("p", f"A wrong decision costs {told['cost']}.") if told.get("cost") else None
    head = ["", days, "interval", f"whole run ({told.get('days'):,} days)", "interval"]
    return [cost, el("div", table(head, rows, numbers=range(1, 5)), queue_chart(run), class_="grid2")]


def _amount(estimate: Any) -> list[Child]:
    value = value_of(estimate)
    bounded = isinstance(estimate, list) and None not in estimate
    return [short(value), f"{short(estimate[1])} to {short(estimate[2])}" if bounded else ""]


def false_alarms(run: RunFolder) -> list[Child]:
    """Ranges of features where false alarms are more frequent than events."""
    found: list[dict[str, Any]] = run.summary.get("false_positives") or []
    if not found:
        return [
            el("p", "No range of a feature holds clearly more of the false alarms than of all events.", class_="quiet")
        ]
    rows: list[list[Child]] = [
        [row["range"], bar(row["false_positive_share"]), percent(row["false_positive_share"]),
         percent(row["event_share"]), rate(row["precision"]), f"{row['support']:,}"]
        for row in found
    ]  # fmt: skip
    head = ["where", "of false alarms", "", "of all events", "precision there", "false alarms"]
    return [table(head, rows, caption="Of the latest alerts", numbers=range(2, 6))]
