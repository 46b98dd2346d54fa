"""A schema as commented TOML, and back, with errors that name the key and the nearest valid one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from streamimb.errors import SchemaError
from streamimb.near import hint
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sources.base import reading

_TABLES: Final[dict[str, type[BaseModel]]] = {"features": Feature, "label": Label, "time": Time, "id": Identity}
_HEAD: Final = """\
# The event contract: what an event must look like. An event that does not fit is refused, and changes nothing.
[schema]
unknown_fields = {unknown}  # fields that are not named here: "ignore" or "refuse"
# type: numeric, categorical or boolean. missing: "nan" (kept missing), "default" (with default = ...) or "refuse".
# path = "after.amount" reaches into nested JSON; categories = [...] lists the values of a categorical feature.
features = [
{features}
]

[schema.label]
{label}
"""


def schema_to_toml(schema: Schema, notes: Sequence[str] = ()) -> str:
    """The schema as a TOML document; notes become comments at its head."""
    told = schema.model_dump(exclude_defaults=True)
    features = "\n".join(f"  {{ {_pairs(_with_type(f), ', ')} }}," for f in told["features"])
    label = {"name": schema.label.name, **told["label"]}
    parts = [_HEAD.format(unknown=_value(schema.unknown_fields), features=features, label=_pairs(label, "\n"))]
    if schema.time is not None:
        time = {"name": schema.time.name, "unit": schema.time.unit, **told.get("time", {})}
        parts.append(f"[schema.time]  # unit: s, ms, us since 1970, or iso (without an offset: UTC)\n{_pairs(time)}\n")
    if schema.id is not None:
        parts.append(f"[schema.id]\n{_pairs({'name': schema.id.name, **(told.get('id') or {})})}\n")
    comments = "".join(f"# {' '.join(note.split())}\n" for note in notes)
    return comments + "\n".join(parts)


def load_schema(path: str | Path) -> Schema:
    """The ``[schema]`` table of a TOML file, or the file's own top level.

    Raises InputError where the file cannot be read, SchemaError where it is no TOML or its schema cannot be used.
    """
    with reading(str(path)):
        data = Path(path).read_bytes()
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path}: is not TOML: {error}") from error
    table = document.get("schema", document)
    if not isinstance(table, dict) or not table:
        raise SchemaError(f"{path}: has no [schema] table")
    return schema_of(table, str(path))


def schema_of(table: dict[str, Any], source: str) -> Schema:
    """A schema from the plain data of its table. Raises SchemaError, a line for each thing wrong."""
    try:
        return Schema.model_validate(table)
    except ValidationError as error:
        told = [_told(e["loc"], e["type"], e["msg"], e.get("input")) for e in error.errors()]
        raise SchemaError(f"{source}: " + "\n".join(dict.fromkeys(told))) from error


def _told(loc: tuple[int | str, ...], kind: str, message: str, value: Any) -> str:
    key = "schema" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc)
    if kind == "extra_forbidden":
        table = _TABLES.get(str(loc[0]), Schema) if len(loc) > 1 else Schema
        return f"{key}: no such key {hint(str(loc[-1]), table.model_fields)}"
    if kind == "missing":
        return f"{key}: is missing"
    shown = "" if isinstance(value, dict) else f" (got {value!r})"
    return f"{key}: {message.removeprefix('Value error, ')}{shown}"


def _with_type(feature: dict[str, Any]) -> dict[str, Any]:
    return {"name": feature["name"], "type": "numeric", **feature}


def _pairs(table: dict[str, Any], between: str = "\n") -> str:
    return between.join(f"{key} = {_value(value)}" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
