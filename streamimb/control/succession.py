"""The learner in force, and the one that may follow it: both learn the same lessons, the better one stays.

A background learner starts afresh at a warning or a drift (Gomes et al., Machine Learning 2017, do so for each tree of
a forest). It predicts what the learner in force predicts; before each lesson both are held against its label. The
difference of their squared errors (Brier 1950, of the true class: unlike the log-loss it does not fall for a learner
that is merely unsure) is averaged a class, with decay, and over classes alike, so that a rare class speaks as loudly
as the others. The new one takes over when that mean is above ``Z_BETTER`` standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array, leaf
from streamimb.labels import layout as at
from streamimb.learners.base import Learner, State, Tape

#: Decay of a class's mean difference, a lesson of it: an effective 199 lessons.
DIFFERENCE_DECAY: Final = 0.99
#: A class takes part in the verdict after so many lessons since the trial's first ``WARM_LESSONS``.
CLASS_LESSONS_MIN: Final = 30
#: Lessons that the new learner gets before it is held against the other.
WARM_LESSONS: Final = 200
Z_BETTER: Final = 3.0
#: A trial is not begun anew where its learner is better by more standard errors than this.
Z_LEADS: Final = 1.0
#: A trial in which fewer lessons of a second class were held against both than this may take so many times as long.
CLASS_LESSONS_ENOUGH: Final = 100
RARE_TIMES: Final = 10
# Columns of the sums of each class.
WEIGHT, DIFFERENCE, SQUARE, LESSONS, SUMS = 0, 1, 2, 3, 4


@leaf
def hold_against(ops: Array, y: Array, old: Array, new: Array, sums: Array, lessons: int) -> int:
    """Add a segment's differences in squared error to ``sums``, float64 (K, SUMS); return the lessons so far.

    ops: int64 (t, 4); y: int16, the label of each slot; old, new: float64 (predicted, K), both learners' predictions. A
    lesson counts where the prediction before it on the tape is of the same event.
    """
    predicted = 0
    for i in range(len(ops)):
        if ops[i, 1] <= at.PREDICT:
            predicted += 1
            continue
        lessons += 1
        if i == 0 or ops[i - 1, 1] > at.PREDICT or ops[i - 1, 0] != ops[i, 0] or lessons <= WARM_LESSONS:
            continue
        k = y[ops[i, 0]]
        difference = (1.0 - old[predicted - 1, k]) ** 2 - (1.0 - new[predicted - 1, k]) ** 2
        sums[k, WEIGHT] = DIFFERENCE_DECAY * sums[k, WEIGHT] + 1.0
        sums[k, DIFFERENCE] = DIFFERENCE_DECAY * sums[k, DIFFERENCE] + difference
        sums[k, SQUARE] = DIFFERENCE_DECAY * sums[k, SQUARE] + difference * difference
        sums[k, LESSONS] += 1.0
    return lessons


class Succession:
    """Runs tapes through the learner in force and, while a trial is under way, through a new one.

    make: makes a learner that knows nothing; lessons_max: a trial that has not been decided after so many is dropped,
    or after ``RARE_TIMES`` as many while fewer than ``CLASS_LESSONS_ENOUGH`` of two classes were held against both.

    >>> from streamimb.config import LearnerConfig
    >>> from streamimb.learners.registry import make_learner
    >>> from streamimb.schema import Feature, Label, Schema
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> succession = Succession(lambda: make_learner(schema, LearnerConfig(model="linear")), 2, lessons_max=5_000)
    >>> def teach(X, y):
    ...     n = len(y)
    ...     ops = np.repeat(np.arange(n), 2)[:, None].repeat(4, axis=1)
    ...     ops[:, 1] = np.tile([at.PREDICT, at.LEARN_LABEL], n)
    ...     succession.run(X, y, Tape.interleaved(n), np.ones(2), np.arange(n), ops, y)
    >>> X = np.random.default_rng(1).normal(size=(4_000, 1)).astype(np.float32)
    >>> y = (X[:, 0] > 0).astype(np.int16)
    >>> teach(X, y)
    >>> succession.begin()  # a drift was told, and the meaning of the feature turns round
    >>> teach(X[:500], 1 - y[:500])
    >>> bool(succession.verdict() > Z_BETTER), succession.settle(contested=True)
    (True, 'replaced')
    """

    def __init__(self, make: Callable[[], Learner], n_classes: int, lessons_max: int) -> None:
        self._make, self._lessons_max = make, lessons_max
        self.learner = make()
        self.challenger: Learner | None = None
        self._sums = np.zeros((n_classes, SUMS))
        self._lessons = 0

    def run(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int16],
        tape: Tape,
        weights: NDArray[np.float64],
        own: NDArray[np.int64],
        ops: NDArray[np.int64],
        labels: NDArray[np.int16],
    ) -> NDArray[np.float64]:
        """As a learner's; own: which predictions of the tape are the segment's; ops: the segment's operations, int64
        (t, 4); labels: of their slots.
        """
        P = self.learner.run(X, y, tape, weights)
        if self.challenger is not None:
            new = self.challenger.run(X, y, tape, weights)
            self._lessons = hold_against(ops, labels, P[own], new[own], self._sums, self._lessons)
        return P

    def begin(self, lessons: float = math.inf) -> None:
        """Start a trial; one under way goes on, unless it does not lead and has had more lessons than ``lessons``.

        That is how many came since a drift: a learner that began long before learned what is no longer so, as the one
        in force did.
        """
        if self.challenger is None or (self._lessons > lessons and not self.verdict() > Z_LEADS):
            self.challenger = self._make()
            self._sums[:] = 0.0
            self._lessons = 0

    def verdict(self) -> float:
        """By how many standard errors the new learner is better, NaN while too little is known."""
        held = self._sums[self._sums[:, LESSONS] >= CLASS_LESSONS_MIN]
        if self.challenger is None or len(held) < min(2, len(self._sums)):
            return math.nan
        mean = held[:, DIFFERENCE] / held[:, WEIGHT]
        spread = np.maximum(held[:, SQUARE] / held[:, WEIGHT] - mean**2, 1e-12)
        error = math.sqrt(float((spread / held[:, WEIGHT]).sum())) / len(held)
        return float(mean.mean()) / error

    def settle(self, *, contested: bool) -> str:
        """Decide the trial where that can be done: ``replaced``, ``dropped`` (where there is none, too) or nothing.

        contested: a drift was told, so that the better of both is to stay; before one the new learner only learns.
        """
        if contested and self.verdict() > Z_BETTER:
            assert self.challenger is not None
            self.learner, self.challenger = self.challenger, None
            return "replaced"
        if self.challenger is None or self._lessons > self._longest():
            self.challenger = None
            return "dropped"
        return ""

    def _longest(self) -> int:
        """Lessons after which a trial is dropped: a class of one in a thousand has twenty among 20,000."""
        known = np.count_nonzero(self._sums[:, LESSONS] >= CLASS_LESSONS_ENOUGH)
        return self._lessons_max * (1 if known >= min(2, len(self._sums)) else RARE_TIMES)

    def grow(self, n_classes: int) -> None:
        """Let there be more classes; a trial under way goes on."""
        self._sums = np.pad(self._sums, ((0, n_classes - len(self._sums)), (0, 0)))

    def reset(self, cause: str) -> None:
        """Let the learner in force forget all; a trial ends."""
        self.learner.reset(cause)
        self.challenger = None

    def state(self) -> State:
        challenger = None if self.challenger is None else self.challenger.state()
        return {
            "learner": self.learner.state(),
            "challenger": {} if challenger is None else challenger,
            "trial": challenger is not None,
            "sums": self._sums.copy(),
            "lessons": self._lessons,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state. Raises StateError where it does not fit."""
        self.learner.restore(state["learner"])
        self.challenger = None
        if state["trial"]:
            self.challenger = self._make()
            self.challenger.restore(state["challenger"])
        self._sums[:], self._lessons = state["sums"], int(state["lessons"])
