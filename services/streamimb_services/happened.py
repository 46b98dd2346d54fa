"""What was detected in a replay, and what was done about it, as the summary shows them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from rich.console import Group, RenderableType

from streamimb.outcome import UNMEASURED
from streamimb.reporting.figures import rate, subject
from streamimb_services.screen import QUIET, Text, grid
from streamimb_services.story import Story

SIGNALS_SHOWN_MAX: Final = 5
ACTIONS_SHOWN_MAX: Final = 5
COUNTS_SHOWN_MAX: Final = 4

#: What a signal asked for, or what was done, in words.
ACTIONS: Final = {
    "tell": "told only",
    "trial": "new learner on trial",
    "replace": "better learner to stay",
    "replaced": "new learner took over",
    "dropped": "new learner dropped",
    "reset": "learner forgot all",
}
ADJUSTED: Final = "weights renewed at once"
ADJUSTED_WITHOUT_WEIGHTS: Final = "window shortened"
HELPED: Final = {"yes": "it helped", "no": "it did not help", "unclear": "unclear whether it helped"}


def action_name(story: Story, action: str) -> str:
    """An action in words; without weights there are none to renew."""
    if action != "adjust":
        return ACTIONS.get(action, action)
    control = story.config.control
    weighted = {control.weights, *control.class_rules.values()} != {"none"}
    return ADJUSTED if weighted else ADJUSTED_WITHOUT_WEIGHTS


def detected(story: Story) -> RenderableType:
    """All signals counted by kind, and the last few."""
    signals: list[dict[str, Any]] = story.summary["signals"]
    if not signals:
        return Text("nothing moved enough to be told", QUIET)
    counts = Counter((s["signal"], s["class"], s["kind"]) for s in signals).most_common()
    told = [
        f"{n:,} {kind}{'s' * (n != 1)} of the {subject(name, of)}" for (name, of, kind), n in counts[:COUNTS_SHOWN_MAX]
    ]
    told += [f"{sum(n for _, n in counts[COUNTS_SHOWN_MAX:]):,} more"] if len(counts) > COUNTS_SHOWN_MAX else []
    others = story.summary["signals_total"] - len(signals)
    told += [f"{others:,} that are not kept"] if others > 0 else []
    table = grid("", "", "", "", "", header=False, words=(1,), give_up=(4, 3, 0))
    for s in signals[-SIGNALS_SHOWN_MAX:]:
        moved = f"{rate(s['reference'])}→{rate(s['value'])}"
        done = Text(action_name(story, s["action"]), QUIET)
        table.add_row(_when(s), subject(s["signal"], s["class"]), moved, s["kind"], done)
    latest = [Text("the latest:", QUIET)] if len(signals) > SIGNALS_SHOWN_MAX else []
    return Group(Text(", ".join(told)), *latest, table)


def done(story: Story) -> RenderableType | None:
    """All actions counted by kind, how many helped, and the last few."""
    actions: list[dict[str, Any]] = story.summary["actions"]
    if not actions:
        return None
    counts = Counter(action_name(story, a["action"]) for a in actions)
    told = [f"{name} ({n:,})" for name, n in counts.most_common()]
    outcomes = Counter(a["helped"] for a in actions if a["helped"])
    judged = ", ".join(f"{name} ({outcomes[kind]:,})" for kind, name in HELPED.items() if outcomes[kind])
    parts = [Text(", ".join(told)), *([Text(f"measured afterwards: {judged}")] if judged else [])]
    table = grid("", "", "", ">G-mean", "", words=(2, 1), give_up=(2, 4, 0))
    for a in actions[-ACTIONS_SHOWN_MAX:]:
        cause = subject(a["signal"], a["class"])
        changed = a["action"] not in UNMEASURED
        moved = f"{rate(a['before'])}→{rate(a['after'])}" if changed else ""
        helped = Text(HELPED.get(a["helped"], "not yet measured") if changed else "", QUIET)
        table.add_row(_when(a), action_name(story, a["action"]), f"for {cause}", moved, helped)
    return Group(*parts, table)


def _when(row: dict[str, Any]) -> str:
    time = row["time"]
    return f"event {time:,}" if isinstance(time, int) else str(time)[:16].replace("T", " ")
