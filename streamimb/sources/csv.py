"""CSV to batches: a columnar path for plain lines, the standard library's reader for those with quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.batch import Reason, Rejected
from streamimb.config import LimitsConfig
from streamimb.decode_columns import Origin, Refusals, too_large
from streamimb.decode_table import TableDecoder
from streamimb.errors import InputError
from streamimb.schema import Schema
from streamimb.sources.base import Pair
from streamimb.sources.lines import LineReader, TooLong

_COMMA: Final = 44
_NEWLINE: Final = 10
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
Refused = tuple[Reason, str]
Frame = tuple[pl.DataFrame, NDArray[np.int64], dict[int, Refused]]


class CsvTable:
    """The rows of one CSV file as frames of text, whatever they mean.

    ``frames`` gives, for each block of lines, the well-formed rows with their line numbers, int64 (n,), and the
    refused lines. A quoted cell may hold newlines; a quote that is never closed costs its own line only.
    """

    def __init__(self, lines: LineReader, limits: LimitsConfig) -> None:
        self.columns: list[str] = []
        self._lines, self._limits = lines, limits
        self._header = b""
        self._carry, self._carry_line = b"", 0

    def frames(self) -> Iterator[Frame]:
        """Blocks in order. Raises the errors of reading, and InputError for a header that cannot be used."""
        for block in self._lines.blocks():
            if isinstance(block, TooLong):
                yield from self._finished()
                yield self._nothing({block.line: (Reason.TOO_LARGE, too_large(block.n_bytes, self._limits))})
                continue
            data = self._carry + block.data
            first = self._carry_line if self._carry else block.line
            self._carry = b""
            if not self.columns:
                data, first = self._read_header(data, first)
            if data:
                yield self._frame(data, first, last=False)
        yield from self._finished()

    def is_header(self, line: bytes) -> bool:
        """Whether a line is the header once more. Raises InputError for another header."""
        line = line.rstrip(b"\r\n")
        if line == self._header:
            return True
        cells = {c.strip(' "') for c in line.decode(errors="replace").split(",")}
        known = cells & set(self.columns)
        if len(known) >= 2 and 2 * len(known) >= len(cells):
            raise InputError(
                f"{self._lines.path}: another header begins here: {', '.join(sorted(known))[:80]}...; "
                "give its part as a file of its own"
            )
        return False

    def _finished(self) -> Iterator[Frame]:
        if self._carry:
            data, self._carry = self._carry, b""
            yield self._frame(data, self._carry_line, last=True)

    def _nothing(self, refused: dict[int, Refused]) -> Frame:
        if not self.columns:
            raise InputError(f"{self._lines.path}: its header is longer than limits.event_bytes_max")
        return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String)), np.zeros(0, np.int64), refused

    def _read_header(self, data: bytes, first: int) -> tuple[bytes, int]:
        path = self._lines.path
        end = (data.find(b"\n") + 1) or len(data)
        self._header = data[:end].rstrip(b"\r\n")
        if b"\r" in self._header:
            raise InputError(f"{path}: its lines end in CR alone, as on old Macs; convert it (tr '\\r' '\\n')")
        try:
            names = [n.strip() for n in next(csv.reader([self._header.decode()], strict=True), [])]
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: line 1 is not UTF-8; convert the file (iconv -f LATIN1 -t UTF-8)") from error
        except csv.Error as error:
            hint = "; a name with a line break in it cannot be read: rename the column" if b'"' in self._header else ""
            raise InputError(f"{path}: line 1 is no CSV header: {error}{hint}") from error
        if len(names) == 1 and (found := next((n for c, n in _SEPARATORS.items() if c in names[0]), None)):
            raise InputError(f"{path}: is not comma-separated: its header has {found} instead; convert it")
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise InputError(f"{path}: the header names a column twice: {', '.join(map(repr, twice))}; rename one")
        if len(names) > self._limits.fields_max:
            raise InputError(f"{path}: {len(names):,} columns; limits.fields_max is {self._limits.fields_max:,}")
        if not any(names):
            raise InputError(f"{path}: line 1 is no CSV header: it is blank")
        self.columns = names
        return data[end:], first + 1

    def _frame(self, data: bytes, first: int, *, last: bool) -> Frame:
        data = data.replace(b"\r\n", b"\n")
        data += b"" if data.endswith(b"\n") else b"\n"
        bytes_ = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(bytes_ == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        refused: dict[int, Refused] = {}
        quoted = np.zeros(len(ends), np.bool_)
        if b'"' in data:
            quoted[np.searchsorted(ends, np.flatnonzero(bytes_ == ord('"')))] = True
        rows, row_lines, taken = self._quoted_rows(data, starts, ends, quoted, first, refused, last)
        good = ~taken
        self._refuse_lines(data, starts, ends, good, first, refused)
        frame = self._plain(data, starts, ends, good)
        lines = np.flatnonzero(good) + first
        if rows:
            slow = pl.DataFrame(rows, schema=frame.schema, orient="row")
            lines = np.concatenate((lines, np.array(row_lines, np.int64)))
            order = np.argsort(lines, kind="stable")
            frame, lines = pl.concat([frame, slow])[order], lines[order]
        return frame, lines, refused

    def _refuse_lines(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        good: NDArray[np.bool_],
        first: int,
        refused: dict[int, Refused],
    ) -> None:
        commas = np.flatnonzero(np.frombuffer(data, np.uint8) == _COMMA)
        counts = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
        suspects = (counts != len(self.columns)) | (ends - starts > self._limits.event_bytes_max) | (ends == starts)
        if not _is_utf8(data):
            suspects |= np.array([not _is_utf8(data[a:b]) for a, b in zip(starts, ends, strict=True)], np.bool_)
        if self._header in data:
            suspects |= np.array([data[a:b] == self._header for a, b in zip(starts, ends, strict=True)], np.bool_)
        for i in np.flatnonzero(suspects & good).tolist():
            cause = self._cause(data[starts[i] : ends[i]], int(counts[i]))
            if cause is not None:
                refused[first + i] = cause
                good[i] = False

    def _cause(self, line: bytes, cells: int) -> Refused | None:
        if len(line) > self._limits.event_bytes_max:
            return Reason.TOO_LARGE, too_large(len(line), self._limits)
        if not line and len(self.columns) > 0:
            return Reason.EMPTY, "a blank line"
        if not _is_utf8(line):
            return Reason.NOT_UTF8, "not UTF-8"
        if self.is_header(line):
            return Reason.BAD_ROW, "the header again"
        if cells != len(self.columns):
            return Reason.WRONG_COLUMNS, f"{cells} cells; the header has {len(self.columns)}"
        return None

    def _plain(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], good: NDArray[np.bool_]
    ) -> pl.DataFrame:
        schema = dict.fromkeys(self.columns, pl.String)
        if not good.any():
            return pl.DataFrame(schema=schema)
        if not good.all():
            edges = np.flatnonzero(np.diff(np.concatenate(([0], good.view(np.int8), [0]))))
            runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
            data = b"".join(data[starts[a] : ends[b - 1] + 1] for a, b in runs)
        return pl.read_csv(
            data, has_header=False, infer_schema=False, quote_char=None, new_columns=self.columns, schema=schema
        )

    def _quoted_rows(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        quoted: NDArray[np.bool_],
        first: int,
        refused: dict[int, Refused],
        last: bool,
    ) -> tuple[list[list[str]], list[int], NDArray[np.bool_]]:
        """Records with quotes in them: their cells, their first lines, and which lines they take."""
        taken = np.zeros(len(ends), np.bool_)
        rows: list[list[str]] = []
        lines: list[int] = []
        upto = 0
        for i in np.flatnonzero(quoted).tolist():
            if i < upto:
                continue
            stop, cells = self._record(data, starts, ends, quoted, i)
            if stop > len(ends):
                if not last and len(data) - starts[i] <= self._limits.event_bytes_max:
                    self._carry, self._carry_line = data[starts[i] :], first + i
                    taken[i:] = True
                    break
                stop = i + 1
            taken[i:stop] = True
            upto = stop
            if isinstance(cells, list) and len(cells) == len(self.columns):
                rows.append(cells)
                lines.append(first + i)
            else:
                refused[first + i] = self._quoted_cause(data[starts[i] : ends[stop - 1]], cells)
        return rows, lines, taken

    def _quoted_cause(self, line: bytes, cells: list[str] | str) -> Refused:
        if isinstance(cells, str):
            return (Reason.NOT_UTF8 if cells == "not UTF-8" else Reason.BAD_ROW), cells
        cause = self._cause(line, len(cells))
        return (Reason.BAD_ROW, "a quoted row") if cause is None else cause

    def _record(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], quoted: NDArray[np.bool_], i: int
    ) -> tuple[int, list[str] | str]:
        """The record that begins at line i: the line after it (past the end where its quote is still open), its cells
        or what is wrong with it. A record of several lines that is ill-formed gives back all but its first.
        """
        stop = i + 1
        while True:
            if ends[stop - 1] - starts[i] > self._limits.event_bytes_max:
                return i + 1, "a quote that is not closed"
            try:
                text = data[starts[i] : ends[stop - 1]].decode()
                return stop, next(csv.reader([text + "\n"], strict=True))
            except UnicodeDecodeError:
                return i + 1, "not UTF-8"
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    return i + 1, f"quotes that do not fit: {error}"
            later = np.flatnonzero(quoted[stop:])
            if not len(later):
                return len(ends) + 1, "a quote that is not closed"
            stop += int(later[0]) + 1


class CsvReader:
    """One CSV file as batches of a schema."""

    def __init__(self, lines: LineReader, schema: Schema, limits: LimitsConfig) -> None:
        self._lines, self._schema, self._limits = lines, schema, limits
        self._decoder: TableDecoder | None = None

    def take_ignored(self) -> dict[str, int]:
        """Columns that the schema does not name: how many rows were read with each since this was asked last."""
        return {} if self._decoder is None else self._decoder.take_ignored()

    def pairs(self) -> Iterator[Pair]:
        """Batches and refusals, in pieces of a block. Raises InputError."""
        table = CsvTable(self._lines, self._limits)
        path = self._lines.path
        for frame, lines, refused in table.frames():
            if self._decoder is None:
                types: dict[str, pl.DataType] = dict.fromkeys(table.columns, pl.String())
                self._decoder = TableDecoder(self._schema, self._limits, types, path, text=True)
            batch, rejected = self._decoder.decode(frame, Origin(path, lines), Refusals())
            self._look_for_header(table, frame, lines, rejected)
            if refused:
                rejected += [Rejected(path, reason, None, detail, line=at) for at, (reason, detail) in refused.items()]
                rejected.sort(key=lambda r: r.line or 0)
            yield batch, rejected

    def _look_for_header(
        self, table: CsvTable, frame: pl.DataFrame, lines: NDArray[np.int64], rejected: list[Rejected]
    ) -> None:
        for row in np.searchsorted(lines, [r.line or 0 for r in rejected]).tolist():
            table.is_header(",".join(c or "" for c in frame.row(row)).encode())


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
