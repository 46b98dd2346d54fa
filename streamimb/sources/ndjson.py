"""Newline-delimited JSON to batches."""

from __future__ import annotations

from collections.abc import Iterator

from streamimb.batch import Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_columns import too_large
from streamimb.decode_json import JsonDecoder
from streamimb.schema import Schema
from streamimb.sources.base import PIECE_ROWS, Pair
from streamimb.sources.lines import LineReader, TooLong


class NdjsonReader:
    """One file of JSON objects, one a line."""

    def __init__(self, lines: LineReader, schema: Schema, limits: LimitsConfig) -> None:
        self._lines, self._limits = lines, limits
        self._decoder = JsonDecoder(schema, limits)

    def pairs(self) -> Iterator[Pair]:
        """Batches and refusals. Raises the errors of reading."""
        path = self._lines.path
        for block in self._lines.blocks():
            if isinstance(block, TooLong):
                detail = too_large(block.n_bytes, self._limits)
                empty, _ = self._decoder.decode([], source=path, offsets=block.line)
                yield empty, [Rejected(path, Reason.TOO_LARGE, None, detail, line=block.line)]
                continue
            records = block.data.split(b"\n")
            if not records[-1]:
                records.pop()
            for start in range(0, len(records), PIECE_ROWS):
                piece = records[start : start + PIECE_ROWS]
                yield self._decoder.decode(piece, source=path, offsets=block.line + start)
