"""From a log to saved state, exactly once: the worker and what it is made of."""

from streamimb.delivery.observer import Observer
from streamimb.delivery.worker import Worker

__all__ = ["Observer", "Worker"]
