"""Rewriting a checkpoint: for a newer version where a way is known, and under other live keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streamimb.checkpoint.epochs import NO_GROUP
from streamimb.checkpoint.store import Checkpoint, CheckpointStore
from streamimb.checkpoint.version_7 import from_6_to_7
from streamimb.checkpoint.version_8 import from_7_to_8
from streamimb.config import Config
from streamimb.errors import StateError
from streamimb.learners.base import State
from streamimb.schema import Schema

#: Makes the next version's state of one, under a contract and a configuration; raises StateError where it cannot.
Way = Callable[[State, Schema, Config], State]
#: From a version of the pipeline's state, the way to the next. A way is listed once it is tested.
MIGRATIONS: Final[Mapping[int, Way]] = {6: from_6_to_7, 7: from_7_to_8}


def upgraded(state: State, version: int, schema: Schema, config: Config, ways: Mapping[int, Way] = MIGRATIONS) -> State:
    """A state of an older version as one of ``version``, step by step. Raises StateError where no way is known."""
    while state.get("version") != version:
        way = ways.get(state.get("version", -1))
        if way is None:
            raise StateError(
                f"the state has version {state.get('version')}, this one reads {version}, and no way from there is "
                "known: go on with the version of streamimb that wrote it, or learn anew (`replay --save-state` into a "
                "new state.url)"
            )
        state = way(state, schema, config)
    return state


def migrate(
    store: CheckpointStore, unit: str, schema: Schema, config: Config, *, version: int, owner: str,
    check: Callable[[State, tuple[State, ...]], None],
) -> tuple[Checkpoint, Checkpoint]:  # fmt: skip
    """Write a unit's newest usable checkpoint anew, for a state version and under the store's setup.

    check: restores the state and its segments, or raises: then nothing is claimed and nothing written.
    What was before, and what is now. Claims the unit for the group that holds it, so that an owner that runs is fenced.
    Raises StateError where there is none, where state-shaping keys differ, or no way from its version is known.
    """
    found = store.restore(unit)
    if found is None:
        raise StateError(f"{store.url}: no checkpoint of {unit}")
    state = upgraded(found.state, version, schema, config)
    check(state, found.segments)
    holder = store.holder(unit)
    claim = store.claim(unit, owner=owner, group=NO_GROUP if holder is None else holder.group or NO_GROUP)
    claim.follow(found)
    claim.held_until = found.meta.get("held_until")
    written = claim.write(state, [], 0, found.offsets, found.meta)
    return found, store.read(unit, written.name)
