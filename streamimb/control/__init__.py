"""Sensing becomes acting: weights, prior correction, calibration, thresholds, all in one Plan."""

from streamimb.control.controller import Controller
from streamimb.control.objectives import Objective, parse_objective
from streamimb.control.plan import Plan

__all__ = ["Controller", "Objective", "Plan", "parse_objective"]
