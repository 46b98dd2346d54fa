"""Standard output as people read it: plain where it is no terminal, and tables that never cut a number."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text as Plain

from streamimb_services.exits import write
from streamimb_services.visible import visible

QUIET: Final = "bright_black"
#: Columns of what is written where there is no terminal to ask.
PIPED_WIDTH: Final = 100
#: A column of words is cut to no less than this before another column is given up.
CUT_WIDTH_MIN: Final = 12


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
    console = Console(file=held, highlight=False, markup=False, emoji=False)  # names are nothing but names
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    print_on(console)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # tests put other streams there
    text = held.getvalue()
    if not console.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    write(text)


class Text(Plain):
    """Text that may hold names of others: rich reads no markup in it, and a terminal nothing that it would obey."""

    def __init__(self, text: str = "", style: str = "", **options: Any) -> None:
        super().__init__(visible(text), style, **options)

    def append(self, text: Plain | str, style: Any = None) -> Self:
        """Add more, a style to it."""
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self


Cell = str | Plain


@dataclass(slots=True)
class Column:
    """A column of a Grid: numbers stand to the right; words may be cut, and are never wider than ``width_max``."""

    title: str
    right: bool
    words: bool
    width_max: int | None = None


class Grid:
    """A table without lines. Where the width is too small, words are cut, then whole columns given up.

    words: columns that may be cut, the first by default; give_up: columns that may be left out, those that say least
    first; by default all but the first, from the right.
    """

    def __init__(
        self, titles: Sequence[str], *, header: bool = True, words: Sequence[int] = (0,), give_up: Sequence[int] = ()
    ) -> None:
        self.columns = [Column(t.lstrip(">"), t.startswith(">"), i in words) for i, t in enumerate(titles)]
        self._header, self._give_up = header, list(give_up) or list(range(len(titles) - 1, 0, -1))
        self._rows: list[tuple[tuple[Plain, ...], str]] = []

    def add_row(self, *cells: Cell, style: str = "") -> None:
        """Add a line, a cell a column."""
        self._rows.append((tuple(map(_text, cells)), style))

    def _width(self, i: int) -> int:
        column = self.columns[i]
        widest = max([cell_len(column.title) if self._header else 0, *(cell_len(c[i].plain) for c, _ in self._rows)])
        return widest if column.width_max is None else min(widest, column.width_max)

    def fit(self, width: int) -> dict[int, int]:
        """The columns that are shown, with their widths."""
        widths = {i: self._width(i) for i in range(len(self.columns))}
        for given_up in [None, *self._give_up]:
            widths.pop(given_up, None)  # type: ignore[arg-type]  # None is in no table
            cut = {i: w - min(w, CUT_WIDTH_MIN) for i, w in widths.items() if self.columns[i].words}
            over = sum(widths.values()) + len(widths) - 1 - width
            if over <= sum(cut.values()):
                break
        for i in sorted(cut, key=lambda i: -widths[i]):
            taken = min(cut[i], max(over, 0))
            widths[i], over = widths[i] - taken, over - taken
        return widths

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self.fit(options.max_width)
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=self._header, header_style=QUIET)
        for i, width in widths.items():
            justify = "right" if self.columns[i].right else "left"
            table.add_column(Text(self.columns[i].title), justify=justify, no_wrap=True, width=width)  # type: ignore[arg-type]
        for cells, style in self._rows:
            table.add_row(*(cells[i] for i in widths), style=style)
        yield table


def _text(cell: Cell) -> Plain:
    return Text(cell) if isinstance(cell, str) else cell


def grid(*titles: str, header: bool = True, words: Sequence[int] = (0,), give_up: Sequence[int] = ()) -> Grid:
    """A Grid; a title that begins with > is set to the right."""
    return Grid(titles, header=header, words=words, give_up=give_up)
