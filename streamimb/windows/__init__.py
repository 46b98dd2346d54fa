"""Sliding windows over the classes of a stream."""

from streamimb.windows.classes import DECAYED, EVENTS, RAREST, TIME, WINDOWS, ClassWindows
from streamimb.windows.kernels import TIME_ABS_MAX, TIME_EVENTS_MAX

__all__ = ["DECAYED", "EVENTS", "RAREST", "TIME", "TIME_ABS_MAX", "TIME_EVENTS_MAX", "WINDOWS", "ClassWindows"]
