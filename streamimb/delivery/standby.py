"""What a standby keeps at hand: the newest checkpoint of the unit, restored, so that it can answer and take over."""

from __future__ import annotations

from dataclasses import replace

from streamimb.checkpoint import Checkpoint, CheckpointStore, Segment
from streamimb.config import Config
from streamimb.delivery.unit import Unit
from streamimb.learners.base import State
from streamimb.schema import Schema


class Standby:
    """Follows the newest checkpoint; ``unit`` is it restored (at ``since``), or None before there is one.

    The segments that it was made of are kept, beside it: the next checkpoint has most of them, and they never change.
    """

    def __init__(self, schema: Schema, config: Config, store: CheckpointStore, name: str) -> None:
        self._schema, self._config, self._store, self._name = schema, config, store, name
        self._looked: float | None = None
        self._checkpoint: Checkpoint | None = None
        self._at_hand: dict[Segment, State] = {}
        self.since = 0.0
        self.unit: Unit | None = None

    def is_due(self, now: float) -> bool:
        """Whether it is time to look for a newer one."""
        return self._looked is None or now - self._looked >= self._config.state.standby_seconds

    def follow(self, now: float) -> None:
        """Restore the newest checkpoint where there is a newer one than at hand. Raises StorageError, StateError."""
        self._looked = now
        newest = self._store.newest(self._name)
        if newest is None or (self.unit is not None and newest == self.unit.saved_name):
            return
        checkpoint = self._store.restore(self._name, at_hand=self._at_hand)
        if checkpoint is not None:
            self.unit = Unit(self._name, self._schema, self._config)
            self.unit.restore(checkpoint)
            self._at_hand = dict(zip(checkpoint.files, checkpoint.segments, strict=True))
            self._checkpoint = replace(checkpoint, state={}, segments=())
            self.since = now

    def take(self, unit_name: str, name: str | None) -> tuple[Unit, Checkpoint] | None:
        """The unit at hand and what it was restored from, if it is the checkpoint of that name: the caller's then."""
        unit, checkpoint = self.unit, self._checkpoint
        self.unit = self._checkpoint = self._looked = None
        self._at_hand = {}
        if unit is None or checkpoint is None or (unit_name, name) != (self._name, unit.saved_name):
            return None
        return unit, checkpoint
