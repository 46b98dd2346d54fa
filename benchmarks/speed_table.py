"""What the speed benchmark is told in: cases timed in turns on one core, rows, a table that is also Markdown."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Makes ready what is then timed.
Case = Callable[[], Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One line of the table; ``met`` is None where nothing is aimed at."""

    group: str
    what: str
    events_per_second: float | None
    microseconds: float
    ratio: float | None = None
    beside: str = ""
    aim: str = ""
    met: bool | None = None


def rounds(cases: dict[str, tuple[int, Case]], repeats: int) -> dict[str, list[float]]:
    """Microseconds an event of each round. A case: its events, and what makes ready a run that is then timed."""
    for _, ready in cases.values():
        ready()()  # compiles, warms up
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, (n, ready) in cases.items():
            run = ready()
            start = time.process_time()
            run()
            taken[name].append((time.process_time() - start) / n * 1e6)
    return taken


def row(
    group: str,
    what: str,
    taken: dict[str, list[float]],
    beside: str = "",
    *,
    at_least: float | None = None,
    ratio_max: float | None = None,
) -> Row:
    """A case's line: its speed, and its time over that of another."""
    each = statistics.median(taken[what])
    ratio = statistics.median(a / b for a, b in zip(taken[what], taken[beside], strict=True)) if beside else None
    aim, met = "", None
    if at_least is not None:
        aim, met = f"{at_least:,.0f}/s", 1e6 / each >= at_least
    if ratio is not None and ratio_max is not None:
        aim, met = f"time x{ratio_max:.2f}", ratio <= ratio_max
    return Row(group, what, 1e6 / each, each, ratio, beside, aim, met)


HEAD = ("what", "events/s", "µs/event", "time, beside", "aim", "met")
WIDTHS = (44, 12, 9, 52, 12, 3)


def line(cells: tuple[str, ...]) -> str:
    """A line of a table that is also Markdown."""
    sides = [f"{c:>{w}}" if i in (1, 2) else f"{c:<{w}}" for i, (c, w) in enumerate(zip(cells, WIDTHS, strict=True))]
    return f"| {' | '.join(sides)} |"


def told(row: Row) -> tuple[str, ...]:
    """The cells of a row."""
    rate = "" if row.events_per_second is None else f"{row.events_per_second:,.0f}"
    beside = "" if row.ratio is None else f"x{row.ratio:.2f} of {row.beside.strip()}"
    met = {None: "", True: "yes", False: "NO"}[row.met]
    return row.what, rate, f"{row.microseconds:.3f}", beside, row.aim, met


@contextlib.contextmanager
def one_core() -> Iterator[str]:
    """Pin this process to one core where the system can; which one."""
    if not hasattr(os, "sched_setaffinity"):
        yield "any core"
        return
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield f"core {core}"
    finally:
        os.sched_setaffinity(0, before)
