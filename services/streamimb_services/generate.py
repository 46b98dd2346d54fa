"""From options to a generated stream: which parts, which files; the events are drawn and written chunk by chunk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from streamimb.batch import NO_LABEL
from streamimb.errors import InputError
from streamimb.schema_toml import schema_to_toml
from streamimb.sinks.atomic import write_whole
from streamimb.sources.files import FORMATS, format_of
from streamimb.sources.lines import STDIN
from streamimb.streams import FAMILIES, NAMED, Chunks, Drift, Stream, named
from streamimb_services.events import EventsFile, open_events
from streamimb_services.exits import note

#: Further on than any stream goes.
EVENTS_MAX: Final = 1 << 62
#: The parts of a stream that drift, and for each a text without a drift.
PARTS_THAT_DRIFT: Final = ("ratio", "concept", "classes")
NO_DRIFT: Final = {"ratio": "0.01", "concept": "none", "classes": "none"}


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """What the command line asked for; ``parts`` are the texts that replace parts of the ready-made stream."""

    name: str
    output: str = STDIN
    format: str | None = None
    events: int = 50_000
    seed: int = 1
    parts: Mapping[str, str | None] = field(default_factory=dict)
    schema: Path | None = None
    truth: Path | None = None


def generate_file(options: GenerateOptions) -> None:
    """Draw the stream and write it, its contract first and the truth about it last."""
    _refuse_family(options.name)
    chunks = Chunks(named(options.name).spec.with_texts(**options.parts), options.events, options.seed)
    form = _form(options)
    _refuse_overlap(options)
    _refuse_beyond(options, chunks)
    later = _beyond(chunks)
    _refuse_without_drift(options, chunks, later)
    truth = Truth(options.name, chunks)
    out = open_events(options.output, form)
    try:
        if options.schema is not None:
            write_whole(options.schema, schema_to_toml(chunks.schema, [f"streamimb generate {options.name}"]))
        _write(chunks, out, truth, shown=options.output != STDIN or not sys.stdout.isatty())
        out.close()
    finally:
        out.abort()
    if options.truth is not None:
        write_whole(options.truth, json.dumps(truth.told(), indent=2) + "\n")
    note(truth.line(options.output))
    if later:
        told = "1 drift lies" if len(later) == 1 else f"{len(later)} drifts lie"
        note(f"{told} behind the last event: {options.name} has all of them from --events {later[-1].position + 1} on")
    if (only := truth.only) is not None:
        note(f"every event is of class {only}: nothing can be learned from that (see --ratio and --events)")


def listed() -> str:
    """A line for each ready-made stream: its name and what it shows."""
    wide = max(map(len, NAMED))
    return "\n".join(f"{name:{wide}}  {entry.shows}" for name, entry in NAMED.items())


def _refuse_family(name: str) -> None:
    """Raise a usage error for a family: it is what streams are made of, and is no stream by itself."""
    if name in FAMILIES and name not in NAMED:
        made = ", ".join(repr(stream) for stream, entry in NAMED.items() if entry.spec.family == name)
        raise typer.BadParameter(
            f"{name!r} is a family of streams, which only Python takes (streamimb.streams.Spec); here it is in {made}",
            param_hint="NAME",
        )


def _form(options: GenerateOptions) -> str:
    """``csv``, ``ndjson`` or ``parquet``. Raises a usage error."""
    try:
        form = options.format or format_of(options.output)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from None
    if form not in FORMATS.values():
        known = ", ".join(dict.fromkeys(FORMATS.values()))
        raise typer.BadParameter(f"{form!r} is none of {known}", param_hint="--format")
    named_form = _form_of_name(options.output)
    if named_form not in (None, form):
        told = f"{options.output} is named for {named_form}, and --format says {form}: let the two agree"
        raise typer.BadParameter(told, param_hint="--format")
    if form == "parquet" and options.output.endswith((STDIN, ".gz", ".xz")):
        raise typer.BadParameter("Parquet goes to a plain file", param_hint="--output")
    return form


def _form_of_name(output: str) -> str | None:
    """The form that a file's name stands for; None for standard output and for names that stand for none."""
    try:
        return None if output == STDIN else format_of(output)
    except InputError:
        return None


def _refuse_overlap(options: GenerateOptions) -> None:
    taken = {None if options.output == STDIN else Path(options.output).resolve()}
    for hint, path in (("--schema", options.schema), ("--truth", options.truth)):
        if path is not None and path.resolve() in taken:
            raise typer.BadParameter(f"{path} is written by this command already", param_hint=hint)
        taken.add(None if path is None else path.resolve())


def _refuse_beyond(options: GenerateOptions, chunks: Chunks) -> None:
    """Raise a usage error where an option asks for a drift that lies behind the last event."""
    for key in PARTS_THAT_DRIFT:
        if options.parts.get(key) is not None and (beyond := _beyond(chunks, key)):
            told = f"a drift at {beyond[0].position:,} lies behind the last of {chunks.n:,} events: see --events"
            raise typer.BadParameter(told, param_hint=f"--{key}")


def _beyond(chunks: Chunks, *keys: str) -> list[Drift]:
    """Drifts behind the last event, of all parts unless told; of what recurs, which has no last, the first counts."""
    found: list[Drift] = []
    for key in keys or PARTS_THAT_DRIFT:
        asked = getattr(chunks.spec, key)
        every = getattr(asked, "every", None)
        found += asked.drifts(EVENTS_MAX if every is None else every + 1)[len(asked.drifts(chunks.n)) :]
    return sorted(found, key=lambda drift: drift.position)


def _refuse_without_drift(options: GenerateOptions, chunks: Chunks, later: Sequence[Drift]) -> None:
    """Raise a usage error where a ready-made stream would lose what it is there to show."""
    if later and not chunks.drifts:
        off = " ".join(f"--{key} {NO_DRIFT[key]}" for key in PARTS_THAT_DRIFT if _beyond(chunks, key))
        raise typer.BadParameter(
            f"{options.name} has no drift in its first {chunks.n:,} events: take {later[0].position + 1} or more, or "
            f"turn it off with {off}",
            param_hint="--events",
        )


def _write(chunks: Chunks, out: EventsFile, truth: Truth, *, shown: bool) -> None:
    with _progress(chunks.n, shown) as done:
        for chunk in chunks:
            out.write(chunk)
            truth.count(chunk)
            done(chunk.start + len(chunk), truth.positives)


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal, unless the events themselves go to one."""
    console = Console(stderr=True)
    hidden = not (shown and console.is_terminal)
    with Progress(console=console, transient=True, redirect_stdout=False, disable=hidden) as progress:
        task = progress.add_task("generating", total=total)

        def done(events: int, positives: int) -> None:
            told = f"generating  {events:,} events, {positives:,} positive"
            progress.update(task, completed=events, description=told)

        yield done


class Truth:
    """What was drawn: counted as it goes by."""

    def __init__(self, name: str, chunks: Chunks) -> None:
        self._name, self._chunks = name, chunks
        self._names = chunks.schema.class_names
        self._true = np.zeros(len(self._names), np.int64)
        self._labels = np.zeros(len(self._names), np.int64)
        self._wrong = 0

    @property
    def positives(self) -> int:
        """Positive events so far, before noise."""
        return int(self._true[-1])

    @property
    def only(self) -> str | None:
        """The one class of all events, None where there are several."""
        there = np.flatnonzero(self._true)
        return self._names[int(there[0])] if len(there) == 1 else None

    def count(self, chunk: Stream) -> None:
        """Take in one chunk."""
        labelled = chunk.y != NO_LABEL
        self._true += np.bincount(chunk.true_y, minlength=len(self._names))
        self._labels += np.bincount(chunk.y[labelled], minlength=len(self._names))
        self._wrong += int((chunk.y != chunk.true_y)[labelled].sum())

    def told(self) -> dict[str, Any]:
        """The whole truth as plain data."""
        counts = zip(self._names, self._true.tolist(), self._labels.tolist(), strict=True)
        return {
            "name": self._name,
            "seed": self._chunks.seed,
            "events": self._chunks.n,
            "family": self._chunks.spec.family,
            **self._chunks.spec.texts(),
            "positive": self._names[-1],
            "class_counts": {name: {"true": true, "labels": labels} for name, true, labels in counts},
            "labels_wrong": self._wrong,
            "labels_never": self._chunks.n - int(self._labels.sum()),
            "drifts": [asdict(drift) for drift in self._chunks.drifts],
        }

    def line(self, output: str) -> str:
        """One line for the person at the terminal."""
        where = "standard output" if output == STDIN else output
        n, drifts = self._chunks.n, len(self._chunks.drifts)
        return (
            f"{where}: {n:,} events, {self.positives:,} {self._names[-1]}, {drifts} drift{'' if drifts == 1 else 's'}"
        )
