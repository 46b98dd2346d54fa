"""Explanations that are asked for while a pipeline learns.

The loop only takes down how things stand, which costs a copy of the learner. The rest is worked out in a thread of its
own, for one who asks at a time; whoever asks meanwhile, or soon after, gets the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamimb.durations import show_time
from streamimb.errors import StreamimbError
from streamimb.explain import EVENTS_MIN, LOG_ODDS, Contributions, Explainer, Moment, Round, explain_scores, tidy
from streamimb.outcome import Predicted, Signal
from streamimb.pipeline import Pipeline
from streamimb.reporting.features import changes
from streamimb.schema import Schema
from streamimb.serving import Answer, Busy, Hub, NotHere, refusals
from streamimb.serving.hub import Served
from streamimb_services.background import Background
from streamimb_services.nulls import undefined_as_null

#: What carries the class is worked out anew after so many seconds at the earliest, after a drift sooner, and after so
#: many times as long as it took: that bounds its share of a core.
FRESH_S: Final = 10.0
AFTER_DRIFT_S: Final = 2.0
PACE: Final = 5.0
#: At the end of a stream it is worked out once more where somebody asked within so many seconds before.
ASKED_S: Final = 60.0

#: Who explains, the moment to be explained, what can be told at once, and the newest drift.
_Stood = tuple[Explainer, Moment | None, dict[str, Any], Signal | None]


@dataclass(slots=True)
class _Known:
    """What was worked out last of a unit, or is being: of which pipeline, since which drift, when and for how long;
    asked: when somebody asked for it last.
    """

    pipeline: Callable[[], Pipeline | None]
    task: asyncio.Task[dict[str, Any]]
    position: int = -1
    drift: Round | None = None
    last_drift: Signal | None = None
    until: float = 0.0
    until_drift: float = 0.0
    asked: float = 0.0
    done: float = 0.0


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
        """What carries the positive class now, and what changed since the last drift; ``newer_drift``: the newest one
        where that came after this was worked out, ``age_seconds`` ago. Raises Busy, NotHere.
        """
        served = self._hub.units.get(unit)
        if served is None:
            raise NotHere(f"{unit}: no such unit of state is here yet: see /model")
        for gone in [name for name in self._known if name not in self._hub.units]:
            del self._known[gone]
        known = self._known.get(unit)
        if known is None or self._is_stale(known, served.pipeline):
            known = _Known(weakref.ref(served.pipeline), asyncio.create_task(self._worked_out(unit)))
            self._known[unit] = known
        known.asked = self._clock()
        told: dict[str, Any] = await asyncio.shield(known.task)
        newest = _last_drift(served.pipeline)
        newer = None if newest is known.last_drift else _cause(newest, served.pipeline.schema)
        return {**told, "newer_drift": newer, "age_seconds": round(self._clock() - known.done, 1)}

    async def at_end(self) -> dict[str, Any]:
        """What carries the class at the end, of each unit that somebody asked about lately; empty where none could be
        told in time.
        """
        since, told = self._clock() - ASKED_S, {}
        for unit in [name for name, known in self._known.items() if known.asked >= since]:
            self._known[unit].until = 0.0
            with contextlib.suppress(Busy, NotHere, StreamimbError):
                told[unit] = await self.carried(unit)
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
        if self._clock() >= known.until_drift and known.last_drift is not _last_drift(pipeline):
            return True
        return self._clock() >= known.until and known.position != pipeline.store.next_position

    async def _worked_out(self, unit: str) -> dict[str, Any]:
        stood: _Stood = await asyncio.wrap_future(self._hub.ask(unit, _taken_down))
        explainer, moment, told, last_drift = stood
        started, drift = self._clock(), None
        if moment is not None:
            now, drift = await asyncio.get_running_loop().run_in_executor(self._executor, explainer.tell, moment)
            told["now"], told["drift"] = _plain(now), _plain(drift)
            if told["now"] and told["drift"]:
                told["changed"] = changes(told["drift"], told["now"])
        known, spent = self._known.get(unit), self._clock() - started
        if known is not None and known.task is asyncio.current_task():
            known.position, known.drift, known.last_drift = told["position"], drift, last_drift
            known.done = done = self._clock()
            known.until, known.until_drift = (done + max(least, PACE * spent) for least in (FRESH_S, AFTER_DRIFT_S))
        return told


@contextlib.contextmanager
def explaining(hub: Hub, *, clock: Callable[[], float], failed: Callable[[str], None]) -> Iterator[Explaining]:
    """What explains while this is entered; what is not done soon after its end is left."""
    executor = Background("explain")
    try:
        yield Explaining(hub, executor, clock=clock, failed=failed)
    finally:
        executor.shutdown(cancel_futures=True)


def _last_round(pipeline: Pipeline) -> Round | None:
    rounds = tuple(pipeline.observer.rounds) if isinstance(pipeline.observer, Explainer) else ()
    return next((told for told in reversed(rounds) if told.cause != "end"), None)


def _last_drift(pipeline: Pipeline) -> Signal | None:
    """The newest drift; from any thread, since a deque is copied in one step."""
    return next((signal for signal in reversed(tuple(pipeline.signals)) if signal.kind == "drift"), None)


def _cause(signal: Signal | None, schema: Schema) -> dict[str, Any] | None:
    """A drift, by the keys of a round at one."""
    if signal is None:
        return None
    time = show_time(signal.time, has_time=True) if schema.has_time else ""
    return {"position": signal.position, "time": time, "cause": signal.signal, "class": signal.class_}


def _taken_down(served: Served) -> _Stood:
    """How things stand; the loop does not touch the pipeline meanwhile."""
    pipeline, explainer = served.pipeline, served.pipeline.observer
    if not isinstance(explainer, Explainer):
        raise NotHere("no recent events of this unit are remembered: there is nothing to explain it by")
    sample = explainer.recent.sample()
    positives = int(sample.is_positive.sum())
    last_drift = _last_drift(pipeline)
    told = {
        "class": pipeline.schema.class_names[pipeline.schema.positive], "metric": "pr_auc",
        "position": pipeline.store.next_position, "events_min": EVENTS_MIN,
        "remembered": {"positives": positives, "others": len(sample.X) - positives},
        "now": None, "drift": None, "changed": [], "last_drift": _cause(last_drift, pipeline.schema),
    }  # fmt: skip
    return explainer, explainer.moment(pipeline), told, last_drift


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
            row: dict[str, Any] = {"index": place} if asked.ids is None else {"index": place, "id": asked.ids[i]}
            row |= {"score": float(said.scores[i, positive]), "decision": schema.class_names[said.decision[i]]}
            row |= {"threshold": float(said.threshold[i]), "base": tidy(base[i])}
            rows.append({**row, "contributions": dict(zip(features, map(tidy, values[i]), strict=True))})
    return msgspec.json.encode({
        "class": schema.class_names[positive], "unit": LOG_ODDS, "explanations": rows, "refused": refusals(asked),
        "model": about,
    })  # fmt: skip
