"""Prequential evaluation: metrics, windows, intervals."""

from streamimb.evaluation.names import Measure
from streamimb.evaluation.prequential import Prequential

__all__ = ["Measure", "Prequential"]
