"""How things stand at the moment, read from the metrics, so that the page says what a scrape says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.metrics.values import Values
from streamimb.outcome import Metric
from streamimb.serving.columns import SUFFIXES, WINDOW

OVERALL: Final = ("g_mean", "pr_auc", "kappa", "brier", "window_positives", "pending_labels", "checkpoint_bytes")
OF_CLASS: Final = {
    "reference": "class_ratio_reference", "trained": "trained_class_ratio", "weight": "class_weight",
    "threshold": "decision_threshold",
}  # fmt: skip
#: Measured rows of labels, by what they are told as.
OF_LABELS: Final = {"pending_labels": "waiting", "labelled_until": "until"}
MICROSECONDS: Final = 1e6
#: A delay of a second that held nobody's 99th percentile is told by the bucket's bound that lies above it.
TAIL: Final = 0.99


class Pulse:
    """What changed between two beats: events a second, microseconds an event, seconds of delay, records behind."""

    def __init__(self, values: Values, clock: Callable[[], float]) -> None:
        self._values, self._clock = values, clock
        self.rate = self.event_us = self.delay_s = self.lag = math.nan
        self._before = self._read()
        self._delays = self._delay_counts()

    def beat(self) -> None:
        """Compare with the beat before."""
        now, delays = self._read(), self._delay_counts()
        seconds, events, spent = (a - b for a, b in zip(now, self._before, strict=True))
        if seconds <= 0:
            return
        if self._before[1]:  # the first events come together with compiling: that is no pace
            self.rate = events / seconds
            self.event_us = MICROSECONDS * spent / events if events else math.nan
        self.delay_s = self._tail(delays - self._delays)
        lags = [lag for lag in dict(self._values.numbers["consumer_lag_records"]).values() if not math.isnan(lag)]
        self.lag = sum(lags) if lags else math.nan
        self._before, self._delays = now, delays

    def _read(self) -> tuple[float, float, float]:
        numbers = self._values.numbers
        return self._clock(), numbers["events_consumed_total"][()], numbers["loop_seconds_total"][("process",)]

    def _delay_counts(self) -> NDArray[np.int64]:
        return self._values.histograms["event_delay_seconds"][()].counts.copy()

    def _tail(self, counts: NDArray[np.int64]) -> float:
        total = int(counts.sum())
        if not total:
            return math.nan
        bounds = self._values.histograms["event_delay_seconds"][()].bounds
        bucket = int(np.searchsorted(counts.cumsum(), TAIL * total))
        return float(bounds[min(bucket, len(bounds) - 1)])


def standing(values: Values, classes: Sequence[str], positive: str, pulse: Pulse, wall: float) -> dict[str, Any]:
    """Everything that the page shows as a number, under the metrics' names; undefined is NaN."""
    numbers = values.numbers
    told: dict[str, Any] = {name: numbers[name].get((), math.nan) for name in OVERALL}
    shares = {name: numbers["class_ratio"].get((name, WINDOW), math.nan) for name in classes}
    known = {name: share for name, share in shares.items() if not math.isnan(share)}
    saved = numbers["last_checkpoint_timestamp_seconds"][()]
    return {
        **told,
        "wall": wall,
        "classes": [_of_class(values, name, shares[name]) for name in classes],
        "minority": min(known, key=known.__getitem__) if known else positive,
        "rate": pulse.rate, "event_us": pulse.event_us, "delay_s": pulse.delay_s, "lag": pulse.lag,
        "role": next((role for (role,), on in numbers["role"].items() if on), ""),
        "checkpoint_age_s": max(wall - saved, 0.0),
        "frozen": numbers["learning_frozen"][()] > 0, "pinned": numbers["threshold_pinned"][()] > 0,
        "consumed": numbers["events_consumed_total"][()],
        "rejects": {reason: n for (reason,), n in numbers["events_rejected_total"].items() if n},
    }  # fmt: skip


def measured(rows: Sequence[Metric]) -> dict[str, float]:
    """Of which events the last of the measured rows tell: ``position`` where they were measured, how many labelled
    ``events`` are in their window, ``until`` when (NaN for unknown), and how many were ``waiting`` for a label then.
    """
    told = {"position": float(rows[-1].position), "events": 0.0, "until": math.nan, "waiting": 0.0}
    for row in rows:
        if row.metric == "g_mean" and row.window == WINDOW:
            told["events"] = float(row.support)
        elif row.metric in OF_LABELS:
            told[OF_LABELS[row.metric]] = row.value
    return told


def together(units: Sequence[dict[str, float]]) -> dict[str, float] | None:
    """The same of all units: sums, and the earliest ``until``; None where nothing was measured."""
    if not units:
        return None
    told = {key: sum(unit[key] for unit in units) for key in ("position", "events", "waiting")}
    return {**told, "until": min((unit["until"] for unit in units), key=lambda t: math.inf if math.isnan(t) else t)}


def _of_class(values: Values, name: str, share: float) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "share": share}
    told |= {key: values.numbers[metric].get((name,), math.nan) for key, metric in OF_CLASS.items()}
    for metric in ("recall", "precision"):
        told[metric] = [values.numbers[metric + suffix].get((name,), math.nan) for suffix in SUFFIXES]
    return told
