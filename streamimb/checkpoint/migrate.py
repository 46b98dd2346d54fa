"""Rewriting a checkpoint: for a newer version where a way is known, and under other live keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streamimb.checkpoint.epochs import NO_GROUP
from streamimb.checkpoint.store import Checkpoint, CheckpointStore
from streamimb.errors import StateError
from streamimb.learners.base import State

#: From a version of the pipeline's state, what makes the next version's of it. A way is listed once it is tested.
MIGRATIONS: Final[Mapping[int, Callable[[State], State]]] = {}


def upgraded(state: State, version: int, ways: Mapping[int, Callable[[State], State]] = MIGRATIONS) -> State:
    """A state of an older version as one of ``version``, step by step. Raises StateError where no way is known.

    >>> upgraded({"version": 1}, 2, {1: lambda state: {**state, "version": 2, "new": 0}})
    {'version': 2, 'new': 0}
    """
    while state.get("version") != version:
        way = ways.get(state.get("version", -1))
        if way is None:
            raise StateError(
                f"the state has version {state.get('version')}, this one reads {version}, and no way from there is "
                "known: go on with the version of streamimb that wrote it, or learn anew (`replay --save-state` into a "
                "new state.url)"
            )
        state = way(state)
    return state


def migrate(
    store: CheckpointStore, unit: str, *, version: int, owner: str, check: Callable[[State, tuple[State, ...]], None]
) -> tuple[Checkpoint, Checkpoint]:
    """Write a unit's newest usable checkpoint anew, for a state version and under the store's setup.

    check: restores the state and its segments, or raises: then nothing is claimed and nothing written.
    What was before, and what is now. Claims the unit for the group that holds it, so that an owner that runs is fenced.
    Raises StateError where there is none, where state-shaping keys differ, or no way from its version is known.
    """
    found = store.restore(unit)
    if found is None:
        raise StateError(f"{store.url}: no checkpoint of {unit}")
    state = upgraded(found.state, version)
    check(state, found.segments)
    holder = store.holder(unit)
    claim = store.claim(unit, owner=owner, group=NO_GROUP if holder is None else holder.group or NO_GROUP)
    claim.follow(found)
    claim.held_until = found.meta.get("held_until")
    written = claim.write(state, [], 0, found.offsets, found.meta)
    return found, store.read(unit, written.name)
