"""JSON events to a Batch: one compiled decoder, one tight loop, then whole columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, WITH_EVENT, Batch, Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_columns import (
    IGNORED_NAME_CHARS_MAX,
    IGNORED_NAMES_MAX,
    UNKNOWN_CLASS,
    Categories,
    Columns,
    Origin,
    Refusals,
    finish,
    keys_of,
    no_label_times,
    refuse_unknown,
    shown,
    too_large,
)
from streamimb.decode_time import from_iso, from_numbers
from streamimb.errors import SchemaError
from streamimb.json_causes import DEPTH_MAX, TOO_DEEP, Cause, Causes
from streamimb.json_fields import class_codes, columns_of, field_kinds, ignore, struct_of, tree_of
from streamimb.json_plain import PlainReader, is_plain, merge
from streamimb.schema import Schema
from streamimb.text import Text

#: No field of JSON is shorter than ``"":0,``.
FIELD_BYTES_MIN: Final = 5
#: Where more of a batch than this is not plain, the library reads the whole of it, and that of so many that follow.
ODD_SHARE_MAX: Final = 0.25
PAUSE_BATCHES: Final = 63

_UNKNOWN = re.compile(r"unknown field `(.*?)`(?: - at `\$\.?([^`]*)`)?$", re.DOTALL)


class JsonDecoder:
    """Decodes JSON objects of one schema.

    Raises SchemaError where the schema's paths contradict each other, or declare more fields than
    ``limits.fields_max``.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> decoder = JsonDecoder(schema, LimitsConfig())
    >>> batch, refused = decoder.decode([b'{"amount": 2.5, "label": "fraud"}', b"{"], source="example", offsets=1)
    >>> batch.X, batch.y, refused[0].reason.value, refused[0].line
    (array([[2.5]], dtype=float32), array([1], dtype=int16), 'not_json', 2)
    """

    def __init__(self, schema: Schema, limits: LimitsConfig) -> None:
        self._schema, self._limits = schema, limits
        self._tree = tree_of(schema)
        if len(schema.features) + 4 > limits.fields_max:
            raise SchemaError(f"{len(schema.features):,} features; limits.fields_max is {limits.fields_max:,}")
        self._ignored: dict[tuple[str, ...], int] = {}
        self._lenient = False
        self._read_tree()
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._categories = [Categories(f) for f in schema.features]
        self._codes = class_codes(schema.label)
        self._causes = Causes(field_kinds(schema))
        self._plain, self._pause = self._plain_reader(), 0

    def _plain_reader(self) -> PlainReader:
        flat = [keys[0] for keys in self._ignored if len(keys) == 1 and is_plain(keys[0])]
        return PlainReader(self._schema, self._limits, self._categories, flat)

    def _read_tree(self) -> None:
        """Make the decoder; an unknown field is an error, by which its name becomes known, while names are counted."""
        counting = len(self._ignored) < IGNORED_NAMES_MAX and not self._lenient
        strict = self._schema.unknown_fields == "refuse" or counting
        self._root = struct_of("Event", self._tree, strict)
        self._decoder = msgspec.json.Decoder(self._root)

    def take_ignored(self) -> dict[str, int]:
        """Fields that the schema does not name, by path: how many records had each since this was asked last."""
        told = {".".join(keys)[:IGNORED_NAME_CHARS_MAX]: n for keys, n in self._ignored.items() if n}
        self._ignored = dict.fromkeys(self._ignored, 0)
        return told

    def decode(
        self,
        records: Sequence[bytes | None],
        *,
        source: str,
        offsets: NDArray[np.int64] | int,
        partition: NDArray[np.int32] | int | None = None,
    ) -> tuple[Batch, list[Rejected]]:
        """The batch of the accepted among n records, and the refusals of the others, both in order.

        offsets: int64 (n,), or the number of the first (lines of a file); partition: None for a file. A record of
        None is a tombstone.
        """
        n = len(records)
        offset = np.arange(offsets, offsets + n, dtype=np.int64) if isinstance(offsets, int) else offsets
        where = np.full(n, partition, np.int32) if isinstance(partition, int) else partition
        columns, refusals = self._read(records)
        return finish(self._schema, self._limits, columns, refusals, Origin(source, offset, where))

    def _read(self, records: Sequence[bytes | None]) -> tuple[Columns, Refusals]:
        """The compiled reader's columns where records are plain, the library's for the others."""
        if self._pause or not self._plain.reads:
            self._pause = max(0, self._pause - 1)
            return self._read_odd(records)
        plain = self._plain.read(records)
        odd = plain.odd.tolist()
        if len(odd) > ODD_SHARE_MAX * len(records):
            self._pause = PAUSE_BATCHES
            return self._read_odd(records)
        for name, n in plain.ignored.items():
            self._ignored[name,] += n
        if not odd:
            return plain.columns, Refusals()
        events, refused = self._parse_new([records[row] for row in odd])
        refusals = Refusals({odd[i]: why for i, why in refused.by_row.items()})
        rows = [row for row in odd if row not in refusals.by_row]  # what columns hold of the others is never looked at
        late = Refusals()
        read = self._columns([e for e in events if e is not None], [records[row] for row in rows], late)
        refusals.by_row |= {rows[i]: why for i, why in late.by_row.items()}
        return merge(plain.columns, np.array(rows, np.int64), read), refusals

    def _read_odd(self, records: Sequence[bytes | None]) -> tuple[Columns, Refusals]:
        """The library's columns."""
        events, refusals = self._parse_new(records)
        blank = self._root()
        return self._columns([blank if e is None else e for e in events], records, refusals), refusals

    def _parse_new(self, records: Sequence[bytes | None]) -> tuple[list[Any], Refusals]:
        """Parse; names of fields that were met for the first time are known to both readers then."""
        known = len(self._ignored)
        events, refusals = self._parse(records)
        if len(self._ignored) != known:
            self._plain, self._pause = self._plain_reader(), 0
        return events, refusals

    def _parse(self, records: Sequence[bytes | None]) -> tuple[list[Any], Refusals]:
        """The tight loop: an object for each record, None and a cause for each that is refused."""
        refusals = Refusals()
        events: list[Any] = []
        append, decode = events.append, self._decoder.decode
        suspicious = min(2 * DEPTH_MAX, FIELD_BYTES_MIN * self._limits.fields_max, self._limits.event_bytes_max)
        for row, record in enumerate(records):
            try:
                if len(record) > suspicious or not record.isascii():  # type: ignore[arg-type, union-attr]
                    cause = self._suspect(record or b"")
                    if cause is not None:
                        refusals.add(row, *cause)
                        append(None)
                        continue
                append(decode(record))  # type: ignore[arg-type]
            except (ValueError, TypeError, RecursionError) as error:
                message = str(error)
                if "unknown field" in message and self._ignores(error, message):
                    return self._parse(records)  # once for each new name
                refusals.add(row, *self._causes.of(record, error, message))
                append(None)
        return events, refusals

    def _ignores(self, error: Exception, message: str) -> bool:
        """Whether all that is wrong is a field that is to be ignored: its name is known from now on."""
        if self._schema.unknown_fields == "refuse" or not isinstance(error, msgspec.ValidationError):
            return False
        if (found := _UNKNOWN.search(message)) is None:
            return False
        keys = *(key for key in (found[2] or "").split(".") if key), found[1]
        if ignore(self._tree, keys):
            self._ignored[keys] = 0
        else:  # the error cannot tell such a name, or no decoder can be told it
            self._lenient = True
        self._read_tree()
        return True

    def _suspect(self, record: bytes) -> Cause | None:
        """What makes a long or non-ASCII record inadmissible, if anything."""
        limits = self._limits
        if len(record) > limits.event_bytes_max:
            return Reason.TOO_LARGE, None, too_large(len(record), limits)
        try:
            record.decode()
        except UnicodeDecodeError as error:
            return Reason.NOT_UTF8, None, f"not UTF-8 at byte {error.start}"
        if record.count(b"[") + record.count(b"{") > DEPTH_MAX and depth_of(record) > DEPTH_MAX:
            return Reason.TOO_DEEP, None, TOO_DEEP
        if len(record) > FIELD_BYTES_MIN * limits.fields_max:
            try:
                n_fields = self._count(record)
            except (ValueError, RecursionError):
                return None  # decoding says what is wrong
            if n_fields > limits.fields_max:
                return Reason.TOO_MANY_FIELDS, None, f"{n_fields:,} fields; limits.fields_max is {limits.fields_max:,}"
        return None

    def _count(self, record: bytes | msgspec.Raw) -> int:
        fields = self._fields.decode(record)
        return len(fields) + sum(self._count(v) for v in fields.values() if bytes(v).startswith(b"{"))

    def _columns(self, events: list[Any], records: Sequence[bytes | None], refusals: Refusals) -> Columns:
        schema, n = self._schema, len(events)
        columns = dict(columns_of(self._tree, events))
        for keys in self._ignored:
            self._ignored[keys] += n - columns[keys].count(None)
        raw = np.empty((len(schema.features), n), np.float64)
        spelled: dict[int, Sequence[str | None]] = {}
        for j, feature in enumerate(schema.features):
            values = columns[keys_of(feature)]
            if feature.type == "categorical":
                texts = _as_texts(values)
                raw[j] = self._categories[j].of_values(texts)
                if feature.categories is None:
                    spelled[j] = texts
            else:
                raw[j] = np.array(values, np.float64)
        labels = columns[keys_of(schema.label)]
        label = refuse_unknown(schema.label, self._label_codes(labels), refusals, labels)
        ids = None if schema.id is None else self._ids(columns[keys_of(schema.id)], refusals)
        time, label_time, timeless = np.zeros(n, np.int64), no_label_times(n), np.zeros(n, np.bool_)
        if schema.time is not None:
            told = columns[keys_of(schema.time)]
            time, bad = self._times(told)
            if bad.any():
                timeless = np.array([v is None for v in told], np.bool_)
            refusals.add_where(bad & ~timeless, Reason.BAD_TIME, shown(schema.time), f"no time in {schema.time.unit}")
        if schema.label.time is not None:
            told = columns[tuple(schema.label.time.split("."))]
            label_time, bad = self._times(told)
            absent = np.array([v is None for v in told], np.bool_)
            refusals.add_where(bad & ~absent, Reason.BAD_TIME, schema.label.time, "no time in the declared unit")
            label_time[absent] = WITH_EVENT
        bare = self._bare(records, np.flatnonzero((label != NO_LABEL) & np.isnan(raw).all(axis=0)), n)
        return Columns(raw, label, ids, time, label_time, bare, timeless, spelled)

    def _bare(self, records: Sequence[bytes | None], suspects: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
        """Which rows name no feature, bool (n,): looked for among those that have no value of any."""
        bare = np.zeros(n, np.bool_)
        if self._schema.id is not None:
            for row in suspects.tolist():
                bare[row] = not self._names_feature(records[row] or b"{}")
        return bare

    def _names_feature(self, record: bytes) -> bool:
        fields = self._fields.decode(record)
        return any(self._has(fields, keys_of(feature)) for feature in self._schema.features)

    def _has(self, fields: dict[str, msgspec.Raw], keys: Sequence[str]) -> bool:
        for key in keys[:-1]:
            inner = fields.get(key)
            if inner is None or not bytes(inner).startswith(b"{"):
                return False
            fields = self._fields.decode(inner)
        return keys[-1] in fields

    def _times(self, values: list[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        assert self._schema.time is not None
        unit = self._schema.time.unit
        return from_iso(values) if unit == "iso" else from_numbers(values, unit)

    def _label_codes(self, values: list[Any]) -> NDArray[np.int16]:
        kinds = set(map(type, values)) - {type(None)}
        if len(kinds) <= 1:
            codes = self._codes.get(kinds.pop() if kinds else str, {None: NO_LABEL})
            return np.fromiter(map(codes.get, values, repeat(UNKNOWN_CLASS)), np.int16, len(values))
        by_type, none = self._codes, {None: NO_LABEL}
        found = (by_type.get(type(v), none).get(v, UNKNOWN_CLASS) for v in values)
        return np.fromiter(found, np.int16, len(values))

    def _ids(self, values: list[Any], refusals: Refusals) -> Text:
        assert self._schema.id is not None
        if None in values:
            absent = np.array([v is None for v in values], np.bool_)
            refusals.add_where(absent, Reason.MISSING_FIELD, shown(self._schema.id), "no id")
        return Text.of([v or "" for v in _as_texts(values)])


def depth_of(record: bytes) -> int:
    """How deep the brackets of a JSON text are nested, those in strings apart."""
    depth = deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', record, re.DOTALL):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _as_texts(values: list[Any]) -> list[str | None]:
    """Texts and numbers as text; a whole number as its digits."""
    if set(map(type, values)) <= {str, type(None)}:
        return values
    return [v if v is None or isinstance(v, str) else repr(v) for v in values]
