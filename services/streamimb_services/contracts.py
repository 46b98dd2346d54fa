"""The event contract of a command that reads no files to infer one from."""

from __future__ import annotations

from pathlib import Path

from streamimb.errors import ConfigError
from streamimb.schema import Schema
from streamimb.schema_toml import load_schema
from streamimb.settings import Settings


def contract_of(path: Path | None, settings: Settings) -> Schema:
    """The event contract: --schema, else the configuration's. Raises ConfigError."""
    given = load_schema(path) if path is not None else settings.config.schema_
    if given is None:
        raise ConfigError(
            "an event contract is needed: give --schema S.toml or a [schema] table in the configuration "
            "(`streamimb schema infer FILE` writes one)"
        )
    return given
