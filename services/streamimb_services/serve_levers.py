"""What the loop does with a lever that was pulled over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from streamimb.errors import StateError, StreamimbError
from streamimb.learners.base import State
from streamimb.levers import ROLLBACK
from streamimb.operate import Pulled
from streamimb.outcome import Action
from streamimb.pipeline import Pipeline
from streamimb.serving import LeverRequest, NotSaved


def carry_out(
    request: LeverRequest,
    pipeline: Pipeline,
    state_of: Callable[[str, str | None], State],
    keep: Callable[[str, Action], StreamimbError | None],
) -> Pulled | None:
    """Pull, save, answer; None where it could not be pulled.

    state_of: the state of a unit's checkpoint by name (None: the newest); keep: tells of the action, writes a
    checkpoint of the unit, and returns once it is there, or what is in the way for now: then the lever is in force, and
    is told so. What ``keep`` raises ends the process: it is told to whoever waits, and raised again.
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
        obstacle = keep(request.unit, pulled.action)
    except Exception as error:
        request.failed(
            NotSaved(f"{request.kind} was pulled, but this process ends before a checkpoint holds it: {error}")
        )
        raise
    if obstacle is None:
        request.done(pulled)
    else:
        request.failed(NotSaved(f"{request.kind} is in force, but no checkpoint holds it yet: {obstacle}"))
    return pulled
