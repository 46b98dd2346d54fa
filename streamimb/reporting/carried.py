"""The section of a report on which features carry the positive class, and what changed across a drift."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from streamimb.reporting.charts import LINES_MAX, Line, bar, over_stream
from streamimb.reporting.figures import UNDEFINED, rate, short
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, Markup, el, folded, table
from streamimb.reporting.over_time import across_of, named, place_of, when

#: Features of a table at most, and pairs of rounds that are set side by side.
FEATURES_MAX: Final = 15
PAIRS_MAX: Final = 6
#: Below this p-value a feature's values are told to have moved.
MOVED_P: Final = 0.01
UNITS: Final = {"log_odds": "log-odds", "probability": "probability"}

Told = dict[str, Any]


def carried(run: RunFolder) -> list[Child]:
    """Permutation importance at the end of the run, and before and after its drifts."""
    rounds: list[Told] = (run.importance or {}).get("rounds") or []
    if not rounds:
        return [el("p", "Too few events of either class are known to tell.", class_="quiet")]
    last = rounds[-1]
    note = (
        f"What PR-AUC ({rate(last['area'])} on {last['events']:,} recent events, {last['positives']:,} of them"
        f" {run.positive}) falls by when a feature's values are those of other events, with its interval. Features that"
        " say the same share their say: each alone may seem to count for little."
    )
    return [el("p", note), _now(run, last), _course(run, rounds), _changes(run, rounds)]


def _ordered(told: Told) -> list[Told]:
    return sorted(told["features"], key=lambda f: -f["drop"])


def _now(run: RunFolder, told: Told) -> list[Child]:
    features = _ordered(told)
    most = max(max((f["high"] for f in features), default=0.0), 1e-9)
    unit = UNITS.get(told.get("unit") or "")
    rows: list[list[Child]] = []
    for f in features[:FEATURES_MAX]:
        cells: list[Child] = [f["feature"], bar(f["drop"] / most, f["low"] / most, f["high"] / most), rate(f["drop"])]
        rows.append([*cells, f"{rate(f['low'])} to {rate(f['high'])}", *([_signed(f["leaning"])] if unit else [])])
    head = ["feature", "fall of PR-AUC", "", "interval", *([f"adds to {run.positive} ({unit})"] if unit else [])]
    shown = table(head, rows, caption="At the end of the run, the most important first", numbers=range(2, len(head)))
    left = len(features) - FEATURES_MAX
    adds = f"Adds: a feature's mean contribution to events of {run.positive} less that to others."
    return [
        shown,
        el("p", adds if unit else "The model cannot be taken apart into contributions.", class_="quiet"),
        el("p", f"{left} more features are in importance.json.", class_="quiet") if left > 0 else None,
    ]


def _signed(value: float | None) -> str:
    return UNDEFINED if value is None else f"{'+' if value > 0 else ''}{short(value)}"


def _place(run: RunFolder, told: Told) -> float:
    has_time = run.schema.has_time
    return place_of(told["time"] if has_time else told["position"], has_time=has_time)


def _course(run: RunFolder, rounds: list[Told]) -> Markup | None:
    """How the fall of PR-AUC moved, for the features that ever mattered most."""
    if len(rounds) < 2:
        return None
    by_name = [{f["feature"]: f for f in told["features"]} for told in rounds]
    peak = {name: max(each[name]["drop"] for each in by_name) for name in by_name[0]}
    names = sorted(peak, key=lambda name: -peak[name])[: LINES_MAX - 1]
    lines = [Line(name, np.array([each[name]["drop"] for each in by_name])) for name in names]
    across = across_of(run, np.array([_place(run, told) for told in rounds]))
    note = "The features that ever counted most, at drifts (before anything was done about them) and at the end."
    chart = over_stream("Fall of PR-AUC without each feature", note, across, lines)
    return el("div", chart, class_="grid2")


def _changes(run: RunFolder, rounds: list[Told]) -> list[Child]:
    """What changed from each drift to the next round, the latest first."""
    pairs = list(pairwise(rounds))[-PAIRS_MAX:][::-1]
    if not pairs:
        return []
    parts: list[Child] = [el("h3", "What changed across a drift")]
    for i, (before, after) in enumerate(pairs):
        title = f"{_cause(before)}, {_when(run, before)}: then, and at {_when(run, after)}"
        rows = _changed(before, after)
        body = (
            table(["feature", "fall of PR-AUC then", "later", "values moved by", f"those of {run.positive} by"], rows,
                  numbers=range(1, 5))
            if rows else el("p", "No feature counts clearly more or less, and none moved beyond chance.")
        )  # fmt: skip
        parts.append(el("div", el("p", title), body) if i == 0 else folded(title, body))
    note = (
        "Bold: intervals that do not overlap; moved by: Kolmogorov and Smirnov's distance, of categories the total"
        f" variation, told where chance gives as much in less than {100 * MOVED_P:g} % of relabellings."
    )
    return [*parts, el("p", note, class_="quiet")]


def _changed(before: Told, after: Told) -> list[list[Child]]:
    then = {f["feature"]: f for f in before["features"]}
    found = []
    for f in after["features"]:
        old = then.get(f["feature"])
        if old is None:
            continue
        apart = f["low"] > old["high"] or f["high"] < old["low"]
        moved = [_moved(f, ""), _moved(f, "positives_")]
        weight = abs(f["drop"] - old["drop"]) if apart else 0.0
        if apart or any(moved):
            drops = [f"{rate(g['drop'])} ({rate(g['low'])} to {rate(g['high'])})" for g in (old, f)]
            cells: list[Child] = [el("b", d) if apart else d for d in drops]
            found.append((weight, f["moved"] or 0.0, [f["feature"], *cells, *moved]))
    return [row for *_, row in sorted(found, key=lambda each: each[:2], reverse=True)[:FEATURES_MAX]]


def _moved(f: Told, which: str) -> str:
    p = f[f"{which}moved_p"]
    return rate(f[f"{which}moved"]) if p is not None and p < MOVED_P else ""


def _cause(told: Told) -> str:
    return "End of the run" if told["cause"] == "end" else f"Drift of {named(told | {'signal': told['cause']})}"


def _when(run: RunFolder, told: Told) -> str:
    return when(told if run.schema.has_time else {"time": told["position"]})
