"""The words of `streamimb checkpoint`."""

from __future__ import annotations

import os

import typer

from streamimb_services import options as o
from streamimb_services.exits import guarded, tell, tell_json

app = typer.Typer(help="Look at what a service saved, and rewrite it.", no_args_is_help=True)


@app.command("list")
@guarded
def list_(url: o.StateUrl, storage: o.StorageOptions = None, json: o.AsJson = False) -> None:
    """List the checkpoints of every unit, oldest first, and who holds it."""
    from streamimb_services.checkpoints import listed, open_store, show_list

    told = listed(open_store(url, o.pairs(storage)))
    tell_json(told) if json else show_list(told)


@app.command("show")
@guarded
def show(
    url: o.StateUrl,
    name: o.CheckpointName = None,
    unit: o.Unit = None,
    storage: o.StorageOptions = None,
    json: o.AsJson = False,
) -> None:
    """Show what a checkpoint says of itself: offsets, versions, segments; the newest if none is named.

    It is read whole: exit 70 where it cannot be used.
    """
    from streamimb_services.checkpoints import open_store, refuse_torn, show_one, shown

    store = open_store(url, o.pairs(storage))
    told = shown(store, unit, name)
    tell_json(told) if json else show_one(told)
    refuse_torn(store, told)


@app.command("verify")
@guarded
def verify(url: o.StateUrl, storage: o.StorageOptions = None, json: o.AsJson = False) -> None:
    """Read every checkpoint and its segments whole; exit 70 where one cannot be used."""
    from streamimb_services.checkpoints import open_store, refuse_rotten, show_verified, verified

    told = verified(open_store(url, o.pairs(storage)))
    tell_json(told) if json else show_verified(told)
    refuse_rotten(told)


@app.command("migrate")
@guarded
def migrate(
    url: o.StateUrl,
    config: o.ConfigFile = None,
    schema: o.SchemaFile = None,
    unit: o.Unit = None,
    json: o.AsJson = False,
) -> None:
    """Rewrite the newest checkpoint for this version and configuration; only live keys may differ from the saved ones.

    Stop the service first: it is fenced by this. Exit 70 where no way is known.
    """
    from streamimb.settings import load_settings
    from streamimb_services.checkpoints import migrated
    from streamimb_services.contracts import contract_of

    settings = load_settings(config, os.environ)
    told = migrated(url, unit, contract_of(schema, settings), settings.config)
    if json:
        tell_json(told)
    else:
        tell(f"{told['unit']}: {told['from']} rewritten as {told['to']}\n")
        for key, (was, given) in told["changed"].items():
            tell(f"  {key}: {was!r} -> {given!r}\n")
