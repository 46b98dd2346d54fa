"""The values behind the metrics: written by the loop's thread, copied by whoever renders them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.metrics.names import BUCKETS, COUNTER, HISTOGRAM, METRICS, OTHER

Key = tuple[str, ...]


class Histogram:
    """Counts by bucket, the last one without an upper bound, and the sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = np.array(bounds)
        self.counts = np.zeros(len(bounds) + 1, np.int64)
        self.total = 0.0

    def observe(self, values: NDArray[Any], times: int = 1) -> None:
        """Count each of the values so many times.

        >>> histogram = Histogram([1.0, 2.0])
        >>> histogram.observe(np.array([0.5, 1.0, 5.0]))
        >>> histogram.counts, histogram.total
        (array([2, 0, 1]), 6.5)
        """
        self.counts += times * np.bincount(np.searchsorted(self.bounds, values), minlength=len(self.counts))
        self.total += times * float(values.sum())


class Values:
    """One number for each series; the series are fixed at the start, so that the first scrape has them all.

    sets: the values of each label, or of all labels of one metric as tuples under the metric's name. What is in no
    set is counted under ``other`` where the set has it, and left out where not.

    >>> values = Values({"reason": ("not_json", "other")})
    >>> values.add("events_rejected_total", 2, "not_json")
    >>> values.add("events_rejected_total", 1, "what?")
    >>> values.numbers["events_rejected_total"]
    {('not_json',): 2.0, ('other',): 1.0}
    """

    def __init__(self, sets: Mapping[str, Sequence[Any]]) -> None:
        self.numbers: dict[str, dict[Key, float]] = {}
        self.histograms: dict[str, dict[Key, Histogram]] = {}
        for spec in METRICS:
            keys: Sequence[Key] = sets.get(spec.name) or list(
                itertools.product(*(sets.get(x, ()) for x in spec.labels))
            )
            if spec.kind == HISTOGRAM:
                self.histograms[spec.name] = {key: Histogram(BUCKETS[spec.name]) for key in keys}
            else:
                start = 0.0 if spec.kind == COUNTER else math.nan
                self.numbers[spec.name] = dict.fromkeys(keys, start)

    def _key(self, name: str, labels: Key) -> Key | None:
        known = self.numbers[name]
        if labels in known:
            return labels
        other = (OTHER,) * len(labels)
        return other if other in known else None

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Count; labels in the order of the metric's."""
        key = self._key(name, labels)
        if key is not None and amount:
            self.numbers[name][key] += amount

    def put(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge; what is in no set is not shown."""
        if labels in self.numbers[name]:
            self.numbers[name][labels] = value

    def observe(self, name: str, values: NDArray[Any], *labels: str, times: int = 1) -> None:
        histogram = self.histograms[name].get(labels)
        if histogram is not None and len(values):
            histogram.observe(values, times)

    def replace(self, name: str, values: Mapping[Key, float]) -> None:
        """Other series of one gauge altogether."""
        self.numbers[name] = dict(values)


#: Series of all metrics together, those of the process included, stay below this.
SERIES_MAX: Final = 300
