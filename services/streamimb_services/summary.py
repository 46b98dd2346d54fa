"""The summary of a replay that a person reads."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from streamimb.batch import Rejected
from streamimb.durations import show_duration, show_time
from streamimb_services.figures import interval, percent, rate, round_rate, seconds, short, value_of
from streamimb_services.sparkline import sparkline
from streamimb_services.story import Story

ACCENT: Final = "cyan"
QUIET: Final = "bright_black"
#: Columns from which on three digits are shown instead of two.
WIDE: Final = 100
#: Lines are no longer than this however wide the terminal is.
WIDTH_MAX: Final = 120
CLASSES_SHOWN_MAX: Final = 12
SIGNALS_SHOWN_MAX: Final = 5
OVERALL: Final = {"g_mean": "G-mean", "pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "kappa": "kappa", "brier": "Brier",
                  "balanced_accuracy": "balanced accuracy"}  # fmt: skip
LABELS: Final = {"waiting": "still waiting", "expired": "expired", "late": "too late", "unknown": "for unknown events",
                 "twice": "told twice", "corrected": "corrected"}  # fmt: skip


def show_summary(story: Story) -> None:
    """Print the summary on standard output, plain where that is no terminal."""
    console = Console(highlight=False)
    with console.capture() as captured:  # rich would end the process on a broken pipe
        print_summary(story, console)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # tests put other streams there
    sys.stdout.write(captured.get())


def print_summary(story: Story, console: Console) -> None:
    """Print the summary, at most ``WIDTH_MAX`` columns wide."""
    width = min(console.width, WIDTH_MAX)
    console.print(Group(*_sections(story, width)), width=width)


def _sections(story: Story, width: int) -> Iterator[RenderableType]:
    digits = 3 if width >= WIDE else 2
    yield _head(story)
    sections = {
        "How it is doing": _doing(story, digits),
        "How it moved": _moved(story, width),
        "What another objective would decide": _objectives(story, digits),
        "What was detected": _detected(story),
        "Labels": _labels(story),
        "Refused": _refused(story),
    }
    for title, body in sections.items():
        if body is not None:
            yield Text("")
            yield Rule(Text(f" {title} ", "bold"), align="left", style=QUIET, characters="─")
            yield Padding(body, (0, 1, 0, 2))
    yield Text("")
    yield _speed(story)


def _head(story: Story) -> RenderableType:
    names = [PurePath(path).name for path in story.inputs]
    lines = [Text(f" {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else ""), "bold")]
    parts = [f"{story.summary['events']:,} events"]
    if story.schema.has_time and story.first_time is not None and story.last_time is not None:
        first, last = (show_time(t, has_time=True)[:10] for t in (story.first_time, story.last_time))
        parts += [first if first == last else f"{first} to {last}", show_duration(story.last_time - story.first_time)]
    parts.append(f"{len(story.schema.class_names)} classes, {story.positive} is positive")
    lines.append(Text(f" {' · '.join(parts)}"))
    lines.append(Text(f" {' · '.join([_model(story), story.labels])}", QUIET))
    return Group(*lines)


def _model(story: Story) -> str:
    control = story.config.control
    threshold = control.threshold
    decided = f"tuned for {story.objective}" if threshold == "tuned" else f"threshold {short(float(threshold))}"
    weights = "no class weights" if control.weights == "none" else f"{control.weights.replace('_', ' ')} weights"
    return f"{story.config.learner.model}, {weights}, {decided}"


def _doing(story: Story, digits: int) -> RenderableType:
    classes: dict[str, Any] = story.summary["classes"]
    total = sum(c["support"] for c in classes.values())
    table = _grid("class", ">share", ">events", ">recall", "<", ">precision", "<", ">F1", "<")
    shown = sorted(classes, key=lambda c: (c != story.positive, classes[c]["support"]))
    for name in shown[:CLASSES_SHOWN_MAX]:
        told = classes[name]
        cells: list[RenderableType] = [Text(name, ACCENT if name == story.positive else "", overflow="ellipsis")]
        cells += [percent(told["support"] / total if total else None), f"{told['support']:,}"]
        for metric in ("recall", "precision", "f1"):
            cells += _estimate(told[metric], digits)
        table.add_row(*cells)
    parts: list[RenderableType] = [table]
    if len(shown) > CLASSES_SHOWN_MAX:
        parts.append(Text(f"and {len(shown) - CLASSES_SHOWN_MAX} more classes: --json tells all", QUIET))
    return Group(*parts, Text(""), _overall(story, digits))


def _overall(story: Story, digits: int) -> RenderableType:
    told = [
        (title, story.summary["metrics"][name]) for name, title in OVERALL.items() if name in story.summary["metrics"]
    ]
    table = Table.grid(padding=(0, 1))
    for _ in range(3):
        table.add_column()
        table.add_column(justify="right")
        table.add_column(min_width=2 * digits + 8)
    cells: list[RenderableType] = []
    for title, estimate in told:
        cells += [Text(title), *_estimate(estimate, digits)]
    for i in range(0, len(cells), 9):
        table.add_row(*cells[i : i + 9])
    return table


def _estimate(estimate: Any, digits: int) -> list[RenderableType]:
    return [Text(rate(value_of(estimate), digits), "bold"), Text(interval(estimate, digits), QUIET)]


def _moved(story: Story, width: int) -> RenderableType | None:
    rows = {
        "class_ratio": (f"share of {story.positive}", percent),
        "recall": (f"recall of {story.positive}", short),
        "decision_threshold": (f"threshold of {story.positive}", short),
    }
    table = _grid("", f"start {'end':>{max(1, width // 2 - 6)}}", ">lowest", ">highest", ">at the end")
    some = False
    for metric, (title, show) in rows.items():
        moved = story.trajectories.of[metric]
        points = moved.points()
        if points:
            some = True
            line = Text(sparkline(points, width // 2), ACCENT)
            table.add_row(Text(title, overflow="ellipsis"), line, show(moved.low), show(moved.high), show(moved.last))
    return table if some else None


def _objectives(story: Story, digits: int) -> RenderableType | None:
    objectives: dict[str, Any] = story.summary["objectives"]
    if not objectives:
        return None
    counted = any("alerts" in o for o in objectives.values())
    table = _grid("objective", ">threshold", ">its value", ">recall", ">precision", *([">alerts"] if counted else []))
    for name, told in objectives.items():
        chosen = name == story.objective
        style = ACCENT if chosen else ""
        cells = [Text(f"{name} (chosen)" if chosen else name, style)]
        cells += [Text(short(told.get(key)), style) for key in ("threshold", "value")]
        cells += [Text(rate(told.get(key), digits), style) for key in ("recall", "precision")]
        cells += [Text(short(told.get("alerts")), style)] if counted else []
        table.add_row(*cells)
    return table


def _detected(story: Story) -> RenderableType:
    signals: list[dict[str, Any]] = story.summary["signals"]
    if not signals:
        return Text("nothing moved enough to be told", QUIET)
    counts = Counter((s["signal"], s["kind"]) for s in signals)
    told = ", ".join(f"{n:,} {kind}{'s' * (n != 1)} of {name}" for (name, kind), n in counts.items())
    table = _grid("", "", "", "", "", header=False)
    for s in signals[-SIGNALS_SHOWN_MAX:]:
        moved = f"{short(s['reference'])} → {short(s['value'])}"
        table.add_row(_when(story, s), s["signal"], s["kind"], moved, Text(s["action"], QUIET))
    latest = Text("the latest:", QUIET) if len(signals) > SIGNALS_SHOWN_MAX else Text("")
    return Group(Text(told), latest, table)


def _when(story: Story, signal: dict[str, Any]) -> str:
    time = signal["time"]
    if isinstance(time, int):
        return show_time(time, has_time=True)[:16].replace("T", " ") if story.schema.has_time else f"event {time:,}"
    return str(time)[:16].replace("T", " ")


def _labels(story: Story) -> RenderableType:
    labels: dict[str, int] = story.summary["labels"]
    parts = [f"{labels[name]:,} {title}" for name, title in LABELS.items() if labels.get(name)]
    learned = f"{story.summary['learned']:,} learned"
    return Text(", ".join([learned, *parts]))


def _refused(story: Story) -> RenderableType | None:
    rejected: dict[str, int] = story.summary["rejected"]
    if not rejected:
        return None
    table = _grid("", ">", "", header=False)
    for reason, count in rejected.items():
        table.add_row(Text(reason, "yellow"), f"{count:,}", Text(_example(story.examples.get(reason)), QUIET))
    return table


def _example(rejected: Rejected | None) -> str:
    if rejected is None:
        return ""
    where = f"line {rejected.line}" if rejected.offset is None else f"offset {rejected.offset}"
    field = f"{rejected.field}: " if rejected.field else ""
    return f"{field}{rejected.detail} ({PurePath(rejected.source).name}, {where})"


def _speed(story: Story) -> RenderableType:
    told = f" {story.summary['events']:,} events in {seconds(story.summary['seconds'])}"
    fast = story.summary["events_per_second"]
    line = Text(told + (f", {round_rate(fast)} a second" if fast else ""), QUIET)
    return Group(Text(" interrupted: this is the summary so far", "yellow"), line) if story.interrupted else line


def _grid(*columns: str, header: bool = True) -> Table:
    """A table without lines; a title that begins with > is set to the right."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=header, header_style=QUIET)
    for column in columns:
        table.add_column(column.lstrip("<>"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return table
