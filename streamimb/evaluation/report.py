"""From counts to measures: which metric is told of which window, and with what interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import EvaluationConfig
from streamimb.evaluation import intervals, layout, scoring
from streamimb.evaluation.calibration import expected_calibration_error, reliability
from streamimb.evaluation.metrics import overall
from streamimb.evaluation.names import (
    ALL,
    BLOCK_METRICS,
    BRIER,
    CONFUSION_METRICS,
    DECAYED,
    EARLY,
    ECE,
    EVENTS,
    F1,
    F_BETA,
    LOG_LOSS,
    PR_AUC,
    PRECISION,
    RAREST,
    RECALL,
    ROC_AUC,
    SPECIFICITY,
    Measure,
)  # fmt: skip
from streamimb.evaluation.ranking import areas_of_bins

#: Scores that one window is ranked by at most, all classes together: beyond it, the newest events stand for the window.
RANKED_CELLS_MAX: Final = 1 << 20
#: Above so many classes, the metrics of single classes are told of the rarest window only.
CLASSES_TOLD_MAX: Final = 32

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scored:
    """What a window without its events knows: sums of losses (4,), calibration (bins, 4), histogram (P, 2, bins)."""

    sums: NDArray[np.float64]
    calibration: NDArray[np.float64]
    histogram: NDArray[Any]


@dataclass(frozen=True, slots=True)
class View:
    """What a report reads: the evaluation's arrays as :mod:`streamimb.evaluation.layout` lays them out, not copied."""

    config: EvaluationConfig
    seed: int
    setup: NDArray[np.int64]
    labels: NDArray[np.int16]
    scores: NDArray[np.float32]
    spans: dict[str, tuple[int, int]]
    confusions: dict[str, NDArray[Any]]
    sums: NDArray[np.float64]
    calibration: NDArray[np.float64]
    histogram: NDArray[np.int64]
    decayed: Scored
    early_hits: NDArray[np.uint8]
    early_seen: NDArray[np.int64]


def measure(view: View) -> list[Measure]:
    """Per class recall, precision, F1 and specificity and all that is overall, window by window.

    Metrics of a class have Wilson intervals in every window (``decayed``: with the decayed weights as counts, which is
    on the wide side). Of the others, those of ``rarest`` have intervals, and of the rest those that cost nothing: the
    areas', Brier's, log-loss's and the calibration error's.
    """
    out: list[Measure] = []
    for window in (ALL, RAREST, EVENTS, DECAYED):
        C = view.confusions[window]
        first, last = view.spans[window]
        if len(C) <= CLASSES_TOLD_MAX or window == RAREST:
            out += _of_classes(C, window, view.config)
        found = _of_confusion(C, view, with_intervals=window == RAREST)
        found |= _of_window(view, window) if window in (RAREST, EVENTS) else _of_histogram(view, window)
        out += [Measure(name, None, window, *value, last - first) for name, value in found.items()]
    return out + _early(view)


def totals(view: View) -> dict[str, Any]:
    """The whole run, every value as [value, low, high], NaN where undefined.

    ``classes``: {code: {support, recall, precision, f1, f_beta}}; ``metrics``: {name: ...}, those named ``windowed_``
    being means over the consecutive windows of ``window.events`` events in which they are defined, with normal
    intervals over these windows; ``calibration``: [mean score, share that came true, count] of each bin that holds
    events, and ``calibration_windows`` the same of ``rarest``, ``events`` and ``decayed``.
    """
    C = view.confusions[ALL]
    classes: dict[int, dict[str, Any]] = {k: {"support": int(C[k].sum())} for k in range(len(C))}
    for m in _of_classes(C, ALL, view.config):
        if m.class_ is not None and m.metric != SPECIFICITY:
            classes[m.class_][m.metric] = [m.value, m.low, m.high]
    found = _of_confusion(C, view, with_intervals=True) | _of_histogram(view, ALL)
    for b, name in enumerate(BLOCK_METRICS):
        n, total, squares = view.sums[layout.BLOCK_SUMS + 3 * b :][:3].tolist()
        value, low, high = intervals.mean_interval(n, total, squares, view.config.confidence)
        floor = -1.0 if name == "windowed_kappa" else 0.0
        found[name] = (value, max(low, floor) if low == low else low, min(high, 1.0))
    return {
        "classes": classes,
        "metrics": {name: list(value) for name, value in found.items()},
        "calibration": [list(row) for row in reliability(view.calibration)],
        "calibration_windows": {
            window: [list(row) for row in reliability(_scored_in(view, window)[1])]
            for window in (RAREST, EVENTS, DECAYED)
        },
    }


def _of_classes(C: NDArray[Any], window: str, config: EvaluationConfig) -> list[Measure]:
    out, confidence, square = [], config.confidence, config.beta**2
    rows, cols, hits = C.sum(1).tolist(), C.sum(0).tolist(), C.diagonal().tolist()
    n = sum(rows)
    for k in range(len(rows)):
        row, col, hit = rows[k], cols[k], hits[k]
        rates = ((RECALL, hit, row), (PRECISION, hit, col), (SPECIFICITY, n - row - col + hit, n - row))
        for name, part, whole in rates:
            value = part / whole if whole > 0 else np.nan
            out.append(Measure(name, k, window, value, *intervals.wilson(part, whole, confidence), round(whole)))
        value = 2 * hit / (row + col) if row > 0 else np.nan
        out.append(Measure(F1, k, window, value, *intervals.f1_interval(hit, row, col, confidence), round(row)))
        value = (1 + square) * hit / (square * row + col) if row > 0 else np.nan
        interval = intervals.f_beta_interval(hit, row, col, config.beta, confidence)
        out.append(Measure(F_BETA, k, window, value, *interval, round(row)))
    return out


def _of_confusion(C: NDArray[Any], view: View, *, with_intervals: bool) -> dict[str, Triple]:
    table = C.astype(np.float64)
    values = np.empty(len(CONFUSION_METRICS))
    overall(table.sum(1), table.sum(0), table.diagonal().copy(), values)
    low = high = np.full(len(values), np.nan)
    if with_intervals:
        replicates, confidence = view.config.bootstrap_replicates, view.config.confidence
        low, high = intervals.bootstrap(table, view.seed, replicates, confidence)
    found = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    return dict(zip(CONFUSION_METRICS, found, strict=True))


def _of_histogram(view: View, window: str) -> dict[str, Triple]:
    """Of the whole run and of ``decayed``, whose events are not kept."""
    histogram = view.histogram if window == ALL else view.decayed.histogram
    each = [areas_of_bins(bins) for bins in histogram]
    ranked = [a for a in each if not np.isnan(a[0])]
    mean = np.mean(ranked, axis=0) if ranked else np.full(4, np.nan)
    return _of_scores(view, window, mean, *_scored_in(view, window))


def _of_window(view: View, window: str) -> dict[str, Triple]:
    first, last = view.spans[window]
    begin = max(first, last - RANKED_CELLS_MAX // len(view.confusions[ALL]))
    ranked = scoring.rank(view.labels, view.scores, begin, last, view.setup)
    return _of_scores(view, window, ranked, *_scored_in(view, window))


def _scored_in(view: View, window: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A window's sums of losses and its calibration table."""
    if window == ALL:
        return view.sums[:4], view.calibration
    if window == DECAYED:
        return view.decayed.sums, view.decayed.calibration
    sums, table = np.zeros(4), np.zeros((int(view.setup[layout.CALIBRATION_BINS]), 4))
    scoring.window_sums(view.labels, view.scores, *view.spans[window], view.setup, sums, table)
    return sums, table


def _of_scores(
    view: View, window: str, ranked: NDArray[np.float64], sums: NDArray[np.float64], table: NDArray[np.float64]
) -> dict[str, Triple]:
    confidence = view.config.confidence
    sizes = view.confusions[window].sum(1)
    least = _least(sizes, int(view.setup[layout.POSITIVE]))
    roc, pr, roc_error, pr_error = (float(v) for v in ranked)
    n = float(sizes.sum())
    brier, brier2, loss, loss2 = sums[:4].tolist()
    ece, error = expected_calibration_error(table)
    half = intervals.normal_quantile(confidence) * error
    return {
        PR_AUC: (pr, *intervals.area_interval(pr, pr_error, least[0], confidence)),
        ROC_AUC: (roc, *intervals.area_interval(roc, roc_error, least[1], confidence)),
        BRIER: _at_least_zero(intervals.mean_interval(n, brier, brier2, confidence)),
        LOG_LOSS: _at_least_zero(intervals.mean_interval(n, loss, loss2, confidence)),
        ECE: _within_one((ece, ece - half, ece + half)),
    }


def _least(sizes: NDArray[Any], positive: int) -> tuple[float, float]:
    """Events that stand behind an area at least: positives for PR-AUC; the smaller side for ROC-AUC."""
    if len(sizes) == 2:
        return float(sizes[positive]), float(sizes.min())
    present = sizes[sizes > 0]
    least = float(present.min()) if len(present) else 0.0
    return least, least


def _early(view: View) -> list[Measure]:
    out, size = [], view.early_hits.shape[1]
    for k, seen in enumerate(view.early_seen.tolist()):
        n = min(seen, size)
        hits = int(view.early_hits[k, :n].sum())
        interval = intervals.wilson(hits, n, view.config.confidence)
        out.append(Measure(RECALL, k, EARLY, hits / n if n else np.nan, *interval, n))
    return out


def _within_one(value: Triple) -> Triple:
    return value[0], max(value[1], 0.0) if value[1] == value[1] else value[1], min(value[2], 1.0)


def _at_least_zero(value: Triple) -> Triple:
    return value[0], max(value[1], 0.0) if value[1] == value[1] else value[1], value[2]
