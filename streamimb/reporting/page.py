"""The page of one run: what is most important first."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

from streamimb.durations import show_duration, show_time
from streamimb.reporting import decisions, happened, over_time
from streamimb.reporting.carried import carried
from streamimb.reporting.decisions import interval_told
from streamimb.reporting.figures import covered_whole, percent, rate, value_of
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, Markup, el, text
from streamimb.reporting.style import STYLE

#: Nothing is fetched and nothing runs, whatever the data hold.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
INPUTS_SHOWN_MAX: Final = 3
#: Stands in the first bytes of every page, so that a page can be told from any other file.
GENERATOR: Final = '<meta name="generator" content="streamimb"/>'
GENERATOR_BYTES_MAX: Final = 256


def run_page(run: RunFolder) -> str:
    """A run's report, a whole HTML document that refers to nothing outside itself."""
    sections: dict[str, tuple[str, list[Child]]] = {
        "stream": ("The stream", over_time.stream_section(run)),
        "quality": ("How well it went", [el("p", f"The figures are {covered_whole(run.summary)}.", class_="quiet"),
                                         over_time.quality_charts(run), decisions.classes_table(run),
                                         decisions.metrics_table(run)]),
        "decisions": ("What was decided", [decisions.curves(run), el(
            "div", el("div", decisions.confusion(run)), el("div", decisions.objectives(run)), class_="grid23")]),
        "features": (f"What carries {run.positive}", carried(run)),
        "control": ("What was detected and done", [happened.detected(run), happened.done(run)]),
        "balance": ("How it was rebalanced", [over_time.control_charts(run)]),
        "queue": ("Alerts and costs", decisions.queue(run)),
        "alarms": ("Where false alarms come from", decisions.false_alarms(run)),
        "labels": ("Labels and refused rows", [happened.labels(run), happened.refused(run)]),
        "made": ("What it ran with", happened.ran_with(run)),
    }  # fmt: skip
    title = f"{inputs_told(run.versions.get('inputs'))}: {run.positive}"
    return document(title, [*_head(run), _tiles(run)], sections)


def document(title: str, head: list[Child], sections: dict[str, tuple[str, list[Child]]]) -> str:
    """A page from its head and its sections, {anchor: (title, content)}."""
    links = el("nav", el("ul", [el("li", el("a", t, href=f"#{key}")) for key, (t, _) in sections.items()]),
               aria_label="Sections")  # fmt: skip
    body = [
        el("header", head, links, class_="top"),
        el("main", [
            el("section", el("h2", t, id=f"{key}-title"), content, id=key, aria_labelledby=f"{key}-title")
            for key, (t, content) in sections.items()
        ]),
        el("footer", "Made by streamimb. Intervals in charts are of 95 %, the others as evaluation.confidence says."
           " Lines break where a value is undefined, and end where labels are still awaited. Times are UTC."),
    ]  # fmt: skip
    meta = [
        Markup('<meta charset="utf-8"/>'),
        Markup(GENERATOR),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(STYLE)),
    ]
    return f"<!DOCTYPE html>\n{el('html', el('head', meta), el('body', body), lang='en')}\n"


def inputs_told(inputs: Any) -> str:
    """The names of what was read, without their folders."""
    names = [PurePath(str(path)).name for path in inputs or []]
    more = f" and {len(names) - INPUTS_SHOWN_MAX} more" if len(names) > INPUTS_SHOWN_MAX else ""
    return (", ".join(names[:INPUTS_SHOWN_MAX]) + more) or "a run"


def _head(run: RunFolder) -> list[Child]:
    summary, k = run.summary, run.schema.positive
    C = run.measured.confusion
    hits, row, col = int(C[k, k]), int(C[k].sum()), int(C[:, k].sum())
    found = (
        [el("b", f"{hits:,} of {row:,}"), f" events of class {run.positive} were found, and ",
         el("b", f"{hits:,} of {col:,}"), " alerts were right."]
        if row else [f"No event of class {run.positive} has a label yet: there is nothing to judge by."]
    )  # fmt: skip
    early = (
        el("p", "Interrupted: this is the run as far as it came.", class_="alert")
        if summary.get("interrupted")
        else None
    )
    return [
        el("h1", inputs_told(run.versions.get("inputs"))),
        el("p", f"{summary['events']:,} events{_span(run)}", class_="quiet"),
        early,
        el("p", found, class_="lead"),
    ]


def _span(run: RunFolder) -> str:
    seen = run.measured.events > 0
    if not run.schema.has_time or not seen.any():
        return ""
    first, last = round(float(run.measured.first[seen].min())), round(float(run.measured.last[seen].max()))
    days = [show_time(t, has_time=True)[:10] for t in (first, last)]
    return f", {days[0]} to {days[1]} ({show_duration(last - first)}, UTC)"


def _tiles(run: RunFolder) -> Markup:
    summary = run.summary
    told = summary["classes"][run.positive]
    total = sum(c["support"] for c in summary["classes"].values())
    share = percent(told["support"] / total if total else None)
    metrics = summary["metrics"]
    tiles = [
        _tile(f"Recall of {run.positive}", told["recall"]),
        _tile(f"Precision of {run.positive}", told["precision"]),
        _tile(f"F1 of {run.positive}", told["f1"]),
        _tile("PR-AUC", metrics.get("pr_auc"), f"guessing: {share}"),
        _tile("G-mean", metrics.get("g_mean")),
        el("div", el("dt", f"Share of {run.positive}"), el("dd", share, class_="big"),
           el("dd", f"{told['support']:,} of {total:,} labelled", class_="small")),
    ]  # fmt: skip
    return el("dl", tiles, class_="tiles")


def _tile(title: str, estimate: Any, more: str = "") -> Markup:
    bounds = interval_told(estimate)
    small = ", ".join(t for t in (bounds, more) if t) or text("undefined")
    return el("div", el("dt", title), el("dd", rate(value_of(estimate)), class_="big"), el("dd", small, class_="small"))
