"""What the pipeline says of a batch: the rows that sinks write, in the names that other programs read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Rejected
from streamimb.durations import show_time
from streamimb.text import Text


@dataclass(frozen=True, slots=True)
class Predictions:
    """n predictions in order of arrival.

    position, time: int64 (n,); ids or None (the position is the id); scores: float32 (n, K), probabilities under the
    stream's own class shares; decision: int16 (n,); threshold: float32 (n,), of the positive class where there are
    two classes, else of the decided one; partition: int32 (n,) and offset: int64 (n,), where the event stood.
    """

    position: NDArray[np.int64]
    time: NDArray[np.int64]
    ids: Text | None
    scores: NDArray[np.float32]
    decision: NDArray[np.int16]
    threshold: NDArray[np.float32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.position)


@dataclass(frozen=True, slots=True)
class Predicted:
    """What is said of n events that only ask: scores float32 (n, K), decision int16 (n,), threshold float32 (n,)."""

    scores: NDArray[np.float32]
    decision: NDArray[np.int16]
    threshold: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matured:
    """m events whose label is settled, in event-time order.

    position: int64 (m,); label: int16 (m,), -1 for one that dropped out; label_time: int64 (m,), when it was known;
    time: int64 (m,), the event's own.
    """

    position: NDArray[np.int64]
    label: NDArray[np.int16]
    label_time: NDArray[np.int64]
    time: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.position)


class Metric(NamedTuple):
    """One measured value: of a class (or None), over a named window, with its interval and the events behind it."""

    position: int
    time: int
    metric: str
    class_: str | None
    window: str
    value: float
    low: float
    high: float
    support: int


@dataclass(frozen=True, slots=True)
class Signal:
    """A warning or a drift, and what was done about it."""

    position: int
    time: int
    signal: str
    detector: str
    class_: str | None
    kind: str
    value: float
    reference: float
    action: str


#: Actions that change no decision by themselves: nothing is measured of them.
UNMEASURED: Final = frozenset({"trial", "replace", "dropped"})


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done about a signal, and what came of it.

    action: ``adjust`` (windows shortened, weights renewed at once), ``trial`` (a background learner began), ``replace``
    (adjusted, and the better of both is to stay), ``replaced`` (the new one took over), ``dropped`` (it did not),
    ``reset``; or a lever that a person pulled, whose signal is ``operator``;
    before, after: the G-mean over recent events then, and over
    as many predicted since (NaN until ``measured_at``, a position); helped: yes, no, unclear, or nothing yet. Of
    ``UNMEASURED`` actions all of these stay undefined.
    """

    number: int
    position: int
    time: int
    action: str
    signal: str
    class_: str | None
    before: float
    after: float
    helped: str
    measured_at: int


@dataclass(frozen=True, slots=True)
class Course:
    """How the positive class stands as a Plan is made: share and recall over the rarest window, and the threshold."""

    position: int
    share: float
    recall: float
    threshold: float


def told_row(row: Signal | Action, *, has_time: bool) -> dict[str, Any]:
    """A signal or an action under the names that other programs read.

    Its time is ISO 8601 in UTC, the position where the stream has no times; what is not known yet is None.
    """
    told = asdict(row)
    told = {("class" if name == "class_" else name): value for name, value in told.items()}
    told["time"] = show_time(row.time, has_time=True) if has_time else row.position
    if isinstance(row, Action) and row.measured_at < 0:
        told |= {"helped": None, "measured_at": None}
    return told


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one call of ``Pipeline.process`` has to tell."""

    predictions: Predictions
    matured: Matured
    metrics: list[Metric] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)


def nothing(n_classes: int) -> Outcome:
    """An outcome that tells nothing."""
    none, few = np.zeros(0, np.int64), np.zeros(0, np.int16)
    scores, threshold = np.zeros((0, n_classes), np.float32), np.zeros(0, np.float32)
    told = Predictions(none, none, None, scores, few, threshold, np.zeros(0, np.int32), none)
    return Outcome(told, Matured(none, few, none, none))
