"""The section of a report on which features carry the positive class, and what changed across a drift."""

from __future__ import annotations

from streamimb.reporting.folder import RunFolder
from streamimb.reporting.html import Child, el


def carried(run: RunFolder) -> list[Child]:
    """Permutation importance at the end of the run, and before and after its drifts."""
    if run.importance is None:
        return [el("p", "The run holds no importance of features.", class_="quiet")]
    return []
