"""A configuration as TOML that can be read back, or as JSON, with the origin of every value."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any

from streamimb.settings import Origin, Settings
from streamimb_services.visible import visible

#: Origins are written from this column on where the value leaves room.
_COLUMN = 44
#: What is said of a key by whether it may change between two starts.
LIVENESS = {True: "; live", False: "; shapes the state", None: ""}


def settings_as_toml(settings: Settings) -> str:
    """Every key but those of the schema; one that is not set is a comment.

    Beside it stands its origin, and whether it may change between two starts (``live``) or ``shapes the state``, so
    that a checkpoint of another value is refused. What is about the service alone is in no state.

    >>> from streamimb.settings import load_settings
    >>> print(settings_as_toml(load_settings()).splitlines()[1])
    event_bytes_max = 1048576                   # default; live
    """
    lines: list[str] = []
    table = ""
    for key, value, origin in settings.items():
        section, name = key.split(".", 1) if key.startswith("kafka.") else key.rsplit(".", 1)
        if section != table:
            lines += ["", f"[{section}]"]
            table = section
        said = f"{name} = {toml_value(value)}" if value is not None else f"# {name} is not set"
        lines.append(f"{said:<{_COLUMN - 1}} # {_origin(origin)}{LIVENESS[settings.is_live(key)]}")
    return "\n".join(lines[1:]) + "\n"


def settings_as_json(settings: Settings) -> str:
    """One object: the key's dotted path -> its value, origin and, but for defaults, the origin's name.

    ``live``: whether it may change between two starts; null where it is in no state.
    """
    told = {
        key: {"value": value, "origin": origin.kind, "live": settings.is_live(key)}
        | ({"name": origin.name} if origin.name else {})
        for key, value, origin in settings.items()
    }
    return json.dumps(told, indent=2, default=str)


def toml_value(value: Any) -> str:
    """A value as TOML writes it, tables inline.

    >>> toml_value({"a b": [1, 2.5, True, "x"]})
    '{"a b" = [1, 2.5, true, "x"]}'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else toml_value(key)


def _origin(origin: Origin) -> str:
    return visible(f"{origin.kind} {origin.name}".strip())
