"""Every error that streamimb raises on purpose.

    StreamimbError                 exit code
    ├── ConfigError                78   a key, its value, and the nearest valid one
    ├── SchemaError                78   the event contract cannot be used, or cannot be inferred
    ├── InputError                 66   a file is missing, unreadable, or not what its name says
    ├── RefusedError               65   every event of a stream was refused
    ├── OutputError                74   a file cannot be written: no such folder, no permission, no space
    ├── StorageError               74   checkpoints cannot be written or read: a full disk, a store that is away
    ├── StateError                 70   a saved state does not fit this pipeline, or no checkpoint can be used
    │   └── GapError               70   events between the checkpoint and what the log retains are gone
    ├── BrokersAwayError           75   no broker answered for longer than the budget
    ├── FencedError                76   another process owns what this one wrote
    └── LearnerError               78   a model cannot do what the configuration asks of it

A bad *event* is not an exception: it becomes a :class:`streamimb.batch.Rejected`.
"""

from __future__ import annotations


class StreamimbError(Exception):
    """Base of all errors that say what was wrong, where, and what to do."""

    exit_code = 1


class ConfigError(StreamimbError):
    """A configuration key or value cannot be used."""

    exit_code = 78


class SchemaError(StreamimbError):
    """The event contract cannot be used or inferred."""

    exit_code = 78


class LearnerError(StreamimbError):
    """A model cannot do what the configuration asks of it."""

    exit_code = 78


class InputError(StreamimbError):
    """An input is missing, unreadable, or not what its name says."""

    exit_code = 66


class RefusedError(StreamimbError):
    """Nothing of a stream could be used."""

    exit_code = 65


class OutputError(StreamimbError):
    """A file or folder cannot be written."""

    exit_code = 74


class StateError(StreamimbError):
    """A saved state does not fit the pipeline that would restore it."""

    exit_code = 70


class GapError(StateError):
    """What a checkpoint needs next is no longer retained, or is of another topic."""


class StorageError(StreamimbError):
    """Where checkpoints live cannot be written or read."""

    exit_code = 74


class BrokersAwayError(StreamimbError):
    """No broker answered."""

    exit_code = 75


class FencedError(StreamimbError):
    """Another process has taken this one's place."""

    exit_code = 76
