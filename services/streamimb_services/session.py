"""From options to a replay: which contract, which configuration, which sources; here they are wired."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from streamimb.config import Config
from streamimb.errors import ConfigError, SchemaError
from streamimb.infer import infer_schema
from streamimb.kafka_settings import checked
from streamimb.levers import Lever, read_levers
from streamimb.near import hint
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema
from streamimb.schema_toml import load_schema
from streamimb.settings import Settings, load_settings
from streamimb.sources.base import reading
from streamimb_services.ending import Ending
from streamimb_services.exits import note
from streamimb_services.feed import Feed
from streamimb_services.interrupt import Interrupt
from streamimb_services.lingering import is_attended
from streamimb_services.outputs import OutputPaths, run_texts
from streamimb_services.pace import Pacer
from streamimb_services.progress import ReplayProgress
from streamimb_services.replay import Replay
from streamimb_services.story import Story
from streamimb_services.trajectory import Trajectories

if TYPE_CHECKING:
    from streamimb_services.topic_feed import TopicFeed
    from streamimb_services.watching import Watch

STDIN = "-"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What the command line asked for; ``overrides`` is for ``load_settings``, ``guesses`` for ``infer_schema``.

    ``contract`` stands for an inferred one; ``title`` is what the progress bar calls the replay. ``topic``: events come
    from the configuration's topic and not from files, ``since`` a moment (see ``since_of``). ``linger_s``: how long a
    page stays after the end, where a person sits at the terminal.
    """

    files: Sequence[str]
    schema: Path | None = None
    config: Path | None = None
    overrides: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    labels: str | None = None
    limit: int | None = None
    speed: float | None = None
    batch_events: int = 4096
    guesses: Mapping[str, str | None] = field(default_factory=dict)
    outputs: OutputPaths = field(default_factory=OutputPaths)
    save_state: str | None = None
    contract: Schema | None = None
    levers: Path | None = None
    serve: str | None = None
    title: str = "replaying"
    topic: bool = False
    since: str | None = None
    linger_s: float = 0.0

    @property
    def inputs(self) -> list[str]:
        """The files of events, then that of labels."""
        return [*self.files, *([self.labels] if self.labels else [])]

    def refuse_two_streams(self) -> None:
        """Raise a usage error unless there is one stream to read: files, or a topic."""
        if self.topic and self.inputs:
            raise typer.BadParameter(f"the events come from a topic: leave out {self.inputs[0]}", param_hint="--topic")
        if not self.topic and not self.files:
            raise typer.BadParameter("name a file of events, or a topic with --topic", param_hint="FILE...")

    def refuse_overwriting(self, more: Sequence[Path] = ()) -> None:
        """Raise a usage error where an output would replace what is read (``more`` too), or is not what it is named."""
        self.outputs.refuse_names()
        read = [Path(path) for path in self.inputs if path != STDIN]
        read += [path for path in (self.config, self.schema, self.levers) if path is not None]
        self.outputs.refuse_overlap([*read, *more])


def replay_files(
    options: ReplayOptions,
    environ: Mapping[str, str],
    interrupt: Interrupt | None = None,
    show: Callable[[Story], None] = lambda _: None,
) -> Story:
    """Carry out a replay; what was guessed or chosen is told on standard error as it starts.

    interrupt: already entered, where what follows the replay is not to be cut either; show: shows what came of it, as
    long as its page is served.
    """
    if interrupt is None:
        with Interrupt() as own:
            return replay_files(options, environ, own, show)
    options.refuse_two_streams()
    options.refuse_overwriting()
    settings = load_settings(options.config, environ, options.overrides)
    schema, notes = _contract(options, settings)
    if options.labels is not None and settings.config.label.wait is None:
        raise ConfigError(
            "--labels: events wait for their labels only as long as label.wait says, and it is not set: "
            f"set it in the configuration, or STREAMIMB_LABEL__WAIT={'7d' if schema.has_time else 10_000}"
        )
    progress = ReplayProgress(schema.class_names[schema.positive], title=options.title)
    with settings.naming():
        pipeline = Pipeline(schema, settings.config)
    feed = _feed(options, schema, settings.config, pipeline)
    inputs = options.inputs or feed.names
    for line in [*notes, *pipeline.notes]:
        note(line)
    story = Story(
        inputs=options.files or feed.names,
        schema=schema,
        config=settings.config,
        trajectories=Trajectories(),
        labels=_labels_told(schema, settings, options.labels),
    )
    saved = None if options.save_state is None else Ending(options.save_state, schema, settings.config)
    levers = _levers(options.levers)
    with _watched(options, pipeline, settings) as watch:
        replay = Replay(
            pipeline, feed, options.outputs, story, texts=lambda told: run_texts(settings, told, inputs),
            limit=options.limit, pacer=_pacer(options, schema, watch), levers=levers, watch=watch,
        )  # fmt: skip
        replay.run(progress, interrupt)
        if saved is not None:
            with interrupt.deferred():
                if isinstance(feed, Feed):
                    note(saved.save(pipeline, inputs))
                else:
                    note(saved.save(pipeline, inputs, feed.next, feed.topic_ids))
        if replay.levers_left:
            note(f"{replay.levers_left} levers were not pulled: the events ended before them")
        show(story)
        if watch is not None and options.linger_s and is_attended() and not story.interrupted:
            watch.linger(options.linger_s, interrupt)
    return story


def _feed(options: ReplayOptions, schema: Schema, config: Config, pipeline: Pipeline) -> Feed | TopicFeed:
    if options.topic:
        from streamimb_services.topic_feed import TopicFeed, since_of

        return TopicFeed(schema, config, since_of(options.since, time.time))
    return Feed(
        schema,
        config,
        options.files,
        options.labels,
        batch_events=options.batch_events,
        accepted=lambda: pipeline.store.next_position,
    )


@contextmanager
def _watched(options: ReplayOptions, pipeline: Pipeline, settings: Settings) -> Iterator[Watch | None]:
    if options.serve is None:
        yield None
        return
    from streamimb_services.watching import watched

    with watched(
        options.serve, pipeline, settings.config, options.files or [str(settings.config.source.topic)]
    ) as watch:
        yield watch


def _pacer(options: ReplayOptions, schema: Schema, watch: Watch | None) -> Pacer | None:
    if options.speed is None:
        return None
    return Pacer(options.speed, has_time=schema.has_time, sleep=time.sleep if watch is None else watch.sleep)


def _levers(path: Path | None) -> list[Lever]:
    if path is None:
        return []
    with reading(str(path)):
        return read_levers(path.read_bytes(), str(path))


def _contract(options: ReplayOptions, settings: Settings) -> tuple[Schema, list[str]]:
    """The event contract: --schema, else the configuration's, else inferred from the files."""
    given = load_schema(options.schema) if options.schema is not None else settings.config.schema_
    if given is not None:
        return _with_guesses(given, options.guesses), []
    if options.contract is not None:
        return options.contract, []
    if STDIN in options.files or options.topic:
        what = "a topic" if options.topic else "standard input"
        raise ConfigError(
            f"{what} needs an event contract: give --schema S.toml or a [schema] table in the configuration "
            "(`streamimb schema infer FILE` writes one)"
        )
    first, *others = options.files
    guess = options.guesses
    schema, notes = infer_schema(
        first,
        *others,
        label=guess.get("label"),
        id=guess.get("id"),
        time=guess.get("time"),
        positive=guess.get("positive"),
    )
    return schema, [f"no schema was given: inferred one from {first} (`streamimb schema infer` shows it)", *notes]


def _with_guesses(schema: Schema, guesses: Mapping[str, str | None]) -> Schema:
    """A contract that was given, with the positive class of --positive; the other guesses would contradict it."""
    for name in ("label", "id", "time"):
        if guesses.get(name) is not None:
            raise typer.BadParameter(
                "an event contract was given, and it says which column that is: change it there", param_hint=f"--{name}"
            )
    positive = guesses.get("positive")
    if positive is None:
        return schema
    if positive not in schema.class_names:
        raise SchemaError(f"--positive {positive}: no such class {hint(positive, schema.class_names)}")
    chosen = schema.label.classes[schema.class_names.index(positive)]
    return schema.model_copy(update={"label": schema.label.model_copy(update={"positive": chosen})})


def _labels_told(schema: Schema, settings: Settings, labels: str | None) -> str:
    config = settings.config.label
    if labels is not None:
        told = f"labels from {Path(labels).name}"
    elif config.delay is not None:
        told = f"labels {_span(config.delay, schema)} after their events"
    elif schema.label.time is not None:
        told = f"labels at their {schema.label.time}"
    else:
        told = "labels with their events"
    if config.expires_as is not None and config.wait is not None:
        told += f", {config.expires_as} if none in {_span(config.wait, schema)}"
    return told


def _span(duration: str | int, schema: Schema) -> str:
    return str(duration) if schema.has_time else f"{int(duration):,} events"


def check(
    config: Path | None,
    schema: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, tuple[str, Any]],
    *,
    offline: bool = False,
) -> Iterator[str]:
    """Check a configuration and the contract with it; what was found, in lines. Raises what is wrong with them.

    One that names brokers is a service's: whatever a service needs must be there, and is tried unless ``offline``.
    """
    settings = load_settings(config, environ, overrides)
    contract = settings.config.schema_ if schema is None else load_schema(schema)
    usable = f"{config or 'the configuration'}: every key and value can be used"
    if contract is None:
        yield usable
        yield "no event contract was given: what depends on it (classes, durations, the model) was not checked"
        return
    with settings.naming():
        pipeline = Pipeline(contract, settings.config)
    checked(settings.config.kafka)
    served = bool(settings.config.kafka.get("bootstrap.servers"))
    if served:
        from streamimb_services.serve import demand

        demand(settings.config)
    yield usable
    classes = ", ".join(contract.class_names)
    yield f"{schema or config}: {len(contract.features)} features, classes {classes}"
    yield from pipeline.notes
    if not served:
        yield "kafka.bootstrap.servers is not set, so nothing was connected to: a replay needs none, a service does"
        return
    from streamimb_services.trying import tried

    if not offline:
        yield from tried(settings.config, contract)
