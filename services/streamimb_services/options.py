"""The options of the command line, named once: the same option is the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from streamimb.durations import parse_duration
from streamimb.errors import ConfigError

MICROSECONDS = 1e6

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE...", help="CSV, NDJSON (.gz, .xz) or Parquet, in order; - is NDJSON on standard input."
    ),
]
FilesOrRuns = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|DIR...",
        help="CSV, NDJSON (.gz, .xz) or Parquet, in order; or folders of two or more runs of one stream.",
    ),
]
OneFile = Annotated[str, typer.Argument(metavar="FILE", help="CSV, NDJSON (.gz, .xz) or Parquet.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="C.toml", help="Read the configuration from this file.")
]
Configs = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="C.toml",
        envvar="STREAMIMB_COMPARE_WITH",
        help="Compare this configuration; one alone is compared with the default.",
    ),
]
SchemaFile = Annotated[
    Path | None,
    typer.Option("--schema", metavar="S.toml", help="Read the event contract here, not in the configuration."),
]
Objective = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Tune thresholds for f1, f_beta:2, g_mean, kappa, g_mean+kappa, balanced_accuracy, cost:FN=50,FP=1, "
        "recall>=0.9, precision>=0.5 or alerts<=100/day.",
    ),
]
LabelDelay = Annotated[
    str | None, typer.Option(metavar="7d", help="Let every label be known only so long after its event.")
]
Labels = Annotated[
    str | None, typer.Option(metavar="FILE", help="Take labels from this file: id, label, time when it became known.")
]
LeversFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Pull levers where a service did, from `streamimb control export`."),
]
ServeAt = Annotated[
    str | None,
    typer.Option(metavar="[HOST:]PORT", help="Serve the live page and /metrics here while it runs; 0 is a free port."),
]
Linger = Annotated[
    str | None,
    typer.Option(
        metavar="10m",
        help="Keep the page of --serve so long after the end, where a person sits at the terminal; Enter ends it.",
    ),
]
Run = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write all outputs, configuration, schema, summary and versions in this folder."),
]
RunReport = Annotated[
    Path | None, typer.Option(metavar="FILE.html", help="Write the report of --run here, too, as `report` does.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `replay --run` wrote.")]
ReportFile = Annotated[Path, typer.Option("--output", "-o", metavar="FILE.html", help="Where the report goes.")]
HtmlFile = Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the comparison as one HTML file, too.")]
RunsKept = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="DIR", help="Keep each run in a folder of its own in here, named after its configuration."
    ),
]
Block = Annotated[
    str | None,
    typer.Option(
        metavar="1d",
        help="Draw blocks so long, a duration or a number of events; found from the runs where it is not given.",
    ),
]
Replicates = Annotated[
    int | None, typer.Option(metavar="N", min=20, help="Draw so many replicates: 200 to 1,000 by the stream's length.")
]
Confidence = Annotated[float, typer.Option(metavar="SHARE", help="Give intervals that hold the truth so often.")]
PredictionsFile = Annotated[Path | None, typer.Option(metavar="P.parquet", help="Write a row a prediction.")]
MetricsFile = Annotated[Path | None, typer.Option(metavar="M.parquet", help="Write a row a measured value.")]
SignalsFile = Annotated[Path | None, typer.Option(metavar="D.parquet", help="Write a row a warning or drift.")]
RejectsFile = Annotated[Path | None, typer.Option(metavar="R.ndjson", help="Write a line a refused event.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after N accepted events.")]
Speed = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Let the stream's own time pass X times as fast as the clock; X events a second where it has no time.",
    ),
]
BatchEvents = Annotated[
    int, typer.Option(metavar="N", min=1, help="Read N events at once; what is predicted does not depend on it.")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="Infer a contract whose class is in this column.")
]
IdColumn = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="Infer a contract whose id is in this column.")
]
TimeColumn = Annotated[
    str | None, typer.Option("--time", metavar="COLUMN", help="Infer a contract whose time is in this column.")
]
PositiveClass = Annotated[
    str | None, typer.Option("--positive", metavar="CLASS", help="Take this class as the positive one.")
]
StreamName = Annotated[str | None, typer.Argument(metavar="NAME", help="A ready-made stream; --list shows all.")]
EventsFile = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write CSV, NDJSON (.gz, .xz) or Parquet here; - is standard output."
    ),
]
EventsFormat = Annotated[
    str | None, typer.Option("--format", metavar="F", help="Write csv, ndjson or parquet, whatever the file's name.")
]
Events = Annotated[int, typer.Option(metavar="N", min=1, help="Generate N events.")]
Seed = Annotated[int, typer.Option(metavar="S", min=0, help="Draw everything from this number.")]
Ratio = Annotated[
    str | None,
    typer.Option(
        metavar="R",
        help="Give the positive class this share: 0.01, ramp:0.5->0.01, step:0.1@20000->0.01, flip:0.01->0.99@25000, "
        "back:0.5->0.01->0.5; or all classes theirs: 0.9/0.07/0.03, rotate:0.9/0.07/0.03@10000.",
    ),
]
Concept = Annotated[
    str | None,
    typer.Option(
        metavar="C",
        help="Change what classes look like: none, sudden:10000,20000, gradual:10000/2000, recurring:10000.",
    ),
]
ClassChanges = Annotated[
    str | None,
    typer.Option(
        "--classes", metavar="W", help="Let classes come and go: appear:c3@10000,vanish:c1@20000,redefine:c2@30000."
    ),
]
Borderline = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Put this share of positive events between the classes.")
]
RareIslands = Annotated[
    str | None,
    typer.Option("--rare", metavar="SHARE", help="Put this share of positive events on islands among the others."),
]
Missing = Annotated[str | None, typer.Option(metavar="SHARE", help="Leave this share of the features' values out.")]
Delay = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help="Let labels be known later: 7d, exp:3d, uniform:1d..7d, lots:7d, never; by class: rare=exp:3d,rest=never.",
    ),
]
LabelNoise = Annotated[
    str | None,
    typer.Option("--noise", metavar="SHARE", help="Make this share of labels wrong: 0.02, or by class: rare=0.2."),
]
SchemaOut = Annotated[Path | None, typer.Option("--schema", metavar="S.toml", help="Write the event contract here.")]
TruthFile = Annotated[
    Path | None, typer.Option("--truth", metavar="T.json", help="Write here where the drifts are and what was drawn.")
]
ListStreams = Annotated[bool, typer.Option("--list", help="List the ready-made streams and what each shows.")]
Offline = Annotated[bool, typer.Option("--offline", help="Connect to nothing.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="7d|TIME|earliest",
        envvar="STREAMIMB_REPLAY_FROM",
        help="Read the topic from so long ago or a time in ISO 8601 on, by its records' own times; else all of it.",
    ),
]
SaveState = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="Save what was learned in this folder or s3://bucket/prefix: a service starts from it."
    ),
]
StateUrl = Annotated[str, typer.Argument(metavar="URL", help="The folder or s3://bucket/prefix of state.url.")]
CheckpointName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A checkpoint; default the newest.")]
Unit = Annotated[str | None, typer.Option(metavar="UNIT", help="The unit of state, where there are several.")]
StorageOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--storage", metavar="KEY=VALUE", help="Give the object store this option, as key, secret, endpoint_url."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def overrides(objective: str | None, label_delay: str | None) -> dict[str, tuple[str, Any]]:
    """The keys of the configuration that options set: dotted path -> (the option, its value)."""
    return {"control.objective": ("--objective", objective), "label.delay": ("--label-delay", label_delay)}


def above_zero(number: float | None, option: str) -> float | None:
    """The number that an option gives, if any. Raises a usage error where it is 0, less, or none."""
    if number is not None and not number > 0:
        raise typer.BadParameter(f"{number:g} is not above 0", param_hint=option)
    return number


def seconds(span: str | None, option: str, *, needs: str | None, what: str) -> float:
    """A duration that an option gives, 0 where it gives none. Raises a usage error, also where ``what`` is missing."""
    if span is None:
        return 0.0
    if needs is None:
        raise typer.BadParameter(f"it goes with {what}", param_hint=option)
    try:
        return parse_duration(span, has_time=True, key=option) / MICROSECONDS
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def pairs(given: list[str] | None) -> dict[str, str]:
    """KEY=VALUE options as a table."""
    told = dict(each.partition("=")[::2] for each in given or [])
    if bad := [key for key, value in told.items() if not key or not value]:
        raise typer.BadParameter(f"{bad[0]!r}: write KEY=VALUE", param_hint="--storage")
    return told
