"""What a running loop and those who ask it things say to each other."""

from streamimb.serving.asking import Answer, answer_json, read_events, refusals
from streamimb.serving.hub import COMPILED, Busy, Hub, LeverRequest, NotHere, NotSaved
from streamimb.serving.recorder import Recorder

__all__ = [
    "COMPILED",
    "Answer",
    "Busy",
    "Hub",
    "LeverRequest",
    "NotHere",
    "NotSaved",
    "Recorder",
    "answer_json",
    "read_events",
    "refusals",
]
