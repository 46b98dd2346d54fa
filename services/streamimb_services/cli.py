"""The command line: what the words mean. The work is done elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamimb.errors import OutputError
from streamimb_services import cli_checkpoint, cli_kafka, cli_service, control_cli
from streamimb_services import kafka_options as k
from streamimb_services import options as o
from streamimb_services.exits import INTERRUPTED, drop_output, guarded, note, tell, tell_json

if TYPE_CHECKING:
    from streamimb_services.session import ReplayOptions
    from streamimb_services.story import Story

app = typer.Typer(
    name="streamimb",
    help="Learn a stream with a rare class: predict, rebalance, watch for drift.\n\n"
    "Every option has a twin in the environment, shown beside it. Every key of the configuration has one too: "
    "STREAMIMB_SECTION__KEY, as STREAMIMB_CONTROL__EVERY=1000.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "STREAMIMB", "help_option_names": ["-h", "--help"]},
)
schema_app = typer.Typer(help="Write the event contract of a stream.", no_args_is_help=True)
config_app = typer.Typer(help="Show the configuration.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")
app.add_typer(config_app, name="config")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"streamimb {version('streamimb')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            allow_from_autoenv=False,
            show_envvar=False,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Learn a stream with a rare class."""


@app.command()
@guarded
def replay(
    files: o.Files = None,
    schema: o.SchemaFile = None,
    config: o.ConfigFile = None,
    objective: o.Objective = None,
    run: o.Run = None,
    predictions: o.PredictionsFile = None,
    metrics: o.MetricsFile = None,
    signals: o.SignalsFile = None,
    rejects: o.RejectsFile = None,
    labels: o.Labels = None,
    label_delay: o.LabelDelay = None,
    limit: o.Limit = None,
    speed: o.Speed = None,
    batch_events: o.BatchEvents = 4096,
    label: o.LabelColumn = None,
    id: o.IdColumn = None,  # noqa: A002  the option's name
    time: o.TimeColumn = None,
    positive: o.PositiveClass = None,
    save_state: o.SaveState = None,
    levers: o.LeversFile = None,
    serve: o.ServeAt = None,
    linger: o.Linger = None,
    report: o.RunReport = None,
    topic: k.Topic = None,
    since: o.Since = None,
    bootstrap_servers: k.BootstrapServers = None,
    property: k.Properties = None,  # noqa: A002  the option's name
    json: o.AsJson = False,
) -> None:
    """Replay files as a stream: predict each event, learn its label when it comes, and tell how it went.

    With --topic the events come from Kafka, as far as the topic goes when reading begins; nothing is committed, and a
    service that starts from --save-state goes on where this ended.

    Outputs appear when the replay ends, whole. Ctrl-C and SIGTERM end it early with the summary so far (exit 130, and
    0); once more, and it stops at once, without outputs. Before the first batch of events is through (on a new machine
    it compiles for a minute or two) either stops it at once: exit 130 for Ctrl-C, 143 for SIGTERM (-15 to a parent
    process while modules are still loaded), and standard output is empty. A folder given with --run may hold an older
    run, whose files are replaced.
    """
    from streamimb_services.outputs import OutputPaths
    from streamimb_services.report import report_beside
    from streamimb_services.session import ReplayOptions

    reporting = report_beside(run, report)
    kafka = k.overrides(bootstrap_servers, topic, None, property)
    options = ReplayOptions(
        files=files or [], schema=schema, config=config, overrides=o.overrides(objective, label_delay) | kafka,
        labels=labels, limit=limit, speed=o.above_zero(speed, "--speed"), batch_events=batch_events,
        guesses={"label": label, "id": id, "time": time, "positive": positive},
        outputs=OutputPaths(run, predictions, metrics, signals, rejects), save_state=save_state, levers=levers,
        serve=serve, topic=topic is not None or since is not None, since=since,
        linger_s=o.seconds(linger, "--linger", needs=serve, what="--serve"),
    )  # fmt: skip
    _replay(options, reporting, json=json)


def _replay(options: ReplayOptions, reporting: Callable[[], None], *, json: bool) -> None:
    """Carry it out and show it; ``reporting`` writes the report, where one is asked for."""
    from streamimb_services.interrupt import Interrupt
    from streamimb_services.session import replay_files

    def show(told: Story) -> None:
        _show_replay(told, json=json)
        if told.failure is None:
            reporting()

    with Interrupt() as interrupt:
        told = replay_files(options, os.environ, interrupt, show)
    told.raise_failure()
    if told.interrupted:
        raise typer.Exit(interrupt.exit_code)


def _show_replay(told: Story, *, json: bool) -> None:
    if json:
        tell_json(told.summary)
    else:
        from streamimb_services.summary import show_summary

        show_summary(told)


@app.command()
@guarded
def compare(
    files: o.FilesOrRuns,
    configs: o.Configs = None,
    schema: o.SchemaFile = None,
    objective: o.Objective = None,
    run: o.RunsKept = None,
    labels: o.Labels = None,
    label_delay: o.LabelDelay = None,
    limit: o.Limit = None,
    batch_events: o.BatchEvents = 4096,
    label: o.LabelColumn = None,
    id: o.IdColumn = None,  # noqa: A002  the option's name
    time: o.TimeColumn = None,
    positive: o.PositiveClass = None,
    block: o.Block = None,
    replicates: o.Replicates = None,
    confidence: o.Confidence = 0.95,
    seed: o.Seed = 1,
    html: o.HtmlFile = None,
    json: o.AsJson = False,
) -> None:
    """Compare runs over one stream: which is better, by how much, and whether that can be told.

    Runs every configuration given with --with over the files, in turn; or takes folders that `replay --run` wrote.
    Differences have intervals from a bootstrap over blocks of consecutive events, and McNemar's test.
    """
    from streamimb_services.compare import CompareOptions, compare_runs
    from streamimb_services.session import ReplayOptions

    if not 0 < confidence < 1:
        raise typer.BadParameter(f"{confidence:g} is not between 0 and 1", param_hint="--confidence")
    replayed = ReplayOptions(
        files=files,
        schema=schema,
        overrides=o.overrides(objective, label_delay),
        labels=labels,
        limit=limit,
        batch_events=batch_events,
        guesses={"label": label, "id": id, "time": time, "positive": positive},
    )
    options = CompareOptions(replayed, configs or (), run, block, replicates, confidence, seed, html)
    told = compare_runs(options, os.environ)
    if html is not None:
        from streamimb_services.comparison_html import write_comparison

        write_comparison(told, html)
    if json:
        from streamimb_services.comparison_json import as_json

        tell_json(as_json(told))
    else:
        from streamimb_services.comparison import show_comparison

        show_comparison(told)
    if html is not None:
        note(f"the comparison is in {html}")
    if told.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
@guarded
def report(run: o.RunFolder, output: o.ReportFile = Path("report.html")) -> None:
    """Write what a run's folder holds as one HTML file that needs nothing else: charts, tables, configuration."""
    from streamimb_services.report import write_report

    write_report(run, output)


@schema_app.command("infer")
@guarded
def schema_infer(
    file: o.OneFile,
    label: o.LabelColumn = None,
    id: o.IdColumn = None,  # noqa: A002  the option's name
    time: o.TimeColumn = None,
    positive: o.PositiveClass = None,
) -> None:
    """Infer the event contract from a file and print it as TOML; what was guessed is told on standard error."""
    from streamimb.infer import infer_schema
    from streamimb.schema_toml import schema_to_toml

    schema, notes = infer_schema(file, label=label, id=id, time=time, positive=positive)
    for line in notes:
        note(line)
    tell(schema_to_toml(schema))


@config_app.command("show")
@guarded
def config_show(
    config: o.ConfigFile = None,
    objective: o.Objective = None,
    label_delay: o.LabelDelay = None,
    json: o.AsJson = False,
) -> None:
    """Show every key of the configuration, its value and where that came from, as TOML that can be read back."""
    from streamimb.settings import load_settings
    from streamimb_services.show import settings_as_json, settings_as_toml

    settings = load_settings(config, os.environ, o.overrides(objective, label_delay))
    if json:
        tell(settings_as_json(settings) + "\n")
        return
    tell(settings_as_toml(settings))
    if settings.config.schema_ is not None:
        from streamimb.schema_toml import schema_to_toml

        tell(f"\n# the event contract, from {config}\n{schema_to_toml(settings.config.schema_)}")


@app.command("check-config")
@guarded
def check_config(
    file: Annotated[Path | None, typer.Argument(metavar="[C.toml]", help="The configuration; the same as -c.")] = None,
    config: o.ConfigFile = None,
    schema: o.SchemaFile = None,
    objective: o.Objective = None,
    label_delay: o.LabelDelay = None,
    offline: o.Offline = False,
) -> None:
    """Check a configuration, and the event contract with it, without reading any event.

    One that names brokers is tried as a service would: brokers, topics, and a file written under state.url and removed.
    """
    from streamimb_services.session import check

    for line in check(config or file, schema, os.environ, o.overrides(objective, label_delay), offline=offline):
        tell(f"{line}\n")


@app.command()
@guarded
def generate(
    name: o.StreamName = None,
    output: o.EventsFile = "-",
    format: o.EventsFormat = None,  # noqa: A002  the option's name
    events: o.Events = 50_000,
    seed: o.Seed = 1,
    ratio: o.Ratio = None,
    concept: o.Concept = None,
    classes: o.ClassChanges = None,
    borderline: o.Borderline = None,
    rare: o.RareIslands = None,
    missing: o.Missing = None,
    delay: o.Delay = None,
    noise: o.LabelNoise = None,
    schema: o.SchemaOut = None,
    truth: o.TruthFile = None,
    list: o.ListStreams = False,  # noqa: A002  the option's name
) -> None:
    """Generate a stream with known drifts: a ready-made one, or one whose parts are changed by the options."""
    from streamimb_services.generate import GenerateOptions, generate_file, listed

    if list:
        tell(listed() + "\n")
        return
    if name is None:
        raise typer.BadParameter("a stream's name is needed; --list shows all", param_hint="NAME")
    parts = {"ratio": ratio, "concept": concept, "classes": classes, "borderline": borderline, "rare": rare}
    parts |= {"missing": missing, "delay": delay, "noise": noise}
    generate_file(GenerateOptions(name, output, format, events, seed, parts, schema, truth))


@app.command()
@guarded
def models(json: o.AsJson = False) -> None:
    """List the models that learner.model can name."""
    from streamimb.learners.registry import list_models

    names = list_models()
    if json:
        tell_json(names)
    else:
        tell("\n".join(names) + "\n")


app.command("serve")(cli_service.serve)
app.command("produce")(cli_kafka.produce)
app.add_typer(cli_kafka.dlq_app, name="dlq")
app.add_typer(cli_checkpoint.app, name="checkpoint")
app.add_typer(control_cli.app, name="control")


def main() -> None:
    """The command line, once its modules are there."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:  # help and version, on a standard output that takes nothing
        drop_output()
        note(f"error: standard output: cannot write: {error.strerror or error}")
        sys.exit(OutputError.exit_code)
