"""``streamimb checkpoint``: what is saved where, whether it can be used, and rewriting it for another configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from streamimb.checkpoint import CheckpointStore, Retention, Setup, migrate
from streamimb.config import Config
from streamimb.errors import InputError, StateError
from streamimb.near import hint
from streamimb.pipeline import STATE_VERSION, Pipeline
from streamimb.schema import Schema
from streamimb_services.screen import Text, show


def open_store(url: str, options: Mapping[str, Any] | None = None, setup: Setup | None = None) -> CheckpointStore:
    """The store at a url. Raises InputError where nothing was ever saved there."""
    store = CheckpointStore(url, storage_options=options, setup=setup)
    if not any(store.entries(unit) or store.holder(unit) for unit in store.units()):
        raise InputError(f"{url}: no checkpoints here")
    return store


def listed(store: CheckpointStore) -> list[dict[str, Any]]:
    """Every unit with its holder and its checkpoints, oldest first."""
    told = []
    for unit in store.units():
        holder = store.holder(unit)
        rows = [{"name": e.name, "bytes": e.bytes, "modified": _when(e.modified)} for e in store.entries(unit)]
        told.append({"unit": unit, "holder": None if holder is None else str(holder), "checkpoints": rows})
    return told


def show_list(told: list[dict[str, Any]]) -> None:
    """The same as a table for each unit."""
    for unit in told:
        table = Table(
            title=Text(f"{unit['unit']}  ({unit['holder'] or 'never claimed'})", "italic"), title_justify="left"
        )
        for column in ("checkpoint", "bytes", "written"):
            table.add_column(column, justify="right" if column == "bytes" else "left")
        for row in unit["checkpoints"]:
            table.add_row(Text(row["name"]), f"{row['bytes']:,}", row["modified"])
        _print(table)


def shown(store: CheckpointStore, unit: str | None, name: str | None) -> dict[str, Any]:
    """What one checkpoint's header says; ``error`` is empty where it can be used. Raises StateError, InputError."""
    unit, name = _chosen(store, unit, name)
    try:
        header, broken = store.look(unit, name)
    except StateError as error:
        raise _unusable(store.url, unit, name, str(error)) from None
    return {
        "unit": unit, "name": name, "epoch": header["epoch"], "owner": header["owner"], "group": header["group"],
        "versions": header["versions"], "state_version": header["state"]["state"].get("version"),
        "offsets": {f"{topic}:{number}": offset for topic, number, offset in header["offsets"]},
        "segments": dict(header["segments"]),
        "meta": header["state"]["meta"], "setup": header["setup"], "error": broken,
    }  # fmt: skip


def refuse_torn(store: CheckpointStore, told: Mapping[str, Any]) -> None:
    """Raise StateError where what ``shown`` tells is of a checkpoint that cannot be used."""
    if told["error"]:
        raise _unusable(store.url, told["unit"], told["name"], told["error"])


def _unusable(url: str, unit: str, name: str, error: str) -> StateError:
    return StateError(
        f"{url}: checkpoint {name} of {unit} cannot be used: {error}; a service goes on from the newest that is whole, "
        "which `streamimb checkpoint verify` finds"
    )


def show_one(told: Mapping[str, Any]) -> None:
    """The same as lines; the configuration last."""
    table = Table(show_header=False)
    for key, value in told.items():
        if key not in ("setup", "error"):
            said = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            table.add_row(key, Text(said))
    table.add_row("digest of what shapes state", str(told["setup"].get("digest", "none")))
    _print(table)


def verified(store: CheckpointStore) -> list[dict[str, Any]]:
    """Every checkpoint, read whole with its segments: ``error`` is empty where it can be used."""
    told = []
    for unit in store.units():
        for entry in store.entries(unit):
            error = _error(store, unit, entry.name)
            told.append({"unit": unit, "name": entry.name, "bytes": entry.bytes, "error": error})
    return told


def _error(store: CheckpointStore, unit: str, name: str) -> str:
    """Why a checkpoint, read whole with its segments, cannot be used; empty where it can."""
    try:
        store.read(unit, name)
    except StateError as found:
        return str(found)
    return ""


def refuse_rotten(told: list[dict[str, Any]]) -> None:
    """Raise StateError where one of them cannot be used."""
    bad = [row for row in told if row["error"]]
    if bad:
        names = ", ".join(f"{row['unit']} {row['name']}" for row in bad)
        raise StateError(f"{len(bad)} of {len(told)} checkpoints cannot be used: {names}")


def show_verified(told: list[dict[str, Any]]) -> None:
    """The same as a table."""
    table = Table()
    for column in ("unit", "checkpoint", "bytes", "verdict"):
        table.add_column(column, justify="right" if column == "bytes" else "left")
    for row in told:
        table.add_row(Text(row["unit"]), Text(row["name"]), f"{row['bytes']:,}", Text(row["error"] or "whole"))
    _print(table)


def migrated(url: str, unit: str | None, schema: Schema, config: Config) -> dict[str, Any]:
    """Write a unit's newest checkpoint anew under a configuration. Raises StateError where that cannot be done.

    The claim is that of the unit's own group, so that a service that runs is fenced: stop it first.
    """
    setup = Setup(schema, config)
    store = open_store(url, config.state.storage_options, setup)
    store.keep = Retention.of(config.state)
    unit, _ = _chosen(store, unit, None)
    before, after = migrate(
        store, unit, schema, config, version=STATE_VERSION, owner="streamimb checkpoint migrate",
        check=Pipeline(schema, config).restore,
    )  # fmt: skip
    changed = setup.changes(before.setup)
    return {
        "unit": unit, "from": before.name, "to": after.name, "rotten": [name for name, _ in before.rotten],
        "changed": {d.key: [d.saved, d.given] for d in changed},
    }  # fmt: skip


def _print(table: Table) -> None:
    show(lambda console: console.print(table))


def _chosen(store: CheckpointStore, unit: str | None, name: str | None) -> tuple[str, str]:
    units = [u for u in store.units() if store.entries(u)]
    if unit is None:
        if len(units) != 1:
            raise InputError(f"{store.url}: choose one with --unit: {', '.join(units) or 'there is none'}")
        unit = units[0]
    elif unit not in units:
        raise InputError(f"{store.url}: nothing is saved of a unit {unit!r} {hint(unit, units)}")
    names = [entry.name for entry in store.entries(unit)]
    name = name or names[-1]
    if name not in names:
        raise InputError(f"{store.url}: no checkpoint of {unit} is called {name!r} {hint(name, names)}")
    return unit, name


def _when(seconds: float) -> str:
    if seconds != seconds:
        return "unknown"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
