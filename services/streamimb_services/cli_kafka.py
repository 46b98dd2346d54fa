"""The commands that feed a topic and look at what was refused; ``cli`` makes these functions commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from streamimb_services import kafka_options as k
from streamimb_services import options as o
from streamimb_services.exits import guarded, note, tell

dlq_app = typer.Typer(help="Look at refused events, and send them back.", no_args_is_help=True)

Rate = Annotated[
    float | None, typer.Option("--rate", metavar="N", min=0.001, help="Send N records a second; else, all at once.")
]
Loop = Annotated[bool, typer.Option("--loop", help="Begin anew at the file's end, until Ctrl-C.")]
LimitRecords = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after N records.")]
Partitions = Annotated[
    int, typer.Option("--partitions", metavar="N", min=-1, help="Give a topic that is made so many; -1: the broker's.")
]
NewIds = Annotated[
    bool, typer.Option("--new-ids", help="Mark ids with the time of the start: none comes as in an earlier one.")
]
LettersTopic = Annotated[str | None, typer.Option("--topic", "-t", metavar="T", help="The topic of dead letters.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="R", help="Take those alone that have this reason.")]
FromOffset = Annotated[
    int, typer.Option("--from-offset", metavar="N", min=0, help="Begin at this offset of each partition.")
]


def _config(config: Path | None, overrides: dict[str, tuple[str, Any]]) -> Any:
    from streamimb.settings import load_settings

    return load_settings(config, os.environ, overrides).config


@guarded
def produce(
    file: o.OneFile,
    topic: k.Topic = None,
    bootstrap_servers: k.BootstrapServers = None,
    rate: Rate = None,
    loop: Loop = False,
    limit: LimitRecords = None,
    partitions: Partitions = -1,
    property: k.Properties = None,  # noqa: A002  the option's name
    config: o.ConfigFile = None,
    schema: o.SchemaFile = None,
    new_ids: NewIds = False,
) -> None:
    """Send the rows of a file to a topic as JSON, keyed by their id, so that a service has something to learn.

    A topic that does not exist is made. Lines of NDJSON go as they are. Ctrl-C ends it once what was handed over is
    acknowledged (exit 130).
    """
    from streamimb.infer import infer_schema
    from streamimb.schema_toml import load_schema
    from streamimb_services.produce import produce as run

    found = _config(config, k.overrides(bootstrap_servers, topic, None, property))
    contract = found.schema_ if schema is None else load_schema(schema)
    if contract is None:
        contract, notes = infer_schema(file)
        for line in notes:
            note(line)
    run(file, contract, found, rate=rate, loop=loop, limit=limit, partitions=partitions, new_ids=new_ids)


def _letters_config(
    config: Path | None, topic: str | None, servers: list[str] | None, properties: list[str] | None
) -> Any:
    overrides = k.overrides(servers, None, None, properties) | {"output.dead_letters": ("--topic", topic)}
    return _config(config, overrides)


@dlq_app.command("peek")
@guarded
def peek(
    topic: LettersTopic = None,
    bootstrap_servers: k.BootstrapServers = None,
    limit: LimitRecords = 20,
    reason: Reason = None,
    from_offset: FromOffset = 0,
    property: k.Properties = None,  # noqa: A002  the option's name
    config: o.ConfigFile = None,
    json: o.AsJson = False,
) -> None:
    """Show refused events: why, where they stood, and how they begin."""
    import msgspec

    from streamimb_services.dlq import letters

    shown = 0
    for letter in letters(
        _letters_config(config, topic, bootstrap_servers, property), begin=from_offset, reason=reason
    ):
        told = letter.show()
        if json:
            tell(msgspec.json.encode(told).decode() + "\n")
        else:
            tell(
                f"{told['at']}  {told['reason']}  {told['field'] or ''}  "
                f"{told['topic']}:{told['partition']}:{told['offset']}\n"
                f"    {told['message']}\n    key {told['key']}  value {told['value']}\n"
            )
        shown += 1
        if limit is not None and shown >= limit:
            break
    if not shown:
        note("no dead letters")


@dlq_app.command("replay")
@guarded
def replay_dead_letters(
    topic: LettersTopic = None,
    bootstrap_servers: k.BootstrapServers = None,
    limit: LimitRecords = None,
    reason: Reason = None,
    from_offset: FromOffset = 0,
    property: k.Properties = None,  # noqa: A002  the option's name
    config: o.ConfigFile = None,
) -> None:
    """Send refused events back to the topics they came from: their own bytes, keys and headers.

    Nothing is noted of what was sent: --from-offset leaves out what was before.
    """
    from streamimb_services.dlq import replay_letters

    found = _letters_config(config, topic, bootstrap_servers, property)
    note(f"{replay_letters(found, begin=from_offset, reason=reason, limit=limit):,} records sent back")
