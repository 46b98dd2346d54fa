"""A file of labels (id, label, time) as label rows in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, Kind, Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_columns import take
from streamimb.decode_table import missing_column
from streamimb.errors import InputError
from streamimb.schema import Identity, Schema, Time
from streamimb.sources.base import BATCH_EVENTS, Pair
from streamimb.sources.files import FileSource
from streamimb.survey import column_names
from streamimb.text import Text

#: All labels are held to be put in order of time: about 40 bytes each, and the ids.
LABEL_ROWS_MAX: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class _Labels:
    key: NDArray[np.uint64]
    y: NDArray[np.int16]
    time: NDArray[np.int64]
    offset: NDArray[np.int64]
    ids: Text | None


class LabelSource:
    """Label rows from a CSV, NDJSON or Parquet file, sorted by time (at one time: in the order of the file).

    The columns are found under the schema's own names, else as ``id``, ``label`` and ``time`` (or ``label_time``).
    ``time`` is when the label became known, in the schema's unit, or as a position where the schema has no time; it may
    be left out only where ids are positions too: a label is known directly after its event then. Raises InputError.
    """

    def __init__(
        self,
        schema: Schema,
        limits: LimitsConfig,
        path: str | Path,
        *,
        batch_events: int = BATCH_EVENTS,
        rows_max: int = LABEL_ROWS_MAX,
    ) -> None:
        self._schema, self._limits, self._path = schema, limits, str(path)
        self._batch_events, self._rows_max = batch_events, rows_max
        self._file: FileSource | None = None
        self._timed = False

    @property
    def bytes_total(self) -> int | None:
        """Size of the file."""
        return Path(self._path).stat().st_size if Path(self._path).is_file() else None

    @property
    def bytes_done(self) -> int:
        """How much of it has been read; all of it is read for the first batch."""
        return 0 if self._file is None else self._file.bytes_done

    def batches(self) -> Iterator[Pair]:
        """Label rows in order of time; what was refused comes with the first."""
        labels, rejected = self._read()
        n, d = len(labels.key), len(self._schema.features)
        if rejected and not n:
            yield _rows(labels, 0, 0, d), rejected
        for start in range(0, n, self._batch_events):
            yield _rows(labels, start, min(start + self._batch_events, n), d), rejected
            rejected = []

    def _read(self) -> tuple[_Labels, list[Rejected]]:
        self._file = FileSource(self._label_schema(), self._limits, [self._path])
        parts: list[Batch] = []
        rejected: list[Rejected] = []
        n = 0
        for batch, refused in self._file.batches():
            part, misnamed = (batch, []) if self._schema.id is not None else self._positions(batch)
            parts.append(part)
            rejected += refused + misnamed
            n += len(part)
            if n > self._rows_max:
                raise InputError(f"{self._path}: more than {self._rows_max:,} labels; split the file by time")
        if not parts:
            none = np.zeros(0, np.int64)
            return _Labels(none.view(np.uint64), none.astype(np.int16), none, none, None), rejected
        rejected.sort(key=lambda r: r.line or 0)
        return self._sorted(Batch.concat(parts)), rejected

    def _sorted(self, all_: Batch) -> _Labels:
        order = np.argsort(all_.time, kind="stable")
        ids = None if self._schema.id is None or all_.ids is None else all_.ids.take(order)
        return _Labels(all_.key[order], all_.y[order], all_.time[order], all_.offset[order], ids)

    def _label_schema(self) -> Schema:
        schema, columns = self._schema, column_names(self._path)
        id_names = ("id", "position") if schema.id is None else (schema.id.path, schema.id.name, "id")
        time_names = [schema.label.time, "label_time"]
        time_names += [] if schema.time is None else [schema.time.path, schema.time.name]
        label = self._found(columns, (schema.label.path, schema.label.name, "label"))
        time = next((n for n in (*time_names, "time") if n in columns), None)
        if time is None and (schema.id is not None or schema.time is not None):
            raise missing_column(self._path, "time", columns)
        self._timed = time is not None
        unit = "us" if schema.time is None else schema.time.unit
        # Without features: validation would ask for one, and every labelled row is a label's row then.
        return Schema.model_construct(
            features=(),
            label=schema.label.model_copy(update={"name": label, "path": None, "time": None}),
            time=None if time is None else Time(name=time, unit=unit),
            id=Identity(name=self._found(columns, id_names)),
            unknown_fields="ignore",
        )

    def _found(self, columns: Sequence[str], names: Sequence[str | None]) -> str:
        for name in names:
            if name is not None and name in columns:
                return name
        raise missing_column(self._path, names[-1] or "", columns)

    def _positions(self, batch: Batch) -> tuple[Batch, list[Rejected]]:
        """Rows whose ids are positions, those as their keys, and the refusal of the others."""
        assert batch.ids is not None
        texts = batch.ids.tolist()
        whole = np.array([t.isascii() and t.isdecimal() and len(t) < 19 for t in texts], np.bool_)
        rejected = [
            Rejected(self._path, Reason.BAD_ID, "id", f"{texts[i][:40]!r} is no position", line=int(batch.offset[i]))
            for i in np.flatnonzero(~whole).tolist()
        ]
        kept = take(batch, np.flatnonzero(whole))
        kept.key[:] = [int(t) for t, good in zip(texts, whole, strict=True) if good]
        if not self._timed:
            kept.time[:] = kept.key.astype(np.int64)
        return kept, rejected


def _rows(labels: _Labels, start: int, stop: int, d: int) -> Batch:
    cut, n = slice(start, stop), stop - start
    return Batch(
        X=np.full((n, d), np.nan, np.float32),
        y=labels.y[cut],
        kind=np.full(n, Kind.LABEL, np.int8),
        ids=None if labels.ids is None else labels.ids.slice(start, stop),
        key=labels.key[cut],
        time=labels.time[cut],
        label_time=labels.time[cut],
        partition=np.zeros(n, np.int32),
        offset=labels.offset[cut],
    )
