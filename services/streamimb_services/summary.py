"""The summary of a replay that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule

from streamimb.batch import Rejected
from streamimb.durations import show_duration, show_time
from streamimb.reporting.figures import (
    COMPILING_TOLD_MIN,
    DASH,
    covered_whole,
    interval,
    percent,
    rate,
    round_rate,
    seconds,
    short,
    value_of,
)
from streamimb.reporting.in_force import in_force
from streamimb.tell import LOST, ONE_CLASS
from streamimb_services.happened import detected, done
from streamimb_services.screen import QUIET, Cell, Text, grid, show
from streamimb_services.sparkline import sparkline
from streamimb_services.story import Story

ACCENT: Final = "cyan"
#: Lines are no longer than this however wide the terminal is.
WIDTH_MAX: Final = 120
#: Columns of "How it moved" for its numbers and gaps; names are cut at the other.
NUMBERS_WIDTH: Final = 3 + 4 + 7 + 7 + 10
NAME_WIDTH_MAX: Final = 24
SPARK_WIDTH_MIN: Final = 8
CLASSES_SHOWN_MAX: Final = 12
RANGES_SHOWN_MAX: Final = 3
IGNORED_SHOWN_MAX: Final = 5
RANGE_WIDTH_MAX: Final = 38
OBJECTIVE_WIDTH_MAX: Final = 29
OVERALL: Final = {"g_mean": "G-mean", "pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "kappa": "kappa", "brier": "Brier"}
LABELS: Final = {"waiting": "still waiting", "expired": "expired", "late": "too late", "unknown": "for unknown events",
                 "early": "before their events",
                 "twice": "told twice", "corrected": "corrected", "dropped": "without a label in time",
                 "evicted": "given up for want of room"}  # fmt: skip


def show_summary(story: Story) -> None:
    """Print the summary on standard output, plain where that is no terminal. Raises OutputError."""
    show(lambda console: print_summary(story, console))


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
        ("Whether it learns by heart", "log-loss on new events, on copies and synthetic rows"): _memorised(story),
        ("What was detected", ""): detected(story),
        ("What was done", ""): done(story),
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
    odd = (
        [f"{slipped:,} time{'s' * (slipped != 1)} far before all others left out"]
        if (slipped := story.span.slipped)
        else []
    )
    if ahead := story.summary.get("clamped"):
        odd.append(f"{ahead:,} event{'s' * (ahead != 1)} absurdly ahead taken for the stream's own time (time.ahead)")
    classes = len(story.schema.class_names)
    return Group(
        Text(f" {', '.join(names[:3])}{more}", "bold"),
        Text(f" {told}"),
        *_ignored(story),
        *(Text(f" {line}", "yellow") for line in odd),
        Text.assemble((f" {story.positive}", ACCENT), (f" is the positive class of {classes} · {story.labels}", QUIET)),
        Text(f" {_model(story)}", QUIET),
    )


def _ignored(story: Story) -> Iterator[RenderableType]:
    """What the rows hold beside what the schema names: perhaps a feature was renamed."""
    fields: dict[str, int] = story.summary.get("ignored_fields", {})
    if fields:
        shown = [f"{name} ({rows:,} row{'s' * (rows != 1)})" for name, rows in list(fields.items())[:IGNORED_SHOWN_MAX]]
        more = f" and {len(fields) - len(shown)} more" if len(fields) > len(shown) else ""
        yield Text(f" left out, as the schema does not name it: {', '.join(shown)}{more}", QUIET)


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
    table = grid("class", ">share", ">events", ">recall", "", ">precision", "", ">F1", "", give_up=(8, 1, 7, 6, 4, 2))
    shown = sorted(classes, key=lambda c: (c != story.positive, classes[c]["support"]))
    for name in shown[:CLASSES_SHOWN_MAX]:
        told = classes[name]
        cells: list[Cell] = [Text(name, ACCENT if name == story.positive else "")]
        cells += [percent(told["support"] / total if total else None), f"{told['support']:,}"]
        for metric in ("recall", "precision", "f1"):
            cells += _estimate(told[metric])
        table.add_row(*cells)
    parts: list[RenderableType] = [Text(covered_whole(story.summary), QUIET), table]
    if len(shown) > CLASSES_SHOWN_MAX:
        parts.append(Text(f"and {len(shown) - CLASSES_SHOWN_MAX} more classes: --json tells all", QUIET))
    return Group(*parts, Text(""), _overall(story.summary["metrics"]))


def _memorised(story: Story) -> RenderableType | None:
    """Whether copies and synthetic rows are learned by heart: far surer on them than on new events of their class."""
    memorised: dict[str, Any] = story.summary["samples"]["memorised"]
    if not memorised:
        return None
    table = grid("", ">new", ">made", ">ratio")
    for name, (new, made, ratio) in list(memorised.items())[:CLASSES_SHOWN_MAX]:
        table.add_row(f"of {name}", rate(new), rate(made), Text(DASH if ratio is None else f"{ratio:.2f}", "bold"))
    return table


def _overall(metrics: dict[str, Any]) -> RenderableType:
    """A line a metric: of the whole run, and the mean of its windows, as the field reports it."""
    table = grid("", ">whole run", "", ">mean of windows", "")
    for name, title in OVERALL.items():
        if name in metrics:
            windowed = _estimate(metrics[f"windowed_{name}"]) if f"windowed_{name}" in metrics else ["", ""]
            table.add_row(title, *_estimate(metrics[name]), *windowed)
    return table


def _estimate(estimate: Any) -> list[Cell]:
    return [Text(rate(value_of(estimate)), "bold"), Text(interval(estimate), QUIET)]


def _moved(story: Story, width: int) -> RenderableType | None:
    tracks = story.trajectories
    rows = {
        f"share of {story.positive}": (tracks.share, percent),
        f"recall of {story.positive}": (tracks.recall, rate),
        f"threshold of {story.positive}": (tracks.threshold, rate),
    }
    name_width = min(NAME_WIDTH_MAX, max(map(cell_len, rows)))
    table = grid("", "", ">lowest", ">highest", ">at the end", give_up=(2, 3, 1))
    table.columns[0].width_max = name_width
    drawn = 0
    for title, (moved, told) in rows.items():
        points = moved.points()
        if len(points) > 1:
            drawn += 1
            line = Text(sparkline(points, max(SPARK_WIDTH_MIN, width - name_width - NUMBERS_WIDTH)), ACCENT)
            table.add_row(title, line, told(moved.low), told(moved.high), told(moved.last))
    return table if drawn else None


def _objectives(story: Story) -> RenderableType | None:
    objectives: dict[str, Any] = story.summary["objectives"]
    if all(told.get("value") is None for told in objectives.values()):
        return None
    daily, costs = story.schema.has_time, story.summary["queue"]["cost"] is not None
    column, title = ("cost", ">cost") if costs else ("value", ">its value")
    forced = in_force(story.summary, value=column)
    table = grid(
        "", ">threshold", title, ">recall", ">precision", *([">alerts/day"] if daily else []), give_up=(2, 5, 4)
    )
    table.columns[0].width_max = OBJECTIVE_WIDTH_MAX
    for name, told in (forced | objectives).items():
        chosen = name in forced or (not forced and name == story.objective)
        cells = [
            f"{name} (chosen)" if chosen and not forced else name,
            rate(told.get("threshold")),
            short(told.get(column)),
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
    for metric, (title, said) in told.items():
        cells: list[Cell] = [title]
        for estimate in (recent[metric], whole[metric]) if last else (whole[metric],):
            cells += [Text(said(value_of(estimate)), "bold"), Text(_between(estimate, said), QUIET)]
        table.add_row(*cells)
    return table


def _between(estimate: Any, said: Callable[[float | None], str]) -> str:
    return interval(estimate) if said is rate or not interval(estimate) else DASH.join(map(said, estimate[1:]))


def _false_alarms(story: Story) -> RenderableType | None:
    found: list[dict[str, Any]] = story.summary["false_positives"]
    if not found:
        return None
    table = grid("", ">of false alarms", ">of events", ">precision")
    table.columns[0].width_max = RANGE_WIDTH_MAX
    for row in found[:RANGES_SHOWN_MAX]:
        shares = percent(row["false_positive_share"]), percent(row["event_share"])
        table.add_row(Text(row["range"]), *shares, rate(row["precision"]))
    return table


def _labels(story: Story) -> RenderableType:
    labels: dict[str, int] = story.summary["labels"]
    notes = [Text(note, "yellow") for note in story.summary.get("notes", []) if note.startswith((LOST, ONE_CLASS))]
    parts = [f"{labels[name]:,} {title}" for name, title in LABELS.items() if labels.get(name)]
    learned = f"{story.summary['learned']:,} learned"
    return Group(Text(", ".join([learned, *parts])), *notes)


def _refused(story: Story) -> RenderableType | None:
    rejected: dict[str, int] = story.summary["rejected"]
    if not rejected:
        return None
    table = grid("", ">", "", header=False, words=(2,))
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
    compiling = story.summary.get("compile_seconds") or 0.0
    if compiling >= COMPILING_TOLD_MIN:
        told += f", {seconds(compiling)} of it compiling (first use on this machine); without that"
    line = Text(told + (f", {round_rate(fast)} a second" if fast else ""), QUIET)
    early = " cut short by an output that cannot be written" if story.failure else " interrupted"
    stopped = story.failure or story.interrupted
    return Group(Text(f"{early}: this is the summary so far", "yellow"), line) if stopped else line
