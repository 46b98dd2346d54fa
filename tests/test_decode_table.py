from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from streamimb.batch import WITH_EVENT, Kind, Reason
from streamimb.config import LimitsConfig
from streamimb.decode import TableDecoder
from streamimb.decode_columns import Origin, Refusals
from streamimb.errors import InputError
from streamimb.schema import Feature, Identity, Label, Schema, Time

LABEL = Label(classes=["legit", "fraud"])


def decode(schema, columns, text=True):
    frame = pl.DataFrame(columns)
    decoder = TableDecoder(schema, LimitsConfig(), dict(frame.schema), "t", text)
    return decoder.decode(frame, Origin("t", np.arange(2, 2 + len(frame))), Refusals())


def one(type_="numeric", **options):
    return Schema(features=[Feature(name="a", type=type_, **options)], label=LABEL)


def test_cells_that_say_no_value_are_missing():
    """Empty, NA, NaN and null are missing in every column but the id."""
    cells = ["", "NA", "NaN", "nan", "null", "NULL", None, "1"]
    for type_ in ("numeric", "categorical", "boolean"):
        batch, rejected = decode(one(type_), {"a": cells, "label": [*cells[:-1], "fraud"]})
        assert not rejected
        assert np.isnan(batch.X[:, 0]).tolist() == [True] * 7 + [False]
        assert batch.y.tolist() == [-1] * 7 + [1]


@pytest.mark.parametrize("cell", ["1.5", " 1.5", "1.5\t", "+1.5", "15e-1", "1.50"])
def test_numbers_may_be_written_in_many_ways(cell):
    """Blanks around a number are nothing."""
    batch, rejected = decode(one(), {"a": [cell, "2"]})
    assert not rejected
    assert batch.X[:, 0].tolist() == [1.5, 2]


def test_numbers_are_read_exactly():
    """The nearest float64 to the digits, then float32: as Python reads them."""
    cells = [repr(float(x)) for x in np.random.default_rng(1).normal(size=500) * 10.0 ** np.arange(-250, 250)]
    cells = [c for c in cells if abs(float(c)) < 3e38]
    batch, _ = decode(one(), {"a": cells})
    np.testing.assert_array_equal(batch.X[:, 0], np.array([float(c) for c in cells]).astype(np.float32))


def test_booleans_may_be_written_in_many_ways():
    """true and false, yes and no, 1 and 0, in any case."""
    batch, rejected = decode(one("boolean"), {"a": ["true", "Yes", "1", "1.0", "FALSE", "no", "0", "0.0"]})
    assert not rejected
    assert batch.X[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("classes", "cells", "codes"),
    [
        ([0, 1], ["1", "1.0", " 0", "+1", "1."], [1, 1, 0, 1, 1]),
        ([False, True], ["true", "False", "1", "no"], [1, 0, 1, 0]),
        (["0", "1"], ["1", "0"], [1, 0]),
    ],
)
def test_classes_in_text_fit_by_their_meaning(classes, cells, codes):
    """A whole number may be written 1 or 1.0, a boolean as features are; a class of text must be that text."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=classes))
    batch, rejected = decode(schema, {"a": ["1"] * len(cells), "label": cells})
    assert not rejected
    assert batch.y.tolist() == codes


@pytest.mark.parametrize(
    ("classes", "cells"),
    [([0, 1], ["1.5", "2", "one", "true"]), (["0", "1"], ["1.0", "01", " 1"]), ([False, True], ["2", "t"])],
)
def test_other_cells_are_unknown_classes(classes, cells):
    """What does not fit is refused, and says so."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=classes))
    batch, rejected = decode(schema, {"a": ["1"] * len(cells), "label": cells})
    assert len(batch) == 0
    assert [(r.reason, r.line) for r in rejected] == [(Reason.UNKNOWN_CLASS, 2 + i) for i in range(len(cells))]


@pytest.mark.parametrize(
    "values", [[1, 0, None], [1.0, 0.0, None], [1.0, 0.0, float("nan")], pl.Series([1, 0, None], dtype=pl.UInt8)]
)
def test_typed_classes_may_have_gaps(values):
    """A column with gaps holds whole numbers as floats in many files."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    batch, rejected = decode(schema, {"a": [1, 2, 3], "label": values}, text=False)
    assert not rejected
    assert batch.y.tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("s", [1, 2]),
        ("s", [1.0, 2.0]),
        ("ms", [1_000, 2_000]),
        ("iso", ["1970-01-01T00:00:01Z", "1970-01-01 00:00:02"]),
        ("iso", [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)]),
        ("s", pl.Series([1_000, 2_000]).cast(pl.Datetime("ms"))),
    ],
)
def test_typed_times_are_what_their_type_says(unit, values):
    """A column of timestamps needs no unit; numbers and texts have the schema's."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, time=Time(unit=unit))
    batch, rejected = decode(schema, {"a": [1, 2], "time": values}, text=False)
    assert not rejected
    assert batch.time.tolist() == [1_000_000, 2_000_000]


def test_dates_are_midnight():
    """A column of dates is one of times."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, time=Time())
    batch, _ = decode(schema, {"a": [1], "time": [date(1970, 1, 2)]}, text=False)
    assert batch.time.tolist() == [86_400_000_000]


def test_times_in_text_are_exact():
    """Whole microseconds beyond float64 keep their last digit; what is no time is refused."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, time=Time(unit="us"))
    cells = [str(2**60 + 1), " 5 ", "1e3", "", "later", None, "1e999"]
    batch, rejected = decode(schema, {"a": ["1"] * 7, "time": cells})
    assert batch.time.tolist() == [2**60 + 1, 5, 1000]
    assert [r.reason for r in rejected] == [Reason.BAD_TIME] * 4


def test_label_times_may_be_missing():
    """A missing one means: known with the event."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1], time="known"), time=Time(unit="s"))
    columns = {"a": ["1"] * 3, "time": ["1"] * 3, "label": ["1"] * 3, "known": ["5", "", "soon"]}
    batch, rejected = decode(schema, columns)
    assert batch.label_time.tolist() == [5_000_000, WITH_EVENT]
    assert [(r.reason, r.field) for r in rejected] == [(Reason.BAD_TIME, "known")]
    typed = {"a": [1.0] * 2, "time": [1] * 2, "label": [1] * 2, "known": [None, None]}
    batch, rejected = decode(schema, typed, text=False)
    assert not rejected
    assert batch.label_time.tolist() == [WITH_EVENT] * 2


def test_categories_of_any_type_are_their_text():
    """Whole numbers, floats and dictionaries give the codes of their texts."""
    schema = one("categorical")
    texts, _ = decode(schema, {"a": ["1", "2", None]}, text=False)
    for values in ([1, 2, None], pl.Series(["1", "2", None], dtype=pl.Categorical)):
        np.testing.assert_array_equal(decode(schema, {"a": values}, text=False)[0].X, texts.X)
    halves, _ = decode(schema, {"a": ["0.5", "1.0"]}, text=False)
    np.testing.assert_array_equal(decode(schema, {"a": [0.5, 1.0]}, text=False)[0].X, halves.X)


def test_whole_numbers_are_ids():
    """Ids of a typed column are their digits."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, id=Identity())
    batch, rejected = decode(schema, {"a": [1, 2], "id": [7, None]}, text=False)
    assert batch.ids.tolist() == ["7"]
    assert [r.reason for r in rejected] == [Reason.MISSING_FIELD]


def test_paths_reach_into_struct_columns():
    """A column whose name is the path itself comes first."""
    schema = Schema(features=[Feature(name="a", path="after.a")], label=LABEL)
    nested, _ = decode(schema, {"after": [{"a": 1.5}, None]}, text=False)
    np.testing.assert_array_equal(nested.X[:, 0], [1.5, np.nan])
    flat, _ = decode(schema, {"after.a": ["2.5"]})
    assert flat.X[:, 0].tolist() == [2.5]


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        (one(), {"a": [True]}),
        (one("categorical"), {"a": [[1]]}),
        (one("boolean"), {"a": ["true"]}),
        (Schema(features=[Feature(name="a")], label=LABEL, id=Identity()), {"a": [1], "id": [1.5]}),
        (Schema(features=[Feature(name="a")], label=LABEL, time=Time()), {"a": [1], "time": [1]}),
        (Schema(features=[Feature(name="a")], label=LABEL, time=Time(unit="s")), {"a": [1], "time": ["1"]}),
    ],
)
def test_a_typed_column_that_cannot_fit_is_an_error_of_the_file(schema, columns):
    """The whole column is at fault, not its rows."""
    with pytest.raises(InputError, match="cannot be read as"):
        decode(schema, columns, text=False)


def test_a_file_without_labels_can_be_read():
    """Labels may come from elsewhere."""
    batch, _ = decode(one(), {"a": ["1"]})
    assert batch.y.tolist() == [-1]


def test_a_row_whose_cells_are_all_empty_is_an_event():
    """A table names its columns in every row: features may all be missing."""
    schema = Schema(features=[Feature(name="a")], label=Label(classes=["legit", "fraud"]), id=Identity())
    batch, rejected = decode(schema, {"id": ["x", "y"], "a": ["", "1"], "label": ["fraud", "legit"]})
    assert not rejected
    assert batch.kind.tolist() == [Kind.BOTH] * 2
