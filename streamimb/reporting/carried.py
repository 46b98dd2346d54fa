"""The section of a report on which features carry the positive class, and what changed across a drift."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from streamimb.reporting.charts import LINES_MAX, Line, over_stream
from streamimb.reporting.features import MOVED_P, carried_note, carried_table, changed_table
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, Markup, el, folded
from streamimb.reporting.over_time import across_of, named, place_of, when

#: Pairs of rounds that are set side by side.
PAIRS_MAX: Final = 6

Told = dict[str, Any]


def carried(run: RunFolder) -> list[Child]:
    """Permutation importance at the end of the run, and before and after its drifts."""
    rounds: list[Told] = (run.importance or {}).get("rounds") or []
    if not rounds:
        return [el("p", "Too few labelled events of either class are known to tell.", class_="quiet")]
    last = rounds[-1]
    caption = "At the end of the run, the most important first"
    now = carried_table(last, run.positive, caption, "are in importance.json")
    return [el("p", carried_note(last, run.positive)), now, _course(run, rounds), _changes(run, rounds)]


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
        body = changed_table(before, after, run.positive)
        parts.append(el("div", el("p", title), body) if i == 0 else folded(title, body))
    note = (
        "Bold: intervals that do not overlap; moved by: Kolmogorov and Smirnov's distance, of categories the total"
        f" variation, told where chance gives as much in less than {100 * MOVED_P:g} % of relabellings."
    )
    return [*parts, el("p", note, class_="quiet")]


def _cause(told: Told) -> str:
    return "End of the run" if told["cause"] == "end" else f"Drift of {named(told | {'signal': told['cause']})}"


def _when(run: RunFolder, told: Told) -> str:
    return when(told if run.schema.has_time else {"time": told["position"]})
