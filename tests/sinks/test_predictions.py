import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import WITH_EVENT
from streamimb.outcome import Matured, Outcome, Predictions
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sinks import predictions
from streamimb.sinks.predictions import PredictionsSink
from streamimb.text import Text


def schema(*, has_time=True, has_id=True, classes=("legit", "fraud")):
    return Schema(
        features=[Feature(name="a")],
        label=Label(classes=classes),
        time=Time(unit="us") if has_time else None,
        id=Identity() if has_id else None,
    )


def told(positions, matured=(), *, ids=True, n_classes=2):
    """An outcome with predictions of the given positions, and the matured (position, label, label_time)."""
    position = np.array(positions, np.int64)
    scores = np.tile(position[:, None] / 1000, (1, n_classes)).astype(np.float32)
    ripe = np.array(list(matured), np.int64).reshape(-1, 3)
    return Outcome(
        Predictions(
            position, position * 10, Text.of([f"é{i}" for i in positions]) if ids else None, scores,
            (position % n_classes).astype(np.int16), np.full(len(position), 0.25, np.float32),
            np.zeros(len(position), np.int32), position,
        ),
        Matured(ripe[:, 0], ripe[:, 1].astype(np.int16), ripe[:, 2], ripe[:, 2]),
    )  # fmt: skip


def test_columns_are_those_that_programs_read(tmp_path):
    """id, time, label, label_time, a score for each class, decision, threshold."""
    path = tmp_path / "p.parquet"
    sink = PredictionsSink(path, schema())
    sink.write(told([0, 1, 2], [(1, 1, 25), (0, 0, WITH_EVENT)]))
    sink.close()
    table = pq.read_table(path)
    assert table.column_names == [
        "id", "time", "label", "label_time", "score_legit", "score_fraud", "decision", "threshold",
    ]  # fmt: skip
    utc = pa.timestamp("us", tz="UTC")
    assert [table.schema.field(n).type for n in ("time", "label_time", "score_fraud")] == [utc, utc, pa.float32()]
    assert table["id"].to_pylist() == ["é0", "é1", "é2"]
    assert table["label"].to_pylist() == ["legit", "fraud", None]
    assert table["label_time"].cast(pa.int64()).to_pylist() == [0, 25, None]
    assert table["decision"].to_pylist() == ["legit", "fraud", "legit"]
    assert table["threshold"].to_pylist() == [0.25, 0.25, 0.25]


def test_without_id_and_time_both_are_positions(tmp_path):
    """A stream without ids and times is written with whole numbers."""
    path = tmp_path / "p.parquet"
    sink = PredictionsSink(path, schema(has_time=False, has_id=False, classes=(1, 2, 3)))
    sink.write(told([0, 1], [(1, 2, 4)], ids=False, n_classes=3))
    sink.close()
    rows = pq.read_table(path).to_pylist()
    assert [(r["id"], r["time"], r["label"], r["label_time"]) for r in rows] == [(0, 0, None, None), (1, 10, "3", 4)]
    assert {"score_1", "score_2", "score_3"} <= set(rows[0])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_row_is_written_once_in_order_with_its_label(data, tmp_path_factory):
    """Whatever the order and the delay of labels, row i is prediction i with the first label that settled it."""
    n = data.draw(st.integers(0, 40))
    cuts = data.draw(st.lists(st.integers(0, n), max_size=5).map(sorted))
    start = data.draw(st.sampled_from([0, 17]))
    label_after = data.draw(st.lists(st.integers(0, 80), min_size=n, max_size=n))
    path = tmp_path_factory.mktemp("p") / "p.parquet"
    sink = PredictionsSink(path, schema())
    edges = [0, *cuts, n, n + 30]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "GROUP_ROWS", 4)
        for low, high in itertools.pairwise(edges):
            ripe = [i for i in range(n) if low <= i + label_after[i] < high or (low == 0 and label_after[i] + i < 0)]
            matured = [(start + i, i % 3 - 1, i * 10 + 3) for i in reversed(ripe)]
            sink.write(told(range(start + low, start + min(high, n)), matured))
        sink.close()
    rows = pq.read_table(path).to_pylist()
    assert [r["id"] for r in rows] == [f"é{start + i}" for i in range(n)]
    settled = [label_after[i] + i < n + 30 for i in range(n)]
    expected = [[None, "legit", "fraud"][i % 3] if settled[i] else None for i in range(n)]
    assert [r["label"] for r in rows] == expected
    assert [r["label_time"] is None for r in rows] == [label is None for label in expected]


def test_settled_rows_are_not_held(tmp_path, monkeypatch):
    """Memory holds what waits for a label and one group, not the stream."""
    monkeypatch.setattr(predictions, "GROUP_ROWS", 10)
    sink = PredictionsSink(tmp_path / "p.parquet", schema())
    for i in range(0, 500, 5):
        sink.write(told(range(i, i + 5), [(j, 0, 1) for j in range(max(0, i - 20), max(0, i - 15))]))
        assert sink._labels.end - (sink._labels.base or 0) <= 35
    sink.close()
    assert pq.read_metadata(tmp_path / "p.parquet").num_rows == 500


def test_a_second_settling_changes_nothing(tmp_path):
    """The label stands as it was known when the event matured."""
    path = tmp_path / "p.parquet"
    sink = PredictionsSink(path, schema())
    sink.write(told([0, 1], [(0, 0, 5)]))
    sink.write(told([2], [(0, 1, 9), (1, 1, 9), (77, 1, 9)]))
    sink.close()
    assert pq.read_table(path)["label"].to_pylist() == ["legit", "fraud", None]


def test_a_gap_in_the_positions_is_an_error(tmp_path):
    """A lost prediction is not passed over in silence."""
    sink = PredictionsSink(tmp_path / "p.parquet", schema())
    sink.write(told([0, 1]))
    with pytest.raises(ValueError, match="expected 2 onwards"):
        sink.write(told([3]))
    sink.abort()
