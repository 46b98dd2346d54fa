"""Events that wait for their label: joined, expired, corrected, read once they are mature."""

from streamimb.labels.segments import Snapshot
from streamimb.labels.store import LabelStore, Segment

__all__ = ["LabelStore", "Segment", "Snapshot"]
