"""What a state was made under, and whether another start may go on from it: only live keys may differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from streamimb.config import SERVICE_TABLES, Config
from streamimb.errors import StateError
from streamimb.schema import LIVE, Schema

#: Differences that a message shows; how many more there are is told.
SHOWN_MAX = 5
#: The value of a key that one side does not know.
ABSENT = "(no such key)"


class Difference(NamedTuple):
    """A state-shaping key whose value now is not the saved one."""

    key: str
    saved: Any
    given: Any

    def __str__(self) -> str:
        return f"{self.key} was {self.saved!r}, is {self.given!r}"


class Setup:
    """A configuration and an event contract, as checkpoints keep them.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="x")], label=Label(classes=["a", "b"]))
    >>> f1, kappa = (Setup(schema, Config(control={"objective": o})) for o in ("f1", "kappa"))
    >>> f1.digest == kappa.digest, f1.differences(Setup(schema, Config(window={"events": 9})).told)
    (True, [Difference(key='window.events', saved=9, given=500)])
    """

    def __init__(self, schema: Schema, config: Config) -> None:
        self._keys = dict(keys(config, schema))
        shaping = {key: value for key, (value, live) in self._keys.items() if not live}
        self.digest = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()
        self.told: dict[str, Any] = {
            "config": config.model_dump(mode="json", exclude={"schema_", *SERVICE_TABLES}),
            "schema": schema.model_dump(mode="json"),
            "digest": self.digest,
        }

    def differences(self, saved: Mapping[str, Any]) -> list[Difference]:
        """State-shaping keys whose values differ from those of a checkpoint's setup, in order of name.

        A key that the saved configuration does not know had its default then.
        """
        if saved.get("digest") == self.digest:
            return []
        try:
            was = _saved_keys(saved)
        except (ValueError, KeyError, TypeError):
            return self._by_text(saved)
        shaping = sorted(key for key in was.keys() | self._keys.keys() if not self._is_live(key, was))
        pairs = ((key, was.get(key, (ABSENT, False))[0], self._keys.get(key, (ABSENT, False))[0]) for key in shaping)
        return [Difference(*each) for each in pairs if each[1] != each[2]]

    def changes(self, saved: Mapping[str, Any]) -> list[Difference]:
        """Live keys whose values differ from those of a checkpoint's setup, in order of name."""
        was = _saved_keys(saved)
        live = sorted(key for key in was.keys() & self._keys.keys() if self._is_live(key, was))
        pairs = ((key, was[key][0], self._keys[key][0]) for key in live)
        return [Difference(*each) for each in pairs if each[1] != each[2]]

    def _is_live(self, key: str, was: Mapping[str, tuple[Any, bool]]) -> bool:
        return (self._keys.get(key) or was[key])[1]

    def _by_text(self, saved: Mapping[str, Any]) -> list[Difference]:
        """For a configuration that this version cannot read: whatever differs, table by table."""
        found = []
        for part in ("config", "schema"):
            mine, other = self.told[part], saved.get(part) or {}
            names = sorted(mine.keys() | other.keys())
            rows = (Difference(f"{part}.{n}", other.get(n, ABSENT), mine.get(n, ABSENT)) for n in names)
            found += [row for row in rows if row.saved != row.given]
        return found or [Difference("setup", ABSENT, self.digest[:12])]

    def refuse(self, saved: Mapping[str, Any], what: str) -> None:
        """Raise StateError, naming the keys with their values then and now, where a state-shaping one differs."""
        found = self.differences(saved)
        if found:
            told = "; ".join(map(str, found[:SHOWN_MAX]))
            more = f"; and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
            raise StateError(
                f"{what} was saved under another configuration: {told}{more}. These keys shape the state: put them "
                "back, or start anew in another place"
            )


def keys(config: Config, schema: Schema) -> Iterator[tuple[str, tuple[Any, bool]]]:
    """Every key by its dotted path, its value as JSON data, and whether it is live. A feature's begin with its name."""
    for name in Config.model_fields:
        if name not in ("schema_", *SERVICE_TABLES):
            yield from _leaves(name, getattr(config, name))
    yield "schema.features", ([feature.name for feature in schema.features], False)
    for feature in schema.features:
        yield from _leaves(f"schema.features.{feature.name}", feature)
    yield "schema.positive", (schema.class_names[schema.positive], False)
    for name, field in Schema.model_fields.items():
        value = getattr(schema, name)
        if isinstance(value, BaseModel):
            yield f"schema.{name}", (True, False)
            yield from _leaves(f"schema.{name}", value)
        elif name != "features":
            yield f"schema.{name}", (False if value is None else value, LIVE in field.metadata)


def _leaves(path: str, table: BaseModel) -> Iterator[tuple[str, tuple[Any, bool]]]:
    dumped = table.model_dump(mode="json")
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            yield from _leaves(f"{path}.{name}", value)
        else:
            yield f"{path}.{name}", (dumped[name], LIVE in field.metadata)


def _saved_keys(saved: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    return dict(keys(Config.model_validate(saved["config"]), Schema.model_validate(saved["schema"])))
