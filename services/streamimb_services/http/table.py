"""The live page as tables, rendered here: for readers without scripts, and for machines that read words."""

from __future__ import annotations

from typing import Any, Final

from streamimb.durations import show_time
from streamimb.reporting.features import carried_note, carried_table, changed_table
from streamimb.reporting.figures import DASH, covered, interval, percent, rate
from streamimb.reporting.html import Child, Markup, el, table
from streamimb_services.http.words import action_told, mark_told, state_told

#: The page asks for itself again after so many seconds.
REFRESH_S: Final = 5
#: Rows of what happened, and of what was measured, newest first.
MARKS_SHOWN_MAX: Final = 12
ROWS_SHOWN_MAX: Final = 20
NOTHING: Final = "nothing moved enough to be told"
NO_DRIFT: Final = "No drift has been explained since this process began."
CLASS_HEAD: Final = [
    "class", "recall", "interval", "precision", "interval", "share", "reference", "trained", "weight", "threshold",
]  # fmt: skip
PAST: Final = ("share", "reference", "trained", "threshold", "weight", "recall", "precision")


def table_page(shown: dict[str, Any], carried: dict[str, Any] | str) -> str:
    """A whole document from what ``Recorder.shown`` gives; carried: what ``Explaining.carried`` does, or why not."""
    now, title = shown["now"], f"{shown['title']}: {shown['positive']}"
    head = [
        Markup('<meta charset="utf-8"/>'),
        el("meta", http_equiv="refresh", content=str(REFRESH_S)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} {DASH} streamimb"),
        Markup('<link rel="icon" href="data:,"/><link rel="stylesheet" href="static/page.css"/>'),
    ]
    body = [
        el("h1", title),
        el(
            "p", f"This page renews itself every {REFRESH_S} seconds. ", el("a", "The page with charts", href="./"), "."
        ),
        _facts(now, is_replay=shown["by_events"]),
        _classes(shown),
        _marks(shown),
        _rejects(now),
        _past(shown),
        _carried(carried, shown["positive"]),
    ]
    html = el("html", el("head", head), el("body", el("main", body, class_="table")), lang="en")
    return f"<!doctype html>\n{html}\n"


def _facts(now: dict[str, Any], *, is_replay: bool) -> Markup:
    position = [f"{now['position']:,}"] + ([] if now["time"] != now["time"] else [show_us(now["time"])])
    service: list[list[Child]] = [] if is_replay else [
        ["role", now["role"] or DASH],
        ["records behind", _number(now["lag"])],
        ["99 % of records learned within", f"{now['delay_s']:g} s" if now["delay_s"] == now["delay_s"] else DASH],
        ["last checkpoint, seconds ago", _number(now["checkpoint_age_s"])],
    ]  # fmt: skip
    rows: list[list[Child]] = [
        ["state", state_told(now)],
        ["events", ", ".join(position)],
        ["events a second", _number(now["rate"])],
        ["microseconds an event", _number(now["event_us"])],
        *service,
        ["events that wait for a label", _number(now["pending_labels"])],
        ["learning", "frozen" if now["frozen"] else "on"],
        ["threshold", "pinned" if now["pinned"] else "tuned"],
        ["G-mean", rate(now["g_mean"])],
        ["PR-AUC", rate(now["pr_auc"])],
    ]
    return table(["", "now"], rows, caption="How it stands")


def _classes(shown: dict[str, Any]) -> list[Child]:
    rows: list[list[Child]] = []
    for told in shown["now"]["classes"]:
        minority = " (minority now)" if told["name"] == shown["now"]["minority"] else ""
        rows.append([
            f"{told['name']}{minority}", rate(told["recall"][0]), interval(told["recall"]), rate(told["precision"][0]),
            interval(told["precision"]), percent(told["share"]), percent(told["reference"]), percent(told["trained"]),
            f"{told['weight']:.3g}", rate(told["threshold"]),
        ])  # fmt: skip
    return [
        table(CLASS_HEAD, rows, caption="Classes", numbers=range(1, len(CLASS_HEAD))),
        el("p", _covered(shown["now"]), class_="quiet"),
    ]


def _covered(now: dict[str, Any]) -> str:
    """Of which events recall, precision, G-mean and PR-AUC tell."""
    told = now["measured"]
    if told is None:
        return ""
    until, place = told["until"], ""
    if until == until:
        place = show_us(until) if now["time"] == now["time"] else f"event {until:,.0f}"
    words = covered(round(told["events"]), place, round(told["waiting"]), newest=True)
    measured = f"; measured after {told['position']:,.0f} events" if told["events"] else ""
    return f"Recall, precision, G-mean and PR-AUC are {words}{measured}."


def _marks(shown: dict[str, Any]) -> Markup:
    rows: list[list[Child]] = [
        [_when(mark), mark_told(mark), mark["kind"], _moved(mark),
         action_told(mark)]
        for mark in reversed(shown["marks"][-MARKS_SHOWN_MAX:])
    ]  # fmt: skip
    head = ["when", "what", "kind", "from → to", "what was done"]
    return table(head, rows or [[NOTHING, "", "", "", ""]], caption="Last warnings and drifts")


def _moved(mark: dict[str, Any]) -> str:
    return f"{rate(mark['reference'])} → {rate(mark['value'])}" if mark["value"] == mark["value"] else ""


def _rejects(now: dict[str, Any]) -> Markup:
    rows: list[list[Child]] = [[reason.replace("_", " "), f"{n:,.0f}"] for reason, n in now["rejects"].items()]
    return table(["reason", "events"], rows or [["none", "0"]], caption="Refused events", numbers=[1])


def _past(shown: dict[str, Any]) -> Markup:
    of = shown["positive"]
    rows: list[list[Child]] = [
        [_when(row), f"{row['position']:,.0f}", rate(row["g_mean"]), rate(row["pr_auc"]),
         *(f"{row[f'{name}/{of}']:.3g}".replace("nan", DASH) for name in PAST)]
        for row in reversed(shown["rows"][-ROWS_SHOWN_MAX:])
    ]  # fmt: skip
    head = ["when", "event", "G-mean", "PR-AUC", *PAST]
    return table(head, rows, caption=f"How {of} moved, the latest first", numbers=range(1, len(head)))


def _carried(carried: dict[str, Any] | str, positive: str) -> list[Child]:
    if isinstance(carried, str):
        return [el("h2", f"What carries {positive}"), el("p", f"Not told: {carried}.")]
    now, drift = carried["now"], carried["drift"]
    if now is None:
        return [el("h2", f"What carries {positive}"), el("p", few(carried))]
    parts = [
        carried_table(
            now,
            positive,
            f"What carries {positive} now: worked out {_worked_out(carried)}",
            "are told by POST /explain",
        ),
        el("p", carried_note(now, positive)),
    ]
    if drift is None:
        return [*parts, el("p", NO_DRIFT)]
    shown = [*parts, el("h2", f"What changed since the {_drift(drift)}")]
    last = carried["newer_drift"] or carried["last_drift"]
    if last is not None and last["position"] > drift["position"]:
        shown.append(el("p", f"A later {_drift(last)}, is not explained: too soon after it.", class_="quiet"))
    return [*shown, changed_table(drift, now, positive, later="now")]


def _drift(told: dict[str, Any]) -> str:
    of = mark_told({"signal": told["cause"], "class_": told["class"]})
    return f"drift of {of}, event {told['position']:,}"


def _worked_out(carried: dict[str, Any]) -> str:
    """After how many events, when that was in the stream's own time, and whether a drift came since."""
    now, newer = carried["now"], carried["newer_drift"]
    when = f" ({now['time'][:16].replace('T', ' ')})" if now["time"] else ""
    before = f", before the {_drift(newer)}" if newer else ""
    return f"after {now['position']:,} events{when}{before}"


def few(carried: dict[str, Any]) -> str:
    """That too few events are remembered."""
    least, known = carried["events_min"], carried["remembered"]
    events = f"{known['positives']:,} of {carried['class']} and {known['others']:,} others"
    return f"Too few labelled events are known to tell: {events}, where {least} of each are needed."


def _when(row: dict[str, Any]) -> str:
    time = row["time"]
    return f"event {row['position']:,.0f}" if time is None or time != time else show_us(time)


def show_us(seconds: float) -> str:
    """A time of an event to the minute, in UTC.

    >>> show_us(0.0)
    '1970-01-01 00:00'
    """
    return show_time(int(seconds * 1e6), has_time=True)[:16].replace("T", " ")


def _number(value: float) -> str:
    return DASH if value != value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
