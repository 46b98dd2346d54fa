"""Where false alarms come from: a bounded memory of recent alerts, beside a sample of all events of the same time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.evaluation.ranges import Found, Tables, find_ranges
from streamimb.evaluation.spelling import Spelling
from streamimb.kernel import Array, leaf
from streamimb.schema import Feature
from streamimb.text import Spelled

#: Alerts that are remembered, and events of the sample beside them; fewer where there are many features.
ALERTS_MAX: Final = 4_000
SAMPLE_MAX: Final = 4_000
MEMORY_BYTES_MAX: Final = 1 << 25
#: How fast the sample follows the share of alerts: its weight of the past, an event.
FOLLOW: Final = 0.999

# Marks, int64 (MARKS,): events so far, alerts that entered, events that entered the sample.
SEEN, ALERTS, SAMPLED, MARKS = 0, 1, 2, 3
# Pace, float64 (2,): the decayed share of alerts, and what has gathered towards the next event of the sample.
SHARE, CREDIT = 0, 1

State = dict[str, Any]


@leaf
def feed(
    X: Array, rows: Array, y: Array, decision: Array, positive: int, alerts: Array, facts: Array, sample: Array,
    marks: Array, pace: Array,
) -> None:  # fmt: skip
    """Remember the alerts among the events X[rows], and as many of all events, evenly spread.

    alerts, sample: float32 rings (n, d); facts: int64 (n, 2), an alert's number among all events, and 1 if false.
    """
    d = X.shape[1]
    for i in range(len(y)):
        is_alert = decision[i] == positive
        pace[SHARE] = FOLLOW * pace[SHARE] + (1 - FOLLOW) * is_alert
        pace[CREDIT] += pace[SHARE]
        if is_alert:
            at = marks[ALERTS] % len(alerts)
            for j in range(d):
                alerts[at, j] = X[rows[i], j]
            facts[at, 0], facts[at, 1] = marks[SEEN], y[i] != positive
            marks[ALERTS] += 1
        if pace[CREDIT] >= 1.0:
            pace[CREDIT] -= 1.0
            at = marks[SAMPLED] % len(sample)
            for j in range(d):
                sample[at, j] = X[rows[i], j]
            marks[SAMPLED] += 1
        marks[SEEN] += 1


class FalsePositives:
    """Remembers the last ALERTS_MAX alerts, and as many events evenly spread over the same time.

    An event costs O(1), an alert or an event of the sample O(d). Memory: two rings of float32 rows, under
    MEMORY_BYTES_MAX. ``find`` is for now and then: it takes milliseconds a feature.

    >>> rng = np.random.default_rng(1)
    >>> X = rng.random((10_000, 1)).astype(np.float32)
    >>> y = (X[:, 0] > 0.9).astype(np.int16)
    >>> alerts = FalsePositives((Feature(name="amount"),), positive=1)
    >>> alerts.update(X, np.arange(10_000), y, (X[:, 0] > 0.8).astype(np.int16))
    >>> found = alerts.find()[0]
    >>> found.range, found.false_share, round(found.precision, 2)
    ('0.747 <= amount < 0.922', 1.0, 0.18)
    """

    def __init__(self, features: tuple[Feature, ...], positive: int) -> None:
        self._features, self._positive, d = features, positive, len(features)
        most = max(MEMORY_BYTES_MAX // (8 * d), 1)
        self._alerts = np.zeros((min(ALERTS_MAX, most), d), np.float32)
        self._sample = np.zeros((min(SAMPLE_MAX, most), d), np.float32)
        self._facts = np.zeros((len(self._alerts), 2), np.int64)
        self._marks, self._pace = np.zeros(MARKS, np.int64), np.zeros(2)
        self._spelling = Spelling(features)

    def came(self, X: NDArray[np.float32], rows: NDArray[np.int64], spelled: Spelled | None) -> None:
        """Take in what the events X[rows] call their categories, as they come: X float32 (n, d), rows int64 (m,)."""
        self._spelling.update(X, rows, spelled)

    def update(
        self, X: NDArray[np.float32], rows: NDArray[np.int64], y: NDArray[np.int16], decision: NDArray[np.int16]
    ) -> None:
        """Take in the mature events X[rows]: X float32 (any, d), rows int64 (m,), classes and decisions int16 (m,)."""
        feed(X, rows, y, decision, self._positive, self._alerts, self._facts, self._sample, self._marks, self._pace)

    def correct(self, number: int, new: int) -> None:
        """Event ``number`` (so many came before it) turned out to be of class ``new``."""
        held = min(int(self._marks[ALERTS]), len(self._alerts))
        self._facts[:held][self._facts[:held, 0] == number, 1] = new != self._positive

    def find(self) -> list[Found]:
        """The ranges of one or two features that hold most of the false positives; see :func:`ranges.find_ranges`."""
        alerts, facts = self._recent(self._alerts, ALERTS), self._recent(self._facts, ALERTS)
        false = facts[:, 1] == 1
        tables = Tables(
            alerts[false], alerts[~false], self._recent(self._sample, SAMPLED), self._spelling.texts()
        )  # fmt: skip
        return find_ranges(self._features, tables)

    def told(self) -> list[dict[str, Any]]:
        """What the summary tells: a row a range, in the order of ``find``."""
        return [found.row() for found in self.find()]

    def state(self) -> State:
        """Everything that later events and ``find`` depend on, the rings from their oldest."""
        return {
            "alerts": self._recent(self._alerts, ALERTS),
            "facts": self._recent(self._facts, ALERTS),
            "sample": self._recent(self._sample, SAMPLED),
            "marks": self._marks.copy(),
            "pace": self._pace.copy(),
            "texts": self._spelling.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a state of a memory of the same features. Raises StateError on a misfit."""
        rings: dict[str, tuple[Array, int]] = {
            "alerts": (self._alerts, ALERTS), "facts": (self._facts, ALERTS), "sample": (self._sample, SAMPLED)
        }  # fmt: skip
        if np.asarray(state.get("marks")).shape != (MARKS,) or np.asarray(state.get("pace")).shape != (2,):
            raise StateError("false positives: the saved marks do not fit")
        for name, (ring, mark) in rings.items():
            saved = np.asarray(state.get(name))
            if saved.shape != (min(int(state["marks"][mark]), len(ring)), ring.shape[1]) or saved.dtype != ring.dtype:
                raise StateError(f"false positives: {name} does not fit {len(self._features)} features")
        if "texts" in state:  # not in states of before texts were kept
            self._spelling.restore(state["texts"])
        self._marks[:], self._pace[:] = state["marks"], state["pace"]
        for name, (ring, mark) in rings.items():
            ring[self._places(len(ring), mark)] = state[name]

    def _places(self, capacity: int, mark: int) -> NDArray[np.int64]:
        last = int(self._marks[mark])
        return np.arange(max(last - capacity, 0), last) % capacity

    def _recent(self, ring: Array, mark: int) -> Array:
        return np.asarray(ring[self._places(len(ring), mark)])
