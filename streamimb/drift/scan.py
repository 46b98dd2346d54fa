"""The scan: this library's own detector of a change of a proportion, made for rare classes.

A likelihood ratio scan over change points (Siegmund and Venkatraman, Annals of Statistics 1995; for binomial counts
Wilks 1938): with k0 of n0 values before an edge and k1 of n1 after it, the statistic is l(k0, n0) + l(k1, n1) -
l(k0 + k1, n0 + n1), where l(k, n) = k ln(k/n) + (n - k) ln(1 - k/n), and its maximum over the edges is held against a
threshold. Both sides are estimated, so a short past is known to be little known. What makes it fit for rare classes:

* buckets hold about half an event of the rarer kind each, however rare it is, merged two by two as ADWIN's, so
  that a check comes at the pace of the evidence and costs the logarithm of the window;
* the part in which the rarer kind is more frequent must hold ``RARE_MIN`` of them, so that a coincidence of a few
  is no drift, and a handful of early ones that do not come again is none;
* after an alarm the past lies aside until what follows has said, by Wald's sequential test (Annals of Mathematical
  Statistics 1945) of the rates before and after, whether it was one; where it was not, the past comes back. Else one
  chance alarm would leave a past so short that a change soon after it could not be seen;
* the threshold follows from the false alarms wanted: ln T, T being how many buckets fill in the events between two of
  them. Simulated from 1:1 to 1:1,000, the time between false alarms is one to three times what was asked for.

Memory: 16 bytes a bucket, five in each of ``ROWS`` rows, 8 bytes a row and 152 beside: 2,968 bytes a detector.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.base import Detector, Firings
from streamimb.drift.scan_kernels import (
    COUNTS,
    DETECTIONS,
    FULL,
    LENGTH_MIN,
    LIMIT,
    ODDS,
    OPEN_TOTAL,
    OPEN_WIDTH,
    TOTAL,
    USED,
    WANTED,
    WARNING_RATE,
    WIDTH,
    update,
)
from streamimb.errors import StateError

#: Rows of buckets, of 2^row first buckets each.
ROWS: Final = 32
#: Warnings for each false alarm, where nothing moves.
WARNINGS: Final = 10.0
ARRAYS: Final = ("buckets", "reals", "wholes")
NO_EVENTS: Final = np.zeros(0, np.int64)
NONE: Final = Firings.of(NO_EVENTS, np.zeros((0, 4)))


class ScanBank:
    """n scans in shared arrays, each over values between 0 and 1.

    between: events between two false alarms, a number or (n,); length_min: values in the shortest first bucket, a
    number or (n,): a detector is checked no more often. After a drift a detector goes on from what came after the
    change. A ``between`` counts events of the stream, of which a detector may take few: see ``update``.

    >>> y = np.random.default_rng(1).random(40_000) < np.repeat([0.01, 0.03], 20_000)
    >>> both = np.stack([y[:20_000], y[10_000:30_000]], axis=1).ravel()  # the first sees no change, the second one
    >>> which = np.tile([0, 1], 20_000)
    >>> firings = ScanBank(2, between=200_000).update(which, both.astype(float)).drifts
    >>> which[firings.index], firings.before.round(3), firings.after.round(3)
    (array([1]), array([0.009]), array([0.033]))
    """

    def __init__(self, n: int, between: ArrayLike, *, length_min: ArrayLike = 8) -> None:
        lengths = np.broadcast_to(np.asarray(length_min, np.float64), (n,))
        if (lengths < 1).any():
            raise ValueError("length_min is at least 1")
        self.buckets = np.zeros((n, 2 * FULL * ROWS))  # row by row, of each bucket its values and their sum
        self.reals = np.zeros((n, ODDS + 1))
        self.reals[:, LIMIT] = self.reals[:, LENGTH_MIN] = lengths
        self.reals[:, WARNING_RATE] = WARNINGS
        self.wholes = np.zeros((n, COUNTS + ROWS), np.int64)
        self.wholes[:, USED] = 1
        self.between = between
        self._made_with = self.between.copy()
        self._fired, self._report = np.zeros(0, np.int64), np.zeros((0, 4))  # room, used again

    def __len__(self) -> int:
        return len(self.reals)

    @property
    def between(self) -> NDArray[np.float64]:
        """Events of the stream between two false alarms, float64 (n,)."""
        return self.reals[:, WANTED].copy()

    @between.setter
    def between(self, value: ArrayLike) -> None:
        wanted = np.broadcast_to(np.asarray(value, np.float64), (len(self),))
        if not ((wanted >= 1) & np.isfinite(wanted)).all():
            raise ValueError(f"{value!r} events between two false alarms")
        self.reals[:, WANTED] = wanted

    def tune(self, between: NDArray[np.float64], values: NDArray[np.float64]) -> None:  # noqa: ARG002  # as any bank
        """As any bank: how many values there are is told with each."""
        self.between = between

    def update(
        self, which: NDArray[np.int64], value: NDArray[np.float64], at: NDArray[np.int64] | None = None
    ) -> Firings:
        """Give value[i], float64 (m,), to detector which[i], int64 (m,), in order; tell what fired.

        at: int64 (m,), how many events of the stream there were with this value's; without it, each detector's values
        are the stream. Raises ValueError, changing nothing, where ``which`` names no detector or a value is not between
        0 and 1.
        """
        if at is None:
            at = NO_EVENTS
        if len(which) != len(value) or len(at) not in (0, len(value)):
            raise ValueError(f"{len(which)} detectors and {len(at)} events named for {len(value)} values")
        if len(self._fired) < len(which):
            self._fired, self._report = np.zeros(2 * len(which), np.int64), np.zeros((2 * len(which), 4))
        fired, report = self._fired, self._report
        f, bad = update(which, value, at, self.buckets, self.reals, self.wholes, fired, report)
        if bad >= 0:
            if 0 <= which[bad] < len(self):
                raise ValueError(f"value {bad}: a scan cannot watch {float(value[bad])!r}: values lie between 0 and 1")
            raise ValueError(f"value {bad} is for detector {which[bad]}: there are {len(self)}, from 0")
        return Firings.of(fired[:f].copy(), report[:f].copy()) if f else NONE

    @property
    def width(self) -> NDArray[np.int64]:
        """Values in each window, int64 (n,)."""
        return (self.reals[:, WIDTH] + self.reals[:, OPEN_WIDTH]).astype(np.int64)

    @property
    def estimation(self) -> NDArray[np.float64]:
        """Mean of each window, float64 (n,); NaN where it is empty."""
        width = self.reals[:, WIDTH] + self.reals[:, OPEN_WIDTH]
        return (self.reals[:, TOTAL] + self.reals[:, OPEN_TOTAL]) / np.where(width > 0, width, np.nan)

    @property
    def n_detections(self) -> NDArray[np.int64]:
        """Drifts of each detector so far, int64 (n,)."""
        return self.wholes[:, DETECTIONS].copy()

    def state(self) -> dict[str, Any]:
        """The bank's arrays, copied."""
        return {**{name: getattr(self, name).copy() for name in ARRAYS}, "made_with": self._made_with.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a bank that was made with the same arguments. Raises StateError."""
        for name in ARRAYS:
            mine, saved = getattr(self, name), state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"scan: {name} does not fit a bank of {len(self)} detectors")
        fixed = [WARNING_RATE, LENGTH_MIN]
        same = np.array_equal(state["reals"][:, fixed], self.reals[:, fixed])
        if not same or not np.array_equal(state.get("made_with", ()), self._made_with):
            raise StateError("scan: the state was saved under other parameters")
        if not _possible(state["buckets"], state["reals"], state["wholes"]):
            raise StateError("scan: the saved buckets are not possible")
        for name in ARRAYS:
            getattr(self, name)[:] = state[name]


def _possible(buckets: NDArray[np.float64], reals: NDArray[np.float64], wholes: NDArray[np.int64]) -> bool:
    """Whether saved buckets could be, so that no kernel leaves its arrays."""
    counts, used = wholes[:, COUNTS:], wholes[:, USED]
    if counts.min(initial=0) < 0 or counts.max(initial=0) >= FULL or used.min() < 1 or used.max() > ROWS:
        return False
    if not np.isfinite(buckets).all() or not np.isfinite(reals).all():
        return False
    held = np.arange(FULL) < counts[:, :, np.newaxis]
    sizes = np.where(held, buckets.reshape(len(wholes), ROWS, FULL, 2)[..., 0], 0).sum(axis=(1, 2))
    return np.array_equal(sizes, reals[:, WIDTH])


class Scan(Detector):
    """One scan of a bank as a river detector: what ``ShareScan`` and ``RecallScan`` share.

    between: events between two false alarms where nothing moves.

    >>> scan = Scan(between=200_000)
    >>> for i, x in enumerate([0.0, 0.0, 0.0, 1.0] * 100 + [0.0, 1.0, 1.0, 1.0] * 100):
    ...     scan.update(x)
    ...     if scan.drift_detected:
    ...         print(i, round(scan.estimation, 2), scan.width)
    423 0.75 24
    """

    LENGTH_MIN = 8

    def __init__(self, between: float) -> None:
        super().__init__()
        self.between = between
        self._bank = ScanBank(1, between, length_min=self.LENGTH_MIN)

    def tune(self, between: float) -> None:
        """Let there be so many values between two false alarms; ``between`` stays what it was made with.

        Raises ValueError, changing nothing, where that is no finite number of at least 1.
        """
        self._bank.tune(np.array([between], np.float64), np.ones(1))

    @property
    def width(self) -> int:
        return int(self._bank.width[0])

    @property
    def estimation(self) -> float:
        return float(self._bank.estimation[0])

    @property
    def n_detections(self) -> int:
        """Changes found so far, told or not."""
        return int(self._bank.n_detections[0])

    def _take(self, values: NDArray[np.float64]) -> Firings:
        return self._bank.update(np.zeros(len(values), np.int64), values)

    def state(self) -> dict[str, Any]:
        flags = {"drift_detected": self._drift_detected, "warning_detected": self._warning_detected}
        return {**self._bank.state(), **flags}

    def restore(self, state: dict[str, Any]) -> None:
        self._bank.restore(state)
        self._drift_detected, self._warning_detected = bool(state["drift_detected"]), bool(state["warning_detected"])
