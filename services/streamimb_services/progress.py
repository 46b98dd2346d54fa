"""A bar on standard error while a stream is replayed, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streamimb.kernel import on_first_compile
from streamimb_services.exits import note
from streamimb_services.visible import visible


class ReplayProgress:
    """Events, rate, time left and how many of the positive class were seen; silent where nobody looks."""

    def __init__(self, positive: str, *, shown: bool | None = None, title: str = "replaying") -> None:
        console = Console(stderr=True)
        self._shown = console.is_terminal if shown is None else shown
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self._shown,
        )
        self._positive = visible(positive)
        self._task = self._progress.add_task(visible(title), total=None, told="")
        self._finished = False
        self._compiler = on_first_compile(self._compiling)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished = True
        self._compiler.end()
        self._progress.stop()

    @property
    def compiled(self) -> float:
        """Seconds that went into compiling so far."""
        return self._compiler.seconds

    def _compiling(self) -> None:
        if self._finished:
            return
        message = "compiling (first use of these parts on this machine)..."
        if self._shown:
            self._progress.console.print(message)
        else:
            note(message)

    def update(self, done: int, total: int | None, *, events: int, positives: int, seconds: float) -> None:
        """Redraw with bytes done of total (None: unknown), events so far and the seconds they took."""
        if not self._shown:
            return
        rate = f"{events / seconds:,.0f}/s" if seconds > 0 else ""
        told = f"{events:,} events  {rate}  {positives:,} {self._positive}"
        self._progress.update(self._task, completed=done, total=total or None, told=told)


@contextmanager
def counted(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work of known size, told as (done, total); silent where nobody looks."""
    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not console.is_terminal,
    )
    task = bar.add_task(title, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
