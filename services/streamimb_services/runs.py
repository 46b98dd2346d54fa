"""Folders of runs, read back, and their predictions set side by side, event by event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.errors import InputError
from streamimb.evaluation.compare import Judged
from streamimb.schema import Schema
from streamimb.schema_toml import load_schema

#: Rows of one run that are held in memory at most.
ROWS_MAX: Final = 50_000_000
#: A smaller share of the shorter run's events in common, and the runs are of different streams.
COMMON_SHARE_MIN: Final = 0.5
#: A larger share of labels that contradict each other for no reason that a run tells of, and the streams are different.
LABELS_DIFFER_SHARE_MAX: Final = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it; ``rows`` are its predictions in order of arrival.

    ``changed``: labels that need not be another run's, though the stream is the same: expired, or corrected.
    """

    name: str
    folder: Path
    schema: Schema
    objective: str
    inputs: Sequence[str]
    rows: pl.DataFrame
    changed: int


@dataclass(frozen=True, slots=True)
class Aligned:
    """Events with the same label in all runs, and what each made of them.

    ``apart``: events that are not in all runs; ``unlabelled``: in all, but some run has no label for them; ``differ``:
    labelled otherwise in one run than in another, as by a correction that only one of them saw. ``span_us`` is the
    time between the first and the last, None where there are no times.
    """

    y: NDArray[np.int16]
    judged: dict[str, Judged]
    apart: int
    unlabelled: int
    differ: int
    span_us: int | None


def read_run(folder: Path, name: str) -> Run:
    """Read what ``replay --run`` wrote. Raises InputError where the folder does not hold a whole run."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        inputs = json.loads((folder / "versions.json").read_text(encoding="utf-8"))["inputs"]
        objective = str(summary["objective"])
        changed = sum(int(summary["labels"].get(name, 0)) for name in ("expired", "corrected"))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise InputError(f"{folder}: no {missing}: not a folder of a whole run, as `replay --run DIR` writes") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: cannot read summary.json and versions.json: {error}") from None
    schema, rows = load_schema(folder / "schema.toml"), _predictions(folder)
    return Run(name, folder, schema, objective, inputs, rows, changed)


def _predictions(folder: Path) -> pl.DataFrame:
    path = folder / "predictions.parquet"
    try:
        count = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        if count > ROWS_MAX:
            raise InputError(f"{path}: {count:,} rows, more than the {ROWS_MAX:,} that can be compared: use --limit")
        return pl.read_parquet(path, glob=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot read: {error}") from None


def align(runs: Sequence[Run]) -> Aligned:
    """Set the runs' predictions side by side, by id, or by position where there are no ids.

    Raises InputError where they are not of the same stream, or no event has a label in all of them.
    """
    first = runs[0]
    for run in runs[1:]:
        _same_contract(first, run)
    rows = _common_rows(runs)
    n = len(rows[0])
    least = min(len(run.rows) for run in runs)
    if n == 0 or n < COMMON_SHARE_MIN * least:
        raise _different(runs, f"of {least:,} events, {n:,} have an id that is in all")
    frames = [run.rows[at] for run, at in zip(runs, rows, strict=True)]
    if first.schema.has_time:
        _same_times(runs, frames)
    labels = np.stack([_codes(frame["label"], run.schema) for frame, run in zip(frames, runs, strict=True)])
    known = (labels >= 0).all(0)
    same = known & (labels == labels[0]).all(0)
    differ = int(np.count_nonzero(known & ~same))
    if differ - sum(run.changed for run in runs) > LABELS_DIFFER_SHARE_MAX * np.count_nonzero(known):
        where = "in one than in another" if first.schema.id else "at the same position"
        raise _different(runs, f"{differ:,} of {n:,} events have another label {where}")
    if not same.any():
        raise InputError(f"no event has its label in all of {_named(runs)}: there is nothing to compare")
    judged = {run.name: _judged(frame, run.schema, same) for run, frame in zip(runs, frames, strict=True)}
    most = max(len(run.rows) for run in runs)
    return Aligned(labels[0, same], judged, most - n, int(n - np.count_nonzero(known)), differ, _span(first, frames[0]))


def unlike(runs: Sequence[Run], aligned: Aligned) -> list[str]:
    """What may say that the runs are not of one stream after all, in sentences."""
    out = []
    read = {run.name: ", ".join(PurePath(path).name for path in run.inputs) for run in runs}
    if len(set(read.values())) > 1:
        told = "; ".join(f"{name} {files}" for name, files in read.items())
        out.append(f"The runs did not read files of the same names: {told}.")
    sizes = {run.name: len(run.rows) for run in runs}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {events:,}" for name, events in sizes.items())
        out.append(f"The runs are not of equally many events: {told}.")
    if aligned.differ:
        out.append(f"{aligned.differ:,} events have another label in one run than in another: they are left out.")
    return out


def _same_contract(a: Run, b: Run) -> None:
    for what, of_a, of_b in (
        ("classes", ", ".join(a.schema.class_names), ", ".join(b.schema.class_names)),
        ("positive class", a.schema.class_names[a.schema.positive], b.schema.class_names[b.schema.positive]),
        ("ids", "ids" if a.schema.id else "no ids", "ids" if b.schema.id else "no ids"),
        ("times", "times" if a.schema.has_time else "no times", "times" if b.schema.has_time else "no times"),
    ):
        if of_a != of_b:
            raise _different([a, b], f"their {what} are not the same: {of_a}; {of_b}")


def _common_rows(runs: Sequence[Run]) -> list[NDArray[np.int64]]:
    """Of each run, the rows of those events that all have, in the first one's order."""
    ids = [run.rows["id"] for run in runs]
    least = min(map(len, ids))
    if all(each.head(least).equals(ids[0].head(least)) for each in ids):
        return [np.arange(least)] * len(runs)
    # an id that a run forgot and saw again is told from its twin by how often it came before
    keyed = [
        pl.DataFrame({"id": each, f"row{i}": np.arange(len(each))}).with_columns(nth=pl.int_range(pl.len()).over("id"))
        for i, each in enumerate(ids)
    ]
    joined = reduce(lambda a, b: a.join(b, on=["id", "nth"], how="inner"), keyed).sort("row0")
    return [joined[f"row{i}"].to_numpy() for i in range(len(runs))]


def _same_times(runs: Sequence[Run], frames: Sequence[pl.DataFrame]) -> None:
    for run, frame in zip(runs[1:], frames[1:], strict=True):
        other = frame["time"] != frames[0]["time"]
        if other.any():
            which = frames[0]["id"][int(other.arg_max() or 0)]
            found = f"{int(other.sum()):,} events have another time in one than in the other, the first of id {which}"
            raise _different([runs[0], run], found)


def _different(runs: Sequence[Run], found: str) -> InputError:
    return InputError(f"{_named(runs)} are not runs of the same stream: {found}")


def _named(runs: Sequence[Run]) -> str:
    return " and ".join(str(run.folder) for run in runs)


def _codes(column: pl.Series, schema: Schema) -> NDArray[np.int16]:
    """Class codes, -1 for null. Raises InputError for a class that is none of the schema's."""
    codes = {name: code for code, name in enumerate(schema.class_names)}
    try:
        text = column.cast(pl.String)
        return text.replace_strict(codes, return_dtype=pl.Int16).fill_null(-1).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise InputError(f"predictions name a class that the run's schema does not: {error}") from None


def _judged(frame: pl.DataFrame, schema: Schema, kept: NDArray[np.bool_]) -> Judged:
    scores: NDArray[Any] = frame.select([f"score_{name}" for name in schema.class_names]).to_numpy()
    return Judged(_codes(frame["decision"], schema)[kept], np.ascontiguousarray(scores[kept]))


def _span(run: Run, frame: pl.DataFrame) -> int | None:
    if not run.schema.has_time:
        return None
    time = frame["time"].cast(pl.Int64)
    return int(time.max() or 0) - int(time.min() or 0)  # type: ignore[arg-type]  # integers, as cast
