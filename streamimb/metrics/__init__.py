"""What Prometheus sees: a closed list of metrics, an exporter that the loop feeds, and the text that is served."""

from streamimb.metrics.exporter import Exporter
from streamimb.metrics.names import METRICS, PREFIX, MetricSpec
from streamimb.metrics.text import Page, as_markdown

__all__ = ["METRICS", "PREFIX", "Exporter", "MetricSpec", "Page", "as_markdown"]
