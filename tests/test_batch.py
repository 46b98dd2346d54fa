"""What a batch of plain arrays may hold, and what a pipeline refuses before anything has changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamimb import Batch, Config, Feature, Label, Pipeline, Schema
from streamimb.testing import digest

SCHEMA = Schema(features=[Feature(name=name) for name in "abc"], label=Label(classes=["legit", "fraud"]))


def arrays(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.1).astype(np.int16)
    return rng.normal(2.0 * y[:, None], 1.0, (n, 3)).astype(np.float32), y


def pipeline() -> Pipeline:
    return Pipeline(SCHEMA, Config.model_validate({"learner": {"model": "linear"}}))


X, Y = arrays()
GOOD = Batch.of(X, Y)
HOLED = X.copy()
HOLED[7, 2] = -np.inf


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch.of(np.hstack([X, X]), Y), r"X has the shape \(600, 6\); the schema has 3 features"),
        (Batch.of(X[:, :1], Y), r"X has the shape \(600, 1\)"),
        (Batch.of(HOLED, Y), "X is infinite in row 7, column 2"),
        (Batch.of(X[:5], [0, 1, 7, 0, 1]), "y is 7 in row 2; classes are 0 to 1"),
        (replace(GOOD, y=GOOD.y - np.int16(5)), "y is -5 in row 0"),
        (replace(GOOD, X=GOOD.X[:9]), "X has 9 rows of float32; y has 600"),
        (replace(GOOD, time=GOOD.time[:9]), "time has 9 rows of int64; y has 600"),
        (replace(GOOD, offset=GOOD.offset.astype(np.int32)), "600 rows of int32; y has 600, and int64 is wanted"),
        (replace(GOOD, ids=Batch.of(X[:2], ids=["a", "b"]).ids), "2 ids for 600 rows"),
    ],
)
def test_a_batch_of_another_shape_is_refused_and_changes_nothing(batch, message):
    ours = pipeline()
    ours.process(GOOD)
    before = digest(ours.state())
    with pytest.raises(ValueError, match=message):
        ours.process(batch)
    assert digest(ours.state()) == before


@pytest.mark.parametrize("asked", [X[:, :2], X[0], np.hstack([X, X]), HOLED])
def test_a_question_of_another_shape_is_refused(asked):
    with pytest.raises(ValueError, match=r"X has the shape|X is infinite"):
        pipeline().predict(asked)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.9, 0.2, 1.0], r"y is 0\.9 in row 0"),
        ([0, 1, -5], "y is -5 in row 2"),
        ([0, 40_000, 1], "y is 40000 in row 1"),
        ([0, 1], r"y has the shape \(2,\), X has 3 rows"),
        (["a", "b", "c"], "class codes"),
        ([[0], [1], [0]], "class codes"),
    ],
)
def test_labels_that_are_no_codes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        Batch.of(X[:3], y)


@pytest.mark.parametrize("other", [{"ids": ["a"]}, {"time": np.zeros(2, np.int64)}, {"label_time": [0]}, {"kind": [3]}])
def test_arrays_of_another_length_are_refused(other):
    with pytest.raises(ValueError, match=f"{next(iter(other))} has the shape"):
        Batch.of(X[:3], **other)


def test_rows_and_features_are_wanted():
    with pytest.raises(ValueError, match=r"X has the shape \(3,\)"):
        Batch.of(X[0])


def test_a_missing_label_is_none_and_is_not_learned():
    """A column of pandas with missing labels is one of floats."""
    batch = Batch.of(X[:4], [1.0, np.nan, 0.0, -1.0])
    assert batch.y.tolist() == [1, -1, 0, -1]
    assert batch.kind.tolist() == [3, 1, 3, 1]
    assert Batch.of(X[:2], [True, False]).y.tolist() == [1, 0]
