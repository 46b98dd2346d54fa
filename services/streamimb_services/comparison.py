"""What a comparison says to a person, in tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate
from pathlib import PurePath
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule

from streamimb.durations import show_duration
from streamimb.evaluation.compare import Difference
from streamimb.evaluation.names import BRIER, F1, LOG_LOSS, MACRO_F1, PR_AUC, PRECISION, RECALL, ROC_AUC
from streamimb.reporting.figures import NOISE, UNDEFINED, interval, percent, rate
from streamimb_services.compare import Compared
from streamimb_services.screen import QUIET, Cell, Text, grid, show
from streamimb_services.summary import ACCENT, OVERALL, WIDTH_MAX

TITLES: Final = OVERALL | {
    MACRO_F1: "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    BRIER: "Brier score",
    LOG_LOSS: "log-loss",
}
#: Of the positive class.
OF_POSITIVE: Final = {RECALL: "recall", PRECISION: "precision", F1: "F1"}
RANKING: Final = PR_AUC
#: Columns of "Every measure" for its names and margins.
MEASURE_WIDTH: Final = 26
NAME_WIDTH_MAX: Final = 18


def show_comparison(found: Compared) -> None:
    """Print the comparison on standard output, plain where that is no terminal."""
    show(lambda console: print_comparison(found, console))


def print_comparison(found: Compared, console: Console) -> None:
    """Print the comparison, at most ``WIDTH_MAX`` columns wide."""
    width = min(console.width, WIDTH_MAX)
    console.print(Group(*_sections(found, width)), width=width)


def _sections(found: Compared, width: int) -> Iterator[RenderableType]:
    yield _head(found)
    several = len(found.runs) > 2
    confidence = f"with {100 * found.told.confidence:g} % intervals"
    if several:
        confidence += ", each by itself; p is corrected for all pairs"
    yield from _section("Decisions", confidence, _family(found, found.primary), _apart(found))
    yield from _section("Ranking", confidence, _family(found, RANKING), *_delong(found))
    aside = "bold where better than all others" if several else "bold where the difference can be told"
    yield from _section("Every measure", aside, _every(found, width))
    if found.interrupted:
        yield Text("")
        yield Text(" interrupted: only the events that all runs have seen are compared", "yellow")


def _section(title: str, aside: str, *bodies: RenderableType) -> Iterator[RenderableType]:
    yield Text("")
    yield Rule(Text.assemble((f" {title}", "bold"), (f"  {aside}", QUIET)), align="left", style=QUIET, characters="─")
    yield from (Padding(body, (0, 1, 0, 2)) for body in bodies)


def _head(found: Compared) -> RenderableType:
    told, aligned = found.told, found.aligned
    positives = told.support[found.schema.positive]
    lines = [
        Text(f" {_listed([run.name for run in found.runs])} on {inputs(found)}", "bold"),
        Text.assemble(
            f" {told.events:,} events, of them {positives:,} ",
            (found.positive, ACCENT),
            f" ({percent(positives / told.events)})",
        ),
        Text(f" {left_out(found)}", QUIET) if aligned.apart + aligned.unlabelled + aligned.differ else None,
        Text(f" {told.replicates:,} draws of blocks of {block(found)}", QUIET),
        *(Text(f" {line}", "yellow") for line in found.notes),
    ]
    return Group(*(line for line in lines if line is not None))


def inputs(found: Compared) -> str:
    """The names of what was replayed."""
    names = list(dict.fromkeys(PurePath(path).name for run in found.runs for path in run.inputs))
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def left_out(found: Compared) -> str:
    """Which events are not compared."""
    aligned = found.aligned
    parts = [
        (aligned.apart, "not in all runs"),
        (aligned.unlabelled, "without a label in all runs"),
        (aligned.differ, "labelled differently in them"),
    ]
    return "left out: " + ", ".join(f"{count:,} {what}" for count, what in parts if count)


def block(found: Compared) -> str:
    """How long the blocks of the bootstrap are."""
    events, span = found.told.block_events, found.aligned.span_us
    told = f"{events:,} events" if events > 1 else "1 event"
    return told if span is None else f"{told}, about {show_duration(round(span * events / found.told.events))} each"


def title_of(found: Compared, metric: str) -> str:
    """A metric's name for people; an objective of the user's own is called as it was written."""
    if metric in OF_POSITIVE:
        return f"{OF_POSITIVE[metric]} of {found.positive}"
    return TITLES.get(metric, metric)


def _family(found: Compared, metric: str) -> RenderableType:
    """The runs from the best down in the metric that a family is judged by, and the verdict."""
    told = found.told
    best, *_ = told.ordered(metric)
    behind = {d.b: d for d in told.against_best(metric)}
    less = metric in told.less_is_better
    table = grid("", f">{title_of(found, metric)}", "", ">above the best" if less else ">below the best", "", ">p")
    for name in told.ordered(metric):
        estimate = told.values[metric][name]
        cells = [_name(name, ACCENT if name == best else ""), Text(_value(estimate[0]), "bold")]
        cells += [Text(_bounds(estimate), QUIET)]
        table.add_row(*cells, *(_behind(behind[name]) if name in behind else ["", "", ""]))
    sentences = told.sentences(metric, title_of(found, metric))
    return Group(table, Text(""), *(Text(sentence, overflow="fold") for sentence in sentences))


def _behind(d: Difference) -> list[Cell]:
    away = (d.value, d.low, d.high) if d.value > 0 else (abs(d.value), -d.high, -d.low)
    return [_value(away[0]), Text(_bounds(away), QUIET), _p(d.p_adjusted)]


def _apart(found: Compared) -> RenderableType:
    """Events that only one of two runs decides rightly, the best against each other."""
    told, positive = found.told, found.schema.positive
    best, *others = told.ordered(found.primary)
    two = len(others) == 1
    table = grid("right only by", f">{_cut(best)}", f">{_cut(others[0])}" if two else ">the other", ">McNemar's p")
    for other in others:
        forward = (best, other) in told.mcnemar
        tests = told.mcnemar[(best, other) if forward else (other, best)]
        for k in (None, positive):
            if k in tests:
                test = tests[k]
                counts = (test.a_only, test.b_only) if forward else (test.b_only, test.a_only)
                of = "all events" if k is None else found.positive
                told_of = Text.assemble("" if two else f"{_cut(other)}: ", (of, ACCENT if k == positive else ""))
                table.add_row(told_of, *(f"{count:,}" for count in counts), _p(test.p_adjusted))
    return Padding(table, (1, 0, 0, 0))


def _delong(found: Compared) -> Iterator[RenderableType]:
    """Of two classes, the other ranking metric with the test that is made for it."""
    told = found.told
    if not told.delong:
        return
    best = told.ordered(ROC_AUC)[0]
    table = grid("ROC-AUC", ">", f">below {_cut(best)}", "", ">p", ">DeLong's p")
    for d in told.against_best(ROC_AUC):
        test = told.delong[(d.a, d.b) if (d.a, d.b) in told.delong else (d.b, d.a)]
        value = Text(_value(told.values[ROC_AUC][d.b][0]), "bold")
        table.add_row(_cut(d.b), value, *_behind(d), _p(test.p_adjusted))
    yield Padding(table, (1, 0, 0, 0))


def _every(found: Compared, width: int) -> RenderableType:
    told = found.told
    shown = _side_by_side(told.ordered(found.primary), width)
    two = len(found.runs) == 2
    table = grid("", *(f">{_cut(name)}" for name in shown), *([">difference", "", ">p"] if two else []))
    for metric in metrics(found):
        best = told.ordered(metric)[0]
        clear = all(d.better == best for d in told.against_best(metric))
        values = [Text(_value(told.values[metric][n][0]), "bold" if clear and n == best else "") for n in shown]
        cells: list[Cell] = [title_of(found, metric), *values]
        if two:
            d = told.between(metric, *shown)
            cells += [_signed(d.value), Text(_bounds((d.value, d.low, d.high)), QUIET), _p(d.p_adjusted)]
        table.add_row(*cells)
    more = len(found.runs) - len(shown)
    return Group(table, Text(f"and {more} more: --json tells all", QUIET)) if more else table


def _side_by_side(names: list[str], width: int) -> list[str]:
    """As many runs as have room, two at least."""
    ends = accumulate(len(_cut(name)) + 1 for name in names)
    return names[: max(2, sum(end <= width - MEASURE_WIDTH for end in ends))]


def metrics(found: Compared) -> list[str]:
    """Decisions first, scores last; the macro-F1 of two classes is no one's question."""
    told = found.told
    of_positive = [RECALL, PRECISION, F1]
    scores = [PR_AUC, ROC_AUC, BRIER, LOG_LOSS]
    rest = [m for m in told.values if m not in (*of_positive, *scores)]
    if found.schema.n_classes == 2:
        rest.remove(MACRO_F1)
    return [*of_positive, *rest, *scores]


def _name(name: str, style: str) -> Text:
    return Text(_cut(name), style)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH_MAX else f"{name[: NAME_WIDTH_MAX - 1]}…"


def _value(value: float) -> str:
    return rate(value) if math.isnan(value) or abs(value) < NOISE or abs(value) >= 0.01 else f"{value:.2g}"


def _signed(value: float) -> str:
    return UNDEFINED if math.isnan(value) else f"{'+' if value > NOISE else ''}{_value(value)}"


def _bounds(estimate: tuple[float, ...]) -> str:
    value, low, high = estimate
    if low == high == 0:
        return ""
    if math.isnan(low) or abs(high - low) >= 0.002:
        return interval([value, low, high])
    return f"{low:.1g} to {high:.1g}"


def _p(p: float) -> str:
    if math.isnan(p):
        return UNDEFINED
    return "<.001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)
