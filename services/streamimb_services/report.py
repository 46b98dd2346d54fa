"""A run's folder as one HTML file."""

from __future__ import annotations

from pathlib import Path

from streamimb.reporting.folder import read_folder
from streamimb.reporting.page import run_page
from streamimb.sinks.atomic import write_whole
from streamimb_services.outputs import RUN_FILES, refuse_other_than_page


def write_report(folder: Path, output: Path) -> None:
    """Write the report of a run.

    Raises InputError for a folder that holds none, OutputError where it cannot be, and a usage error where it would
    replace a file of the run, or one that is no page.
    """
    refuse_other_than_page(output, "--output", owned=[folder / name for name in RUN_FILES])
    write_whole(output, run_page(read_folder(folder)))
