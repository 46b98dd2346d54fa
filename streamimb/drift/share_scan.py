"""The default detector of a class's share."""

from __future__ import annotations

from typing import Final

from streamimb.drift.scan import Scan

#: Events between two false alarms: the sensitive and the calm setting.
SENSITIVE: Final = 200_000.0
CALM: Final = 5_000_000.0


class ShareScan(Scan):
    """Detects that the share of a class moved, either way: takes 1 for each of its events and 0 for each other.

    The likelihood ratio scan of ``streamimb.drift.scan``, which says where it comes from. between: events between two
    false alarms where nothing moves. A minority that vanishes is told once, and once that it came back.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> y = rng.random(60_000) < np.repeat([0.01, 0.02, 0.0], 20_000)
    >>> firings = ShareScan().update_many(y).drifts
    >>> firings.index, firings.before.round(3), firings.after.round(3)
    (array([21340, 40431]), array([0.009, 0.021]), array([0.026, 0.   ]))
    """

    LENGTH_MIN = 8

    def __init__(self, between: float = SENSITIVE) -> None:
        super().__init__(between)
