"""A run's folder as one HTML file."""

from __future__ import annotations

from pathlib import Path

from streamimb.reporting.folder import read_folder
from streamimb.reporting.page import run_page
from streamimb.sinks.atomic import write_whole


def write_report(folder: Path, output: Path) -> None:
    """Write the report of a run. Raises InputError for a folder that holds none, OutputError where it cannot be."""
    write_whole(output, run_page(read_folder(folder)))
