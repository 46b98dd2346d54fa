"""From options to a comparison: which runs, made now or read from folders, side by side."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from streamimb.durations import is_count, parse_duration
from streamimb.errors import InputError
from streamimb.evaluation.compare import BLOCKS_MIN, Comparison, block_max, compare
from streamimb.near import listed
from streamimb.pipeline import Pipeline
from streamimb.reporting.folder import RunFolder, read_folder
from streamimb.schema import Schema
from streamimb.schema_toml import load_schema
from streamimb.settings import load_settings
from streamimb_services.exits import note
from streamimb_services.goals import goals_of, missed, primary
from streamimb_services.interrupt import Interrupt
from streamimb_services.leaving import leave
from streamimb_services.outputs import RUN_FILES, OutputPaths, refuse_other_than_page
from streamimb_services.progress import counted
from streamimb_services.runs import Aligned, Run, align, read_run, unlike
from streamimb_services.session import STDIN, ReplayOptions, replay_files

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What the command line asked for: run folders, or files under ``replay`` with a configuration a run.

    block: a duration, or a count of events; None to find the length. run: where the runs made are kept. html: where
    the comparison goes as a page.
    """

    replay: ReplayOptions
    configs: Sequence[Path] = ()
    run: Path | None = None
    block: str | None = None
    replicates: int | None = None
    confidence: float = 0.95
    seed: int = 1
    html: Path | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison and what it was made of; ``primary`` is the metric that decisions are judged by.

    ``folders``: the runs as a page reads them, where one was asked for.
    """

    runs: list[Run]
    aligned: Aligned
    told: Comparison
    primary: str
    seed: int
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    folders: list[RunFolder] = field(default_factory=list)

    @property
    def schema(self) -> Schema:
        return self.runs[0].schema

    @property
    def positive(self) -> str:
        return self.schema.class_names[self.schema.positive]


def compare_runs(options: CompareOptions, environ: Mapping[str, str]) -> Compared:
    """Carry out a comparison. Raises a usage error where it is not clear what to compare.

    Every option, configuration and output is checked before the first run.
    """
    paths = options.replay.files
    _check_block(options.block)
    if options.html is not None:
        refuse_other_than_page(options.html, "--html", owned=[Path(p) / n for p in paths for n in RUN_FILES])
    _refuse_missing(paths)
    folders = [path for path in paths if Path(path).is_dir()]
    if folders:
        _refuse_folders(options, folders)
        named = dict(zip(_names([Path(p) for p in paths]), map(Path, paths), strict=True))
        return _compared(options, [read_run(folder, name) for name, folder in named.items()])
    if not options.configs:
        raise typer.BadParameter("give one or more configurations, or two run folders", param_hint="--with")
    if STDIN in paths:
        raise typer.BadParameter("standard input can be read only once: compare files", param_hint="FILE...")
    configs: list[Path | None] = [*options.configs]
    configs = [None, *configs] if len(configs) == 1 else configs
    with _kept(options.run) as parent:
        replays = _replays(options.replay, configs, parent)
        _check(options, replays, environ)
        return _replayed(options, replays, environ)


def _refuse_missing(paths: Sequence[str]) -> None:
    for path in paths:
        if path != STDIN and not Path(path).exists():
            raise InputError(f"{path}: no such file or folder")


def _refuse_folders(options: CompareOptions, folders: Sequence[str]) -> None:
    files = [path for path in options.replay.files if path not in folders]
    if files:
        few, many = sorted(((folders, "folder"), (files, "file")), key=lambda kind: len(kind[0]))
        rest = f"the others are {many[1]}s" if len(many[0]) > 1 else _are(*many)
        raise typer.BadParameter(f"{_are(*few)} and {rest}: compare either", param_hint="FILE...")
    if options.configs or options.run is not None:
        raise typer.BadParameter("run folders are compared as they are", param_hint="--with and --run")
    if len(folders) < 2:
        raise typer.BadParameter("a comparison takes two run folders or more", param_hint="FILE...")


def _are(paths: Sequence[str], kind: str) -> str:
    return f"{paths[0]} is a {kind}" if len(paths) == 1 else f"{listed(paths)} are {kind}s"


def _names(paths: Sequence[Path | None]) -> list[str]:
    """A name a run, after its file or folder; a number keeps equal ones apart."""
    names: list[str] = []
    for path in paths:
        name = DEFAULT if path is None else (path.name if path.is_dir() else path.stem) or path.resolve().name
        taken, number = name, 2
        while taken in names:
            taken, number = f"{name}-{number}", number + 1
        names.append(taken)
    return names


@contextmanager
def _kept(run: Path | None) -> Iterator[Path]:
    if run is not None:
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="streamimb-") as folder:
        yield Path(folder)


def _replays(replay: ReplayOptions, configs: Sequence[Path | None], parent: Path) -> dict[str, ReplayOptions]:
    """A run's name -> what to replay for it."""
    total = len(configs)
    return {
        name: replace(replay, config=config, title=f"{name} ({number}/{total})", outputs=OutputPaths(run=parent / name))
        for number, (name, config) in enumerate(zip(_names(configs), configs, strict=True), 1)
    }


def _check(options: CompareOptions, replays: Mapping[str, ReplayOptions], environ: Mapping[str, str]) -> None:
    """Raise what any of the runs would raise before its first event, so that none is made in vain."""
    read = [one.config for one in replays.values() if one.config is not None]
    for replay in replays.values():
        replay.refuse_overwriting(read)
        settings = load_settings(replay.config, environ, replay.overrides)
        contract = load_schema(replay.schema) if replay.schema is not None else settings.config.schema_
        if contract is None:
            continue
        with settings.naming():
            Pipeline(contract, settings.config)
        if options.block is not None:
            _block_span(options.block, has_time=contract.has_time)


def _replayed(options: CompareOptions, replays: Mapping[str, ReplayOptions], environ: Mapping[str, str]) -> Compared:
    runs: list[Run] = []
    contract, interrupted = options.replay.contract, False
    for number, (name, replay) in enumerate(replays.items(), 1):
        note(f"run {number} of {len(replays)}: {name} ({replay.config or 'the default configuration'})")
        with Interrupt(leave=lambda code: _leave(options, replays, code)) as interrupt:
            story = replay_files(replace(replay, contract=contract), environ, interrupt)
        story.raise_failure()
        if contract is None and story.config.schema_ is None:
            contract = story.schema  # what was inferred once holds for all
            if options.block is not None:
                _block_span(options.block, has_time=contract.has_time)
        folder = replay.outputs.run
        assert folder is not None
        runs.append(read_run(folder, name))
        interrupted = story.interrupted
        if interrupted:
            break
    if len(runs) < 2:
        raise KeyboardInterrupt
    return replace(_compared(options, runs), interrupted=interrupted)


def _leave(options: CompareOptions, replays: Mapping[str, ReplayOptions], code: int) -> None:
    """End the process at once; runs that are not to be kept go with it."""
    if options.run is None:
        for replay in replays.values():
            assert replay.outputs.run is not None
            shutil.rmtree(replay.outputs.run.parent, ignore_errors=True)
    leave(code)


def _compared(options: CompareOptions, runs: list[Run]) -> Compared:
    aligned = align(runs)
    schema, objectives = runs[0].schema, [run.objective for run in runs]
    block, cut = _block_events(options.block, runs[0], aligned)
    with counted("comparing") as tell:
        told = compare(
            aligned.y,
            aligned.judged,
            positive=schema.positive,
            goals=goals_of(objectives, schema.positive, schema.n_classes),
            block_events=block,
            replicates=options.replicates,
            confidence=options.confidence,
            seed=options.seed,
            tell=tell,
        )
    notes = [*cut, *unlike(runs, aligned), *missed(told, {run.name: run.objective for run in runs})]
    if len(set(objectives)) > 1:
        tuned = ", ".join(f"{run.name} for {run.objective}" for run in runs)
        notes.append(f"The runs were tuned for different objectives: {tuned}.")
    folders = [read_folder(run.folder, run.name) for run in runs] if options.html is not None else []
    judged_by = primary(objectives, schema.n_classes)
    return Compared(runs, aligned, told, judged_by, options.seed, notes, folders=folders)


def _block_events(block: str | None, run: Run, aligned: Aligned) -> tuple[int | None, list[str]]:
    """A block in events, a duration as many as the stream has in it on average; what is said where it is too long."""
    if block is None:
        return None, []
    n, most = len(aligned.y), block_max(len(aligned.y))
    asked = int(block) if is_count(block) else _events_in(_block_span(block, has_time=run.schema.has_time), aligned)
    if asked <= most:
        return max(1, asked), []
    left = f"leaves fewer than {BLOCKS_MIN} blocks of {n:,} events, which say nothing of how far chance goes"
    return most, [f"--block {block} {left}: blocks of {most:,} were drawn."]


def _events_in(span_us: int, aligned: Aligned) -> int:
    return round(len(aligned.y) * span_us / max(aligned.span_us or 0, 1))


def _check_block(block: str | None) -> None:
    """Raise ConfigError or a usage error for a block that is neither a duration nor a count, whatever the stream."""
    if block is None:
        return
    length = _block_span(block, has_time=True)
    if length < 1:
        raise typer.BadParameter(f"{block!r} is no length", param_hint="--block")


def _block_span(block: str, *, has_time: bool) -> int:
    """A block as the stream has it: microseconds, or a count. Raises ConfigError for a duration where no time is."""
    return int(block) if is_count(block) else parse_duration(block, has_time=has_time, key="--block")
