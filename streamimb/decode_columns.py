"""What all decoders share: from columns of numbers to a Batch, and a Rejected for each refused row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, WITH_EVENT, Batch, Kind, Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.schema import CATEGORY_CODE_MAX, Feature, Label, Schema
from streamimb.text import Column, Spelled, Text

#: Stands in raw columns for a category that the schema does not list: present, but without a code.
UNLISTED: Final = -np.inf
#: A longer id is refused.
ID_BYTES_MAX: Final = 1_024
#: Fields that the schema does not name are counted by name for so many names; then new ones are counted no more.
IGNORED_NAMES_MAX: Final = 32
#: A name that is longer is told so far.
IGNORED_NAME_CHARS_MAX: Final = 100
#: Marks a class that the schema does not list.
UNKNOWN_CLASS: Final = -2


class Named(Protocol):
    """A field of the contract: a name, and perhaps a path."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str | None: ...


def keys_of(field_: Named) -> tuple[str, ...]:
    """The keys that lead to a field in nested JSON; a name without a path is one key, dots and all."""
    return (field_.name,) if field_.path is None else tuple(field_.path.split("."))


def shown(field_: Named) -> str:
    """A field as refusals name it."""
    return field_.name if field_.path is None else field_.path


@dataclass(slots=True)
class Refusals:
    """The first cause for which each row is refused."""

    by_row: dict[int, tuple[Reason, str | None, str]] = field(default_factory=dict)

    def add(self, row: int, reason: Reason, field_: str | None, detail: str) -> None:
        """Refuse one row."""
        self.by_row.setdefault(row, (reason, field_, detail))

    def add_where(self, mask: NDArray[np.bool_], reason: Reason, field_: str | None, detail: str) -> None:
        """Refuse the rows where the mask, bool (n,), holds."""
        for row in np.flatnonzero(mask).tolist():
            self.add(row, reason, field_, detail)


@dataclass(frozen=True, slots=True)
class Columns:
    """n rows as columns, before the schema's rules on missing values and ranges.

    raw: float64 (d, n), NaN where absent, UNLISTED for a category without a code; label: int16 (n,), -1 for none;
    ids: text or None; time: int64 (n,) microseconds; label_time: int64 (n,), WITH_EVENT for none; bare: bool (n,), rows
    that name no feature at all (one that is null or empty is named); timeless: bool (n,), rows that name no time;
    texts: feature -> its column of texts, where a hash is its code.
    """

    raw: NDArray[np.float64]
    label: NDArray[np.int16]
    ids: Text | None
    time: NDArray[np.int64]
    label_time: NDArray[np.int64]
    bare: NDArray[np.bool_]
    timeless: NDArray[np.bool_]
    texts: Mapping[int, Column]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where n rows come from: lines of a file (partition None), or a topic's records; offset: int64 (n,)."""

    source: str
    offset: NDArray[np.int64]
    partition: NDArray[np.int32] | None = None

    def rejected(self, row: int, reason: Reason, field_: str | None, detail: str) -> Rejected:
        """The refusal of one row."""
        at = int(self.offset[row])
        if self.partition is None:
            return Rejected(self.source, reason, field_, detail, line=at)
        return Rejected(self.source, reason, field_, detail, partition=int(self.partition[row]), offset=at)


class Categories:
    """Stateless codes of one categorical feature: a place in the schema's list, or a stable hash below 2^24."""

    CACHE_MAX = 65_536
    CACHE_BYTES_MAX = 1 << 23

    def __init__(self, feature: Feature) -> None:
        listed = feature.categories
        self.listed = None if listed is None else {c: float(i) for i, c in enumerate(listed)}
        self._cache: dict[str | None, float] = {None: np.nan}
        self._cache_bytes = 0

    def of_values(self, values: Sequence[str | None]) -> NDArray[np.float64]:
        """Codes of Python strings, float64 (n,); None is NaN."""
        if self.listed is not None:
            return np.array([np.nan if v is None else self.listed.get(v, UNLISTED) for v in values], np.float64)
        codes = list(map(self._cache.get, values))
        if None in codes:
            self._learn(values)
            codes = [self._cache[v] for v in values]
        return np.array(codes, np.float64)

    def of_text(self, text: Text, absent: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Codes of a text column, float64 (n,); NaN where absent, bool (n,)."""
        if self.listed is not None:
            return self.of_values([None if gone else v for v, gone in zip(text.tolist(), absent, strict=True)])
        codes = (text.hashes() % np.uint64(CATEGORY_CODE_MAX)).astype(np.float64)
        codes[absent] = np.nan
        return codes

    def _learn(self, values: Sequence[str | None]) -> None:
        if len(self._cache) > self.CACHE_MAX or self._cache_bytes > self.CACHE_BYTES_MAX:
            self._cache, self._cache_bytes = {None: np.nan}, 0
        new = [v for v in dict.fromkeys(values) if v is not None and v not in self._cache]
        self._cache_bytes += sum(map(len, new))
        codes = (Text.of(new).hashes() % np.uint64(CATEGORY_CODE_MAX)).tolist()
        self._cache.update(zip(new, map(float, codes), strict=True))


def finish(
    schema: Schema, limits: LimitsConfig, columns: Columns, refusals: Refusals, origin: Origin
) -> tuple[Batch, list[Rejected]]:
    """Apply the contract's rules on whole columns; the rows that stay, in order, and the refused ones, in order."""
    raw, has_label = columns.raw, columns.label != NO_LABEL
    label_only = has_label & columns.bare if schema.id is not None else np.zeros(len(has_label), np.bool_)
    if not len(schema.features):
        refusals.add_where(~has_label, Reason.MISSING_FIELD, shown(schema.label), "a label's row without a label")
    if schema.time is not None:
        timeless = columns.timeless & ~(label_only & (columns.label_time != WITH_EVENT))
        refusals.add_where(timeless, Reason.BAD_TIME, shown(schema.time), f"no time in {schema.time.unit}")
    _check_ids(columns.ids, schema, refusals)
    out_of_range = np.abs(raw) > limits.number_abs_max
    for j, feature in enumerate(schema.features):
        raw[j][raw[j] == UNLISTED] = np.nan
        _apply_missing(feature, raw[j], label_only, refusals)
        if feature.type == "numeric" and out_of_range[j].any():
            detail = f"beyond limits.number_abs_max = {limits.number_abs_max:g}"
            refusals.add_where(out_of_range[j], Reason.OUT_OF_RANGE, shown(feature), detail)
            raw[j][out_of_range[j]] = np.nan
    batch = _batch(columns, label_only, has_label, origin, has_time=schema.time is not None)
    rejected = [origin.rejected(row, *refusals.by_row[row]) for row in sorted(refusals.by_row)]
    if rejected:
        keep = np.ones(len(batch), np.bool_)
        keep[list(refusals.by_row)] = False
        batch = take(batch, np.flatnonzero(keep))
    return batch, rejected


def _check_ids(ids: Text | None, schema: Schema, refusals: Refusals) -> None:
    if ids is None or schema.id is None:
        return
    length = np.diff(ids.offsets)
    refusals.add_where(length == 0, Reason.BAD_ID, shown(schema.id), "an empty id")
    refusals.add_where(length > ID_BYTES_MAX, Reason.BAD_ID, shown(schema.id), f"an id over {ID_BYTES_MAX} bytes")


def _apply_missing(
    feature: Feature, column: NDArray[np.float64], label_only: NDArray[np.bool_], refusals: Refusals
) -> None:
    if feature.missing == "nan":
        return
    missing = np.isnan(column) & ~label_only
    if not missing.any():
        return
    if feature.missing == "refuse":
        refusals.add_where(missing, Reason.MISSING_FIELD, shown(feature), "missing, and the schema refuses that")
    else:
        column[missing] = default_code(feature)


def default_code(feature: Feature) -> float:
    """A feature's default as its number in X."""
    value = feature.default
    if isinstance(value, str):
        return float(Categories(feature).of_values([value])[0])
    return float(value or 0)


def _batch(
    columns: Columns,
    label_only: NDArray[np.bool_],
    has_label: NDArray[np.bool_],
    origin: Origin,
    *,
    has_time: bool,
) -> Batch:
    n, time, known = len(columns.label), columns.time, columns.label_time
    if has_time and label_only.any():  # a label's row comes when the label is known
        known = np.where(label_only & (known == WITH_EVENT), time, known)
        time = np.where(label_only, known, time)
    kind = np.where(has_label, Kind.BOTH, Kind.FEATURES).astype(np.int8)
    kind[label_only] = Kind.LABEL
    return Batch(
        X=np.ascontiguousarray(columns.raw.T, np.float32),
        y=columns.label,
        kind=kind,
        ids=columns.ids,
        key=np.zeros(n, np.uint64) if columns.ids is None else columns.ids.hashes(),
        time=time,
        label_time=known,
        partition=np.zeros(n, np.int32) if origin.partition is None else origin.partition,
        offset=origin.offset,
        spelled=Spelled.of(columns.texts, n),
    )


def take(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    """The given rows as a batch of their own, copied."""
    return Batch(
        X=batch.X[rows],
        y=batch.y[rows],
        kind=batch.kind[rows],
        ids=None if batch.ids is None else batch.ids.take(rows),
        key=batch.key[rows],
        time=batch.time[rows],
        label_time=batch.label_time[rows],
        partition=batch.partition[rows],
        offset=batch.offset[rows],
        spelled=None if batch.spelled is None else batch.spelled.take(rows),
    )


def no_label_times(n: int) -> NDArray[np.int64]:
    """Labels known with their events, int64 (n,)."""
    return np.full(n, WITH_EVENT, np.int64)


def split(batch: Batch, rejected: list[Rejected], rows_max: int) -> Iterable[tuple[Batch, list[Rejected]]]:
    """Cut into batches of at most rows_max rows; a refusal goes with the rows that stand after it in the file."""
    if len(batch) <= rows_max:
        yield batch, rejected
        return
    done = 0
    for start in range(0, len(batch), rows_max):
        part = batch.slice(start, min(start + rows_max, len(batch)))
        last = start + rows_max >= len(batch)
        upto = done
        while upto < len(rejected) and (last or (rejected[upto].line or 0) < part.offset[-1]):
            upto += 1
        yield part, rejected[done:upto]
        done = upto


def refuse_unknown(label: Label, codes: NDArray[np.int16], refusals: Refusals, values: Any) -> NDArray[np.int16]:
    """Refuse the rows of unknown classes, or take their labels away, as the schema says."""
    unknown = codes == UNKNOWN_CLASS
    if unknown.any():
        if label.unknown == "refuse":
            for row in np.flatnonzero(unknown).tolist():
                value = str(values[row])[:40]
                refusals.add(row, Reason.UNKNOWN_CLASS, shown(label), f"{value!r} is none of the schema's classes")
        codes = np.where(unknown, np.int16(NO_LABEL), codes)
    return codes


def too_large(n_bytes: int, limits: LimitsConfig) -> str:
    """What is said of a line or a record that is too long."""
    return f"{n_bytes:,} bytes; limits.event_bytes_max is {limits.event_bytes_max:,}"
