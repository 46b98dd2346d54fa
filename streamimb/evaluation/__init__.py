"""Prequential evaluation: metrics, windows, intervals; what a queue of people gets, and where its false alarms are."""

from streamimb.evaluation.false_positives import FalsePositives
from streamimb.evaluation.names import Measure
from streamimb.evaluation.prequential import Prequential
from streamimb.evaluation.queue import QueueEvaluation

__all__ = ["FalsePositives", "Measure", "Prequential", "QueueEvaluation"]
