"""Who may look on while a pipeline learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline


class Onlooker(Protocol):
    """What looks on, as explanations do: it is no part of the state, and changes nothing."""

    def matured(self, X: NDArray[np.float32], slots: NDArray[np.int64], y: NDArray[np.int16]) -> None:
        """Mature events, rows ``slots`` of X (s, d), in event-time order; y: int16 (m,)."""
        ...

    def renewing(self, pipeline: Pipeline) -> None:
        """The Plan is about to be renewed, and nothing has been done yet about what was detected."""
        ...
