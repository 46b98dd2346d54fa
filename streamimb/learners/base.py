"""The one protocol of every learner: a tape of predictions and lessons, on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

PREDICT: Final = 0
LEARN: Final = 1
#: The event of a prediction that somebody asks for beside the stream: nothing of it is remembered.
NOBODYS: Final = -1

#: What a learner's state is made of: arrays, scalars, text, and dicts of these.
State = dict[str, Any]


def is_finite(state: State) -> bool:
    """Whether every float of a state is finite, at any depth; into a river model's pickle nobody looks.

    >>> is_finite({"weights": np.ones(3), "inner": {"rate": 0.1}}), is_finite({"inner": {"w": np.array([1, np.inf])}})
    (True, False)
    """
    for value in state.values():
        if isinstance(value, dict):
            finite = is_finite(value)
        elif isinstance(value, float | np.ndarray) and np.asarray(value).dtype.kind == "f":
            finite = bool(np.isfinite(value).all())
        else:
            continue
        if not finite:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Tape:
    """t operations in stream order.

    rows: int64 (t,), the row of X an operation reads; kinds: int8 (t,), PREDICT or LEARN; events: int64 (t,), the
    position of the event in the stream, to which random draws belong, or NOBODYS throughout; weights: float64 (t,),
    how much each lesson counts (a prediction's is not read), or None where that is its class's weight.

    >>> tape = Tape.interleaved(2)
    >>> tape.rows, tape.kinds, tape.lesson_weights(np.array([0, 1], np.int16), np.array([1.0, 5.0]))
    (array([0, 0, 1, 1]), array([0, 1, 0, 1], dtype=int8), array([1., 1., 5., 5.]))
    """

    rows: NDArray[np.int64]
    kinds: NDArray[np.int8]
    events: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def lesson_weights(self, y: NDArray[np.int16], class_weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weight of each lesson, float64 (t,); y: (m,), the class of each row; class_weights: (K,)."""
        return class_weights[y[self.rows]] if self.weights is None else self.weights

    @classmethod
    def interleaved(cls, n: int, first_event: int = 0) -> Tape:
        """Test-then-train over n rows: P0 L0 P1 L1 ..."""
        rows = np.repeat(np.arange(n, dtype=np.int64), 2)
        return cls(rows, np.tile(np.array([PREDICT, LEARN], np.int8), n), rows + first_event)

    @classmethod
    def only(cls, kind: int, n: int, first_event: int = 0) -> Tape:
        """Predictions alone, or lessons alone, n of them."""
        rows = np.arange(n, dtype=np.int64)
        return cls(rows, np.full(n, kind, np.int8), rows + first_event)

    @classmethod
    def asked(cls, n: int) -> Tape:
        """Predictions of n rows that are no events of the stream: they leave no trace in a learner's state."""
        return cls(np.arange(n, dtype=np.int64), np.full(n, PREDICT, np.int8), np.full(n, NOBODYS, np.int64))


class Learner(Protocol):
    """What the pipeline asks of a model."""

    def run(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Carry out the tape; return the predictions' class probabilities, float64 (predicted, K), in tape order.

        X: (m, d), NaN for missing, codes for categories; y: (m,), the class of each row that is learned; weights:
        (K,), the Plan's class weights, which lessons count unless the tape says otherwise. A lesson of weight 0 is
        none, one of weight 2 counts as two. A prediction changes nothing. Every row of the result is finite,
        non-negative and sums to one. Cutting a tape in two anywhere gives the same bits.
        """
        ...

    def state(self) -> State:
        """Everything the next operation depends on, copied."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state of a learner that was made with the same arguments. Raises StateError."""
        ...

    def reset(self, cause: str) -> None:
        """Forget all that was learned."""
        ...
