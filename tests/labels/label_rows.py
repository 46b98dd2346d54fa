"""Rows for a store of labels in a line each, and all that it says of them."""

from __future__ import annotations

import numpy as np

from streamimb.batch import WITH_EVENT, Batch, Kind
from streamimb.config import LabelConfig, TimeConfig
from streamimb.labels import LabelStore
from streamimb.labels import layout as at
from streamimb.schema import Feature, Identity, Label, Schema, Time

S = 1_000_000  # a second
CLEAN, BAD = 0, 1
KINDS = {at.PREDICT: "predict", at.AGAIN: "again", at.LEARN_LABEL: "learn", at.LEARN_EXPIRED: "expire",
         at.LEARN_CORRECTED: "correct"}  # fmt: skip


def schema(*, timed: bool = True, named: bool = True, d: int = 1) -> Schema:
    return Schema(
        features=[Feature(name=f"f{i}") for i in range(d)],
        label=Label(classes=["clean", "bad"]),
        time=Time(unit="us") if timed else None,
        id=Identity() if named else None,
    )


def make(label: dict, *, time: dict | None = None, every: int = 1_000, **kw) -> LabelStore:
    return LabelStore(schema(**kw), LabelConfig(**label), TimeConfig(**(time or {})), every=every, every_other=every)


def event(name: str, t: float, label: int = -1, known: float | None = None) -> tuple:
    return (Kind.FEATURES if label < 0 else Kind.BOTH, name, t, label, known)


def label(name: str, t: float, label: int) -> tuple:
    return (Kind.LABEL, name, t, label, t)


def batch(rows: list[tuple]) -> Batch:
    kinds, names, times, labels, known = zip(*rows, strict=True)
    return Batch.of(
        np.arange(len(rows), dtype=np.float32).reshape(-1, 1), np.array(labels, np.int16), ids=list(names),
        time=(np.array(times) * S).astype(np.int64), kind=np.array(kinds, np.int8),
        label_time=np.array([WITH_EVENT if k is None else int(k * S) for k in known], np.int64),
    )  # fmt: skip


class Told:
    """Everything a store says of a list of rows, in order: operations, and what matured."""

    def __init__(self, store: LabelStore, rows: list[tuple]) -> None:
        self.store, self.ops, self.matured, self.rejected, self.fixes = store, [], [], [], []
        events, row, stop = batch(rows), 0, None
        while stop != at.DONE:
            s = store.advance(events, row)
            self.ops += [(KINDS[kind], position) for _, kind, position, _ in s.ops.tolist()]
            self.matured += [(position, y) for _, y, _, position, _ in s.matured.tolist()]
            self.rejected += s.rejected.tolist()
            self.fixes += [f[2:] for f in s.fixes.tolist()]
            row, stop = s.row, s.stop

    def count(self, name: str) -> int:
        return self.store.counts()[name]
