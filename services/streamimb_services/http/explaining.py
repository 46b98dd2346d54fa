"""Explanations that are asked for while a pipeline learns.

The loop only takes down how things stand, which costs a copy of the learner. The rest is worked out in a thread of its
own, for one who asks at a time; whoever asks meanwhile, or soon after, gets the same.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamimb.explain import EVENTS_MIN, LOG_ODDS, Contributions, Explainer, Moment, Round, explain_scores
from streamimb.outcome import Predicted
from streamimb.pipeline import Pipeline
from streamimb.reporting.features import changes
from streamimb.schema import Schema
from streamimb.serving import Answer, Hub, NotHere, refusals
from streamimb.serving.hub import Served
from streamimb_services.background import Background
from streamimb_services.nulls import undefined_as_null

#: What carries the class is worked out anew after a drift, else after so many seconds at the earliest, and so many
#: times as long as it took: that bounds its share of a core.
FRESH_S: Final = 10.0
PACE: Final = 5.0

#: Who explains, the moment to be explained, and what can be told at once.
_Stood = tuple[Explainer, Moment | None, dict[str, Any]]


@dataclass(slots=True)
class _Known:
    """What was worked out last of a unit, or is being: of which pipeline, and when and for how long."""

    pipeline: Callable[[], Pipeline | None]
    task: asyncio.Task[dict[str, Any]]
    position: int = -1
    drift: Round | None = None
    until: float = 0.0


class Explaining:
    """Explains what a hub serves. ``look_on`` is the loop's side; the others are the server's event loop's.

    clock: seconds that only go forward; failed: is told why a round at a drift could not be worked out.
    """

    def __init__(
        self, hub: Hub, executor: Executor, *, clock: Callable[[], float], failed: Callable[[str], None]
    ) -> None:
        self._hub, self._executor, self._clock, self._failed = hub, executor, clock, failed
        self._known: dict[str, _Known] = {}

    def look_on(self, pipeline: Pipeline) -> None:
        """Let a pipeline's recent events be remembered, and its drifts be explained, if nobody looks on yet."""
        if pipeline.observer is None:
            pipeline.observer = Explainer(pipeline, defer=self._defer)

    def _defer(self, call: Callable[[], None]) -> None:
        self._executor.submit(call).add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._failed(f"{type(error).__name__}: {error}")

    async def events(self, unit: str, X: NDArray[np.float32]) -> tuple[Predicted, Contributions]:
        """What would be said of events, X float32 (n, d), and what each feature adds to it: of one moment.

        Raises LearnerError where the learner cannot be taken apart, Busy, NotHere.
        """
        told: tuple[Predicted, Contributions] = await asyncio.wrap_future(
            self._hub.ask(unit, lambda served: _explained(served.pipeline, X))
        )
        return told

    async def carried(self, unit: str) -> dict[str, Any]:
        """What carries the positive class now, and what changed since the last drift. Raises Busy, NotHere."""
        served = self._hub.units.get(unit)
        if served is None:
            raise NotHere(f"{unit}: no such unit of state is here yet: see /model")
        for gone in [name for name in self._known if name not in self._hub.units]:
            del self._known[gone]
        known = self._known.get(unit)
        if known is None or self._is_stale(known, served.pipeline):
            known = _Known(weakref.ref(served.pipeline), asyncio.create_task(self._worked_out(unit)))
            self._known[unit] = known
        told: dict[str, Any] = await asyncio.shield(known.task)
        return told

    def _is_stale(self, known: _Known, pipeline: Pipeline) -> bool:
        if known.pipeline() is not pipeline:
            return True
        if not known.task.done():
            return False
        if known.task.cancelled() or known.task.exception() is not None:
            return True
        if known.drift is not _last_round(pipeline):
            return True
        return self._clock() >= known.until and known.position != pipeline.store.next_position

    async def _worked_out(self, unit: str) -> dict[str, Any]:
        stood: _Stood = await asyncio.wrap_future(self._hub.ask(unit, _taken_down))
        explainer, moment, told = stood
        started, drift = self._clock(), None
        if moment is not None:
            now, drift = await asyncio.get_running_loop().run_in_executor(self._executor, explainer.tell, moment)
            told["now"], told["drift"] = _plain(now), _plain(drift)
            if told["now"] and told["drift"]:
                told["changed"] = changes(told["drift"], told["now"])
        known, spent = self._known.get(unit), self._clock() - started
        if known is not None and known.task is asyncio.current_task():
            known.position, known.until = told["position"], self._clock() + max(FRESH_S, PACE * spent)
            known.drift = drift
        return told


@contextmanager
def explaining(hub: Hub, *, clock: Callable[[], float], failed: Callable[[str], None]) -> Iterator[Explaining]:
    """What explains while this is entered; what is not done soon after its end is left."""
    executor = Background("explain")
    try:
        yield Explaining(hub, executor, clock=clock, failed=failed)
    finally:
        executor.shutdown(cancel_futures=True)


def _last_round(pipeline: Pipeline) -> Round | None:
    rounds = pipeline.observer.rounds if isinstance(pipeline.observer, Explainer) else ()
    return rounds[-1] if rounds else None


def _taken_down(served: Served) -> _Stood:
    """How things stand; the loop does not touch the pipeline meanwhile."""
    pipeline, explainer = served.pipeline, served.pipeline.observer
    if not isinstance(explainer, Explainer):
        raise NotHere("no recent events of this unit are remembered: there is nothing to explain it by")
    sample = explainer.recent.sample()
    positives = int(sample.is_positive.sum())
    told = {
        "class": pipeline.schema.class_names[pipeline.schema.positive], "metric": "pr_auc",
        "position": pipeline.store.next_position, "events_min": EVENTS_MIN,
        "remembered": {"positives": positives, "others": len(sample.X) - positives},
        "now": None, "drift": None, "changed": [],
    }  # fmt: skip
    return explainer, explainer.moment(pipeline), told


def _plain(told: Round | None) -> dict[str, Any] | None:
    plain: dict[str, Any] | None = None if told is None else undefined_as_null(told.plain())
    if plain is not None and plain["cause"] == "end":  # asked for: nothing caused it
        del plain["cause"], plain["class"]
    return plain


def _explained(pipeline: Pipeline, X: NDArray[np.float32]) -> tuple[Predicted, Contributions]:
    parts = explain_scores(pipeline.learner, X, pipeline.schema, pipeline.controller.parameters)
    return pipeline.predict(X), parts


def explained_json(
    asked: Answer, told: tuple[Predicted, Contributions] | None, schema: Schema, about: dict[str, Any]
) -> bytes:
    """The answer's body: of each event score, decision and contributions; refusals; what answered."""
    features, positive, rows = [f.name for f in schema.features], schema.positive, list[dict[str, Any]]()
    if told is not None:
        said, parts = told
        values, base = parts.values.tolist(), parts.base.tolist()
        for i, place in enumerate(asked.places):
            row = {"index": place} if asked.ids is None else {"index": place, "id": asked.ids[i]}
            row |= {"score": float(said.scores[i, positive]), "decision": schema.class_names[said.decision[i]]}
            row |= {"threshold": float(said.threshold[i]), "base": base[i]}
            rows.append({**row, "contributions": dict(zip(features, values[i], strict=True))})
    return msgspec.json.encode({
        "class": schema.class_names[positive], "unit": LOG_ODDS, "explanations": rows, "refused": refusals(asked),
        "model": about,
    })  # fmt: skip
