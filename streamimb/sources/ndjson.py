"""Newline-delimited JSON to batches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamimb.batch import Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_columns import too_large
from streamimb.decode_json import JsonDecoder
from streamimb.errors import InputError
from streamimb.schema import Schema
from streamimb.sources.base import PIECE_ROWS, Pair
from streamimb.sources.lines import STDIN, LineReader, TooLong

_ARRAY = re.compile(rb"\s*\[\s*\{")
_OBJECT = re.compile(rb"^[ \t\r]*\{", re.MULTILINE)


class NdjsonReader:
    """One file of JSON objects, one a line."""

    def __init__(self, lines: LineReader, schema: Schema, limits: LimitsConfig) -> None:
        self._lines, self._limits = lines, limits
        self._decoder = JsonDecoder(schema, limits)

    def take_ignored(self) -> dict[str, int]:
        """Fields that the schema does not name: how many records had each since this was asked last."""
        return self._decoder.take_ignored()

    def pairs(self) -> Iterator[Pair]:
        """Batches and refusals. Raises the errors of reading, and InputError for what is clearly something else."""
        path, checked = self._lines.path, False
        for block in self._lines.blocks():
            if isinstance(block, TooLong):
                detail = too_large(block.n_bytes, self._limits)
                empty, _ = self._decoder.decode([], source=path, offsets=block.line)
                yield empty, [Rejected(path, Reason.TOO_LARGE, None, detail, line=block.line)]
                continue
            if not checked:
                self._check_start(block.data)
                checked = True
            records = block.data.split(b"\n")
            if not records[-1]:
                records.pop()
            for start in range(0, len(records), PIECE_ROWS):
                piece = records[start : start + PIECE_ROWS]
                yield self._decoder.decode(piece, source=path, offsets=block.line + start)

    def _check_start(self, data: bytes) -> None:
        path = self._lines.path
        if _ARRAY.match(data):
            raise InputError(f"{path}: is one JSON array; give an object a line (jq -c '.[]' makes them)")
        if path == STDIN and not _OBJECT.search(data):
            raise InputError(
                "standard input is read as JSON, an object a line, and no line of it begins with {; "
                "CSV and Parquet are read from files"
            )
