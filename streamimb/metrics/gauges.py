"""How a pipeline stands at the moment, read cheaply after every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

#: Measured with intervals every ``evaluation.every`` events and some seconds, over the window of the rarest class.
CLASS_GAUGES: Final = ("recall", "precision", "f1")
OVERALL: Final = ("g_mean", "kappa", "pr_auc", "roc_auc", "brier")
MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Reading:
    """One pipeline's gauges.

    rows: metric and window (or None) of each row of ``values``, float64 (rows, K); waiting: events that wait for a
    label, the oldest for ``oldest`` seconds (NaN where none does, or the stream has no times).
    """

    rows: tuple[tuple[str, str | None], ...]
    values: NDArray[np.float64]
    waiting: int
    oldest: float
    positives: int
    frozen: bool
    pinned: bool


def read(pipeline: Pipeline) -> Reading:
    """The pipeline's gauges now."""
    windows, plan = pipeline.windows, pipeline.controller.plan
    rows: list[tuple[str, str | None]] = [("class_ratio", name) for name in windows.names]
    values = [windows.shares(name) for name in windows.names]
    rows += [(name, None) for name in ("class_ratio_reference", "trained_class_ratio", "class_weight")]
    rows.append(("decision_threshold", None))
    values += [pipeline.reference, plan.trained_shares, plan.weights, plan.thresholds]
    store, k = pipeline.store, pipeline.schema.positive
    oldest = store.oldest_waiting()
    return Reading(
        rows=tuple(rows),
        values=np.array(values),
        waiting=store.counts()["waiting"],
        oldest=np.nan if oldest is None or not pipeline.schema.has_time else (store.watermark - oldest) / MICROSECONDS,
        positives=int(windows.counts("rarest")[k]),
        frozen=pipeline.book.frozen,
        pinned=pipeline.controller.pinned is not None,
    )
