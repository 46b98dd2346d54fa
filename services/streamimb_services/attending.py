"""Whoever asks and whoever pulls levers, beside a worker that learns: what its observer and its pauses do for them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from streamimb.checkpoint import CheckpointStore
from streamimb.delivery import Observer, Worker
from streamimb.errors import StateError, StorageError
from streamimb.learners.base import State
from streamimb.metrics import Exporter
from streamimb.pipeline import Pipeline
from streamimb.serving import Hub, Recorder
from streamimb_services.http.words import DRAINING
from streamimb_services.serve_levers import carry_out

RESTORED: Final = "checkpoint restored"
MEMBER: Final = "partitions assigned or standing by"
RUNNING: Final = DRAINING


class Attendant(Observer):
    """Keeps the hub's picture of what is served, and carries out levers between two pieces.

    look_on: is shown every pipeline that is served from now on, before it is. wall: seconds since 1970, to tell a
    checkpoint's age by.
    """

    def __init__(
        self,
        hub: Hub,
        store: CheckpointStore,
        told: Sequence[Exporter | Recorder],
        log: Any,
        look_on: Callable[[Pipeline], None],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._hub, self._store, self._told, self._log, self._look_on = hub, store, told, log, look_on
        self._wall = wall
        self._exporters = [each for each in told if isinstance(each, Exporter)]
        self._pipelines: dict[str, Pipeline] = {}
        self._restored: dict[str, str | None] = {}
        self._following: str | None = None
        for check, ok in (("configuration", True), (RESTORED, False), (MEMBER, False), (RUNNING, True)):
            hub.check(check, ok)

    def begins(self, unit: str, pipeline: Pipeline) -> None:
        self._pipelines[unit], self._following = pipeline, None
        self._look_on(pipeline)
        name = self._restored.get(unit)
        self._hub.attach(unit, pipeline, role="owner", checkpoint=name, age_s=self._age(unit, name))
        self._hub.check(RESTORED, True)
        self._hub.check(MEMBER, True)

    def rebalanced(self, kind: str) -> None:
        if kind == "assigned":
            self._hub.check(MEMBER, True)

    def restored(self, unit: str, name: str | None, rotten: Sequence[tuple[str, str]], position: int) -> None:
        del rotten, position
        self._restored[unit] = name

    def ignored(self, fields: Mapping[str, int]) -> None:
        self._hub.count_ignored(fields)

    def ends(self, unit: str) -> None:
        self._pipelines.pop(unit, None)
        self._hub.detach(unit)

    def saved(self, unit: str, name: str, size: int, seconds: float, position: int) -> None:
        del size, seconds, position
        if unit in self._pipelines:
            self._hub.attach(unit, self._pipelines[unit], role="owner", checkpoint=name)

    def draining(self) -> None:
        """The process was asked to stop: it takes no more traffic."""
        self._hub.check(RUNNING, False)

    def between(self, worker: Worker) -> None:
        """Answer what was asked since, follow what a standby follows, pull levers."""
        self._hub.turn()
        self._follow(worker)
        for exporter in self._exporters:
            for unit, served in self._pipelines.items():
                exporter.look(unit, served)
        for request in self._hub.take_levers():
            pipeline = self._pipelines.get(request.unit)
            if pipeline is None:
                request.failed(StateError(f"{request.unit} was given up meanwhile"))
                continue
            pulled = carry_out(request, pipeline, self._state_of, worker.keep)
            if pulled is not None:
                for each in self._told:
                    each.pulled(pulled.action)
                self._log.warning("lever", unit=request.unit, kind=request.kind, number=pulled.lever.number,
                                  position=pulled.lever.position)  # fmt: skip

    def _follow(self, worker: Worker) -> None:
        if worker.config.state.scope == "partition" and not worker.owned.partitions and self._hub.checks[MEMBER]:
            self._hub.check(RESTORED, True)  # a spare member: it restores what it is given
        standby = worker.owned.standby.unit
        if self._pipelines or standby is None:
            return
        if standby.saved_name != self._following:
            self._following = standby.saved_name
            self._look_on(standby.pipeline)
            name = standby.saved_name
            age_s = self._age(standby.name, name)
            self._hub.attach(standby.name, standby.pipeline, role="standby", checkpoint=name, age_s=age_s)
            self._hub.check(RESTORED, True)
            self._hub.check(MEMBER, True)

    def _age(self, unit: str, name: str | None) -> float:
        """Seconds since the storage took a checkpoint; NaN where it is not there or does not say."""
        if name is None:
            return 0.0
        try:
            entries = self._store.entries(unit)
        except StorageError:
            return math.nan
        return next((max(0.0, self._wall() - e.modified) for e in entries if e.name == name), math.nan)

    def _state_of(self, unit: str, name: str | None) -> State:
        with self._hub.idle():  # those who ask are answered while it is read
            found = self._store.restore(unit, name)
        if found is None:
            raise StateError(f"{unit} has no checkpoint yet")
        return found.state


def patient_sleep(hub: Hub) -> Any:
    """A sleep during which those who ask are answered."""

    def sleep(seconds: float) -> None:
        with hub.idle():
            time.sleep(seconds)

    return sleep
