"""From what the windows hold to what the learner is taught: class weights, rates, rows."""

from streamimb.rebalance.borderline import BorderlineSmote
from streamimb.rebalance.clean import Clean
from streamimb.rebalance.rates import Rates
from streamimb.rebalance.rebalancer import Rebalancer
from streamimb.rebalance.smote import Smote
from streamimb.rebalance.undersample import Undersample
from streamimb.rebalance.weights import class_weights

__all__ = ["BorderlineSmote", "Clean", "Rates", "Rebalancer", "Smote", "Undersample", "class_weights"]
