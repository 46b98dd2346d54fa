"""The loop of the service: poll, learn, send, save, commit. The page to read first.

The order is what the promise rests on: outputs are acknowledged before the picture of a checkpoint is taken, and
offsets are committed after it was written. Restoring seeks to the checkpoint's own offsets, whatever was committed.
With transactions the checkpoint is written before its outputs and offsets are committed as one, with its name; the
checkpoint that is restored is the one that the commit names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Final, TypeVar

from streamimb.checkpoint import Checkpoint, CheckpointStore
from streamimb.config import Config
from streamimb.delivery.aligner import Aligner
from streamimb.delivery.observer import Observer
from streamimb.delivery.outputs import Outputs
from streamimb.delivery.patience import Breaker, Patience
from streamimb.delivery.points import Probe, no_probe
from streamimb.delivery.restoring import begin
from streamimb.delivery.saving import Saved, Saver
from streamimb.delivery.standby import Standby
from streamimb.delivery.unit import Taken, Unit, cut
from streamimb.errors import BrokersAwayError, ConfigError, FencedError, StateError, StorageError
from streamimb.schema import Schema
from streamimb.sinks.log import LogSink, Message
from streamimb.sources.log import Committed, LogSource, Partition, Records

#: Records learned between two looks at what else is due.
PIECE_RECORDS: Final = 512
#: Seconds that a poll waits for records.
POLL_S: Final = 0.2
#: A batch that takes longer than this is interrupted to keep the membership alive, seconds.
ALIVE_S: Final = 1.0
#: Name of the unit where one learner sees every partition.
WHOLE: Final = "topic"

T = TypeVar("T")


class Worker:
    """Learns what it owns, one unit of state a topic or a partition; a :class:`streamimb.sources.log.Membership`.

    clock: seconds that only go forward; sleep: waits so many; executor: where checkpoints are written; between: called
    between two pieces, with the pipelines that are in force, for whoever else wants to ask or tell them something.
    """

    def __init__(
        self,
        schema: Schema,
        config: Config,
        source: LogSource,
        sink: LogSink | None,
        store: CheckpointStore,
        *,
        owner: str,
        executor: Executor,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        observer: Observer | None = None,
        between: Callable[[Worker], None] = lambda _: None,
        probe: Probe = no_probe,
    ) -> None:
        self.schema, self.config, self.store = schema, config, store
        self.units: dict[str, Unit] = {}
        self.role = "standby"
        self._source, self._sink, self._owner = source, sink, owner
        self._clock, self._sleep, self._probe, self._between = clock, sleep, probe, between
        self.observer = observer or Observer()
        self.topics = [t for t in (config.source.topic, config.source.labels_topic) if t is not None]
        if not self.topics:
            raise ConfigError("source.topic is missing: name the topic that events come in")
        self.owned: set[Partition] = set()
        self.outputs = Outputs(schema, config)
        self.standby = Standby(schema, config, store, WHOLE)
        self.saver = Saver(
            config.state, config.budget.storage_seconds, clock=clock, executor=executor, probe=probe
        )
        self._aligner = Aligner(source, config.source.buffer_records_max)
        self._breaker = Breaker(config.budget)
        self._brokers = Patience(config.budget.brokers_seconds, clock)
        self._stopping: Callable[[], bool] = lambda: False
        self._looked = self._alive = clock()
        self._unsent = False
        self._in_transaction = False

    # The loop

    def run(self, stop: Callable[[], bool]) -> None:
        """Learn until asked to stop; then everything is sent, saved and committed, and the group is left.

        Raises StateError, GapError, StorageError, BrokersAwayError, RefusedError, FencedError or ConfigError where it
        cannot go on; what was learned and can be saved is saved before.
        """
        self._stopping = stop
        leave = True
        try:
            self._patiently(lambda: self._source.subscribe(self.topics, self))
            while not stop():
                self.step()
            self._release(list(self.units.values()))
        except FencedError:
            leave = False
            raise
        except BrokersAwayError:
            leave = False
            self._last_words()
            raise
        except StorageError:
            raise
        except Exception:
            self._release_if_possible()
            raise
        finally:
            self._close(leave=leave)

    def step(self) -> None:
        """One round: what is polled is learned, what is due is done."""
        polled = self._timed("poll", lambda: self._patiently(self._poll))
        self._alive = self._clock()
        if polled:
            self._probe("polled")
        if not self.units:
            self._follow()
        for records in self._in_order(polled):
            for piece in self._pieces(records):
                if piece.partition not in self.owned:
                    break
                self._learn(piece)
                self._look()
                if self._stopping():
                    return
        self._look()

    def _poll(self) -> list[Records]:
        return self._source.poll(records_max=self.config.source.poll_records_max, timeout_s=POLL_S)

    def _in_order(self, polled: list[Records]) -> Iterator[Records]:
        if len(self.topics) == 1:
            yield from polled
        else:
            self._aligner.put(polled)
            yield from self._aligner.ready()

    def _pieces(self, records: Records) -> Iterator[Records]:
        """Records that are new, cut so that none straddles what was settled by another."""
        unit = self.units.get(self._unit_of(records.partition))
        fresh = None if unit is None else unit.fresh(records)
        passed = len(records) - (0 if fresh is None else len(fresh))
        if passed:
            self.observer.redelivered(records.partition, passed)
        settled = self.outputs.settled.get(records.partition, 0)
        start = 0
        while fresh is not None and start < len(fresh):
            stop = min(start + PIECE_RECORDS, len(fresh))
            before = int((fresh.offsets[start:stop] < settled).sum())
            stop = start + before if 0 < before < stop - start else stop
            yield cut(fresh, start, stop)
            start = stop

    def _learn(self, records: Records) -> None:
        unit = self.units[self._unit_of(records.partition)]
        self.observer.consumed(records)
        taken = self._timed("process", lambda: unit.take(records))
        messages = self.outputs.messages(unit.name, taken) if self._sink is not None else []
        if messages:
            self._timed("send", lambda: self._send(messages))
        self._probe("sent")
        self.observer.refused(taken.refused)
        self.observer.processed(unit.name, unit.pipeline, taken.outcome)
        self._breaker.count(len(records), len(taken.refused), last_in_row=_last_in_row(taken))

    def _send(self, messages: list[Message]) -> None:
        assert self._sink is not None
        sink = self._sink
        if sink.transactional and not self._in_transaction:
            self._patiently(sink.begin)
            self._in_transaction = True
        self._unsent = True
        handed = iter([messages])
        self._patiently(lambda: sink.send(next(handed, [])))

    def _look(self) -> None:
        """What is due between two pieces."""
        self._between(self)
        for saved in self.saver.done():
            self._commit(saved)
        if self.saver.failed is not None:
            self.observer.trouble("storage", self.saver.failed)
        for unit in list(self.units.values()):
            if self.saver.is_due(unit):
                self._save(unit, wait=self._is_transactional)
        if self._clock() - self._alive > ALIVE_S:
            self._patiently(self._source.keep_alive)
            self._alive = self._clock()
        if self._clock() - self._looked >= 1.0:
            self._looked = self._clock()
            self.observer.lag(self._source.lag())

    # Saving

    @property
    def _is_transactional(self) -> bool:
        return self._sink is not None and self._sink.transactional

    def _flush(self) -> None:
        if self._sink is not None and self._unsent:
            self._timed("flush", lambda: self._patiently(self._sink.flush))  # type: ignore[union-attr]
            self._unsent = False
        self._probe("flushed")

    def _save(self, unit: Unit, *, wait: bool) -> None:
        """Take a picture once all outputs so far are acknowledged; wait until it is written and committed, or not."""
        self._flush()
        self._timed("snapshot", lambda: self.saver.take(unit))
        if wait:
            for saved in self._timed("save", lambda: self.saver.done(wait=unit)):
                self._commit(saved)

    def _commit(self, saved: Saved) -> None:
        self._probe("written")
        unit, written = saved.unit, saved.written
        offsets = {p: Committed(o, written.name) for p, o in saved.picture.offsets.items() if p in self.owned}
        if self.units.get(unit.name) is unit and offsets:
            if self._is_transactional and self._in_transaction:
                self._commit_transaction(offsets)
            else:
                self._commit_offsets(unit, offsets)
        self._probe("committed")
        self.observer.saved(unit.name, written.name, written.bytes, saved.seconds, saved.picture.position)

    def _commit_transaction(self, offsets: dict[Partition, Committed]) -> None:
        assert self._sink is not None
        sink, group = self._sink, self._source.group()
        told = {(p.topic, p.number): (c.offset, c.metadata) for p, c in offsets.items()}
        self._patiently(lambda: sink.commit(told, group))
        self._in_transaction = False

    def _commit_offsets(self, unit: Unit, offsets: dict[Partition, Committed]) -> None:
        try:
            self._patiently(lambda: self._source.commit(offsets))
        except FencedError as error:
            # the group has moved on without us: what was written stays, and whoever owns the unit restores it
            self.observer.told("membership lost", unit=unit.name, error=str(error))
            self.lost([p for p in self.owned if self._unit_of(p) == unit.name])

    # Ownership: called from within poll and keep_alive

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self.owned.update(partitions)
        by_unit: dict[str, list[Partition]] = {}
        for partition in partitions:
            by_unit.setdefault(self._unit_of(partition), []).append(partition)
        for name, mine in by_unit.items():
            self._own(name, sorted(mine))
        self._check_pairs()
        self._aligner.owned(self.owned)
        self._tell_role()
        self._probe("assigned")

    def _own(self, name: str, partitions: list[Partition]) -> None:
        """Claim a unit, restore it where it is not at hand, and seek its partitions."""
        unit = self.units.get(name)
        beginning = False
        if unit is None:
            unit, beginning = self._claimed(name, partitions)
        skip = self.config.source.missing_offsets == "skip"
        for note in begin(unit, self._source, partitions, skip=skip, beginning=beginning):
            self.observer.told("partition begins", unit=name, note=note)
        self.units[name] = unit
        self.saver.started(unit)

    def _claimed(self, name: str, partitions: list[Partition]) -> tuple[Unit, bool]:
        claim = self._storing(lambda: self.store.claim(name, owner=self._owner, group=self.config.source.group))
        committed = self._source.committed(partitions)
        wanted = next((c.metadata for c in committed.values() if c.metadata), None) if self._is_transactional else None
        at_hand = self.standby.take(wanted or self._storing(lambda: self.store.newest(name)))
        unit, restored = at_hand or (Unit(name, self.schema, self.config), self._storing(lambda: self._read(name, wanted)))
        unit.claim, unit.probe = claim, self._probe
        if restored is not None:
            if at_hand is None:
                unit.restore(restored)
            claim.follow(restored)
            if self._is_transactional:
                self._settle(unit, committed)
        self.observer.restored(name, unit.saved_name, restored.rotten if restored else (), unit.position)
        return unit, restored is None

    def _read(self, name: str, wanted: str | None) -> Checkpoint | None:
        """The checkpoint that a commit names, or an older one where that is rotten; the newest where none is named."""
        if wanted is not None:
            try:
                return self.store.restore(name, name=wanted)
            except StateError as error:
                self.observer.told("checkpoint rotten", unit=name, name=wanted, error=str(error))
        return self.store.restore(name)

    def _settle(self, unit: Unit, committed: dict[Partition, Committed]) -> None:
        """Outputs below committed offsets were sent in transactions that readers have seen."""
        for partition, told in committed.items():
            if told.offset > unit.next.get(partition, 0):
                self.outputs.settled[partition] = told.offset

    def revoked(self, partitions: Sequence[Partition]) -> None:
        self._probe("revoking")
        units = {self._unit_of(p) for p in partitions}
        self._release([self.units[name] for name in sorted(units) if name in self.units])
        self._drop(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        self._abort_transaction()
        self._drop(partitions)

    def _drop(self, partitions: Sequence[Partition]) -> None:
        """Forget what is no longer ours; a unit some of whose partitions are gone is begun anew with those that stay."""
        self.owned.difference_update(partitions)
        for name in {self._unit_of(p) for p in partitions}:
            unit = self.units.pop(name, None)
            if unit is not None:
                self.saver.forget(unit)
            stay = sorted(p for p in self.owned if self._unit_of(p) == name)
            if stay:
                self._own(name, stay)
        self._aligner.owned(self.owned)
        self._tell_role()

    def _check_pairs(self) -> None:
        if self.config.state.scope == "topic" or len(self.topics) == 1:
            return
        numbers = [{p.number for p in self.owned if p.topic == topic} for topic in self.topics]
        if numbers[0] != numbers[1]:
            raise ConfigError(
                f"state.scope = 'partition' needs the same partitions of {' and '.join(self.topics)} on one member: "
                "give both topics the same number of partitions and the group partition.assignment.strategy = 'range', "
                "or take state.scope = 'topic'"
            )

    def _unit_of(self, partition: Partition) -> str:
        return WHOLE if self.config.state.scope == "topic" else f"partition-{partition.number}"

    def _tell_role(self) -> None:
        role = "owner" if self.units else "standby"
        if role != self.role:
            self.role = role
            self.observer.role(role)

    def _follow(self) -> None:
        """A standby keeps the newest checkpoint at hand, to answer with it and to take over at once."""
        if self.config.state.scope == "topic" and self.standby.is_due(self._clock()):
            try:
                self.standby.follow(self._clock())
            except StorageError as error:
                self.observer.trouble("storage", error)

    # Ending

    def _release(self, units: list[Unit]) -> None:
        """Everything of these units is sent, saved and committed before this returns, or what stood in the way raised."""
        for unit in units:
            for saved in self.saver.done(wait=unit):
                self._commit(saved)
            while unit.events or unit.saved_name is None:
                self._save(unit, wait=True)
                if self.saver.failed is None:
                    break
                self._sleep(self.saver.patience.bear(self.saver.failed))

    def _release_if_possible(self) -> None:
        try:
            self._release(list(self.units.values()))
        except Exception as error:
            self.observer.told("the last checkpoint was not written", error=str(error))

    def _last_words(self) -> None:
        """A last checkpoint while no broker answers; not one that would hold events whose outputs are unsent."""
        if self._unsent or self._is_transactional:
            return
        for unit in self.units.values():
            try:
                self.saver.done(wait=unit)
                self.saver.take(unit)
                self.saver.done(wait=unit)
            except (StateError, StorageError, FencedError) as error:
                self.observer.told("the last checkpoint was not written", unit=unit.name, error=str(error))

    def _close(self, *, leave: bool) -> None:
        self._abort_transaction()
        for close in (lambda: self._source.close(leave=leave), self._sink.close if self._sink else lambda: None):
            try:
                close()
            except (BrokersAwayError, FencedError) as error:
                self.observer.told("closing", error=str(error))

    def _abort_transaction(self) -> None:
        if self._in_transaction and self._sink is not None:
            self._in_transaction = False
            try:
                self._sink.abort()
            except (BrokersAwayError, FencedError) as error:
                self.observer.told("transaction not aborted", error=str(error))

    # Trouble

    def _patiently(self, call: Callable[[], T]) -> T:
        """Try again while no broker answers, as long as the budget lasts."""
        while True:
            try:
                result = call()
            except BrokersAwayError as error:
                self.observer.trouble("brokers", error)
                pause = self._brokers.bear(error)
                if self._stopping():
                    raise
                self._sleep(pause)
                continue
            if self._brokers.lasts:
                self._brokers.over()
                self.observer.trouble("brokers", None)
            return result

    def _storing(self, call: Callable[[], T]) -> T:
        """Try again while the storage does not answer, as long as the budget lasts."""
        while True:
            try:
                return call()
            except StorageError as error:
                self.observer.trouble("storage", error)
                self._sleep(self.saver.patience.bear(error))

    def _timed(self, name: str, call: Callable[[], T]) -> T:
        begun = self._clock()
        result = call()
        self.observer.phase(name, self._clock() - begun)
        return result


def _last_in_row(taken: Taken) -> int:
    """How many of the last records were refused without an accepted one after them."""
    refused = {r.offset for r in taken.refused}
    count = 0
    for offset in reversed(taken.records.offsets.tolist()):
        if offset not in refused:
            break
        count += 1
    return count
