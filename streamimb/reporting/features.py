"""Rounds of explanations as tables: which features carry the positive class, and what changed between two rounds."""

from __future__ import annotations

from typing import Any, Final

from streamimb.reporting.charts import bar
from streamimb.reporting.figures import rate, signed
from streamimb.reporting.html import Child, Markup, el, table

#: Features of a table at most.
FEATURES_MAX: Final = 15
#: Below this p-value a feature's values are told to have moved.
MOVED_P: Final = 0.01
MOVED: Final = ("moved", "positives_moved")
UNITS: Final = {"log_odds": "log-odds", "probability": "probability"}

Told = dict[str, Any]


def carried_note(told: Told, positive: str) -> str:
    """What the table of a round tells."""
    return (
        f"What PR-AUC ({rate(told['area'])} on {told['events']:,} recent labelled events, {told['positives']:,} of them"
        f" {positive}) falls by when a feature's values are those of other events, with its interval. Features that"
        " say the same share their say: each alone may seem to count for little."
    )


def _ordered(told: Told) -> list[Told]:
    return sorted(told["features"], key=lambda f: -f["drop"])


def carried_table(told: Told, positive: str, caption: str, more: str) -> list[Child]:
    """The features of a round; more: what is said of those beyond FEATURES_MAX."""
    features = _ordered(told)
    most = max(max((f["high"] for f in features), default=0.0), 1e-9)
    unit = UNITS.get(told.get("unit") or "")
    rows: list[list[Child]] = []
    for f in features[:FEATURES_MAX]:
        cells: list[Child] = [f["feature"], bar(f["drop"] / most, f["low"] / most, f["high"] / most), rate(f["drop"])]
        rows.append([*cells, f"{rate(f['low'])} to {rate(f['high'])}", *([signed(f["leaning"])] if unit else [])])
    head = ["feature", "fall of PR-AUC", "", "interval", *([f"adds to {positive} ({unit})"] if unit else [])]
    shown = table(head, rows, caption=caption, numbers=range(2, len(head)))
    left = len(features) - FEATURES_MAX
    adds = f"Adds: a feature's mean contribution to events of {positive} less that to others."
    return [
        shown,
        el("p", adds if unit else "The model cannot be taken apart into contributions.", class_="quiet"),
        el("p", f"{left} more features {more}.", class_="quiet") if left > 0 else None,
    ]


def changes(before: Told, after: Told) -> list[Told]:
    """What changed clearly from one round to another, the most first: features with ``counts`` (whether the intervals
    of their fall lie apart), and ``moved`` and ``positives_moved``: distances that chance alone seldom gives, or None.
    """
    then = {f["feature"]: f for f in before["features"]}
    found = []
    for f in after["features"]:
        old = then.get(f["feature"])
        if old is None:
            continue
        apart = f["low"] > old["high"] or f["high"] < old["low"]
        moved = {key: f[key] if f[f"{key}_p"] is not None and f[f"{key}_p"] < MOVED_P else None for key in MOVED}
        if apart or any(value is not None for value in moved.values()):
            weight = abs(f["drop"] - old["drop"]) if apart else 0.0
            found.append((weight, f["moved"] or 0.0, {"feature": f["feature"], "counts": apart, **moved}))
    return [told for *_, told in sorted(found, key=lambda each: each[:2], reverse=True)]


def changed_table(before: Told, after: Told, positive: str, *, later: str = "later") -> Markup:
    """``changes`` as a table, or a sentence that there are none; later: what the second round is called."""
    rows = [_changed(told, before, after) for told in changes(before, after)[:FEATURES_MAX]]
    if not rows:
        return el("p", "No feature counts clearly more or less, and none moved beyond chance.")
    head = ["feature", "fall of PR-AUC then", later]
    if before.get("unit") and before.get("unit") == after.get("unit"):
        head += [f"adds to {positive} then", later]
    else:
        rows = [[*row[:3], *row[5:]] for row in rows]
    head += ["values moved by", f"those of {positive} by"]
    return table(head, rows, numbers=range(1, len(head)))


def _changed(told: Told, before: Told, after: Told) -> list[Child]:
    old, new = (next(f for f in r["features"] if f["feature"] == told["feature"]) for r in (before, after))
    drops = [f"{rate(f['drop'])} ({rate(f['low'])} to {rate(f['high'])})" for f in (old, new)]
    falls: list[Child] = [el("b", d) if told["counts"] else d for d in drops]
    moved = ["" if told[key] is None else rate(told[key]) for key in MOVED]
    return [told["feature"], *falls, signed(old["leaning"]), signed(new["leaning"]), *moved]
