"""What a run's predictions say when they are read once more: quality in stretches of the stream, and curves.

Events are read in groups and only counted, so that memory does not grow with the run. Stretches do not overlap: each
point of a chart stands on its own events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from streamimb.errors import InputError
from streamimb.evaluation.intervals import area_interval, bootstrap, wilson
from streamimb.evaluation.metrics import overall
from streamimb.evaluation.names import CONFUSION_METRICS, G_MEAN
from streamimb.evaluation.ranking import areas
from streamimb.schema import Schema

#: Stretches of a stream at most, and how many positives each should have.
STRETCHES_MAX: Final = 96
STRETCH_POSITIVES: Final = 30
#: Bins of the positive class's score, equal steps of log-odds between -ODDS_MAX and ODDS_MAX: of a stretch, of the run.
STRETCH_BINS: Final = 256
RUN_BINS: Final = 4_096
ODDS_MAX: Final = 16.0
READ_ROWS: Final = 65_536
#: Points of a curve at most.
CURVE_POINTS_MAX: Final = 200
#: Draws of one stretch's interval.
REPLICATES: Final = 100

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Curve = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A run of n predictions in B stretches of K classes.

    at: float64 (B,), the middle of each, a time in microseconds or a position; events: (B,), those predicted;
    margins: (B, 3, K), the events of each class, those decided so, those rightly; histogram: (B, 2, STRETCH_BINS),
    others and positives by score; whole: (2, RUN_BINS), the same of the run; threshold: (B,), the mean one;
    confusion: (K, K), rows are the true class.
    """

    at: Floats
    first: Floats
    last: Floats
    events: Counts
    margins: Counts
    histogram: Counts
    whole: Counts
    threshold: Floats
    confusion: Counts
    positive: int

    @property
    def known(self) -> Counts:
        """Events of each stretch whose label is known, (B,)."""
        return np.asarray(self.margins[:, 0].sum(1))

    def shares(self) -> Floats:
        """The classes' shares of each stretch's labelled events, (B, K)."""
        return np.asarray(self.margins[:, 0] / np.where(self.known > 0, self.known, np.nan)[:, None])

    def rates(self, k: int) -> tuple[Floats, Floats]:
        """Recall and precision of a class, (B, 3) each: value, low, high."""
        rows, cols, hits = (self.margins[:, i, k].tolist() for i in range(3))
        recall = [(h / r if r else np.nan, *wilson(h, r)) for h, r in zip(hits, rows, strict=True)]
        precision = [(h / c if c else np.nan, *wilson(h, c)) for h, c in zip(hits, cols, strict=True)]
        return np.array(recall).reshape(-1, 3), np.array(precision).reshape(-1, 3)

    def g_mean(self) -> Floats:
        """(B, 3); the interval is the bootstrap's, and NaN where there are more than two classes."""
        out = np.full((len(self.at), 3), np.nan)
        place = CONFUSION_METRICS.index(G_MEAN)
        for b, (rows, cols, hits) in enumerate(self.margins.astype(np.float64)):
            values = np.empty(len(CONFUSION_METRICS))
            overall(rows.copy(), cols.copy(), hits.copy(), values)
            out[b, 0] = values[place]
            if len(rows) == 2:
                table = np.diag(hits) + np.fliplr(np.diag(rows - hits))
                low, high = bootstrap(table, b, REPLICATES)
                out[b, 1:] = low[place], high[place]
        return out

    def pr_auc(self) -> Floats:
        """The positive class's average precision, of binned scores, (B, 3)."""
        out = np.full((len(self.at), 3), np.nan)
        for b, (others, positives) in enumerate(self.histogram[:, :, ::-1]):
            _, value, _, error = areas(np.ascontiguousarray(positives), np.ascontiguousarray(others))
            out[b] = value, *area_interval(float(value), float(error), float(positives.sum()))
        return out

    def precision_recall(self) -> Curve:
        """(recall, precision) as the threshold falls."""
        tp, fp = np.cumsum(self.whole[1, ::-1]), np.cumsum(self.whole[0, ::-1])
        if not tp[-1] or not fp[-1]:
            return []
        held = np.flatnonzero(np.diff(tp, prepend=0) + np.diff(fp, prepend=0))
        recall, precision = tp[held] / tp[-1], tp[held] / (tp[held] + fp[held])
        return _thin(np.r_[0.0, recall], np.r_[precision[0], precision])

    def roc(self) -> Curve:
        """(false positive rate, recall) as the threshold falls."""
        tp, fp = np.cumsum(self.whole[1, ::-1]), np.cumsum(self.whole[0, ::-1])
        if not tp[-1] or not fp[-1]:
            return []
        held = np.flatnonzero(np.diff(tp, prepend=0) + np.diff(fp, prepend=0))
        return _thin(np.r_[0.0, fp[held] / fp[-1]], np.r_[0.0, tp[held] / tp[-1]])


def _thin(x: Floats, y: Floats) -> Curve:
    """Points a like way apart along the curve, the ends kept."""
    if len(x) > CURVE_POINTS_MAX:
        far = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
        wanted = np.linspace(0.0, far[-1], CURVE_POINTS_MAX - 1)
        kept = np.unique(np.r_[0, np.minimum(np.searchsorted(far, wanted), len(x) - 1), len(x) - 1])
        x, y = x[kept], y[kept]
    return list(zip(x.tolist(), y.tolist(), strict=True))


def measure(path: Path, schema: Schema, positives: int) -> Measured:
    """Read ``predictions.parquet``; positives: about how many there are. Raises InputError where it cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            return _read(file, schema, positives)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot read: {error}") from None


def _read(file: pq.ParquetFile, schema: Schema, positives: int) -> Measured:
    n, k, names = file.metadata.num_rows, schema.n_classes, pa.array(schema.class_names)
    positive, score = schema.positive, f"score_{schema.class_names[schema.positive]}"
    stretches = max(1, min(STRETCHES_MAX, positives // STRETCH_POSITIVES, n))
    events, margins = np.zeros(stretches, np.int64), np.zeros((stretches, 3, k), np.int64)
    histogram, whole = np.zeros((stretches, 2, STRETCH_BINS), np.int64), np.zeros((2, RUN_BINS), np.int64)
    span = np.stack([np.full(stretches, np.inf), np.full(stretches, -np.inf)])
    threshold, confusion, done = np.zeros(stretches), np.zeros((k, k), np.int64), 0
    columns = ["time", "label", "decision", "threshold", score]
    for group in file.iter_batches(READ_ROWS, columns=columns):
        b = (done + np.arange(len(group))) * stretches // max(n, 1)
        done += len(group)
        y, decision = (_codes(group.column(name), names) for name in ("label", "decision"))
        time = group.column("time").cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
        np.minimum.at(span[0], b, time)
        np.maximum.at(span[1], b, time)
        np.add.at(events, b, 1)
        np.add.at(threshold, b, group.column("threshold").to_numpy(zero_copy_only=False).astype(np.float64))
        known = y >= 0
        b, y, decision = b[known], y[known], decision[known]
        np.add.at(confusion, (y, decision), 1)
        np.add.at(margins[:, 0], (b, y), 1)
        np.add.at(margins[:, 1], (b, decision), 1)
        np.add.at(margins[:, 2], (b, y), (y == decision).astype(np.int64))
        place = _log_odds_share(group.column(score).to_numpy(zero_copy_only=False)[known])
        is_positive = (y == positive).astype(np.int64)
        np.add.at(histogram, (b, is_positive, _bins(place, STRETCH_BINS)), 1)
        np.add.at(whole, (is_positive, _bins(place, RUN_BINS)), 1)
    seen = np.where(events > 0, events, np.nan)
    first, last = np.where(events > 0, span, np.nan)
    return Measured((first + last) / 2, first, last, events, margins, histogram, whole, threshold / seen, confusion,
                    positive)  # fmt: skip


def _codes(column: pa.Array, names: pa.Array) -> NDArray[np.int64]:
    """Class codes, -1 for none."""
    found = pc.fill_null(pc.index_in(column.cast(pa.string()), names), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def _log_odds_share(score: NDArray[np.float32]) -> Floats:
    """Where a score lies between the least and the greatest log-odds that are told apart, in [0, 1]."""
    p = np.clip(score.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.asarray(np.clip((np.log(p) - np.log1p(-p)) / (2 * ODDS_MAX) + 0.5, 0.0, 1.0))


def _bins(place: Floats, bins: int) -> NDArray[np.int64]:
    return np.minimum((place * bins).astype(np.int64), bins - 1)
