"""What a replay leaves behind: single files, and a run's folder."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import typer

from streamimb.errors import OutputError
from streamimb.outcome import Outcome
from streamimb.reporting.page import GENERATOR, GENERATOR_BYTES_MAX
from streamimb.schema import Schema
from streamimb.schema_toml import schema_to_toml
from streamimb.settings import Settings
from streamimb.sinks.actions import ActionsSink
from streamimb.sinks.atomic import AtomicFile, told_as_output
from streamimb.sinks.base import Sink
from streamimb.sinks.predictions import PredictionsSink
from streamimb.sinks.rejects import RejectsSink
from streamimb.sinks.tables import MetricsSink, SignalsSink
from streamimb.sources.base import reading
from streamimb_services.show import settings_as_toml
from streamimb_services.story import Story

#: Packages that a run's figures may depend on.
PACKAGES: Final = ("streamimb", "numpy", "numba", "river", "polars", "pyarrow", "msgspec", "pydantic")


SUMMARY: Final = "summary.json"
#: All files of a run's folder.
RUN_FILES: Final = ("predictions.parquet", "metrics.parquet", "signals.parquet", "rejects.ndjson", "actions.ndjson",
                    "config.toml", "schema.toml", "importance.json", "versions.json", SUMMARY)  # fmt: skip
#: The endings that say what an output is; a pipe or a device may have any name.
ENDINGS: Final = {
    "predictions": (".parquet", ".pq"),
    "metrics": (".parquet", ".pq"),
    "signals": (".parquet", ".pq"),
    "rejects": (".ndjson", ".jsonl", ".json"),
}
#: Endings that promise something else, where they are not right.
_OTHERS: Final = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".gz", ".xz", ".zip",
                  ".xlsx", ".feather", ".arrow", ".html"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where outputs go; None for what is not asked for."""

    run: Path | None = None
    predictions: Path | None = None
    metrics: Path | None = None
    signals: Path | None = None
    rejects: Path | None = None

    def refuse_names(self) -> None:
        """Raise a usage error where an output's name promises what it will not be."""
        for name, endings in ENDINGS.items():
            path = getattr(self, name)
            if path is None or (path.exists() and not path.is_file()):
                continue
            if str(path) == "-":
                raise typer.BadParameter("standard output is for the summary: name a file", param_hint=f"--{name}")
            if path.suffix.lower() in _OTHERS.difference(endings):
                kind = "NDJSON" if name == "rejects" else "Parquet"
                told = f"{path}: this is written as {kind}, let its name end in {endings[0]}"
                raise typer.BadParameter(told, param_hint=f"--{name}")

    def refuse_overlap(self, inputs: Sequence[Path]) -> None:
        """Raise a usage error where two outputs, or an output and what is read, are one file."""
        taken = {path.resolve() for path in inputs}
        for name, path in self._written():
            if path.exists() and not path.is_file():
                continue
            if path.resolve() in taken:
                raise typer.BadParameter(f"{path} is read or written by this command already", param_hint=f"--{name}")
            taken.add(path.resolve())

    def _written(self) -> Iterator[tuple[str, Path]]:
        """Every file that will be written, with the option that asks for it."""
        if self.run is not None:
            yield from (("run", self.run / name) for name in RUN_FILES)
        for name in ENDINGS:
            path = getattr(self, name)
            if path is not None:
                yield name, path


class Outputs:
    """All sinks of a replay as one. Files appear when it is closed; aborted, it leaves what stood there before.

    A run's folder may hold an older run: files of the same names are replaced and nothing else is touched. All are
    written whole under temporary names before the first is put in place, so that a full disk leaves the older run as
    it was. ``summary.json`` goes first and comes last: a folder that has one is of one run. The folder is locked until
    then, or until the process dies. Raises OutputError where another process writes into it, or it cannot be written.
    """

    def __init__(self, paths: OutputPaths, schema: Schema) -> None:
        self._run = paths.run
        self._lock: int | None = None
        self._schema = schema
        self._sinks: list[Sink] = []
        self._texts: list[AtomicFile] = []
        try:
            if paths.run is not None:
                with told_as_output(paths.run):
                    paths.run.mkdir(parents=True, exist_ok=True)
                    self._lock = _locked(paths.run)
                self._open(paths.run / "predictions.parquet", paths.run / "metrics.parquet")
                self._open(signals=paths.run / "signals.parquet", rejects=paths.run / "rejects.ndjson")
                self._sinks.append(ActionsSink(paths.run / "actions.ndjson", has_time=schema.has_time))
            self._open(paths.predictions, paths.metrics, paths.signals, paths.rejects)
        except BaseException:
            self.abort()
            raise

    def _open(
        self,
        predictions: Path | None = None,
        metrics: Path | None = None,
        signals: Path | None = None,
        rejects: Path | None = None,
    ) -> None:
        if predictions is not None:
            self._sinks.append(PredictionsSink(predictions, self._schema))
        if metrics is not None:
            self._sinks.append(MetricsSink(metrics, has_time=self._schema.has_time))
        if signals is not None:
            self._sinks.append(SignalsSink(signals, has_time=self._schema.has_time))
        if rejects is not None:
            self._sinks.append(RejectsSink(rejects))

    def write(self, outcome: Outcome) -> None:
        for sink in self._sinks:
            sink.write(outcome)

    def close(self, texts: Mapping[str, str]) -> None:
        """Put everything in place; texts: name -> content of the other files of a run's folder, the summary last."""
        for sink in self._sinks:
            sink.finish()
        if self._run is not None:
            for name, text in texts.items():
                self._texts.append(AtomicFile(self._run / name))
                with told_as_output(self._run / name):
                    self._texts[-1].file.write(text.encode())
                self._texts[-1].finish()
            with told_as_output(self._run):
                (self._run / SUMMARY).unlink(missing_ok=True)
        for sink in self._sinks:
            sink.close()
        for file in self._texts:
            file.commit()
        self._unlock()

    def abort(self) -> None:
        for sink in self._sinks:
            sink.abort()
        for file in self._texts:
            file.abort()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(folder: Path) -> int:
    """A descriptor of a folder that is locked as long as it is open. Raises OutputError where another has locked it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        told = f"{folder}: another replay is writing into this folder: name another one, or wait until it ends"
        raise OutputError(told) from None
    except OSError:  # some network file systems lock no folders: there the files are atomic, and nothing more
        pass
    return descriptor


def refuse_other_than_page(path: Path, option: str, owned: Sequence[Path] = ()) -> None:
    """Raise a usage error where a page would replace a file of a run, or one that is no page of ours."""
    if path.resolve() in {one.resolve() for one in owned}:
        raise typer.BadParameter(f"{path} belongs to the run itself: give another name", param_hint=option)
    if path.is_file():
        with reading(str(path)), path.open("rb") as file:
            begins = file.read(GENERATOR_BYTES_MAX)
        if begins and GENERATOR.encode() not in begins:
            told = f"{path} exists and is no page of this program: give another name, or remove it first"
            raise typer.BadParameter(told, param_hint=option)


def run_texts(settings: Settings, story: Story, inputs: Sequence[str]) -> dict[str, str]:
    """A run's configuration, contract, versions, importances and, last, its summary, by the names of their files."""
    return {
        "config.toml": settings_as_toml(settings),
        "schema.toml": schema_to_toml(story.schema),
        "importance.json": json.dumps(story.importance, indent=2, allow_nan=False) + "\n",
        "versions.json": json.dumps(versions() | {"inputs": list(inputs)}, indent=2) + "\n",
        SUMMARY: json.dumps(story.summary, indent=2, allow_nan=False) + "\n",
    }


def versions() -> dict[str, Any]:
    """What the figures of a run were made with."""
    packages: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {"python": platform.python_version(), "platform": platform.platform(), "packages": packages}
