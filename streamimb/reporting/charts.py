"""Charts as inline SVG: lines with intervals over a stream, curves in the unit square. Each has its table beside it.

Lines differ in colour and in dash, marks in shape, so that nothing depends on telling colours apart; colours are those
of Okabe and Ito 2008 (classes in the style sheet). A line breaks where a value is undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.reporting.axes import Axis, linear
from streamimb.reporting.figures import UNDEFINED, rate
from streamimb.reporting.html import Child, Markup, el, folded, table

#: Points of a line, and marks of a chart, at most; of more marks the latest are drawn.
POINTS_MAX: Final = 128
MARKS_MAX: Final = 400
#: Up to so many drifts are drawn through the whole chart.
THROUGH_MAX: Final = 12
#: Lines of one chart: there are so many colours.
LINES_MAX: Final = 6

#: Places in a chart, and the height of a row of ticks with its name.
WIDTH: Final = 460
HEIGHT: Final = 210
LEFT, RIGHT, TOP, BOTTOM = 50.0, 450.0, 16.0, 180.0
LANE: Final = 27.0
SQUARE: Final = 300
SQUARE_LEFT, SQUARE_RIGHT, SQUARE_TOP, SQUARE_BOTTOM = 48.0, 288.0, 10.0, 250.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """Values (n,) over a chart's x, NaN where undefined, with or without interval; ``steps``: constant until the next.

    ``aside``: drawn thin, as what others are held against.
    """

    name: str
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    steps: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a place of the x axis: a drift, or a mere warning."""

    x: float
    is_drift: bool


@dataclass(frozen=True, slots=True)
class Across:
    """What charts over one stream share: x (n,) of the points, how a place is told, the axis, the marks."""

    x: Floats
    told: Callable[[float], str]
    axis: Axis
    axis_title: str
    marks: Sequence[Mark] = ()

    def place(self, x: float) -> float:
        """Where a place of the stream is drawn."""
        return self.axis.place(x, LEFT, RIGHT)


def over_stream(
    title: str, note: str, across: Across, lines: Sequence[Line], *, told: Callable[[float | None], str] = rate,
    span: tuple[float, float] | None = None, extra: Sequence[tuple[str, Sequence[object]]] = (),
) -> Markup:  # fmt: skip
    """A chart of lines over the stream, or a sentence where there is nothing to draw a line through.

    span: of the y axis, else what the lines need; extra: further columns of its table, (title, a cell a point).
    """
    lines = list(lines)[:LINES_MAX]
    shown = [np.isfinite(line.y).sum() for line in lines]
    if not lines or max(shown) < 2:
        return _nothing(title, "There are too few points to draw: fewer than two windows have a value.")
    axis = linear(*(_span(lines) if span is None else span), lambda v: _bare(told(v)), 6)
    parts: list[Child] = [_frame(axis, across), _marks(across)]
    parts += [_band(across, axis, line, i) for i, line in enumerate(lines) if line.low is not None]
    parts += [_path(across, axis, line, i) for i, line in enumerate(lines)]
    said = "; ".join(_said(line, told) for line in lines)
    svg = el("svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{title}. {said}")
    return el("figure", _caption(title, note), svg, _legend(lines), folded("Table", _rows(across, lines, told, extra)))


def _span(lines: Iterable[Line]) -> tuple[float, float]:
    found = np.concatenate([v for line in lines for v in (line.y, line.low, line.high) if v is not None])
    found = found[np.isfinite(found)]
    low, high = float(found.min()), float(found.max())
    return (0.0 if 0 <= low < 0.5 * high else low), high + 0.05 * (high - low)


def _bare(told: str) -> str:
    """A tick's number without zeros that say nothing."""
    number, space, unit = told.partition(" ")
    if "." in number and "e" not in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number or '0'}{space}{unit}"


def _said(line: Line, told: Callable[[float | None], str]) -> str:
    known = line.y[np.isfinite(line.y)]
    if not len(known):
        return f"{line.name}: undefined throughout"
    low, high, last = (told(float(v)) for v in (known.min(), known.max(), known[-1]))
    return f"{line.name}: from {low} to {high}, {last} at the end"


def _nothing(title: str, why: str) -> Markup:
    return el("figure", _caption(title, ""), el("p", why, class_="quiet"))


def _caption(title: str, note: str) -> Markup:
    return el("figcaption", el("h3", title), el("p", note, class_="quiet") if note else None)


def _num(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _frame(axis: Axis, across: Across) -> Markup:
    parts: list[Child] = []
    for value, told in axis.ticks:
        y = axis.place(value, BOTTOM, TOP)
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=_num(y), y2=_num(y), class_="grid"))
        parts.append(el("text", told, x=LEFT - 6, y=_num(y + 4), text_anchor="end"))
    return el("g", parts, _x_axis(across, BOTTOM), aria_hidden="true")


def _x_axis(across: Across, y: float) -> list[Child]:
    parts: list[Child] = [el("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="axis")]
    for value, told in across.axis.ticks:
        at = across.place(value)
        anchor = "start" if at < LEFT + 20 else "end" if at > RIGHT - 20 else "middle"
        parts.append(el("line", x1=_num(at), x2=_num(at), y1=y, y2=y + 4, class_="axis"))
        parts.append(el("text", told, x=_num(at), y=y + 17, text_anchor=anchor))
    if across.axis_title:
        parts.append(el("text", across.axis_title, x=RIGHT, y=y + 30, text_anchor="end"))
    return parts


def _marks(across: Across) -> Markup:
    """Few drifts as arrows with a line through the chart, many as ticks; warnings as shorter ticks."""
    marks = list(across.marks)[-MARKS_MAX:]
    drifts = [_num(across.place(m.x)) for m in marks if m.is_drift]
    warnings = [_num(across.place(m.x)) for m in marks if not m.is_drift]
    parts: list[Child] = [el("path", d="".join(f"M{x} {TOP - 2}v-4" for x in warnings), class_="warning")]
    if len(drifts) > THROUGH_MAX:
        parts.append(el("path", d="".join(f"M{x} {TOP - 2}v-8" for x in drifts), class_="drifted"))
    else:
        parts.append(el("path", d="".join(f"M{x} {TOP}V{BOTTOM}" for x in drifts), class_="through"))
        parts.append(el("path", d="".join(f"M{x} {TOP - 2}l-3.5 -7h7z" for x in drifts), class_="drift"))
    return el("g", parts, aria_hidden="true") if marks else Markup("")


def lanes(title: str, note: str, across: Across, rows: Sequence[tuple[str, Sequence[Mark]]]) -> Markup:
    """When each of several things happened: a row of ticks each, long for drifts, short for warnings."""
    parts: list[Child] = []
    for i, (name, marks) in enumerate(rows):
        y = 4 + LANE * (i + 1)
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(el("text", name, x=LEFT + 2, y=y - 12))
        for is_drift in (False, True):
            at = [_num(across.place(m.x)) for m in list(marks)[-MARKS_MAX:] if m.is_drift is is_drift]
            d = "".join(f"M{x} {y:g}v{-9 if is_drift else -5}" for x in at)
            parts.append(el("path", d=d, class_="drifted" if is_drift else "warning"))
    bottom = 4 + LANE * len(rows)
    parts.append(el("g", _x_axis(across, bottom)))
    counted: list[list[Child]] = [
        [name, f"{sum(m.is_drift for m in marks):,}", f"{sum(not m.is_drift for m in marks):,}"] for name, marks in rows
    ]
    said = f"{title}. " + "; ".join(
        f"{name}: {drifts} drifts, {warnings} warnings" for name, drifts, warnings in counted
    )
    svg = el("svg", el("g", parts, aria_hidden="true"), viewBox=f"0 0 {WIDTH} {bottom + 26:g}", role="img",
             aria_label=said)  # fmt: skip
    behind = folded("Table", table(["signal", "drifts", "warnings"], counted, numbers=(1, 2)))
    return el("figure", _caption(title, note), svg, behind)


def _runs(*columns: Floats) -> list[list[int]]:
    """Stretches of points where all columns are defined."""
    known = np.logical_and.reduce([np.isfinite(c) for c in columns])
    runs: list[list[int]] = []
    for i, is_known in enumerate(known.tolist()):
        if is_known and i and known[i - 1]:
            runs[-1].append(i)
        elif is_known:
            runs.append([i])
    return runs


def _path(across: Across, axis: Axis, line: Line, i: int) -> Markup:
    parts: list[Child] = []
    places = [across.place(v) for v in across.x.tolist()]
    for run in _runs(line.y):
        points = [(places[j], axis.place(float(line.y[j]), BOTTOM, TOP)) for j in run]
        if len(points) == 1:
            parts.append(el("circle", cx=_num(points[0][0]), cy=_num(points[0][1]), r=2))
            continue
        d = f"M{_num(points[0][0])} {_num(points[0][1])}"
        for x, y in points[1:]:
            d += f"H{_num(x)}V{_num(y)}" if line.steps else f"L{_num(x)} {_num(y)}"
        parts.append(el("path", d=d))
    return el("g", parts, class_=_styled("line", line, i))


def _band(across: Across, axis: Axis, line: Line, i: int) -> Markup:
    assert line.low is not None and line.high is not None
    parts: list[Child] = []
    places = [across.place(v) for v in across.x.tolist()]
    for run in _runs(line.low, line.high):
        upper = [f"{_num(places[j])} {_num(axis.place(float(line.high[j]), BOTTOM, TOP))}" for j in run]
        lower = [f"{_num(places[j])} {_num(axis.place(float(line.low[j]), BOTTOM, TOP))}" for j in reversed(run)]
        parts.append(el("path", d=f"M{'L'.join(upper + lower)}Z"))
    return el("g", parts, class_=f"band c{i}")


def _styled(kind: str, line: Line, i: int) -> str:
    return f"{kind} c{i}{' aside' if line.aside else ''}"


def _legend(lines: Sequence[Line]) -> Markup | None:
    if len(lines) < 2:
        return None
    sample = [el("path", d="M1 5H25") for _ in lines]
    return el("ul", [
        el("li", el("svg", el("g", s, class_=_styled("line", line, i)), viewBox="0 0 26 10", aria_hidden="true"),
           line.name)
        for i, (s, line) in enumerate(zip(sample, lines, strict=True))
    ], class_="legend")  # fmt: skip


def _rows(
    across: Across, lines: Sequence[Line], told: Callable[[float | None], str],
    extra: Sequence[tuple[str, Sequence[object]]],
) -> Markup:  # fmt: skip
    def cell(line: Line, i: int) -> str:
        value = told(float(line.y[i]))
        if line.low is None or line.high is None or not math.isfinite(line.low[i]):
            return value
        return f"{value} ({told(float(line.low[i]))} to {told(float(line.high[i]))})"

    rows: list[list[Child]] = [
        [across.told(x), *(cell(line, i) for line in lines), *(str(column[i]) for _, column in extra)]
        for i, x in enumerate(across.x.tolist())
    ]
    head = [across.axis_title or "time (UTC)", *(line.name for line in lines), *(name for name, _ in extra)]
    return table(head, rows, numbers=range(1, len(head)))


def in_square(
    title: str, note: str, axes: tuple[str, str], curve: Sequence[tuple[float, float]], *,
    diagonal: bool = False, level: float | None = None, dot: tuple[float, float] | None = None,
    intervals: Sequence[tuple[float, float]] = (), details: Markup | None = None,
) -> Markup:  # fmt: skip
    """A curve in the unit square, from left to right.

    diagonal: drawn as what the curve is held against; level: as a horizontal line; dot: the operating point;
    intervals: of each point of the curve, up and down, in which case the points are marked.
    """
    if len(curve) < 2:
        return _nothing(title, "Not defined here: it takes events of two classes, and two different scores.")
    unit = linear(0.0, 1.0, lambda v: f"{v:.1f}".removesuffix(".0"), 6)

    def x(v: float) -> str:
        return _num(unit.place(v, SQUARE_LEFT, SQUARE_RIGHT))

    def y(v: float) -> str:
        return _num(unit.place(v, SQUARE_BOTTOM, SQUARE_TOP))

    parts: list[Child] = [_square_frame(unit, axes)]
    if diagonal:
        parts.append(el("path", d=f"M{x(0)} {y(0)}L{x(1)} {y(1)}", class_="against"))
    if level is not None:
        parts.append(el("path", d=f"M{x(0)} {y(level)}H{x(1)}", class_="against"))
    points = [f"{x(a)} {y(b)}" for a, b in curve]
    parts.append(el("g", el("path", d=f"M{'L'.join(points)}"), class_="line c0"))
    for (a, b), (low, high) in zip(curve, intervals, strict=False):
        parts.append(el("path", d=f"M{x(a)} {y(low)}V{y(high)}", class_="whisker"))
        parts.append(el("circle", cx=x(a), cy=y(b), r=3, class_="point"))
    if dot is not None:
        parts.append(el("circle", cx=x(dot[0]), cy=y(dot[1]), r=5, class_="operating"))
    said = f"{title}. {axes[1]} against {axes[0]}, {len(curve)} points. {note}"
    svg = el("svg", parts, viewBox=f"0 0 {SQUARE} {SQUARE - 8}", role="img", aria_label=said)
    return el("figure", _caption(title, note), svg, details or _curve_table(axes, curve), class_="square")


def _square_frame(unit: Axis, axes: tuple[str, str]) -> Markup:
    parts: list[Child] = []
    for value, told in unit.ticks:
        at = _num(unit.place(value, SQUARE_LEFT, SQUARE_RIGHT))
        up = unit.place(value, SQUARE_BOTTOM, SQUARE_TOP)
        parts.append(el("line", x1=SQUARE_LEFT, x2=SQUARE_RIGHT, y1=_num(up), y2=_num(up), class_="grid"))
        parts.append(el("text", told, x=SQUARE_LEFT - 6, y=_num(up + 4), text_anchor="end"))
        parts.append(el("text", told, x=at, y=SQUARE_BOTTOM + 16, text_anchor="middle"))
    middle = (SQUARE_TOP + SQUARE_BOTTOM) / 2
    parts.append(el("text", axes[0], x=(SQUARE_LEFT + SQUARE_RIGHT) / 2, y=SQUARE_BOTTOM + 34, text_anchor="middle"))
    turned = f"rotate(-90 13 {middle})"
    parts.append(el("text", axes[1], x=13, y=middle, text_anchor="middle", transform=turned))
    return el("g", parts, aria_hidden="true")


#: Rows of a curve's table at most.
CURVE_ROWS_MAX: Final = 25


def _curve_table(axes: tuple[str, str], curve: Sequence[tuple[float, float]]) -> Markup:
    every = max(1, math.ceil(len(curve) / CURVE_ROWS_MAX))
    rows: list[list[Child]] = [[rate(a), rate(b)] for a, b in [*curve[:-1:every], curve[-1]]]
    return folded("Table", table(list(axes), rows, numbers=(0, 1)))


def bar(share: float | None, low: float | None = None, high: float | None = None) -> Markup:
    """A bar of a share between 0 and 1 for a table's cell, with its interval where there is one."""
    if share is None or not math.isfinite(share):
        return el("span", UNDEFINED)
    width = 100 * min(max(share, 0.0), 1.0)
    parts: list[Child] = [el("rect", x=0, y=2, width=_num(width), height=8)]
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        a, b = (100 * min(max(v, 0.0), 1.0) for v in (low, high))
        parts.append(el("path", d=f"M{_num(a)} 6H{_num(b)}", class_="whisker"))
    return el("svg", parts, viewBox="0 0 100 12", class_="bar", aria_hidden="true", preserveAspectRatio="none")
