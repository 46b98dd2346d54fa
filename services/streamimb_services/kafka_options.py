"""The options that users of Kafka know, the same wherever they recur."""

from __future__ import annotations

from typing import Annotated, Any

import typer

BootstrapServers = Annotated[
    list[str] | None,
    typer.Option(
        "--bootstrap-servers", "-b", metavar="HOST:PORT", help="Reach Kafka here; repeatable and comma-separated."
    ),
]
Topic = Annotated[str | None, typer.Option("--topic", "-t", metavar="T", help="Use this topic.")]
Group = Annotated[str | None, typer.Option("--group", "-g", metavar="G", help="Be a member of this consumer group.")]
Properties = Annotated[
    list[str] | None,
    typer.Option("--property", "-X", metavar="KEY=VALUE", help="Set a property of the Kafka client; repeatable."),
]
StateUrl = Annotated[
    str | None, typer.Option("--state", metavar="URL", help="Keep checkpoints in this folder or s3:// url.")
]


def overrides(
    servers: list[str] | None, topic: str | None, group: str | None, properties: list[str] | None
) -> dict[str, tuple[str, Any]]:
    """The keys of the configuration that these options set: dotted path -> (the option, its value)."""
    told: dict[str, tuple[str, Any]] = {}
    for text in properties or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--property")
        told[f"kafka.{key}"] = "--property", value
    told["kafka.bootstrap.servers"] = "--bootstrap-servers", ",".join(servers) if servers else None
    told["source.topic"], told["source.group"] = ("--topic", topic), ("--group", group)
    return told
