"""From what the windows hold to what the learner is taught: class weights, rates, rows."""

from streamimb.rebalance.rebalancer import Rebalancer
from streamimb.rebalance.weights import class_weights

__all__ = ["Rebalancer", "class_weights"]
