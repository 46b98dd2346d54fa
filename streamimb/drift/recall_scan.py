"""The default detector of a class's recall."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.drift.base import Firings
from streamimb.drift.scan import Scan

#: Events of the class between two false alarms: at 1:100, the settings of ``ShareScan``.
SENSITIVE: Final = 2_000.0
CALM: Final = 50_000.0


class RecallScan(Scan):
    """Detects that the recall of a class fell: takes 1 for each of its events that was found, 0 for each missed.

    The likelihood ratio scan of ``streamimb.drift.scan``, which says where it comes from. between: events of the class
    between two false alarms where nothing moves. A recall that rose is no drift, but what came before is forgotten.
    While the class is absent there is nothing to take, and nothing is told.

    >>> rng = np.random.default_rng(1)
    >>> hit = rng.random(3_000) < np.repeat([0.5, 0.8, 0.5], 1_000)
    >>> firings = RecallScan().update_many(hit).drifts
    >>> firings.index, firings.before.round(2), firings.after.round(2)
    (array([2027]), array([0.81]), array([0.4]))
    """

    LENGTH_MIN = 4

    def __init__(self, between: float = SENSITIVE) -> None:
        super().__init__(between)

    def _take(self, values: NDArray[np.float64]) -> Firings:
        firings = super()._take(values)
        return firings.at(firings.after < firings.before)
