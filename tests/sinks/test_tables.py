import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from streamimb.outcome import Matured, Metric, Outcome, Predictions, Signal
from streamimb.sinks.tables import ROWS_HELD_MAX, MetricsSink, SignalsSink

NONE = Predictions(
    np.zeros(0, np.int64), np.zeros(0, np.int64), None, np.zeros((0, 2), np.float32), np.zeros(0, np.int16),
    np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(0, np.int64),
)  # fmt: skip
NOTHING = Matured(np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0, np.int64), np.zeros(0, np.int64))


def test_metrics_have_the_columns_that_programs_read(tmp_path):
    """Names and types of the metrics' columns; an undefined value is NaN, no class is null."""
    path = tmp_path / "m.parquet"
    sink = MetricsSink(path, has_time=False)
    row = Metric(7, 7, "g_mean", None, "rarest", math.nan, math.nan, math.nan, 0)
    sink.write(Outcome(NONE, NOTHING, metrics=[row]))
    sink.close()
    table = pq.read_table(path)
    assert table.column_names == ["position", "time", "metric", "class", "window", "value", "low", "high", "support"]
    (told,) = table.to_pylist()
    assert math.isnan(told["value"])
    assert told["class"] is None
    assert (told["time"], told["support"]) == (7, 0)


def test_signals_have_the_columns_that_programs_read(tmp_path):
    """Names and types of the signals' columns; times are UTC where the stream has them."""
    path = tmp_path / "d.parquet"
    sink = SignalsSink(path, has_time=True)
    row = Signal(7, 1_000_000, "minority_recall", "adwin", "fraud", "drift", 0.2, 0.6, "tell")
    sink.write(Outcome(NONE, NOTHING, signals=[row]))
    sink.close()
    table = pq.read_table(path)
    assert table.column_names == [
        "position", "time", "signal", "detector", "class", "kind", "value", "reference", "action",
    ]  # fmt: skip
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    (told,) = table.to_pylist()
    assert told["time"].timestamp() == 1
    assert (told["signal"], told["class"], told["action"]) == ("minority_recall", "fraud", "tell")


def test_rows_held_are_bounded(tmp_path):
    """More rows than are held become groups of that size, in order."""
    path = tmp_path / "m.parquet"
    sink = MetricsSink(path, has_time=False)
    n = 2 * ROWS_HELD_MAX + 5
    rows = [Metric(i, i, "recall", "a", "rarest", 0.5, 0.4, 0.6, i) for i in range(n)]
    sink.write(Outcome(NONE, NOTHING, metrics=rows))
    sink.close()
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [ROWS_HELD_MAX, ROWS_HELD_MAX, 5]
    assert file.read().column("position").to_pylist() == list(range(n))
