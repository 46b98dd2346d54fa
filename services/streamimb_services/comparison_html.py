"""What a comparison says as a page: the wiring of the library's."""

from __future__ import annotations

from pathlib import Path

from streamimb.reporting.comparison import Side, comparison_page
from streamimb.sinks.atomic import write_whole
from streamimb_services.compare import Compared
from streamimb_services.comparison import RANKING, block, inputs, left_out, metrics, title_of


def write_comparison(found: Compared, output: Path) -> None:
    """Write a comparison as one HTML file. Raises OutputError where it cannot be written."""
    side = Side(
        runs=found.folders,
        told=found.told,
        metrics={metric: title_of(found, metric) for metric in metrics(found)},
        judged_by=[found.primary, RANKING],
        inputs=inputs(found),
        left_out=left_out(found) if found.aligned.apart + found.aligned.unlabelled + found.aligned.differ else "",
        block=block(found),
        notes=found.notes,
        interrupted=found.interrupted,
    )
    write_whole(output, comparison_page(side))
