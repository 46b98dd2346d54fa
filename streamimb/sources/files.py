"""Files as one source: CSV, NDJSON (both also .gz, .xz), Parquet, and standard input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from streamimb.config import LimitsConfig
from streamimb.decode_columns import split
from streamimb.errors import InputError
from streamimb.schema import Schema
from streamimb.sources.base import BATCH_EVENTS, Pair, reading
from streamimb.sources.csv import CsvReader
from streamimb.sources.lines import STDIN, LineReader
from streamimb.sources.ndjson import NdjsonReader
from streamimb.sources.parquet import ParquetReader

FORMATS: Final = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class _Reader(Protocol):
    def pairs(self) -> Iterator[Pair]: ...

    def take_ignored(self) -> dict[str, int]: ...


def format_of(path: str) -> str:
    """``csv``, ``ndjson`` or ``parquet``, by a file's name; ``-`` is NDJSON. Raises InputError."""
    if path == STDIN:
        return "ndjson"
    name = Path(path).name.lower()
    packed = name.endswith((".gz", ".xz"))
    suffix = Path(Path(name).stem if packed else name).suffix
    found = FORMATS.get(suffix)
    if found is None and Path(path).is_dir():
        raise InputError(f"{path}: is a directory; name the files in it")
    if found is None or (packed and found == "parquet"):
        ends = ", ".join(FORMATS)
        raise InputError(f"{path}: cannot tell its format by its name; it should end in {ends} (text also .gz, .xz)")
    return found


class FileSource:
    """Several files, in the order given, as one stream of batches of at most ``batch_events`` rows.

    A row's ``offset`` is its line (its row, in Parquet). Raises InputError, which says which file, where, and what to
    do; lines that cannot be read as events are refused one by one instead.
    """

    def __init__(
        self, schema: Schema, limits: LimitsConfig, paths: Sequence[str | Path], *, batch_events: int = BATCH_EVENTS
    ) -> None:
        self._schema, self._limits, self._batch_events = schema, limits, batch_events
        self.paths = [str(p) for p in paths]
        self._formats = [format_of(p) for p in self.paths]
        self._before = 0
        self._current: LineReader | ParquetReader | None = None
        #: Fields that the schema does not name: how many rows that were read had each.
        self.ignored: Counter[str] = Counter()

    @property
    def bytes_total(self) -> int | None:
        """Size of all files as they are stored; None with standard input among them or a file that is missing."""
        if STDIN in self.paths or not all(Path(p).is_file() for p in self.paths):
            return None
        return sum(Path(p).stat().st_size for p in self.paths)

    @property
    def bytes_done(self) -> int:
        """How much of ``bytes_total`` has been read."""
        return self._before + (0 if self._current is None else self._current.position)

    def batches(self) -> Iterator[Pair]:
        """All rows of all files, in order."""
        for path, format_ in zip(self.paths, self._formats, strict=True):
            lines = LineReader(path, self._limits.event_bytes_max)
            where = (lambda: "") if format_ == "parquet" else lines.where
            with reading(path, where):
                reader = self._reader(path, format_, lines)
                for batch, rejected in reader.pairs():
                    self.ignored.update(reader.take_ignored())
                    if len(batch) or rejected:
                        yield from split(batch, rejected, self._batch_events)
            self._current = None
            self._before += Path(path).stat().st_size if path != STDIN else 0

    def _reader(self, path: str, format_: str, lines: LineReader) -> _Reader:
        if format_ == "parquet":
            parquet = ParquetReader(path, self._schema, self._limits)
            self._current = parquet
            return parquet
        self._current = lines
        if format_ == "csv":
            return CsvReader(lines, self._schema, self._limits)
        return NdjsonReader(lines, self._schema, self._limits)
