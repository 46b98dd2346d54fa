"""The words of `streamimb control`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from streamimb_services.exits import guarded, tell

app = typer.Typer(help="Pull the levers of a running service.", no_args_is_help=True)

Url = Annotated[str, typer.Option(metavar="URL", help="Where the service answers.")]
TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Read the bearer token from this file.")]
Unit = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this unit of state, where there is a learner a partition.")
]
Threshold = Annotated[
    float, typer.Argument(metavar="THRESHOLD", help="Score above which the positive class is decided.")
]
Checkpoint = Annotated[
    str | None, typer.Argument(metavar="[CHECKPOINT]", help="Name of the checkpoint; without one, the newest.")
]
URL = "http://127.0.0.1:8080"


def _pull(url: str, kind: str, token_file: Path | None, **order: Any) -> None:
    from streamimb_services.control import control

    told = control(url, kind, token_file, {name: value for name, value in order.items() if value is not None})
    for unit, lever in told.items():
        tell(f"{kind}: {unit}: lever {lever['number']}, before event {lever['position']}\n")


@app.command()
@guarded
def freeze(url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Freeze learning: predictions, windows, detectors and thresholds go on."""
    _pull(url, "freeze", token_file, unit=unit)


@app.command()
@guarded
def resume(url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Resume learning."""
    _pull(url, "resume", token_file, unit=unit)


@app.command()
@guarded
def pin(threshold: Threshold, url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Pin the threshold of the positive class, whatever the objective says."""
    _pull(url, "pin", token_file, threshold=threshold, unit=unit)


@app.command()
@guarded
def unpin(url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Let the objective set the threshold again."""
    _pull(url, "unpin", token_file, unit=unit)


@app.command()
@guarded
def reset(url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Reset the learner: it forgets all that it learned."""
    _pull(url, "reset", token_file, unit=unit)


@app.command()
@guarded
def rollback(checkpoint: Checkpoint = None, url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Roll learner, windows, detectors and control back to a checkpoint; offsets and what waits stay."""
    _pull(url, "rollback", token_file, checkpoint=checkpoint, unit=unit)


@app.command()
@guarded
def export(url: Url = URL, token_file: TokenFile = None, unit: Unit = None) -> None:
    """Export every lever that was pulled, as NDJSON for `replay --levers`."""
    from streamimb_services.control import export as exported

    tell(exported(url, token_file, unit))
