"""Where the loop's thread and the threads of those who ask meet.

The loop owns the pipelines and holds the turn; between two batches it answers what has been asked since, for
``TURN_S`` at most, and while it waits for records (``idle``) those who ask answer themselves. So asking never stops
learning for longer than a turn, and needs no copy of the model.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.levers import Kind
from streamimb.operate import Pulled
from streamimb.outcome import Predicted
from streamimb.pipeline import Pipeline

#: Questions that wait for their turn; beyond, they are turned away.
QUESTIONS_MAX: Final = 512
#: Levers that wait for the loop.
LEVERS_MAX: Final = 16
#: Seconds that the loop answers questions between two batches, and rows that it predicts in one call meanwhile.
TURN_S: Final = 0.002
TURN_ROWS_MAX: Final = 1_000
#: The loop is taken for dead when it has not ticked for so long, seconds.
TICK_S_MAX: Final = 60.0
#: The check that is False while the process compiles.
COMPILED: Final = "code compiled"


class Busy(Exception):  # noqa: N818  not an error of anybody's
    """Too much waits already: ask again later."""


class NotHere(Exception):  # noqa: N818
    """No such unit of state is here, or this process only stands by."""


class NotSaved(Exception):  # noqa: N818
    """A lever was pulled, and no checkpoint holds it yet."""


@dataclass(frozen=True, slots=True)
class Served:
    """A pipeline that questions are answered with: whose it is, and which checkpoint it comes from."""

    pipeline: Pipeline
    role: str
    checkpoint: str | None
    since: float


@dataclass(frozen=True, slots=True)
class LeverRequest:
    """A lever that a person pulls: the loop carries it out, saves, and then says ``done`` or ``failed``.

    Whoever gave up waiting cancels the future, which succeeds until the loop takes the lever: it is not pulled then.
    """

    unit: str
    kind: Kind
    threshold: float | None
    checkpoint: str | None
    future: Future[Pulled] = field(default_factory=Future)

    def done(self, pulled: Pulled) -> None:
        """It took effect, and a checkpoint remembers it."""
        self.future.set_result(pulled)

    def failed(self, error: Exception) -> None:
        """It did not take effect."""
        self.future.set_exception(error)


@dataclass(slots=True)
class _Question:
    unit: str
    future: Future[Any]
    X: NDArray[np.float32] | None = None
    call: Callable[[Served], Any] | None = None


class Hub:
    """The loop's side: ``loop``, ``idle``, ``busy``, ``turn``, ``attach``, ``detach``, ``check``, ``take_levers``.
    The other side, from any thread: ``predict``, ``ask``, ``pull``, ``alive``, ``ready``, ``checks``.

    clock: seconds that only go forward.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock, self._turn = clock, threading.Lock()
        self._questions: deque[_Question] = deque()
        self._levers: deque[LeverRequest] = deque()
        self._idle = False
        self._served: dict[str, Served] = {}
        self._checks: dict[str, bool] = {}
        self._ignored: dict[str, int] = {}
        self._ticked = clock()

    @contextmanager
    def loop(self) -> Iterator[None]:
        """The loop runs: what is asked is answered in ``turn`` and ``idle`` only."""
        with self._turn:
            yield
        self._refuse_levers()
        self._try()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """The loop waits and touches no pipeline: those who ask answer themselves."""
        self.turn()
        before, self._idle = self._idle, True
        self._turn.release()
        try:
            self._try()  # what was asked while the turn was given up
            yield
        finally:
            self._turn.acquire()
            self._idle = before
            self._ticked = self._clock()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within ``idle``, the loop touches pipelines after all; elsewhere it holds the turn already."""
        if not self._idle:
            yield
            return
        with self._turn:
            yield

    def turn(self) -> None:
        """Answer what has been asked, for a bounded time; also says that the loop lives."""
        self._ticked = self._clock()
        if self._questions:
            self._answer()

    def attach(self, unit: str, pipeline: Pipeline, *, role: str, checkpoint: str | None, age_s: float = 0.0) -> None:
        """Answer with this pipeline from now on.

        checkpoint: the newest that it comes from or was saved as; age_s: seconds since that was written, NaN where
        nobody knows.
        """
        self._served = {**self._served, unit: Served(pipeline, role, checkpoint, self._clock() - age_s)}

    def detach(self, unit: str) -> None:
        self._served = {name: served for name, served in self._served.items() if name != unit}

    def check(self, name: str, ok: bool) -> None:
        """One of the conditions of being ready: ``restored``, ``assigned or standing by``, ``not draining``."""
        self._checks = {**self._checks, name: ok}

    def count_ignored(self, fields: Mapping[str, int]) -> None:
        """So many more records had each of these fields, which the schema does not name."""
        self._ignored = {**self._ignored, **{name: self._ignored.get(name, 0) + n for name, n in fields.items()}}

    def take_levers(self) -> list[LeverRequest]:
        """The levers pulled since, but those that were cancelled; each must be ``done`` or ``failed`` by the caller."""
        taken = []
        while self._levers:
            request = self._levers.popleft()
            if request.future.set_running_or_notify_cancel():
                taken.append(request)
        return taken

    @property
    def units(self) -> Mapping[str, Served]:
        return self._served

    def one(self, asked: str | None) -> str:
        """The unit that was asked for by name, or the only one.

        Raises Busy while the process compiles, NotHere where none was named among several.
        """
        self.refuse_early()
        units = sorted(self._served)
        if asked is not None:
            return asked
        if len(units) != 1:
            raise NotHere(f"{len(units)} units of state are here: name one with ?unit= ({', '.join(units) or 'none'})")
        return units[0]

    @property
    def checks(self) -> Mapping[str, bool]:
        return self._checks

    @property
    def ignored(self) -> Mapping[str, int]:
        """Records that had each of the fields that the schema does not name, since the process began."""
        return self._ignored

    @property
    def ready(self) -> bool:
        return bool(self._checks) and all(self._checks.values()) and self.alive

    @property
    def _compiling(self) -> bool:
        """Then the loop is not to tick yet, and nothing is served."""
        return not self._checks.get(COMPILED, True)

    def refuse_early(self) -> None:
        """Raise Busy while the process compiles."""
        if self._compiling:
            raise Busy("the process compiles, which takes a minute or two at the first start on a machine")

    @property
    def alive(self) -> bool:
        """Whether the loop has ticked lately."""
        return self._compiling or self._clock() - self._ticked < TICK_S_MAX

    def age(self, served: Served) -> float:
        """Seconds since its checkpoint was written (or, without one, since it began); NaN where nobody knows."""
        return self._clock() - served.since

    def predict(self, unit: str, X: NDArray[np.float32]) -> Future[Predicted]:
        """Ask for predictions; X: float32 (n, d). Raises Busy, NotHere."""
        return self._put(_Question(unit, Future(), X=X))

    def ask(self, unit: str, call: Callable[[Served], Any]) -> Future[Any]:
        """Read something of a pipeline when nobody else touches it. Raises Busy, NotHere."""
        return self._put(_Question(unit, Future(), call=call))

    def pull(
        self, unit: str, kind: Kind, *, threshold: float | None = None, checkpoint: str | None = None
    ) -> LeverRequest:
        """Pull a lever. Raises Busy, and NotHere where this process only stands by."""
        self.refuse_early()
        served = self._served.get(unit)
        if served is None or served.role != "owner":
            raise NotHere(f"{unit}: this process does not own it: pull the lever where /model says owner")
        if len(self._levers) >= LEVERS_MAX:
            raise Busy("too many levers wait for the loop: pull it again later")
        request = LeverRequest(unit, kind, threshold, checkpoint)
        self._levers.append(request)
        return request

    def _put(self, question: _Question) -> Future[Any]:
        self.refuse_early()
        if question.unit not in self._served:
            raise NotHere(f"{question.unit}: no such unit of state is here yet: see /model")
        if len(self._questions) >= QUESTIONS_MAX:
            raise Busy("too many questions wait: ask again later")
        self._questions.append(question)
        self._try()
        return question.future

    def _try(self) -> None:
        """Answer at once where the loop is idle; where it is not, it will."""
        while self._questions and self._turn.acquire(blocking=False):
            try:
                self._answer()
            finally:
                self._turn.release()

    def _answer(self) -> None:
        until = self._clock() + TURN_S
        while self._questions:
            first = self._questions.popleft()
            together, rows = [first], 0 if first.X is None else len(first.X)
            while first.X is not None and self._questions and self._alike(first, rows):
                together.append(self._questions.popleft())
                rows += len(together[-1].X)  # type: ignore[arg-type]  # alike: it has rows
            self._settle(together)
            if self._clock() >= until:
                return

    def _alike(self, first: _Question, rows: int) -> bool:
        other = self._questions[0]
        return other.unit == first.unit and other.X is not None and rows + len(other.X) <= TURN_ROWS_MAX

    def _settle(self, questions: list[_Question]) -> None:
        served = self._served.get(questions[0].unit)
        asked = [question for question in questions if question.future.set_running_or_notify_cancel()]
        try:
            if served is None:
                raise NotHere(f"{questions[0].unit}: it was given up meanwhile: see /model")
            answers = _answers(served, asked)
        except Exception as error:
            for question in asked:
                question.future.set_exception(error)
            return
        for question, answer in zip(asked, answers, strict=True):
            question.future.set_result(answer)

    def _refuse_levers(self) -> None:
        for request in self.take_levers():
            request.failed(NotHere(f"{request.unit}: the loop has ended; the lever was not pulled"))


def _answers(served: Served, asked: list[_Question]) -> list[Any]:
    if not asked or asked[0].call is not None:
        return [question.call(served) for question in asked if question.call is not None]
    rows = [question.X for question in asked if question.X is not None]
    told = served.pipeline.predict(np.concatenate(rows))
    ends = np.cumsum([len(X) for X in rows])[:-1]
    parts = (np.split(column, ends) for column in (told.scores, told.decision, told.threshold))
    return [Predicted(*columns) for columns in zip(*parts, strict=True)]
