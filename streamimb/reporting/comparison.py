"""The page of a comparison: which run is better, by how much, whether that can be told, and when it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamimb.evaluation.compare import Comparison, Difference
from streamimb.reporting import happened
from streamimb.reporting.charts import LINES_MAX, Line, over_stream
from streamimb.reporting.figures import UNDEFINED, percent, rate, short
from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, Markup, el, table
from streamimb.reporting.measured import Floats
from streamimb.reporting.over_time import across_of, stretches_told
from streamimb.reporting.page import document


@dataclass(frozen=True, slots=True)
class Side:
    """Two or more runs side by side.

    metrics: name -> title, in the order shown; judged_by: the metrics that verdicts are told of, of decisions and of
    ranking; inputs, left_out, block: sentences on what was compared.
    """

    runs: Sequence[RunFolder]
    told: Comparison
    metrics: Mapping[str, str]
    judged_by: Sequence[str]
    inputs: str
    left_out: str
    block: str
    notes: Sequence[str]
    interrupted: bool

    @property
    def names(self) -> list[str]:
        """The runs, the best one first."""
        return self.told.ordered(self.judged_by[0])

    @property
    def positive(self) -> str:
        return self.runs[0].positive

    def title(self, metric: str) -> str:
        return self.metrics.get(metric, metric)


def comparison_page(side: Side) -> str:
    """A comparison, a whole HTML document that refers to nothing outside itself."""
    sections: dict[str, tuple[str, list[Child]]] = {
        "differences": ("Every measure", [_values(side), _differences(side)]),
        "course": ("Over time", [_courses(side)]),
        "tests": ("Tests of pairs", [_mcnemar(side), _delong(side)]),
        "made": ("What they ran with", _ran_with(side)),
    }
    return document(f"{', '.join(side.names)} on {side.inputs}", _head(side), sections)


def _head(side: Side) -> list[Child]:
    told, schema = side.told, side.runs[0].schema
    positives = told.support[schema.positive]
    verdicts = [
        el("p", sentence, class_="lead")
        for metric in side.judged_by for sentence in told.sentences(metric, side.title(metric))
    ]  # fmt: skip
    facts = (
        f"{told.events:,} events, of them {positives:,} {side.positive} ({percent(positives / told.events)})."
        f" Intervals of {100 * told.confidence:g} %, from {told.replicates:,} draws of blocks of {side.block}."
    )
    return [
        el("h1", f"{', '.join(side.names)} on {side.inputs}"),
        el("p", facts, class_="quiet"),
        el("p", side.left_out, class_="quiet") if side.left_out else None,
        el("p", "Interrupted: only the events that all runs have seen are compared.", class_="alert")
        if side.interrupted else None,
        [el("p", note, class_="alert") for note in side.notes],
        verdicts,
    ]  # fmt: skip


def _figure(value: float) -> str:
    if math.isnan(value) or value == 0 or 0.01 <= abs(value) < 10:
        return rate(value)
    return short(value)


def _bounds(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{_figure(low)} to {_figure(high)}"


def _p(p: float) -> str:
    if math.isnan(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _values(side: Side) -> Markup:
    told = side.told
    rows: list[list[Child]] = []
    for metric, title in side.metrics.items():
        clear = {d.better for d in told.against_best(metric)}
        cells: list[Child] = [title]
        for name in side.names:
            value, low, high = told.values[metric][name]
            shown = el("b", _figure(value)) if clear == {name} else _figure(value)
            cells.append(
                [shown, el("span", f" ({_bounds(low, high)})", class_="quiet") if _bounds(low, high) else None]
            )
        rows.append(cells)
    caption = "Each run's values; bold where it is better than every other one"
    return table(["measure", *side.names], rows, caption=caption, numbers=range(1, len(side.names) + 1))


def _differences(side: Side) -> list[Child]:
    """The best run in each measure held against each other."""
    told = side.told
    rows: list[list[Child]] = []
    for metric, title in side.metrics.items():
        best = told.ordered(metric)[0]
        rows += [[title, best, d.b, *_difference(d)] for d in told.against_best(metric)]
    head = ["measure", "best", "held against", "difference", "interval", "p, corrected", "can it be told?"]
    note = "p-values are corrected for all pairs of runs by Holm's method; differences are best less other."
    return [el("h3", "Differences"), table(head, rows, numbers=(3, 4, 5)), el("p", note, class_="quiet")]


def _difference(d: Difference) -> list[Child]:
    sign = "+" if d.value > 0 else ""
    told = el("b", f"yes: {d.better}") if d.better is not None else "no"
    return [f"{sign}{_figure(d.value)}", _bounds(d.low, d.high), _p(d.p_adjusted), told]


def _courses(side: Side) -> Markup:
    """Both runs' courses over the same stretches of the stream."""
    by_name = {run.name: run for run in side.runs}
    runs = [by_name[name] for name in side.names][:LINES_MAX]
    k, positive = runs[0].schema.positive, side.positive
    across = replace(across_of(runs[0], runs[0].measured.at), marks=())
    series: dict[str, Callable[[RunFolder], Floats]] = {
        f"Recall of {positive}": lambda run: run.measured.rates(k)[0],
        f"Precision of {positive}": lambda run: run.measured.rates(k)[1],
        "G-mean": lambda run: run.measured.g_mean(),
        "PR-AUC": lambda run: run.measured.pr_auc(),
    }
    charts = [
        over_stream(
            title, stretches_told(runs[0]) + ".", across, [_line(run, of(run), across.x) for run in runs], span=(0, 1)
        )
        for title, of in series.items()
    ]
    return el("div", charts, class_="grid2")


def _line(run: RunFolder, values: Floats, x: Floats) -> Line:
    """A run's values at the first one's places: the same stretches, unless one of them was cut short."""
    if len(values) == len(x):
        return Line(run.name, values[:, 0], values[:, 1], values[:, 2])
    known = np.isfinite(values[:, 0])
    if not known.any():
        return Line(run.name, np.full(len(x), np.nan))
    at = run.measured.at[known]
    moved = np.interp(x, at, values[known, 0], left=np.nan, right=np.nan)
    return Line(f"{run.name} (between its own stretches)", moved)


def _mcnemar(side: Side) -> list[Child]:
    told, names = side.told, side.runs[0].schema.class_names
    rows: list[list[Child]] = []
    for (a, b), tests in told.mcnemar.items():
        for k in (None, side.runs[0].schema.positive):
            if k in tests:
                test = tests[k]
                of = "all events" if k is None else names[k]
                rows.append([of, a, b, f"{test.a_only:,}", f"{test.b_only:,}", _p(test.p_adjusted)])
    head = ["events", "run a", "run b", "right only by a", "right only by b", "p, corrected"]
    note = (
        "McNemar's mid-p test takes events as independent; where mistakes come in bursts, trust the differences above."
    )
    return [el("h3", "McNemar: events that only one of two decides rightly"), table(head, rows, numbers=(3, 4, 5)),
            el("p", note, class_="quiet")]  # fmt: skip


def _delong(side: Side) -> list[Child]:
    if not side.told.delong:
        return []
    rows: list[list[Child]] = [
        [a, b, _figure(t.value), _bounds(t.low, t.high), _p(t.p_adjusted)] for (a, b), t in side.told.delong.items()
    ]
    head = ["run a", "run b", "ROC-AUC of a less b", "interval", "p, corrected"]
    return [el("h3", "DeLong: ROC-AUC"), table(head, rows, numbers=(2, 3, 4))]


def _ran_with(side: Side) -> list[Child]:
    return [
        _unlike(side),
        [el("div", el("h3", run.name), happened.ran_with(run)) for run in side.runs],
    ]


def _unlike(side: Side) -> Markup:
    """The lines of their configurations that are not the same in all."""
    keyed = [_keys(run.config) for run in side.runs]
    keys = list(dict.fromkeys(key for each in keyed for key in each))
    rows: list[list[Child]] = [
        [key, *(each.get(key, UNDEFINED) for each in keyed)]
        for key in keys
        if len({each.get(key) for each in keyed}) > 1
    ]
    if not rows:
        return el("p", "Their configurations are the same.")
    return table(["key", *(run.name for run in side.runs)], rows, caption="Where their configurations differ")


def _keys(config: str) -> dict[str, str]:
    """Dotted key -> value, as ``config show`` writes them, a key a line, with its origin behind."""
    found, section = {}, ""
    for line in config.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif " = " in line and not line.startswith("#"):
            key, _, value = line.partition(" = ")
            found[f"{section}.{key}"] = value.rpartition(" # ")[0].strip() or value.strip()
    return found
