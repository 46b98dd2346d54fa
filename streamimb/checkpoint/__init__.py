"""What a stopped service goes on from: one file a checkpoint, written whole, verified, by one owner."""

from streamimb.checkpoint.epochs import NO_GROUP, Holder
from streamimb.checkpoint.format import RottenError, digest
from streamimb.checkpoint.migrate import migrate
from streamimb.checkpoint.retention import Retention
from streamimb.checkpoint.setup import Difference, Setup
from streamimb.checkpoint.store import Checkpoint, CheckpointStore, Claim, Segment, Written

__all__ = [
    "NO_GROUP",
    "Checkpoint",
    "CheckpointStore",
    "Claim",
    "Difference",
    "Holder",
    "Retention",
    "RottenError",
    "Segment",
    "Setup",
    "Written",
    "digest",
    "migrate",
]
