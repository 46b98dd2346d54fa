"""The live page as tables, rendered here: for readers without scripts, and for machines that read words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streamimb.durations import show_time
from streamimb.reporting.features import carried_note, carried_table, changed_table
from streamimb.reporting.figures import DASH, covered_then, interval, percent, rate
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
#: What is told of the past, and how: as in the tables above.
PAST: Final[dict[str, Callable[[float], str]]] = {
    "recall": rate, "precision": rate, "share": percent, "reference": percent, "trained": percent,
    "weight": lambda value: f"{value:.3g}" if value == value else DASH, "threshold": rate,
}  # fmt: skip


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
    time = "" if now["time"] != now["time"] else show_us(now["time"])
    each = "" if now["event_us"] != now["event_us"] else f"{_number(now['event_us'])} \N{MICRO SIGN}s each"
    delay = "" if now["delay_s"] != now["delay_s"] else f"99 % in {_duration(now['delay_s'])}"
    saved = _duration(now["checkpoint_age_s"])
    of = next((told for told in now["classes"] if told["name"] == now["minority"]), now["classes"][0])
    service: list[list[Child]] = [] if is_replay else [
        ["records behind", _told(_number(now["lag"]), delay)],
        ["last checkpoint", saved if saved == DASH else f"{saved} ago"],
        ["role", _told(now["role"] or DASH, f"{now['units']} units" if now["units"] > 1 else "")],
    ]  # fmt: skip
    rows: list[list[Child]] = [
        ["state", state_told(now)],
        [f"{of['name']} (minority)", _told(percent(of["share"]), f"reference {percent(of['reference'])}")],
        ["G-mean", rate(now["g_mean"])],
        ["PR-AUC", rate(now["pr_auc"])],
        ["events", _told(f"{now['position']:,}", time)],
        ["events a second", _told(_number(now["rate"]), each)],
        ["wait for a label", _number(now["pending_labels"])],
        *service,
        ["learning", "frozen" if now["frozen"] else "on"],
        ["threshold", "pinned" if now["pinned"] else "tuned"],
    ]
    return table(["", "now"], rows, caption="How it stands")


def _classes(shown: dict[str, Any]) -> list[Child]:
    rows: list[list[Child]] = []
    for told in shown["now"]["classes"]:
        minority = " (minority now)" if told["name"] == shown["now"]["minority"] else ""
        rows.append([
            f"{told['name']}{minority}", rate(told["recall"][0]), interval(told["recall"]), rate(told["precision"][0]),
            interval(told["precision"]), percent(told["share"]), percent(told["reference"]), percent(told["trained"]),
            PAST["weight"](told["weight"]), rate(told["threshold"]),
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
    words = covered_then(told["events"], place, told["waiting"], told["position"])
    return f"Recall, precision, G-mean and PR-AUC: {words}."


def _marks(shown: dict[str, Any]) -> Markup:
    rows: list[list[Child]] = [
        [_when(mark, shown["axis"]), mark_told(mark), mark["kind"], _moved(mark),
         action_told(mark)]
        for mark in reversed(shown["marks"][-MARKS_SHOWN_MAX:])
    ]  # fmt: skip
    head = [_head(shown["axis"]), "what", "kind", "from → to", "what was done"]
    return table(head, rows or [[NOTHING, "", "", "", ""]], caption="Last warnings and drifts")


def _moved(mark: dict[str, Any]) -> str:
    return f"{rate(mark['reference'])} → {rate(mark['value'])}" if mark["value"] == mark["value"] else ""


def _rejects(now: dict[str, Any]) -> Markup:
    rows: list[list[Child]] = [[reason.replace("_", " "), f"{n:,.0f}"] for reason, n in now["rejects"].items()]
    return table(["reason", "events"], rows or [["none", "0"]], caption="Refused events", numbers=[1])


def _past(shown: dict[str, Any]) -> Markup:
    of = shown["positive"]
    rows: list[list[Child]] = [
        [_when(row, shown["axis"]), f"{row['position']:,.0f}", rate(row["g_mean"]), rate(row["pr_auc"]),
         *(told(row[f"{name}/{of}"]) for name, told in PAST.items())]
        for row in reversed(shown["rows"][-ROWS_SHOWN_MAX:])
    ]  # fmt: skip
    head = [_head(shown["axis"]), "event", "G-mean", "PR-AUC", *PAST]
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
    return f"after {now['position']:,} events{when}, {_duration(carried['age_seconds'])} ago{before}"


def few(carried: dict[str, Any]) -> str:
    """That too few events are remembered."""
    least, known = carried["events_min"], carried["remembered"]
    events = f"{known['positives']:,} of {carried['class']} and {known['others']:,} others"
    return f"Too few labelled events are known to tell: {events}, where {least} of each are needed."


def _head(axis: str) -> str:
    return "when" if axis == "position" else "when (UTC)"


def _when(row: dict[str, Any], axis: str) -> str:
    """Where something is on the axis of the page's charts: the clock of a service (in UTC), the stream's own time."""
    if axis == "wall":
        return show_time(int(row["wall"] * 1e6), has_time=True)[:19].replace("T", " ")
    time = row["time"] if axis == "time" else None
    return f"event {row['position']:,.0f}" if time is None or time != time else show_us(time)


def show_us(seconds: float) -> str:
    """A time of an event to the minute, in UTC.

    >>> show_us(0.0)
    '1970-01-01 00:00'
    """
    return show_time(int(seconds * 1e6), has_time=True)[:16].replace("T", " ")


def _told(value: str, aside: str) -> str:
    return f"{value}, {aside}" if aside else value


def _duration(seconds: float) -> str:
    """A span as the page tells it.

    >>> [_duration(span) for span in (7.4, 100.0, 7_200.0, 172_800.0)]
    ['7 s', '2 min', '2 h', '2 d']
    """
    if seconds != seconds:
        return DASH
    for most, size, unit in ((90, 1, "s"), (5_400, 60, "min"), (129_600, 3_600, "h")):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def _number(value: float) -> str:
    return DASH if value != value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
