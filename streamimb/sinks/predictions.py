"""Predictions as Parquet: a row each in order of arrival, with the label as known when the event matured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, WITH_EVENT
from streamimb.outcome import Outcome, Predictions
from streamimb.schema import Schema
from streamimb.sinks.tables import ParquetFile, time_type
from streamimb.text import Text

#: Rows of a group: settled rows are held until there are so many.
GROUP_ROWS: Final = 65_536


class Labels:
    """Labels of the rows not yet written: flat arrays from position ``base`` on, that grow by doubling.

    What is held is what waits for a label and what came after it: as much as the pipeline's own store of waiting
    events allows, and one group more.
    """

    def __init__(self) -> None:
        self.base: int | None = None
        self.end = 0
        self._label = np.empty(0, np.int16)
        self._time = np.empty(0, np.int64)
        self._settled = np.empty(0, np.bool_)
        self._first_open = 0

    def extend(self, position: NDArray[np.int64]) -> None:
        """Rows for predictions that follow those held. Raises ValueError for a gap in the positions."""
        if not len(position):
            return
        if self.base is None:
            self.base = self.end = int(position[0])
        if position[0] != self.end or position[-1] - position[0] != len(position) - 1:
            raise ValueError(f"predictions are numbered {position[0]}..{position[-1]}, expected {self.end} onwards")
        held = self.end - self.base
        self.end += len(position)
        if held + len(position) > len(self._label):
            self._grow(held, held + len(position))
        self._label[held : held + len(position)] = NO_LABEL
        self._settled[held : held + len(position)] = False

    def _grow(self, held: int, needed: int) -> None:
        size = max(2 * GROUP_ROWS, 1 << (needed - 1).bit_length())
        for name in ("_label", "_time", "_settled"):
            old = getattr(self, name)
            new = np.empty(size, old.dtype)
            new[:held] = old[:held]
            setattr(self, name, new)

    def settle(self, position: NDArray[np.int64], label: NDArray[np.int16], time: NDArray[np.int64]) -> None:
        """The labels of matured events; the first one for a position stands."""
        if self.base is None or not len(position):
            return
        row = position - self.base
        row_fits = (row >= 0) & (position < self.end)
        row_fits[row_fits] = ~self._settled[row[row_fits]]
        row = row[row_fits]
        self._label[row] = label[row_fits]
        self._time[row] = time[row_fits]
        self._settled[row] = True

    def settled(self) -> int:
        """How many rows from the first on have their label settled."""
        if self.base is None:
            return 0
        open_ = self._settled[self._first_open : self.end - self.base]
        if len(open_):
            first = int(open_.argmin())
            self._first_open += len(open_) if open_[first] else first
        return self._first_open

    def take(self, n: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Labels and their times of the first n rows, which are forgotten."""
        if self.base is None:
            return self._label[:0], self._time[:0]
        out = self._label[:n].copy(), self._time[:n].copy()
        held = self.end - self.base
        for array in (self._label, self._time, self._settled):
            array[: held - n] = array[n:held]
        self.base += n
        self._first_open = max(0, self._first_open - n)
        return out


class PredictionsSink:
    """``id``, ``time``, ``label``, ``label_time``, ``score_<class>`` of each, ``decision``, ``threshold``.

    ``label`` and its time are null where the event dropped out or still waits at the end. Without an id in the
    schema, ``id`` is the position; without a time, times are positions.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._names = pa.array(schema.class_names, pa.string())
        self._has_id = schema.id is not None
        time, text = time_type(schema.has_time), pa.dictionary(pa.int16(), pa.string())
        columns = [("id", pa.large_string() if self._has_id else pa.int64()), ("time", time)]
        columns += [("label", text), ("label_time", time)]
        columns += [(f"score_{name}", pa.float32()) for name in schema.class_names]
        columns += [("decision", text), ("threshold", pa.float32())]
        self._parquet = ParquetFile(path, pa.schema(columns), dictionary=["label", "decision", "threshold"])
        self._labels = Labels()
        self._held: list[Predictions] = []

    def write(self, outcome: Outcome) -> None:
        self._labels.extend(outcome.predictions.position)
        if len(outcome.predictions):
            self._held.append(outcome.predictions)
        matured = outcome.matured
        self._labels.settle(matured.position, matured.label, matured.label_time)
        while self._labels.settled() >= GROUP_ROWS:
            self._flush(GROUP_ROWS)

    def finish(self) -> None:
        while self._held:
            self._flush(min(GROUP_ROWS, sum(map(len, self._held))))
        self._parquet.finish()

    def close(self) -> None:
        self.finish()
        self._parquet.close()

    def abort(self) -> None:
        self._held.clear()
        self._parquet.abort()

    def _flush(self, n: int) -> None:
        """Write the first n rows held as one group."""
        parts = self._first(n)
        label, label_time = self._labels.take(n)
        time = np.concatenate([p.time for p in parts])
        none = label < 0
        kinds = {field.name: field.type for field in self._parquet.schema}
        scores = np.concatenate([p.scores for p in parts])
        columns: list[Any] = [self._ids(parts), pa.array(time).cast(kinds["time"]), self._class(label, none)]
        label_time = np.where(label_time == WITH_EVENT, time, label_time)
        columns.append(pa.array(label_time, mask=none).cast(kinds["label_time"]))
        columns += [pa.array(np.ascontiguousarray(scores[:, k])) for k in range(scores.shape[1])]
        columns.append(self._class(np.concatenate([p.decision for p in parts])))
        columns.append(pa.array(np.concatenate([p.threshold for p in parts])))
        self._parquet.write(pa.Table.from_arrays(columns, schema=self._parquet.schema))

    def _first(self, n: int) -> list[Predictions]:
        parts: list[Predictions] = []
        whole = 0
        while n and n >= len(self._held[whole]):
            n -= len(self._held[whole])
            parts.append(self._held[whole])
            whole += 1
        del self._held[:whole]
        if n:
            parts.append(_cut(self._held[0], 0, n))
            self._held[0] = _cut(self._held[0], n, len(self._held[0]))
        return parts

    def _ids(self, parts: list[Predictions]) -> Any:
        if not self._has_id:
            return pa.array(np.concatenate([p.position for p in parts]))
        text = Text.concat(p.ids for p in parts if p.ids is not None)
        start, stop = int(text.offsets[0]), int(text.offsets[-1])
        buffers = [None, pa.py_buffer(text.offsets - start), pa.py_buffer(text.data[start:stop])]
        return pa.Array.from_buffers(pa.large_string(), len(text), buffers)

    def _class(self, codes: NDArray[np.int16], none: NDArray[np.bool_] | None = None) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int16(), mask=none), self._names)


def _cut(p: Predictions, start: int, stop: int) -> Predictions:
    rows = slice(start, stop)
    ids = None if p.ids is None else p.ids.slice(start, stop)
    return Predictions(
        p.position[rows], p.time[rows], ids, p.scores[rows], p.decision[rows], p.threshold[rows], p.partition[rows],
        p.offset[rows],
    )  # fmt: skip
