"""Where a schema's fields are in nested JSON, and the structs that read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

from streamimb.batch import NO_LABEL, Reason
from streamimb.decode_columns import keys_of
from streamimb.errors import SchemaError
from streamimb.schema import Label, Schema

#: What the name of a struct's field cannot hold.
UNSPEAKABLE: Final = re.compile(r'[\\"\x00-\x1f]')
#: A field that the schema does not name: skipped, and its bytes kept to tell that it was there.
IGNORED: Final = msgspec.Raw

_TYPES: Final[dict[str, Any]] = {
    "numeric": float | None,
    "boolean": bool | Literal[0, 1] | None,
    "categorical": str | int | float | None,
}


def class_codes(label: Label) -> dict[type, dict[Any, int]]:
    """Codes by a class's type and value: in JSON 1 is not "1", 1.0 or true."""
    codes: dict[type, dict[Any, int]] = {}
    for code, value in enumerate(label.classes):
        codes.setdefault(type(value), {None: NO_LABEL})[value] = code
    return codes


def _leaves(schema: Schema) -> list[tuple[tuple[str, ...], Any, Reason]]:
    """Each field's keys, its type in JSON, and why it is refused where that does not fit."""
    leaves = [(keys_of(f), _TYPES[f.type], Reason.WRONG_TYPE) for f in schema.features]
    leaves.append((keys_of(schema.label), str | int | float | bool | None, Reason.WRONG_TYPE))
    if schema.id is not None:
        leaves.append((keys_of(schema.id), str | int | None, Reason.BAD_ID))
    if schema.time is not None:
        moment = str | None if schema.time.unit == "iso" else int | float | None
        leaves.append((keys_of(schema.time), moment, Reason.BAD_TIME))
        if schema.label.time is not None:
            leaves.append((tuple(schema.label.time.split(".")), moment, Reason.BAD_TIME))
    return leaves


def field_kinds(schema: Schema) -> dict[str, Reason]:
    """Why each field, by its path, is refused where its type does not fit."""
    return {".".join(keys): reason for keys, _, reason in _leaves(schema)}


def tree_of(schema: Schema) -> dict[str, Any]:
    """Nested dicts from keys to types. Raises SchemaError where a path leads through another field."""
    tree: dict[str, Any] = {}
    for keys, kind, _ in _leaves(schema):
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise SchemaError(f"path {'.'.join(keys)!r} leads through another field")
        if keys[-1] in node:
            raise SchemaError(f"path {'.'.join(keys)!r} is a field and leads to others")
        node[keys[-1]] = kind
    return tree


def ignore(tree: dict[str, Any], keys: Sequence[str]) -> bool:
    """Let a tree read a field that the schema does not name as one that is ignored; False where there is no such."""
    node: Any = tree
    for key in keys[:-1]:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or keys[-1] in node or UNSPEAKABLE.search(keys[-1]):
        return False
    node[keys[-1]] = IGNORED
    return True


def struct_of(name: str, tree: dict[str, Any], refuse_unknown_fields: bool) -> type[msgspec.Struct]:
    """A struct of nested dicts from keys to types: the i-th key is its field ``f{i}``, absent as None."""
    fields: list[tuple[str, Any, Any]] = []
    for i, kind in enumerate(tree.values()):
        inner = struct_of(f"{name}{i}", kind, refuse_unknown_fields) | None if isinstance(kind, dict) else kind
        fields.append((f"f{i}", inner, None))
    rename = {f"f{i}": key for i, key in enumerate(tree)}
    return msgspec.defstruct(
        name, fields, rename=rename, gc=False, forbid_unknown_fields=refuse_unknown_fields, module=__name__
    )


def columns_of(tree: dict[str, Any], events: list[Any]) -> list[tuple[tuple[str, ...], list[Any]]]:
    """Each leaf's keys and its n values; None where it, or what leads to it, is absent."""
    columns: list[tuple[tuple[str, ...], list[Any]]] = []
    for i, (key, kind) in enumerate(tree.items()):
        values = list(map(attrgetter(f"f{i}"), events))
        if not isinstance(kind, dict):
            columns.append(((key,), values))
            continue
        if None in values:
            nothing = _Nothing()
            values = [nothing if v is None else v for v in values]
        columns += [((key, *rest), inner) for rest, inner in columns_of(kind, values)]
    return columns


class _Nothing:
    """Every field of an object that is not there."""

    def __getattr__(self, name: str) -> None:
        return None
