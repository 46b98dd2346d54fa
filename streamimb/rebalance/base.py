"""The one interface of every sample strategy: lessons in order in, rows to learn out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

#: What a sampler's state is made of: arrays, scalars, text, and dicts of these.
State = dict[str, Any]
#: A synthetic row's number in ``events`` is at or above this, a stream position below.
SYNTHETIC_EVENT_MIN: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Sampled:
    """r rows to learn, in order.

    X: float32 (r, d); y: int16 (r,); weights: float64 (r,), at least 0 (0 is no lesson); origin: int64 (r,), the
    lesson that each row stands for or was set off by, never falling: rows of one lesson come together, the real one
    first; synthetic: bool (r,); events: int64 (r,), the number to which random draws for the row belong: its stream
    position, or one of its own from SYNTHETIC_EVENT_MIN on where it is synthetic.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int16]
    weights: NDArray[np.float64]
    origin: NDArray[np.int64]
    synthetic: NDArray[np.bool_]
    events: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def starts(self, m: int) -> NDArray[np.int64]:
        """Where the rows of each of the m lessons begin, int64 (m + 1,): lesson i's are starts[i] to starts[i + 1]."""
        return np.searchsorted(self.origin, np.arange(m + 1)).astype(np.int64)

    def after(self, earlier: Sampled) -> Sampled:
        """These rows, made from the rows ``earlier``, with the lessons as origins that those came from."""
        return Sampled(self.X, self.y, self.weights, earlier.origin[self.origin], self.synthetic, self.events)


class Sampler(Protocol):
    """What the pipeline asks of a sample strategy."""

    def sample(
        self, X: NDArray[np.float32], y: NDArray[np.int16], events: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Sampled:
        """The rows to learn in place of m lessons, in order; cutting the lessons anywhere gives the same rows.

        X: (m, d), NaN for missing, codes for categories; y: (m,), their classes; events: (m,), the stream position of
        each, to which random draws belong; weights: (m,), what each would count, at least 0: a lesson of weight 0 is
        handed on and otherwise ignored. Raises ValueError, changing nothing, where one of these is not so.
        """
        ...

    def forget(self, before: int | None = None) -> None:
        """A drift: empty the buffers of events older than stream position ``before``, or of all."""
        ...

    def reversal(self) -> Callable[[], None]:
        """What, called after the next ``sample`` of at most one lesson, takes that back, bit for bit."""
        ...

    @property
    def trained(self) -> NDArray[np.float64]:
        """Decayed weight of each class in what came out, for each lesson that went in: float64 (K,), NaN before one."""
        ...

    def state(self) -> State:
        """Everything the next lesson's treatment depends on, copied."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state of a sampler that was made with the same arguments. Raises StateError."""
        ...
