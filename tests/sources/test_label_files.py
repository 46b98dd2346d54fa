"""Files of labels."""

import numpy as np
import polars as pl
import pytest

from streamimb.batch import Kind, Reason
from streamimb.config import LimitsConfig
from streamimb.errors import InputError
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sources.labels import LabelSource
from streamimb.text import Text

LABEL = Label(classes=["legit", "fraud"])
FEATURES = [Feature(name="amount"), Feature(name="risk")]
WITH_ID = Schema(features=FEATURES, label=LABEL, time=Time(name="ts", unit="s"), id=Identity(name="tx"))
BARE = Schema(features=FEATURES, label=LABEL)


def read(schema, path, **options):
    pairs = list(LabelSource(schema, LimitsConfig(), path, **options).batches())
    return [b for b, _ in pairs], [r for _, refused in pairs for r in refused]


def test_labels_come_in_order_of_time_whatever_the_order_of_the_file(tmp_path):
    """Rows are sorted by time, stably, and carry only the label."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label,time\nc,fraud,30\na,legit,10\nd,legit,30\nb,fraud,20\n")
    (first, second), rejected = read(WITH_ID, path, batch_events=3)
    assert not rejected
    assert first.ids.tolist() + second.ids.tolist() == ["a", "b", "c", "d"]
    assert first.y.tolist() + second.y.tolist() == [0, 1, 1, 0]
    assert first.time.tolist() == first.label_time.tolist() == [10_000_000, 20_000_000, 30_000_000]
    assert first.kind.tolist() == [Kind.LABEL] * 3
    assert first.X.shape == (3, 2)
    assert np.isnan(first.X).all()
    assert first.offset.tolist() == [3, 5, 2]
    np.testing.assert_array_equal(first.key, Text.of(["a", "b", "c"]).hashes())


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_the_three_forms_of_a_label_file_are_the_same(tmp_path, form):
    """The schema's own column names are found as well as the plain ones."""
    frame = pl.DataFrame({"tx": ["a", "b"], "label": ["fraud", "legit"], "ts": [5, 6]})
    path = tmp_path / f"labels.{form}"
    getattr(frame, f"write_{form}")(path)
    (batch,), rejected = read(WITH_ID, path)
    assert not rejected
    assert (batch.ids.tolist(), batch.y.tolist(), batch.time.tolist()) == (["a", "b"], [1, 0], [5_000_000, 6_000_000])


def test_without_ids_a_label_names_a_position(tmp_path):
    """The position is the key; without a time the label is known directly after its event."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label\n7,fraud\n3,legit\n-1,legit\nx,legit\n")
    (batch,), rejected = read(BARE, path)
    assert batch.ids is None
    assert batch.key.tolist() == batch.time.tolist() == [3, 7]
    assert [(r.line, r.reason) for r in rejected] == [(4, Reason.BAD_ID), (5, Reason.BAD_ID)]


def test_without_times_a_label_is_known_at_a_position(tmp_path):
    """The time column counts events where the schema has no time."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label,time\n7,fraud,9\n3,legit,12\n")
    (batch,), _ = read(BARE, path)
    assert (batch.key.tolist(), batch.time.tolist()) == ([7, 3], [9, 12])


def test_a_row_without_a_label_is_refused(tmp_path):
    """A label's row that has none says nothing; an unknown class, no id and no time are refused as in events."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label,time\na,,1\nb,weird,1\n,fraud,1\nc,fraud,\nd,fraud,2\n")
    (batch,), rejected = read(WITH_ID, path)
    assert batch.ids.tolist() == ["d"]
    reasons = [Reason.MISSING_FIELD, Reason.UNKNOWN_CLASS, Reason.MISSING_FIELD, Reason.BAD_TIME]
    assert [r.reason for r in rejected] == reasons


def test_refusals_are_told_when_nothing_is_left(tmp_path):
    """A file of nothing but bad rows gives an empty batch and the refusals."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label,time\na,weird,1\n")
    (batch,), rejected = read(WITH_ID, path)
    assert (len(batch), len(rejected)) == (0, 1)


@pytest.mark.parametrize(
    ("schema", "text", "said"),
    [
        (WITH_ID, "id,label\na,fraud\n", "no column 'time'"),
        (WITH_ID, "label,time\nfraud,1\n", "no column 'id'"),
        (WITH_ID, "id,klass,time\na,fraud,1\n", "no column 'label'"),
        (Schema(features=FEATURES, label=LABEL, id=Identity()), "id,label\na,fraud\n", "no column 'time'"),
    ],
)
def test_a_missing_column_is_named(tmp_path, schema, text, said):
    """What a label file lacks is an input error."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read(schema, path)


def test_more_labels_than_the_limit_are_an_error(tmp_path):
    """Labels are sorted in memory, so that their number is bounded."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label,time\n" + "a,fraud,1\n" * 5)
    with pytest.raises(InputError, match="more than 4 labels"):
        read(WITH_ID, path, rows_max=4)
