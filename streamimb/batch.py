"""The columnar currency between the decoder and the pipeline."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.text import Spelled, Text

NO_LABEL: Final = -1
#: ``label_time`` of a label that is known together with its event.
WITH_EVENT: Final = np.iinfo(np.int64).min
#: Every time lies between its negative and itself, so that adding durations to one never overflows.
TIME_LIMIT_US: Final = 1 << 61


class Kind(enum.IntEnum):
    """What a row of a batch carries."""

    FEATURES = 1
    LABEL = 2
    BOTH = 3


class Reason(enum.StrEnum):
    """Why an event was refused: a closed set, so that it can label a metric."""

    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_FIELDS = "too_many_fields"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_CLASS = "unknown_class"
    BAD_TIME = "bad_time"
    TIME_AHEAD = "time_ahead"
    BAD_ID = "bad_id"
    DUPLICATE_ID = "duplicate_id"
    WRONG_COLUMNS = "wrong_columns"
    BAD_ROW = "bad_row"


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was refused and changed no state.

    ``source`` is a file's path or a topic; ``line`` counts from 1 in a file (a Parquet file's row from 1, its header
    being none); ``partition`` and ``offset`` are Kafka's. ``field`` is the path of the offending field, or None.
    """

    source: str
    reason: Reason
    field: str | None
    detail: str
    line: int | None = None
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """n rows in order of arrival.

    X: float32 (n, d), NaN for a missing value, a category as its code; y: int16 (n,), -1 for none; kind: int8 (n,) of
    :class:`Kind`; ids: the rows' ids, or None where the schema has no id (a row's position is its id then); key:
    uint64 (n,), what labels are joined by: the id's hash, or, for a label row without a schema id, the position it
    names; time: int64 (n,), event time in microseconds (ignored where the schema has no time: position counts);
    label_time: int64 (n,), when the label became known, ``WITH_EVENT`` where it came with the event or the row itself
    is the label; partition: int32 (n,); offset: int64 (n,), a record's offset or a file's line;
    spelled: the texts behind the codes of categories that no schema lists, or None.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int16]
    kind: NDArray[np.int8]
    ids: Text | None
    key: NDArray[np.uint64]
    time: NDArray[np.int64]
    label_time: NDArray[np.int64]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    spelled: Spelled | None = None

    def __len__(self) -> int:
        return len(self.y)

    def slice(self, start: int, stop: int) -> Batch:
        """Rows start to stop as a batch of their own, sharing memory."""
        cut = slice(start, stop)
        return Batch(
            X=self.X[cut],
            y=self.y[cut],
            kind=self.kind[cut],
            ids=None if self.ids is None else self.ids.slice(start, min(stop, len(self))),
            key=self.key[cut],
            time=self.time[cut],
            label_time=self.label_time[cut],
            partition=self.partition[cut],
            offset=self.offset[cut],
            spelled=None if self.spelled is None else self.spelled.take(cut),
        )

    def check(self, n_features: int, n_classes: int) -> None:
        """Raise ValueError where the arrays do not fit each other, or that many features and classes.

        Kernels take them as they are: a batch of another width would be read, and written, beyond its end.
        """
        n = len(self.y)
        check_features(self.X, n_features)
        for name in _ARRAYS:
            array = getattr(self, name)
            if len(array) != n or array.dtype != _ARRAYS[name]:
                wanted = np.dtype(_ARRAYS[name])
                raise ValueError(
                    f"{name} has {len(array):,} rows of {array.dtype}; y has {n:,}, and {wanted} is wanted"
                )
        if self.ids is not None and len(self.ids) != n:
            raise ValueError(f"there are {len(self.ids):,} ids for {n:,} rows")
        beyond = (self.y < NO_LABEL) | (self.y >= n_classes)
        if beyond.any():
            row = int(np.argmax(beyond))
            raise ValueError(
                f"y is {int(self.y[row])} in row {row:,}; classes are 0 to {n_classes - 1}, and {NO_LABEL} is no label"
            )

    @classmethod
    def concat(cls, parts: list[Batch]) -> Batch:
        """Several batches of one schema as one, in order."""
        if len(parts) == 1:
            return parts[0]
        texts = [p.ids for p in parts if p.ids is not None]
        return cls(
            ids=Text.concat(texts) if texts else None,
            spelled=Spelled.concat([p.spelled for p in parts], [len(p) for p in parts]),
            **{f: np.concatenate([getattr(p, f) for p in parts]) for f in _ARRAYS},
        )

    @classmethod
    def of(
        cls,
        X: NDArray[np.float32],
        y: ArrayLike | None = None,
        *,
        ids: list[str] | None = None,
        time: NDArray[np.int64] | None = None,
        label_time: NDArray[np.int64] | None = None,
        kind: NDArray[np.int8] | None = None,
    ) -> Batch:
        """A batch from plain arrays, for library use: classes by their place, with -1 or NaN for no label.

        Raises ValueError where an array has another length than X, or y holds what is no whole number from -1 on.

        >>> Batch.of(np.zeros((3, 2), np.float32), [1, np.nan, 0]).y
        array([ 1, -1,  0], dtype=int16)
        """
        if np.ndim(X) != 2:
            raise ValueError(f"X has the shape {np.shape(X)}; (rows, features) is wanted")
        n = len(X)
        for name, array in {"y": y, "ids": ids, "time": time, "label_time": label_time, "kind": kind}.items():
            if array is not None and np.shape(array)[:1] != (n,):
                raise ValueError(f"{name} has the shape {np.shape(array)}, X has {n:,} rows")
        label = np.full(n, NO_LABEL, np.int16) if y is None else _classes(y)
        text = None if ids is None else Text.of(ids)
        return cls(
            X=np.ascontiguousarray(X, np.float32),
            y=label,
            kind=np.asarray(np.where(label >= 0, Kind.BOTH, Kind.FEATURES) if kind is None else kind, np.int8),
            ids=text,
            key=np.zeros(n, np.uint64) if text is None else text.hashes(),
            time=np.zeros(n, np.int64) if time is None else np.ascontiguousarray(time, np.int64),
            label_time=np.full(n, WITH_EVENT) if label_time is None else np.ascontiguousarray(label_time, np.int64),
            partition=np.zeros(n, np.int32),
            offset=np.arange(n, dtype=np.int64),
        )


def check_features(X: NDArray[np.float32], n_features: int) -> None:
    """Raise ValueError where X is not (n, n_features), or holds what is infinite."""
    if X.ndim != 2 or X.shape[1] != n_features:
        raise ValueError(f"X has the shape {X.shape}; the schema has {n_features} features: (n, {n_features})")
    if np.isinf(X).any():
        row, column = np.argwhere(np.isinf(X))[0].tolist()
        raise ValueError(f"X is infinite in row {row:,}, column {column}; NaN is a missing value")


def _classes(y: ArrayLike) -> NDArray[np.int16]:
    """Class codes, int16 (n,). Raises ValueError."""
    given = np.asarray(y)
    if given.ndim != 1 or given.dtype.kind not in "biuf":
        raise ValueError(f"y has the shape {given.shape} and the type {given.dtype}; (rows,) of class codes is wanted")
    codes = np.where(np.isnan(given), NO_LABEL, given) if given.dtype.kind == "f" else given
    bad = (codes < NO_LABEL) | (codes > np.iinfo(np.int16).max) | (codes % 1 != 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"y is {codes[row]} in row {row:,}: no class's place, nor {NO_LABEL} or NaN for no label")
    return np.ascontiguousarray(codes, np.int16)


#: Arrays of a batch, and what they are made of.
_ARRAYS: Final = {
    "X": np.float32, "y": np.int16, "kind": np.int8, "key": np.uint64, "time": np.int64, "label_time": np.int64,
    "partition": np.int32, "offset": np.int64,
}  # fmt: skip
