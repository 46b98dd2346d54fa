"""What the loop does with a lever that was pulled over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from streamimb.errors import StateError, StreamimbError
from streamimb.learners.base import State
from streamimb.levers import ROLLBACK
from streamimb.operate import Pulled
from streamimb.pipeline import Pipeline
from streamimb.serving import LeverRequest


def carry_out(
    request: LeverRequest,
    pipeline: Pipeline,
    state_of: Callable[[str, str | None], State],
    save: Callable[[str], None],
) -> Pulled | None:
    """Pull, save, answer; None where it could not be pulled.

    state_of: the state of a unit's checkpoint by name (None: the newest); save: writes a checkpoint of the unit, and
    returns once it is there. Where saving fails the lever is in force, will be in the next checkpoint, and is told so.
    """
    try:
        state = state_of(request.unit, request.checkpoint) if request.kind == ROLLBACK else None
        pulled = pipeline.pull(
            request.kind, threshold=request.threshold, state=state, checkpoint=request.checkpoint or ""
        )
    except (StreamimbError, KeyError) as error:
        told = error if isinstance(error, StreamimbError) else StateError(f"no checkpoint {request.checkpoint!r}")
        request.failed(told)
        return None
    try:
        save(request.unit)
    except StreamimbError as error:
        request.failed(StateError(f"it is in force, but no checkpoint remembers it yet: {error}"))
    else:
        request.done(pulled)
    return pulled
