"""From what the windows hold to what the learner is told: class weights."""

from streamimb.rebalance.weights import class_weights

__all__ = ["class_weights"]
