"""A run's folder as one HTML file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from streamimb.reporting.folder import read_folder
from streamimb.reporting.page import run_page
from streamimb.sinks.atomic import write_whole
from streamimb_services.exits import note
from streamimb_services.outputs import RUN_FILES, refuse_other_than_page


def write_report(folder: Path, output: Path) -> None:
    """Write the report of a run, and say where.

    Raises InputError for a folder that holds none, OutputError where it cannot be, and a usage error where it would
    replace a file of the run, or one that is no page.
    """
    refuse_other_than_page(output, "--output", owned=[folder / name for name in RUN_FILES])
    write_whole(output, run_page(read_folder(folder)))
    note(f"the report is in {output}")


def report_beside(folder: Path | None, output: Path | None) -> Callable[[], None]:
    """What writes the report of a run once there is one; whether it may be written there is asked at once.

    Raises a usage error where it may not, or where no run is kept.
    """
    if output is None:
        return lambda: None
    if folder is None:
        raise typer.BadParameter("a report is made of a run's folder: name one with --run", param_hint="--report")
    refuse_other_than_page(output, "--report", owned=[folder / name for name in RUN_FILES])
    return lambda: write_report(folder, output)
