"""The sections of a report on what was detected and done about it, on labels and refused rows, and what it ran with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePath
from typing import Any, Final

from streamimb.outcome import UNMEASURED
from streamimb.reporting.figures import COMPILING_TOLD_MIN, rate, round_rate, seconds
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, el, folded, table
from streamimb.reporting.over_time import named, when

#: Rows of a table of signals or actions at most: the latest.
ROWS_MAX: Final = 200
#: Characters of a refused row's detail.
DETAIL_CHARS_MAX: Final = 200
ACTIONS: Final = {
    "tell": "told only",
    "adjust": "weights renewed at once",
    "trial": "new learner on trial",
    "replace": "better learner to stay",
    "replaced": "new learner took over",
    "dropped": "new learner dropped",
    "reset": "learner forgot all",
}
HELPED: Final = {"yes": "it helped", "no": "it did not help", "unclear": "unclear whether it helped"}
LABELS: Final = {
    "labelled": "came in time",
    "expired": "expired to a class",
    "dropped": "none in time: dropped out",
    "waiting": "still waited for",
    "late": "came too late",
    "unknown": "of events never seen, or forgotten",
    "early": "came before their event, and were held",
    "twice": "told twice",
    "corrected": "corrected later",
    "evicted": "given up for want of room",
}


def done(run: RunFolder) -> list[Child]:
    """What the controller did, why, and what came of it."""
    actions = run.actions
    if not actions:
        return [el("p", "Nothing asked for more than the regular renewal of weights and thresholds.")]
    kinds = Counter(str(a.get("action")) for a in actions)
    rows: list[list[Child]] = []
    for kind, n in kinds.most_common():
        judged = Counter(a.get("helped") for a in actions if a.get("action") == kind)
        rows.append(
            [
                ACTIONS.get(kind, kind),
                f"{n:,}",
                *(f"{n:,}" for n in ([judged[h] for h in (*HELPED, None)] if kind not in UNMEASURED else [])),
            ]
        )
    head = ["what", "times", *HELPED.values(), "not yet measured"]
    told = (
        "Helped: the G-mean over as many events after it as before it is higher by more than chance makes it; "
        "what would have come without it is not known."
    )
    each: list[list[Child]] = [
        [when(a), ACTIONS.get(str(a.get("action")), a.get("action")), named(a), rate(a.get("before")),
         rate(a.get("after")), _verdict(a)]
        for a in actions[-ROWS_MAX:]
    ]  # fmt: skip
    title = f"Every action ({len(actions):,})" if len(actions) <= ROWS_MAX else f"The latest {ROWS_MAX} actions"
    columns = ["when", "what", "because of", "G-mean before", "after", "verdict"]
    return [
        table(head, rows, caption="What was done, and whether it helped", numbers=range(1, 6)),
        el("p", told, class_="quiet"),
        folded(title, table(columns, each, numbers=(3, 4))),
    ]


def _verdict(action: dict[str, Any]) -> str:
    if action.get("action") in UNMEASURED:
        return "changes no decision"
    return HELPED.get(str(action.get("helped")), "not yet measured")


def detected(run: RunFolder) -> list[Child]:
    """The drifts and warnings."""
    if not run.signals:
        return [el("p", "Nothing moved enough to be told.")]
    each: list[list[Child]] = [
        [when(s), named(s), s.get("kind"), s.get("detector"), rate(s.get("reference")), rate(s.get("value")),
         ACTIONS.get(str(s.get("action")), s.get("action"))]
        for s in run.signals[-ROWS_MAX:]
    ]  # fmt: skip
    columns = ["when", "signal", "kind", "detector", "before", "after", "asked for"]
    title = f"Every signal ({len(each):,})" if len(run.signals) <= ROWS_MAX else f"The latest {ROWS_MAX} signals"
    return [folded(title, table(columns, each, numbers=(4, 5)))]


def labels(run: RunFolder) -> list[Child]:
    """What became of the labels."""
    counts: dict[str, int] = run.summary.get("labels") or {}
    rows: list[list[Child]] = [[title, f"{counts[name]:,}"] for name, title in LABELS.items() if counts.get(name)]
    rows.append(["learned", f"{run.summary['learned']:,}"])
    return [table(["labels", "events"], rows, numbers=(1,))]


def refused(run: RunFolder) -> list[Child]:
    """Rows that were refused, by reason, each with its first example."""
    rejected: dict[str, int] = run.summary.get("rejected") or {}
    if not rejected:
        return [el("p", "No row was refused.")]
    total = sum(rejected.values()) + int(run.summary["events"])
    rows: list[list[Child]] = []
    for reason, n in rejected.items():
        rows.append([reason, f"{n:,}", f"{100 * n / total:.2f} %", _example(run.examples.get(reason))])
    return [table(["reason", "rows", "of all", "the first one"], rows, caption="Refused rows", numbers=(1, 2))]


def _example(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    where = f"line {row['line']}" if row.get("line") is not None else f"offset {row.get('offset')}"
    field = f"{row['field']}: " if row.get("field") else ""
    detail = str(row.get("detail"))[:DETAIL_CHARS_MAX]
    return f"{field}{detail} ({PurePath(str(row.get('source'))).name}, {where})"


def ran_with(run: RunFolder) -> list[Child]:
    """Configuration, contract and versions."""
    packages: dict[str, Any] = run.versions.get("packages") or {}
    rows: list[list[Child]] = [
        ["Python", str(run.versions.get("python"))],
        ["platform", str(run.versions.get("platform"))],
    ]
    rows += [[name, told or "not installed"] for name, told in packages.items()]
    rate_told, spent = run.summary.get("events_per_second"), run.summary.get("seconds")
    speed = f"{run.summary['events']:,} events in {seconds(float(spent))}" if spent is not None else ""
    if (compiling := float(run.summary.get("compile_seconds") or 0)) >= COMPILING_TOLD_MIN:
        speed += f", {seconds(compiling)} of it compiling; without that"
    speed += f", {round_rate(float(rate_told))} a second" if rate_told else ""
    notes = [str(n) for n in run.summary.get("notes") or []]
    plan = run.summary.get("plan") or {}
    return [
        el("p", speed) if speed else None,
        el("ul", [el("li", n) for n in notes]) if notes else None,
        folded("Configuration, each value with its origin", el("pre", run.config)),
        folded("Event contract", el("pre", run.contract)),
        folded("The last plan", el("pre", json.dumps(plan, indent=2, ensure_ascii=False))),
        folded("Versions", table(["", "version"], rows)),
    ]
