"""Sensing becomes acting: weights, prior correction, calibration, thresholds, all in one Plan."""

from streamimb.control.controller import Controller
from streamimb.control.objectives import Objective, parse_objective
from streamimb.control.plan import Plan
from streamimb.control.reaction import Reactor
from streamimb.control.succession import Succession

__all__ = ["Controller", "Objective", "Plan", "Reactor", "Succession", "parse_objective"]
