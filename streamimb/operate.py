"""What people ask of a pipeline and do to it: predictions, levers, and a run repeated with the levers of another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Batch, check_features
from streamimb.control.scoring import score_rows
from streamimb.errors import ConfigError, InputError, StateError
from streamimb.labels import layout as at
from streamimb.learners.base import State, Tape
from streamimb.levers import FREEZE, KINDS, NAME_CHARS_MAX, PIN, RESET, RESUME, ROLLBACK, Kind, Lever, check_threshold
from streamimb.outcome import Action, Outcome, Predicted, Signal, nothing

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

#: Who causes an action that no signal asked for.
OPERATOR: Final = "operator"
#: What a rollback takes from the older state; what waits, offsets and the counts of labels stay as they are.
ROLLED_BACK: Final = (
    "succession", "rebalancer", "windows", "evaluation", "queue", "false_positives", "monitor", "held",
    "controller",
)  # fmt: skip


class Pulled(NamedTuple):
    """A lever as it was recorded, and the action that tells of it."""

    lever: Lever
    action: Action


def predict(pipeline: Pipeline, X: NDArray[np.float32]) -> Predicted:
    """What would be said of events that came now. See ``Pipeline.predict``."""
    X = np.ascontiguousarray(X, np.float32)
    check_features(X, len(pipeline.schema.features))
    n, k, control = len(X), pipeline.schema.n_classes, pipeline.controller
    ops = np.zeros((n, 4), np.int64)
    ops[:, 0], ops[:, 2] = np.arange(n), np.arange(n) + pipeline.store.next_position
    P = pipeline.learner.run(X, np.zeros(n, np.int16), Tape.asked(n), control.plan.weights)
    raw, scores, told = (np.zeros((n, k), np.float32) for _ in range(3))
    decision, threshold = np.zeros(n, np.int16), np.zeros(n, np.float32)
    score_rows(
        P, ops, control.parameters, control.plan.cuts, raw, scores, np.zeros((n, at.NOTES), np.int16), np.zeros(k),
        pipeline.schema.positive, 0, np.zeros(n, np.int64), told, decision, threshold,
    )  # fmt: skip
    return Predicted(told, decision, threshold)


def pull(pipeline: Pipeline, kind: Kind, threshold: float | None, state: State | None, checkpoint: str) -> Pulled:
    """Let a lever take effect before the next row. See ``Pipeline.pull``."""
    book, store = pipeline.book, pipeline.store
    lever = Lever(
        number=book.pulled + 1, kind=kind, row=book.rows, position=store.next_position, time=store.watermark
    )  # fmt: skip
    recent = pipeline.evaluation.confusion("rarest")
    if kind == PIN:
        lever = _changed(lever, threshold=check_threshold(threshold))
        pipeline.controller.pin(lever.threshold)
        pipeline.decide_anew()
    elif kind == ROLLBACK:
        lever = _changed(lever, **_rolled_to(pipeline, state, checkpoint))
        assert state is not None
        _roll_back(pipeline, state)
    elif kind == RESET:
        pipeline.start_afresh(OPERATOR)
    elif kind == FREEZE:
        book.frozen = True
        pipeline.reactor.hold_back()
    elif kind == RESUME:
        book.frozen = False
    elif kind in KINDS:
        pipeline.controller.pin(None)
        pipeline.decide_anew()
    else:
        raise ConfigError(f"{kind!r} is no lever: it is one of {', '.join(KINDS)}")
    book.record(lever)
    cause = Signal(lever.position, lever.time, OPERATOR, OPERATOR, None, "drift", 0.0, 0.0, kind)
    measured = kind in (RESET, ROLLBACK)
    return Pulled(
        lever, pipeline.reactor.did(kind, cause, lever.position, lever.time, recent, measured=measured)
    )  # fmt: skip


def _changed(lever: Lever, **changes: Any) -> Lever:
    return Lever(**{name: getattr(lever, name) for name in lever.__struct_fields__} | changes)


def _rolled_to(pipeline: Pipeline, state: State | None, checkpoint: str) -> dict[str, Any]:
    """Which moment a state is of, as the lever tells it. Raises StateError where it cannot be rolled back to."""
    if state is None:
        raise ConfigError("rollback: no state to go back to was given")
    if state.get("version") != pipeline.state_version:
        raise StateError(f"rollback: the state has version {state.get('version')}, not {pipeline.state_version}")
    row, number = int(state["book"]["rows"]), int(state["book"]["pulled"])
    if row > pipeline.book.rows or number > pipeline.book.pulled:
        raise StateError(f"rollback: the state was made after row {row}, this pipeline is at {pipeline.book.rows}")
    return {"to_row": row, "to_number": number, "checkpoint": checkpoint[:NAME_CHARS_MAX]}


def _roll_back(pipeline: Pipeline, state: State) -> None:
    """Take the parts of ``ROLLED_BACK`` from an older state; all of them or, with StateError, none."""
    book, controller = pipeline.book, pipeline.controller
    before = {name: getattr(pipeline, name).state() for name in ROLLED_BACK}
    pin, matured = controller.pinned, _matured(pipeline.windows.seen, book.gaps)
    try:
        decides_anew = _take(pipeline, state)
        if pipeline.unlabelled is not None:
            pipeline.unlabelled.restore(state["unlabelled"])
    except (StateError, KeyError, ValueError) as error:
        _take(pipeline, before)
        raise StateError(f"rollback: the state does not fit, nothing was changed: {error}") from error
    controller.pin(pin)
    pipeline.reactor.roll_back(state["reactor"])
    pipeline.resume_from(state, decides_anew=decides_anew)
    gaps = [(int(first), int(stop)) for first, stop in state["book"]["gaps"]]
    first = _matured(pipeline.windows.seen, gaps)
    book.gaps = [*gaps, (first, matured)] if matured > first else gaps
    if book.frozen:
        pipeline.reactor.hold_back()


def _take(pipeline: Pipeline, state: State) -> bool:
    """Restore the parts of ``ROLLED_BACK``; True where decisions are made by another rule from now on."""
    same_cost = pipeline.controller.losses.is_of(state["controller"]["losses"])
    for name in ROLLED_BACK:
        if name not in ("queue", "controller"):
            getattr(pipeline, name).restore(state[name])
    pipeline.queue.restore(state["queue"], same_cost=same_cost)
    return pipeline.controller.restore(state["controller"], pipeline.store.next_position)


def _matured(seen: int, gaps: Sequence[tuple[int, int]]) -> int:
    """How many events had matured, those that rollbacks took away among them."""
    return seen + sum(stop - first for first, stop in gaps)


class Repeated:
    """A pipeline whose levers are pulled where another's were: the same rows give the same state, bit for bit.

    Raises InputError where the levers do not begin after what the pipeline has seen.
    """

    def __init__(self, pipeline: Pipeline, levers: Sequence[Lever]) -> None:
        self._pipeline, self._due = pipeline, deque(levers)
        book = pipeline.book
        if levers and (levers[0].number != book.pulled + 1 or levers[0].row < book.rows):
            raise InputError(
                f"lever {levers[0].number} at row {levers[0].row} does not follow row {book.rows} and "
                f"{book.pulled} levers: the export is not of this run from here on"
            )
        back = [lever for lever in levers if lever.kind == ROLLBACK]
        self._wanted = {(lever.to_row, lever.to_number): lever.number for lever in back}
        self._kept: dict[tuple[int, int], State] = {}
        early = [lever for lever in back if lever.to_row < book.rows]
        if early:
            raise InputError(f"lever {early[0].number} rolls back to row {early[0].to_row}, before the replay's start")

    @property
    def left(self) -> int:
        """Levers that were not pulled: the rows ended before them."""
        return len(self._due)

    def process(self, batch: Batch) -> Iterator[Outcome]:
        """As ``Pipeline.process``, in as many outcomes as it takes."""
        yield from self._pull()
        start, book = 0, self._pipeline.book
        while start < len(batch):
            stop = min(len(batch), start + self._next() - book.rows)
            yield self._pipeline.process(batch.slice(start, stop))
            start = stop
            yield from self._pull()

    def _next(self) -> int:
        """The next row at which something is to be done; far off where there is none."""
        rows = [row for row, _ in self._wanted if row > self._pipeline.book.rows]
        return min([*rows, *(lever.row for lever in self._due if lever.row > self._pipeline.book.rows), 1 << 62])

    def _pull(self) -> Iterator[Outcome]:
        """Keep the state where a rollback will want it, and pull what is due."""
        pipeline, book = self._pipeline, self._pipeline.book
        while True:
            here = book.rows, book.pulled
            if here in self._wanted and here not in self._kept:
                self._kept[here] = pipeline.state()
            if not self._due or self._due[0].row > book.rows:
                return
            lever = self._due.popleft()
            told = pipeline.pull(
                lever.kind, threshold=lever.threshold, state=self._state(lever), checkpoint=lever.checkpoint
            )
            yield replace(nothing(pipeline.schema.n_classes), actions=[told.action])

    def _state(self, lever: Lever) -> State | None:
        if lever.kind != ROLLBACK:
            return None
        there = lever.to_row, lever.to_number
        if there not in self._kept:
            raise InputError(f"lever {lever.number} rolls back to a moment that its own export does not have")
        last = self._wanted[there] == lever.number
        return self._kept.pop(there) if last else self._kept[there]
