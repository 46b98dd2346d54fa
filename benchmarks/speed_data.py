"""The events of the speed benchmark: made up, in batches, and as tapes for a learner alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.schema import Feature, Identity, Label, Schema, Time

POSITIVE_SHARE = 0.02


class Shape(NamedTuple):
    """What events look like: numeric features, classes, the share of values that are missing."""

    features: int = 10
    classes: int = 2
    missing: float = 0.0


PLAIN = Shape()


def events(n: int, shape: Shape = PLAIN) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Numeric features and what they tell of in part: a rare class, or many classes of one share."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, shape.features)).astype(np.float32)
    signal = X[:, :4].sum(axis=1) + rng.normal(size=n)
    cuts = np.arange(1, shape.classes) / shape.classes if shape.classes > 2 else [1 - POSITIVE_SHARE]
    y = np.searchsorted(np.quantile(signal, cuts), signal).astype(np.int16)
    if shape.missing:
        X[rng.random(X.shape) < shape.missing] = np.nan
    return X, y


def contract(shape: Shape = PLAIN, *, id_and_time: bool = False) -> Schema:
    """What the events are."""
    features = tuple(Feature(name=f"x{i}") for i in range(shape.features))
    told = {"time": Time(name="time", unit="us"), "id": Identity(name="id")} if id_and_time else {}
    return Schema(features=features, label=Label(classes=tuple(range(shape.classes))), **told)


def tapes(n: int, per_call: int, delay: int, *, blocks: bool) -> list[Tape]:
    """Tapes of so many events a call, every label ``delay`` events late.

    ``blocks``: a call's predictions first, then its lessons; else they alternate as the labels come.
    """
    made = []
    for start in range(0, n + delay, per_call):
        tests = np.arange(start, min(start + per_call, n))
        lessons = np.arange(max(start - delay, 0), min(max(start + per_call - delay, 0), n))
        due = np.concatenate([tests, lessons + delay])
        order = np.arange(len(due)) if blocks else np.argsort(due, kind="stable")
        rows = np.concatenate([tests, lessons])[order]
        kinds = np.repeat(np.array([PREDICT, LEARN], np.int8), [len(tests), len(lessons)])[order]
        made.append(Tape(rows, kinds, rows))
    return made


def batches_of(n: int, size: int, schema: Schema) -> list[Batch]:
    """The events in batches of so many, with ids and times a second apart where the schema has them."""
    X, y = events(n)
    ids = [str(i) for i in range(n)] if schema.id is not None else None
    moments = np.arange(n, dtype=np.int64) * 1_000_000 if schema.has_time else None
    whole = Batch.of(X, y, ids=ids, time=moments)
    return [whole.slice(i, min(i + size, n)) for i in range(0, n, size)]
