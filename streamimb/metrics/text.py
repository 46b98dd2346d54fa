"""The metrics as Prometheus reads them, and as documentation; the only place that knows the client's library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streamimb.metrics.names import COUNTER, HISTOGRAM, METRICS, PREFIX, MetricSpec
from streamimb.metrics.values import Histogram, Values

#: What is served is rendered at most so often, seconds, however many ask.
RENDER_S: Final = 1.0
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Collector(Collector):
    def __init__(self, values: Values) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        for spec in METRICS:
            yield self._histogram(spec) if spec.kind == HISTOGRAM else self._number(spec)

    def _number(self, spec: MetricSpec) -> Metric:
        make = CounterMetricFamily if spec.kind == COUNTER else GaugeMetricFamily
        family = make(PREFIX + spec.name, spec.help, labels=spec.labels)
        for key, value in dict(self._values.numbers[spec.name]).items():
            family.add_metric(key, value)
        return family

    def _histogram(self, spec: MetricSpec) -> Metric:
        family = HistogramMetricFamily(PREFIX + spec.name, spec.help, labels=spec.labels)
        for key, histogram in self._values.histograms[spec.name].items():
            family.add_metric(key, _buckets(histogram), histogram.total)
        return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    sums = histogram.counts.copy().cumsum().tolist()
    return list(zip([*map(str, histogram.bounds.tolist()), "+Inf"], map(float, sums), strict=True))


class Page:
    """What a scrape gets: rendered by whoever asks first in a second, and shared by all who ask in it.

    clock: seconds that only go forward.
    """

    def __init__(self, values: Values, *, clock: Callable[[], float]) -> None:
        self._registry, self._clock = CollectorRegistry(), clock
        self._registry.register(_Collector(values))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._lock = threading.Lock()
        self._rendered: tuple[float, bytes] | None = None
        self.renderings = 0

    def content(self) -> bytes:
        """The page, at most a second old."""
        with self._lock:
            now = self._clock()
            if self._rendered is None or now - self._rendered[0] >= RENDER_S:
                self._rendered = now, generate_latest(self._registry)
                self.renderings += 1
            return self._rendered[1]


def as_markdown() -> str:
    """The list of all metrics for the documentation."""
    lines = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for spec in METRICS:
        labels = ", ".join(f"`{label}`" for label in spec.labels)
        lines.append(f"| `{PREFIX}{spec.name}` | {spec.kind} | {labels} | {spec.help} |")
    return "\n".join(lines) + "\n"
