"""A run's folder, as ``replay --run DIR`` writes it, read for a report: bounded, and checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from streamimb.errors import InputError
from streamimb.reporting.measured import Measured, measure
from streamimb.schema import Schema
from streamimb.schema_toml import load_schema

#: Rows of metrics.parquet that are read at most, and bytes of a text file that are shown.
METRIC_ROWS_MAX: Final = 5_000_000
TEXT_BYTES_MAX: Final = 1 << 18
#: A value is taken at so many places of the stream at most.
PLACES_MAX: Final = 256
#: Bytes of actions, and of rejects, that are read at most.
LINES_BYTES_MAX: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Track:
    """A measured value along the stream: x (n,), a time in microseconds or a position, and its value and interval."""

    x: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run as a report reads it; ``importance`` is None where the run has none."""

    name: str
    schema: Schema
    summary: dict[str, Any]
    versions: dict[str, Any]
    config: str
    contract: str
    measured: Measured
    tracks: dict[tuple[str, str | None, str], Track]
    signals: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    examples: dict[str, dict[str, Any]]
    importance: dict[str, Any] | None

    @property
    def positive(self) -> str:
        return self.schema.class_names[self.schema.positive]

    def track(self, metric: str, class_: str | None, window: str) -> Track | None:
        return self.tracks.get((metric, class_, window))


def read_folder(folder: Path, name: str | None = None) -> RunFolder:
    """Read a run. Raises InputError where the folder does not hold a whole one."""
    summary, versions = _json(folder / "summary.json"), _json(folder / "versions.json")
    schema = load_schema(folder / "schema.toml")
    try:
        supports = summary["classes"]
        positives = int(supports[schema.class_names[schema.positive]]["support"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{folder}/summary.json: it tells nothing of the schema's positive class") from None
    importance = folder / "importance.json"
    signals = summary.get("signals") or []
    return RunFolder(
        name=name or folder.resolve().name,
        schema=schema,
        summary=summary,
        versions=versions,
        config=_text(folder / "config.toml"),
        contract=_text(folder / "schema.toml"),
        measured=measure(folder / "predictions.parquet", schema, positives),
        tracks=_tracks(folder / "metrics.parquet", has_time=schema.has_time),
        signals=[s for s in signals if isinstance(s, dict) and "time" in s],
        actions=list(_lines(folder / "actions.ndjson")) or summary.get("actions") or [],
        examples=_examples(folder / "rejects.ndjson"),
        importance=_json(importance) if importance.exists() else None,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent}: no {path.name}: not a folder of a whole run, as `replay --run DIR` writes"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read: {error}") from None
    if not isinstance(told, dict):
        raise InputError(f"{path}: not an object")
    return told


def _text(path: Path) -> str:
    """A text file's beginning; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(TEXT_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return ""


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of an NDJSON file, up to LINES_BYTES_MAX."""
    read = 0
    try:
        with path.open("rb") as file:
            for line in file:
                read += len(line)
                if read > LINES_BYTES_MAX:
                    return
                told = json.loads(line)
                if isinstance(told, dict):
                    yield told
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read: {error}") from None


def _examples(path: Path) -> dict[str, dict[str, Any]]:
    """The first refused row of each reason."""
    found: dict[str, dict[str, Any]] = {}
    for row in _lines(path):
        found.setdefault(str(row.get("reason")), row)
    return found


def _tracks(path: Path, *, has_time: bool) -> dict[tuple[str, str | None, str], Track]:
    """Metrics by name, class and window; of many places in the stream every so-manieth, and the last."""
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > METRIC_ROWS_MAX:
                raise InputError(
                    f"{path}: {file.metadata.num_rows:,} rows, more than the {METRIC_ROWS_MAX:,} that are read"
                )
            rows = file.read()
    except FileNotFoundError:
        return {}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot read: {error}") from None
    position = rows["position"].to_numpy()
    places = np.unique(position)
    if len(places) > PLACES_MAX:
        kept = np.r_[places[:: -(-len(places) // PLACES_MAX)], places[-1]]
        rows = rows.filter(pa.array(np.isin(position, kept)))
        position = rows["position"].to_numpy()
    x = rows["time"].cast(pa.int64()).to_numpy().astype(np.float64) if has_time else position.astype(np.float64)
    values = np.stack([rows[c].cast(pa.float64()).to_numpy() for c in ("value", "low", "high")])
    by_key: dict[tuple[str, str | None, str], list[int]] = {}
    keys = zip(*(rows[c].to_pylist() for c in ("metric", "class", "window")), strict=True)
    for i, key in enumerate(keys):
        by_key.setdefault(key, []).append(i)
    return {key: Track(x[at], values[0, at], values[1, at], values[2, at]) for key, at in by_key.items()}
