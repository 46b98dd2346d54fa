"""The summary of a replay that a person reads."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from streamimb.batch import Rejected
from streamimb.durations import show_duration, show_time
from streamimb_services.exits import tell
from streamimb_services.figures import DASH, interval, percent, rate, round_rate, seconds, short, value_of
from streamimb_services.sparkline import sparkline
from streamimb_services.story import Story

ACCENT: Final = "cyan"
QUIET: Final = "bright_black"
#: Lines are no longer than this however wide the terminal is.
WIDTH_MAX: Final = 120
#: ... and so long where there is no terminal to ask.
PIPED_WIDTH: Final = 100
#: Columns of "How it moved" for its numbers and gaps; names are cut at the other.
NUMBERS_WIDTH: Final = 3 + 4 + 7 + 7 + 10
NAME_WIDTH_MAX: Final = 24
CLASSES_SHOWN_MAX: Final = 12
SIGNALS_SHOWN_MAX: Final = 5
COUNTS_SHOWN_MAX: Final = 4
RANGES_SHOWN_MAX: Final = 3
RANGE_WIDTH_MAX: Final = 38
OBJECTIVE_WIDTH_MAX: Final = 29
OVERALL: Final = {"g_mean": "G-mean", "pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "kappa": "kappa", "brier": "Brier"}
LABELS: Final = {"waiting": "still waiting", "expired": "expired", "late": "too late", "unknown": "for unknown events",
                 "twice": "told twice", "corrected": "corrected", "dropped": "without a label in time",
                 "evicted": "given up for want of room"}  # fmt: skip

ACTIONS: Final = {"adjust": "weights renewed at once", "tell": "told only"}


def show_summary(story: Story) -> None:
    """Print the summary on standard output, plain where that is no terminal. Raises OutputError."""
    show(lambda console: print_summary(story, console))


class _Held(io.StringIO):
    """Standard output's likeness, so that rich neither writes there itself nor ends the process on a broken pipe."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return sys.stdout.isatty()


def show(print_on: Callable[[Console], None]) -> None:
    """Print on standard output what is printed on a console, plain where that is no terminal. Raises OutputError."""
    held = _Held()
    console = Console(file=held, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    print_on(console)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # tests put other streams there
    text = held.getvalue()
    if not console.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    tell(text)


def print_summary(story: Story, console: Console) -> None:
    """Print the summary, at most ``WIDTH_MAX`` columns wide."""
    width = min(console.width, WIDTH_MAX)
    console.print(Group(*_sections(story, width)), width=width)


def _sections(story: Story, width: int) -> Iterator[RenderableType]:
    yield _head(story)
    sections = {
        ("How it is doing", f"with {100 * story.config.evaluation.confidence:g} % intervals"): _doing(story),
        ("How it moved", "from the first event to the last"): _moved(story, width),
        ("What another objective would decide", ""): _objectives(story),
        ("What the queue gets", _queue_of(story)): _queue(story),
        ("Where false alarms come from", "beside the share of all events there"): _false_alarms(story),
        ("What was detected", ""): _detected(story),
        ("Labels", ""): _labels(story),
        ("Refused", ""): _refused(story),
    }
    for (title, aside), body in sections.items():
        if body is not None:
            yield Text("")
            told = Text.assemble((f" {title}", "bold"), (f"  {aside}" if aside else "", QUIET))
            yield Rule(told, align="left", style=QUIET, characters="─")
            yield Padding(body, (0, 1, 0, 2))
    yield Text("")
    yield _speed(story)


def _head(story: Story) -> RenderableType:
    names = [PurePath(path).name for path in story.inputs]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    told = f"{story.summary['events']:,} events"
    if story.schema.has_time and story.first_time is not None and story.last_time is not None:
        first, last = (show_time(t, has_time=True)[:10] for t in (story.first_time, story.last_time))
        told += f", {first if first == last else f'{first} to {last}'}"
        told += f" ({show_duration(story.last_time - story.first_time)})"
    classes = len(story.schema.class_names)
    return Group(
        Text(f" {', '.join(names[:3])}{more}", "bold"),
        Text(f" {told}"),
        Text.assemble((f" {story.positive}", ACCENT), (f" is the positive class of {classes} · {story.labels}", QUIET)),
        Text(f" {_model(story)}", QUIET),
    )


def _model(story: Story) -> str:
    control = story.config.control
    threshold = control.threshold
    decided = (
        f"threshold tuned for {story.objective}" if threshold == "tuned" else f"threshold {rate(float(threshold))}"
    )
    weights = "no class weights" if control.weights == "none" else f"{control.weights.replace('_', ' ')} weights"
    return f"{story.config.learner.model} · {weights} · {decided}"


def _doing(story: Story) -> RenderableType:
    classes: dict[str, Any] = story.summary["classes"]
    total = sum(c["support"] for c in classes.values())
    table = grid("class", ">share", ">events", ">recall", "", ">precision", "", ">F1", "")
    shown = sorted(classes, key=lambda c: (c != story.positive, classes[c]["support"]))
    for name in shown[:CLASSES_SHOWN_MAX]:
        told = classes[name]
        cells: list[RenderableType] = [Text(name, ACCENT if name == story.positive else "")]
        cells += [percent(told["support"] / total if total else None), f"{told['support']:,}"]
        for metric in ("recall", "precision", "f1"):
            cells += _estimate(told[metric])
        table.add_row(*cells)
    parts: list[RenderableType] = [table]
    if len(shown) > CLASSES_SHOWN_MAX:
        parts.append(Text(f"and {len(shown) - CLASSES_SHOWN_MAX} more classes: --json tells all", QUIET))
    return Group(*parts, Text(""), _overall(story.summary["metrics"]))


def _overall(metrics: dict[str, Any]) -> RenderableType:
    """A line a metric: of the whole run, and the mean of its windows, as the field reports it."""
    table = grid("", ">whole run", "", ">mean of windows", "")
    for name, title in OVERALL.items():
        if name in metrics:
            windowed = _estimate(metrics[f"windowed_{name}"]) if f"windowed_{name}" in metrics else ["", ""]
            table.add_row(title, *_estimate(metrics[name]), *windowed)
    return table


def _estimate(estimate: Any) -> list[RenderableType]:
    return [Text(rate(value_of(estimate)), "bold"), Text(interval(estimate), QUIET)]


def _moved(story: Story, width: int) -> RenderableType | None:
    rows = {
        "class_ratio": (f"share of {story.positive}", percent),
        "recall": (f"recall of {story.positive}", rate),
        "decision_threshold": (f"threshold of {story.positive}", rate),
    }
    name_width = min(NAME_WIDTH_MAX, max(len(title) for title, _ in rows.values()))
    table = grid("", "", ">lowest", ">highest", ">at the end")
    table.columns[0].width = name_width
    drawn = 0
    for metric, (title, show) in rows.items():
        moved = story.trajectories.of[metric]
        points = moved.points()
        if len(points) > 1:
            drawn += 1
            line = Text(sparkline(points, width - name_width - NUMBERS_WIDTH), ACCENT)
            table.add_row(title, line, show(moved.low), show(moved.high), show(moved.last))
    return table if drawn else None


def _objectives(story: Story) -> RenderableType | None:
    objectives: dict[str, Any] = story.summary["objectives"]
    if all(told.get("value") is None for told in objectives.values()):
        return None
    daily, costs = story.schema.has_time, story.summary["queue"]["cost"] is not None
    value = ">cost" if costs else ">its value"
    table = grid("", ">threshold", value, ">recall", ">precision", *([">alerts/day"] if daily else []))
    table.columns[0].overflow, table.columns[0].max_width = "ellipsis", OBJECTIVE_WIDTH_MAX
    for name, told in objectives.items():
        chosen = name == story.objective
        cells = [
            f"{name} (chosen)" if chosen else name,
            rate(told.get("threshold")),
            short(told.get("cost" if costs else "value")),
        ]
        cells += [rate(told.get("recall")), rate(told.get("precision"))]
        cells += [short(told.get("alerts_per_day"))] if daily else []
        table.add_row(*cells, style=ACCENT if chosen else "")
    return table


def _queue_of(story: Story) -> str:
    queue = story.summary["queue"]
    cost = f"; wrong decisions cost {queue['cost']}" if queue["cost"] else ""
    return f"{_days(queue['days'])}{cost}" if queue["days"] else cost.removeprefix("; ")


def _days(n: int) -> str:
    return "1 day" if n == 1 else f"{n:,} days"


def _queue(story: Story) -> RenderableType | None:
    """A line a figure: over the last days, and over the whole run."""
    queue: dict[str, Any] = story.summary["queue"]
    rows = {
        "alerts_per_day": ("alerts a day", short),
        "precision_at_k": (f"precision in the top {queue['k']:,} a day", rate),
        "cost_per_day": ("cost a day", short),
        "cost_per_event": ("cost an event", short),
    }
    recent, whole = queue["windows"]["days"], queue["windows"]["all"]
    told = {m: row for m, row in rows.items() if value_of(whole[m]) is not None}
    if not told:
        return None
    last = queue["days"] > queue["window_days"]
    table = grid("", *([f">last {_days(queue['window_days'])}", ""] if last else []), ">whole run", "")
    for metric, (title, show) in told.items():
        cells: list[RenderableType] = [title]
        for estimate in (recent[metric], whole[metric]) if last else (whole[metric],):
            cells += [Text(show(value_of(estimate)), "bold"), Text(_between(estimate, show), QUIET)]
        table.add_row(*cells)
    return table


def _between(estimate: Any, show: Callable[[float | None], str]) -> str:
    return interval(estimate) if show is rate or not interval(estimate) else DASH.join(map(show, estimate[1:]))


def _false_alarms(story: Story) -> RenderableType | None:
    found: list[dict[str, Any]] = story.summary["false_positives"]
    if not found:
        return None
    table = grid("", ">of false alarms", ">of events", ">precision")
    table.columns[0].overflow, table.columns[0].max_width = "ellipsis", RANGE_WIDTH_MAX
    for row in found[:RANGES_SHOWN_MAX]:
        shares = percent(row["false_positive_share"]), percent(row["event_share"])
        table.add_row(row["range"], *shares, rate(row["precision"]))
    return table


def _detected(story: Story) -> RenderableType:
    signals: list[dict[str, Any]] = story.summary["signals"]
    if not signals:
        return Text("nothing moved enough to be told", QUIET)
    counts = Counter((s["signal"], s["class"], s["kind"]) for s in signals).most_common()
    told = [f"{n:,} {kind}{'s' * (n != 1)} of the {_of(name, of)}" for (name, of, kind), n in counts[:COUNTS_SHOWN_MAX]]
    told += [f"{sum(n for _, n in counts[COUNTS_SHOWN_MAX:]):,} more"] if len(counts) > COUNTS_SHOWN_MAX else []
    earlier = sum(story.summary["signal_counts"].values()) - len(signals)
    told += [f"{earlier:,} earlier ones"] if earlier > 0 else []
    table = grid("", "", "", "", "", header=False)
    for s in signals[-SIGNALS_SHOWN_MAX:]:
        moved = f"{rate(s['reference'])} → {rate(s['value'])}"
        done = Text(ACTIONS.get(s["action"], s["action"]), QUIET)
        table.add_row(_when(story, s), _of(s["signal"], s["class"]), moved, s["kind"], done)
    latest = [Text("the latest:", QUIET)] if len(signals) > SIGNALS_SHOWN_MAX else []
    return Group(Text(", ".join(told)), *latest, table)


def _of(signal: str, class_: str | None) -> str:
    return signal if class_ is None else f"{signal} of {class_}"


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
    table = grid("", ">", "", header=False)
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
    early = " cut short by an output that cannot be written" if story.failure else " interrupted"
    stopped = story.failure or story.interrupted
    return Group(Text(f"{early}: this is the summary so far", "yellow"), line) if stopped else line


def grid(*columns: str, header: bool = True) -> Table:
    """A table without lines; a title that begins with > is set to the right."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=header, header_style=QUIET)
    for column in columns:
        table.add_column(column.lstrip("<>"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return table
