"""A unit of state: one learner, the partitions that it learns from, and where each goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streamimb.batch import WITH_EVENT, Batch, Kind, Rejected
from streamimb.checkpoint import Checkpoint, Claim
from streamimb.config import Config
from streamimb.decode_json import JsonDecoder  # without polars, which takes a fifth of a second
from streamimb.delivery.points import Probe, no_probe
from streamimb.errors import StateError
from streamimb.labels import Snapshot
from streamimb.learners.base import State, is_finite
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema
from streamimb.sources.log import Partition, Records

#: Raised when what a checkpoint notes beside the state changes.
META_VERSION = 1


class NotFiniteError(StateError):
    """A learner's parameters are no numbers any more: no checkpoint may hold them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some records: those that were new, what the pipeline told, and what was refused of them.

    ignored: how many of them had each field that the schema does not name.
    """

    records: Records
    outcome: Outcome
    refused: list[Rejected]
    ignored: dict[str, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """A unit at one moment, to be written as a checkpoint: what goes on afterwards does not alter it."""

    state: State
    segments: list[State]
    drop: int
    offsets: dict[Partition, int]
    meta: dict[str, Any]
    position: int
    levers: int


class Unit:
    """One pipeline with the next offsets of its partitions.

    ``after``: event times at which the events of a partition begin that no replay has learned already, microseconds.
    ``ids``: what tells each topic from another of that name. ``committed``: whether the group ever committed offsets.
    ``settled``: offsets below which readers have seen the outputs of a partition already. ``events``: events learned
    since the last picture. ``whole``: False where learning broke off, so that the state is that of no offset, or where
    the learner's parameters are not finite.
    """

    def __init__(self, name: str, schema: Schema, config: Config) -> None:
        self.name = name
        self.schema = schema
        self.pipeline = Pipeline(schema, config)
        self.claim: Claim | None = None
        self.probe: Probe = no_probe
        self.next: dict[Partition, int] = {}
        self.after: dict[Partition, int] = {}
        self.settled: dict[Partition, int] = {}
        self.whole = True
        self.ids: dict[str, str] = {}
        self.learned_until: int | None = None
        self.saved_name: str | None = None
        self.committed = False
        self.events = 0
        self._decoder = JsonDecoder(schema, config.limits)
        self._unwritten: list[State] = []
        self._drop = 0
        self._next_saved: dict[Partition, int] = {}
        self._levers_saved = 0
        self._held_until: str | None = None

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint. Raises StateError."""
        self.pipeline.restore(checkpoint.state, checkpoint.segments)
        self.next = dict(checkpoint.offsets)
        meta = checkpoint.meta
        self.ids = dict(meta.get("topic_ids", {}))
        self.after = _parsed(meta.get("after", {}))
        self.settled = _parsed(meta.get("settled", {}))
        self.learned_until = meta.get("learned_until")
        self.committed = bool(meta.get("committed"))
        self.saved_name = checkpoint.name
        self._held_until = meta.get("held_until")
        self._next_saved = dict(self.next)
        self._levers_saved = self.pipeline.book.pulled

    @property
    def position(self) -> int:
        """How many events it has accepted."""
        return self.pipeline.store.next_position

    def commits(self, name: str) -> None:
        """The group has committed this checkpoint's offsets with its name."""
        self.committed = True
        assert self.claim is not None, "a unit is claimed before it learns"
        self.claim.held = name

    @property
    def unsaved(self) -> bool:
        """Whether it holds what no checkpoint holds."""
        moved = self.events > 0 or self.next != self._next_saved
        return moved or self.pipeline.book.pulled != self._levers_saved

    def begin(self, partition: Partition, offset: int) -> None:
        """Learn a partition from here on that was not learned before."""
        self.next[partition] = offset
        if self.learned_until is not None:
            self.after[partition] = self.learned_until

    def fresh(self, records: Records) -> Records | None:
        """Those of the records that were not learned before, or None."""
        done = int(np.searchsorted(records.offsets, self.next[records.partition]))
        return records.cut(done, len(records)) if done < len(records) else None

    def take(self, records: Records) -> Taken:
        """Learn fresh records, all of them or, if this raises, none that counts: the offsets move at the end."""
        topic, number = records.partition
        self.whole = False
        batch, refused = self._decoder.decode(records.values, source=topic, offsets=records.offsets, partition=number)
        self.probe("decoded")
        if records.partition in self.after:
            batch = self._unlearned(batch, records.partition)
        outcome = self.pipeline.process(batch)
        refused = refused + [replace(r, source=topic) for r in outcome.rejected]
        refused.sort(key=lambda r: r.offset or 0)
        self.next[records.partition] = int(records.offsets[-1]) + 1
        self.events += len(outcome.predictions)
        self.whole = True
        self.probe("processed")
        return Taken(records, outcome, refused, self._decoder.take_ignored())

    def _unlearned(self, batch: Batch, partition: Partition) -> Batch:
        """The batch from the first event on that lies after those that a replay learned."""
        told = np.where(batch.kind == Kind.LABEL, batch.label_time, batch.time)
        told = np.where(told == WITH_EVENT, batch.time, told)
        later = np.flatnonzero(told > self.after[partition])
        if not len(later):
            return batch.slice(0, 0)
        del self.after[partition]
        return batch.slice(int(later[0]), len(batch))

    def picture(self) -> Picture:
        """Everything that a checkpoint holds, as of now; what no checkpoint holds yet rides along until ``written``.

        Raises NotFiniteError where the learner's parameters are not finite; then the unit is of no use any more.
        """
        snapshot: Snapshot = self.pipeline.snapshot()
        if not is_finite(snapshot.state["succession"]):
            self.whole = False
            raise NotFiniteError(
                f"{self.name}: after {self.position:,} events the learner's parameters are not finite, and are not "
                "saved; look for features of absurd size, or choose another learner.model"
            )
        self._unwritten.append(snapshot.segment)
        self.events = 0
        self._hold()
        meta = {
            "version": META_VERSION,
            "topic_ids": dict(self.ids),
            "after": _named(self.after),
            "settled": _named(self.settled),
            "learned_until": self.learned_until,
            "committed": self.committed,
            "position": self.position,
            "held_until": self._held_until,
        }
        segments = list(self._unwritten)
        self._drop += snapshot.drop
        return Picture(
            snapshot.state, segments, self._drop, dict(self.next), meta, self.position, self.pipeline.book.pulled
        )

    def _hold(self) -> None:
        """What there was when learning was frozen stays while it is: a person may want to go back to it."""
        if not self.pipeline.book.frozen:
            self._held_until = None
        elif self._held_until is None:
            self._held_until = self.saved_name
        if self.claim is not None:
            self.claim.held_until = self._held_until

    def written(self, picture: Picture, name: str) -> None:
        """A checkpoint holds the picture."""
        del self._unwritten[: len(picture.segments)]
        self._next_saved = dict(picture.offsets)
        self._levers_saved = picture.levers
        self.saved_name = name


def _named(told: Mapping[Partition, int]) -> dict[str, int]:
    return {f"{p.topic}:{p.number}": value for p, value in told.items()}


def _parsed(named: Mapping[str, int]) -> dict[Partition, int]:
    split = ((name.rpartition(":"), value) for name, value in named.items())
    return {Partition(topic, int(number)): int(value) for (topic, _, number), value in split}
