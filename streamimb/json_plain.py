"""The plain records of a batch as columns, by compiled code: a fifth of what an object each would cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb import json_layout as at
from streamimb.batch import NO_LABEL
from streamimb.config import LimitsConfig
from streamimb.decode_columns import Categories, Columns, keys_of, no_label_times
from streamimb.durations import UNITS_US
from streamimb.json_kernels import gather, read_plain
from streamimb.json_layout import ABSENT, BARE, ODD
from streamimb.json_values import NO_MOMENT
from streamimb.schema import Schema
from streamimb.text import Cells, Column, Text

_KINDS: Final = {"numeric": at.NUMBER, "boolean": at.BOOLEAN, "categorical": at.TEXT}


@dataclass(frozen=True, slots=True)
class Plain:
    """What was read of n records: columns, whose odd rows mean nothing; odd: int64, those rows; ignored: by name."""

    columns: Columns
    odd: NDArray[np.int64]
    ignored: Mapping[str, int]


class PlainReader:
    """Reads flat JSON objects of one schema, as far as they are plain.

    ignored: names of fields that are passed over, and counted. Raises nothing: what it cannot read is odd.
    """

    def __init__(self, schema: Schema, limits: LimitsConfig, categories: Sequence[Categories], ignored: Sequence[str]):
        self._schema, self._limits, self._categories = schema, limits, categories
        self._ignored = list(ignored)
        self._texts = [j for j, f in enumerate(schema.features) if f.type == "categorical"]
        rows = list(self._rows())
        self.reads = all(len(keys) == 1 and is_plain(keys[0]) for keys, _ in rows) and len(rows) <= limits.fields_max
        self._keys = np.array([row for _, row in rows], np.int64)
        names = Text.of([keys[0] for keys, _ in rows])
        self._names, self._name_ends = names.data, names.offsets
        classes = Text.of([str(c) for c in schema.label.classes])
        self._classes, self._class_ends = classes.data, classes.offsets
        self._forms = np.array([_form_of(c) for c in schema.label.classes], np.int64)
        unit = "us" if schema.time is None else schema.time.unit
        self._scale = float(UNITS_US.get(unit, 1))

    def _rows(self) -> Iterator[tuple[tuple[str, ...], tuple[int, int, int, int]]]:
        """Keys and the row of the table of keys for each field; texts of features come first, then the id."""
        schema = self._schema
        for j, feature in enumerate(schema.features):
            column = self._texts.index(j) if feature.type == "categorical" else j
            yield keys_of(feature), (_KINDS[feature.type], column, 1, 0)
        yield keys_of(schema.label), (at.LABEL, 0, 0, 0)
        if schema.id is not None:
            yield keys_of(schema.id), (at.TEXT, len(self._texts), 0, 1)
        if schema.time is not None:
            kind = at.MOMENT_ISO if schema.time.unit == "iso" else at.MOMENT
            yield keys_of(schema.time), (kind, 0, 0, 0)
            if schema.label.time is not None:
                yield tuple(schema.label.time.split(".")), (kind, 1, 0, 0)
        for name in self._ignored:
            yield (name,), (at.IGNORED, 0, 0, 0)

    def read(self, records: Sequence[bytes | None]) -> Plain:
        """The columns of n records."""
        n, d = len(records), len(self._schema.features)
        told = [record or b"" for record in records] if None in records else records
        buffer = np.frombuffer(b"".join(told), np.uint8)  # type: ignore[arg-type]
        ends = np.zeros(n + 1, np.int64)
        np.cumsum(np.fromiter(map(len, told), np.int64, n), out=ends[1:])  # type: ignore[arg-type]
        raw, labels = np.full((d, n), np.nan), np.full(n, NO_LABEL, np.int16)
        starts = np.zeros((len(self._texts) + 1, n), np.int64)
        sizes = np.full((len(self._texts) + 1, n), ABSENT)
        times = np.full((2, n), NO_MOMENT)
        times[1] = no_label_times(n)
        out, counts = np.empty(n, np.uint8), np.zeros(len(self._keys), np.int64)
        read_plain(
            buffer, ends, self._names, self._name_ends, self._keys, self._limits.number_abs_max,
            self._limits.event_bytes_max, self._scale, self._classes, self._class_ends, self._forms,
            np.zeros(3), np.zeros(3, np.int64), np.zeros(len(self._keys), np.int64),
            raw, starts, sizes, labels, times, out, counts,
        )  # fmt: skip
        sizes[:, out == ODD] = ABSENT
        texts: dict[int, Column] = {}
        for i, j in enumerate(self._texts):
            absent = sizes[i] == ABSENT
            text = _text(buffer, starts[i], sizes[i])
            raw[j] = self._categories[j].of_text(text, absent)
            if self._schema.features[j].categories is None:
                texts[j] = Cells(text, absent)
        ids = None if self._schema.id is None else _text(buffer, starts[-1], sizes[-1])
        timeless = (times[0] == NO_MOMENT) & (self._schema.time is not None)
        times[0][times[0] == NO_MOMENT] = 0
        columns = Columns(raw, labels, ids, times[0], times[1], out == BARE, timeless, texts)
        ignored = counts[len(counts) - len(self._ignored) :].tolist()
        return Plain(columns, np.flatnonzero(out == ODD), dict(zip(self._ignored, ignored, strict=True)))


def is_plain(name: str) -> bool:
    """Whether a key is written in JSON just as it is.

    >>> is_plain("amount"), is_plain('a"b'), is_plain("größe")
    (True, False, False)
    """
    return name.isascii() and name.isprintable() and not set(name) & {'"', "\\"}


def merge(plain: Columns, odd: NDArray[np.int64], read: Columns) -> Columns:
    """The plain columns with those of the odd rows, in order, put in their places."""
    n = len(plain.label)
    for name in ("label", "time", "label_time", "bare", "timeless"):
        getattr(plain, name)[odd] = getattr(read, name)
    plain.raw[:, odd] = read.raw
    place = np.arange(n)
    place[odd] = n + np.arange(len(odd))
    ids = None if plain.ids is None or read.ids is None else Text.concat([plain.ids, read.ids]).take(place)
    texts: dict[int, Column] = {}
    for j, cells in plain.texts.items():
        others = read.texts[j]
        assert isinstance(cells, Cells) and not isinstance(others, Cells), "each reader keeps texts in its own way"
        absent = np.concatenate([cells.absent, np.array([v is None for v in others], np.bool_)])
        text = Text.concat([cells.texts, Text.of([v or "" for v in others])])
        texts[j] = Cells(text.take(place), absent[place])
    return Columns(plain.raw, plain.label, ids, plain.time, plain.label_time, plain.bare, plain.timeless, texts)


def _text(buffer: NDArray[np.uint8], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Text:
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(np.maximum(sizes, 0), out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    gather(buffer, starts, offsets, data)
    return Text(data, offsets)


def _form_of(value: str | int | bool) -> int:
    if isinstance(value, bool):
        return at.IS_TRUE if value else at.IS_FALSE
    return at.IS_NUMBER if isinstance(value, int) else at.IS_TEXT
