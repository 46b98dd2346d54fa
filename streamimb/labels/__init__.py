"""Events that wait for their label: joined, expired, corrected, read once they are mature."""

from streamimb.labels.segments import Snapshot
from streamimb.labels.store import SEGMENT_ROWS, LabelStore, Segment

__all__ = ["SEGMENT_ROWS", "LabelStore", "Segment", "Snapshot"]
