"""Which units this process owns: claimed and restored as partitions come, saved and released as they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Final

from streamimb.checkpoint import Checkpoint, CheckpointStore
from streamimb.config import Config
from streamimb.delivery.observer import Observer
from streamimb.delivery.points import Probe
from streamimb.delivery.restoring import begin
from streamimb.delivery.standby import Standby
from streamimb.delivery.trouble import Trouble
from streamimb.delivery.unit import Unit
from streamimb.errors import BrokersAwayError, ConfigError, FencedError, StateError, StorageError, StreamimbError
from streamimb.schema import Schema
from streamimb.sources.log import Committed, LogSource, Partition

#: Name of the unit where one learner sees every partition.
WHOLE: Final = "topic"
#: Kafka's own ``max.poll.interval.ms``, where the configuration has none.
POLL_INTERVAL_MS: Final = 300_000
#: The part of it in which partitions that are revoked are saved and committed; then they are given up as they are.
RELEASE_SHARE: Final = 0.2


class Ownership:
    """The units in force by name, and the partitions that are ours: a :class:`streamimb.sources.log.Membership`.

    fence: shuts out whoever wrote outputs before, where they come in transactions: then the checkpoint to restore is
    the one that the commit names; None without. release: saves and commits units for good; forget: drops what was under
    way of a unit, and says whether outputs of all units went with it. ``turns``: a number for each partition that is
    ours, another each time that it was sought: what was polled before does not follow what was restored since.
    """

    whole: Final = WHOLE

    def __init__(
        self,
        schema: Schema,
        config: Config,
        source: LogSource,
        store: CheckpointStore,
        *,
        owner: str,
        fence: Callable[[], None] | None,
        trouble: Trouble,
        observer: Observer,
        probe: Probe,
        release: Callable[[list[Unit]], None],
        forget: Callable[[Unit], bool],
        began: Callable[[Unit], None],
    ) -> None:
        self._schema, self._config, self._source, self._store = schema, config, source, store
        self._owner, self._fence, self._trouble = owner, fence, trouble
        self._observer, self._probe = observer, probe
        self._release, self._forget, self._began = release, forget, began
        self.topics = [t for t in (config.source.topic, config.source.labels_topic) if t is not None]
        self.units: dict[str, Unit] = {}
        self.partitions: set[Partition] = set()
        self.turns: dict[Partition, int] = {}
        self._sought = count()
        self._adrift: set[Partition] = set()
        self.standby = Standby(schema, config, store, WHOLE)
        self.role = "standby"

    def unit_of(self, partition: Partition) -> str:
        """The name of the unit that a partition belongs to."""
        return WHOLE if self._config.state.scope == "topic" else f"partition-{partition.number}"

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self._observer.rebalanced("assigned")
        self.partitions.update(partitions)
        self._adrift.difference_update(partitions)
        by_unit: dict[str, list[Partition]] = {}
        for partition in sorted(partitions):
            by_unit.setdefault(self.unit_of(partition), []).append(partition)
        for name, mine in by_unit.items():
            self._own(name, mine)
        self._check_pairs()
        self._tell_role()
        self._probe("assigned")

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Save and commit what is to be given up; others learn again what cannot be saved in time."""
        self._probe("revoking")
        self._observer.rebalanced("revoked")
        self._adrift.difference_update(partitions)
        names = {self.unit_of(p) for p in partitions}
        try:
            with self._trouble.within(release_s(self._config)):
                self._release([self.units[name] for name in sorted(names) if name in self.units])
        except (BrokersAwayError, StorageError) as error:
            if self._trouble.stopping():
                raise
            self._observer.told("given up unsaved", error=str(error))
        self.drop(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        self._observer.rebalanced("lost")
        self._adrift.difference_update(partitions)
        self.drop(partitions)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget what is no longer ours; a unit of which some partitions stay is begun anew with these."""
        gone = set(partitions)
        self.partitions -= gone
        for partition in gone:
            self.turns.pop(partition, None)
        self._begin_anew({self.unit_of(p) for p in gone})

    def go_back(self, unit: Unit) -> None:
        """Let a unit go on from its last checkpoint, as a restart would."""
        self._begin_anew({unit.name})

    def _begin_anew(self, names: set[str]) -> None:
        """Drop these units, and all whose outputs went with theirs; those whose partitions stay are restored."""
        dropped = [self.units.pop(name) for name in sorted(names) if name in self.units]
        for unit in dropped:
            self._observer.ends(unit.name)
        aborted = [self._forget(unit) for unit in dropped]
        if any(aborted):
            names |= self.units.keys()
            for unit in self.units.values():
                self._observer.ends(unit.name)
                self._forget(unit)
            self.units.clear()
        for name in sorted(names):
            stay = sorted(p for p in self.partitions if self.unit_of(p) == name)
            if stay:
                self._own(name, stay)
        self._tell_role()

    def drop_unit(self, unit: Unit) -> None:
        """Another claimed this unit; the group may tell us so at the next poll."""
        gone = [p for p in self.partitions if self.unit_of(p) == unit.name]
        self._adrift.update(gone)
        self.drop(gone)

    def again(self) -> None:
        """Take back what the group gives us all the same, as it has just told or not, unless it says otherwise now.

        A straggler's claim of a unit that it has no more would leave the unit to nobody.
        """
        if not self._adrift:
            return
        mine = sorted(self._adrift)
        try:
            self._trouble.ask(lambda: self._source.commit(self._source.committed(mine)))
        except FencedError:
            return
        self.assigned(mine)

    def follows(self, now: float) -> bool:
        """Whether this is a standby that should look for a newer checkpoint now."""
        return not self.units and self._config.state.scope == "topic" and self.standby.is_due(now)

    def overtaken(self) -> bool:
        """Begin once more where each unit stands; whether something was left out. Raises GapError with what is gone."""
        before = {name: dict(unit.next) for name, unit in self.units.items()}
        for name in sorted(self.units):
            self._own(name, sorted(p for p in self.partitions if self.unit_of(p) == name))
        return any(unit.next != before.get(name) for name, unit in self.units.items())

    def follow(self, now: float) -> None:
        """A standby keeps the newest checkpoint at hand, to answer with it and to take over at once."""
        try:
            self.standby.follow(now)
        except StorageError as error:
            self._observer.trouble("storage", error)
        except StateError as error:  # the owner may be writing a better one
            self._observer.told("checkpoint cannot be used", unit=WHOLE, error=str(error))

    def _own(self, name: str, partitions: list[Partition]) -> None:
        """Claim a unit, restore it where it is not at hand, and seek its partitions."""
        unit, beginning = self.units.get(name), False
        if unit is None:
            unit, beginning = self._claimed(name, partitions)
        skip = self._config.source.missing_offsets == "skip"
        try:
            notes = self._trouble.ask(lambda: begin(unit, self._source, partitions, skip=skip, beginning=beginning))
        except StreamimbError:
            if beginning and unit.claim is not None:  # it would keep a replay from saving what this start lacks
                with suppress(StorageError):
                    unit.claim.release()
            raise
        for note in notes:
            self._observer.told("partition begins", unit=name, note=note)
        if name not in self.units:
            self.units[name] = unit
            self._observer.begins(name, unit.pipeline)
        self.turns.update((partition, next(self._sought)) for partition in partitions)
        self._began(unit)

    def _claimed(self, name: str, partitions: list[Partition]) -> tuple[Unit, bool]:
        ask, store = self._trouble.ask, self._trouble.store
        claim = store(lambda: self._store.claim(name, owner=self._owner, group=self._config.source.group))
        committed: dict[Partition, Committed] = {}
        if self._fence is not None:
            self._fence()  # what an older owner has committed or not is settled now
            committed = ask(lambda: self._source.committed(partitions))
        wanted = max((c.metadata for c in committed.values()), default="") or None
        at_hand = self.standby.take(name, wanted if self._fence else store(lambda: self._store.newest(name)))
        restored: Checkpoint | None
        if at_hand is not None:
            unit, restored = at_hand
        else:
            unit, restored = Unit(name, self._schema, self._config), store(lambda: self._read(name, wanted))
            if restored is not None:
                unit.restore(restored)
            elif name != WHOLE and store(lambda: self._store.newest(WHOLE)) is not None:
                raise ConfigError(
                    f"state.url {self._store.url} holds the state of one learner of the whole topic, as of a replay's "
                    f"end, which {name} cannot go on from: set state.scope = 'topic', or give another state.url to "
                    "begin with untrained learners of a partition each"
                )
        unit.claim, unit.probe = claim, self._probe
        if restored is not None:
            claim.follow(restored)
            claim.held = restored.name
            _settle(unit, committed)
        self._observer.restored(name, unit.saved_name, restored.rotten if restored else (), unit.position)
        return unit, restored is None

    def _read(self, name: str, wanted: str | None) -> Checkpoint | None:
        """The checkpoint that a commit names, or an older one where that is rotten; the newest without transactions."""
        if wanted is not None:
            try:
                return self._store.restore(name, name=wanted)
            except StateError as error:
                self._observer.told("checkpoint cannot be used", unit=name, name=wanted, error=str(error))
                older = self._store.restore(name, before=wanted)
                return older and replace(older, rotten=((wanted, str(error)), *older.rotten))
        newest = self._store.restore(name)
        if newest is not None and self._fence is not None and newest.meta.get("committed"):
            raise StateError(
                f"{self._store.url}: {name} has checkpoints of committed transactions, but the group "
                f"{self._config.source.group} has no committed offsets (kept for offsets.retention.minutes): which "
                "checkpoint readers have seen is not known; begin with a new state.url and a new source.group, or set "
                "output.transactions = false for one start"
            )
        while newest is not None and self._fence is not None and newest.offsets:
            # Its transaction was never committed: nobody has seen what it holds. A replay's end stays.
            newest = self._store.restore(name, before=newest.name)
        return newest

    def _check_pairs(self) -> None:
        if self._config.state.scope == "topic" or len(self.topics) == 1:
            return
        numbers = [{p.number for p in self.partitions if p.topic == topic} for topic in self.topics]
        if numbers[0] != numbers[1]:
            raise ConfigError(
                f"state.scope = 'partition' needs the same partitions of {' and '.join(self.topics)} on one member, "
                f"which has {sorted(numbers[0])} and {sorted(numbers[1])}: give both topics as many partitions, "
                "or take state.scope = 'topic'"
            )

    def _tell_role(self) -> None:
        role = "owner" if self.units else "standby"
        if role != self.role:
            self.role = role
            self._observer.role(role)


def release_s(config: Config) -> float:
    """Seconds in which partitions that are revoked are saved: a part of what the group waits for its members."""
    return poll_interval_s(config) * RELEASE_SHARE


def poll_interval_s(config: Config) -> float:
    """Seconds that a group waits for a member's next poll, which here keeps its membership alive in between."""
    return float(config.kafka.get("max.poll.interval.ms", POLL_INTERVAL_MS)) / 1_000


def _settle(unit: Unit, committed: dict[Partition, Committed]) -> None:
    """Outputs below committed offsets were sent in transactions that readers have seen."""
    for partition, told in committed.items():
        if told.offset > max(unit.next.get(partition, 0), unit.settled.get(partition, 0)):
            unit.settled[partition] = told.offset
