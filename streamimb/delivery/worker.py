"""The loop of the service: poll, learn, send, save, commit. The page to read first.

The order is what the promise rests on: outputs are acknowledged before the picture of a checkpoint is taken, and
offsets are committed after it was written. Restoring seeks to the checkpoint's own offsets, whatever was committed.
With transactions the checkpoint is written before its outputs and offsets are committed as one, with its name; the
checkpoint that is restored is the one that the commit names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Final

from streamimb.checkpoint import CheckpointStore
from streamimb.config import Config
from streamimb.delivery.aligner import Aligner
from streamimb.delivery.observer import Observer
from streamimb.delivery.outgoing import Outgoing
from streamimb.delivery.outputs import Outputs
from streamimb.delivery.ownership import Ownership
from streamimb.delivery.patience import Breaker
from streamimb.delivery.points import Probe, no_probe
from streamimb.delivery.saving import Saved, Saver
from streamimb.delivery.trouble import Trouble
from streamimb.delivery.unit import Taken, Unit, cut
from streamimb.errors import BrokersAwayError, ConfigError, FencedError, StorageError, StreamimbError
from streamimb.schema import Schema
from streamimb.sinks.log import LogSink
from streamimb.sources.log import Committed, LogSource, Records

#: Records learned between two looks at what else is due.
PIECE_RECORDS: Final = 512
#: Seconds that a poll waits for records.
POLL_S: Final = 0.2
#: A batch that takes longer than this is interrupted to keep the membership alive, seconds.
ALIVE_S: Final = 1.0
#: Seconds between two readings of the lag.
LAG_S: Final = 1.0


class Worker:
    """Learns what it owns, one unit of state a topic or a partition.

    owner: who claims; executor: where checkpoints are written; clock: seconds that only go forward; sleep: waits so
    many; between: called between two pieces, for whoever else wants to ask or tell the pipelines something.

    Raises ConfigError where no topic is named.
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
        if config.source.topic is None:
            raise ConfigError("source.topic is missing: name the topic that events come in")
        self.config, self.observer = config, observer or Observer()
        self._source, self._clock, self._sleep, self._probe, self._between = source, clock, sleep, probe, between
        self._trouble = Trouble(config.budget, clock=clock, sleep=sleep, observer=self.observer)
        self._outgoing = Outgoing(source, sink, self._trouble, probe)
        self._outputs = Outputs(schema, config)
        self._saver = Saver(config.state, self._trouble.storage, clock=clock, executor=executor, probe=probe)
        self.owned = Ownership(
            schema, config, source, store, owner=owner, transactional=self._outgoing.transactional,
            trouble=self._trouble, observer=self.observer, probe=probe, release=self._release, forget=self._forget,
            began=self._saver.started,
        )  # fmt: skip
        self._aligner = Aligner(source, config.source.buffer_records_max)
        self._breaker = Breaker(config.budget)
        self._looked = self._alive = clock()

    def run(self, stop: Callable[[], bool]) -> None:
        """Learn until asked to stop; then everything is sent, saved and committed, and the group is left.

        Raises StateError, GapError, StorageError, BrokersAwayError, RefusedError, FencedError or ConfigError where it
        cannot go on; what was learned and can be saved is saved before.
        """
        self._trouble.stopping = stop
        leave = True
        try:
            self._trouble.ask(lambda: self._source.subscribe(self.owned.topics, self.owned))
            while not stop():
                self.step()
            self._release(list(self.owned.units.values()))
        except (FencedError, StorageError):
            leave = False
            raise
        except BrokersAwayError:
            leave = False
            self._last_words()
            raise
        except StreamimbError:
            self._release_if_possible()
            raise
        finally:
            for told in self._outgoing.close(leave=leave):
                self.observer.told("closing", error=told)

    def step(self) -> None:
        """One round: what is polled is learned, what is due is done."""
        trouble = self._trouble
        polled = trouble.timed("poll", lambda: trouble.ask(self._poll))
        self._alive = self._clock()
        if polled:
            self._probe("polled")
        self.owned.follow(self._clock())
        for records in self._in_order(polled):
            for piece in self._pieces(records):
                if piece.partition not in self.owned.partitions:
                    break
                self._learn(piece)
                self._look()
                if trouble.stopping():
                    return
        self._look()

    def _poll(self) -> list[Records]:
        return self._source.poll(records_max=self.config.source.poll_records_max, timeout_s=POLL_S)

    def _in_order(self, polled: list[Records]) -> Iterator[Records]:
        if len(self.owned.topics) == 1:
            yield from polled
            return
        self._aligner.owned(self.owned.partitions)
        self._aligner.put(polled)
        yield from self._aligner.ready()

    def _pieces(self, records: Records) -> Iterator[Records]:
        """Records that are new, cut so that none straddles what was settled by another."""
        unit = self.owned.units.get(self.owned.unit_of(records.partition))
        fresh = None if unit is None else unit.fresh(records)
        passed = len(records) - (0 if fresh is None else len(fresh))
        if passed:
            self.observer.redelivered(records.partition, passed)
        settled, start = self.owned.settled.get(records.partition, 0), 0
        while fresh is not None and start < len(fresh):
            stop = min(start + PIECE_RECORDS, len(fresh))
            before = int((fresh.offsets[start:stop] < settled).sum())
            stop = start + before if 0 < before < stop - start else stop
            yield cut(fresh, start, stop)
            start = stop

    def _learn(self, records: Records) -> None:
        unit = self.owned.units[self.owned.unit_of(records.partition)]
        self.observer.consumed(records)
        taken = self._trouble.timed("process", lambda: unit.take(records))
        if int(records.offsets[-1]) >= self.owned.settled.get(records.partition, 0):
            self.owned.settled.pop(records.partition, None)
            self._outgoing.send(self._outputs.messages(unit.name, taken))
        self._probe("sent")
        self.observer.refused(taken.refused)
        self.observer.processed(unit.name, unit.pipeline, taken.outcome)
        self._breaker.count(len(records), len(taken.refused), last_in_row=_last_in_row(taken))

    def _look(self) -> None:
        """What is due between two pieces."""
        self._between(self)
        self._committed()
        for unit in list(self.owned.units.values()):
            if self._saver.is_due(unit):
                self._save(unit, wait=self._outgoing.transactional)
        now = self._clock()
        if now - self._alive > ALIVE_S:
            self._trouble.ask(self._source.keep_alive)
            self._alive = self._clock()
        if now - self._looked >= LAG_S:
            self._looked = now
            self.observer.lag(self._source.lag())

    def _save(self, unit: Unit, *, wait: bool) -> None:
        """Take a picture once all outputs so far are acknowledged; wait until it is written and committed, or not."""
        self._outgoing.flush()
        self._trouble.timed("snapshot", lambda: self._saver.take(unit))
        if wait:
            self._trouble.timed("save", lambda: self._committed(wait=unit))

    def _committed(self, wait: Unit | None = None) -> None:
        """Commit what has been written since the last look."""
        before = self._saver.failed
        for saved in self._saver.done(wait=wait):
            self._commit(saved)
        if self._saver.fenced is not None:
            self._fenced(*self._saver.fenced)
        if self._saver.failed is not before:
            self.observer.trouble("storage", self._saver.failed)

    def _commit(self, saved: Saved) -> None:
        self._probe("written")
        unit, name = saved.unit, saved.written.name
        mine = self.owned.units.get(unit.name) is unit
        offsets = {p: Committed(o, name) for p, o in saved.picture.offsets.items() if p in self.owned.partitions}
        if mine and offsets:
            try:
                self._outgoing.commit(offsets)
                unit.commits(name)
            except FencedError as error:
                if self._outgoing.transactional:
                    raise
                # The group went on without us. What was written stays: whoever owns the unit now restores it.
                self.observer.told("membership lost", unit=unit.name, error=str(error))
                self.owned.drop_unit(unit)
        self._probe("committed")
        self.observer.saved(unit.name, name, saved.written.bytes, saved.seconds, saved.picture.position)

    def _fenced(self, unit: Unit, error: FencedError) -> None:
        """Another claimed the unit: where it is the whole topic there is nothing left to do here."""
        self._saver.fenced = None
        if self.config.state.scope == "topic":
            raise error
        self.observer.told("unit lost", unit=unit.name, error=str(error))
        self.owned.drop_unit(unit)

    def _forget(self, unit: Unit | None) -> None:
        if unit is None:
            told = self._outgoing.abort()
            if told is not None:
                self.observer.told("transaction not aborted", error=told)
        else:
            self._saver.forget(unit)

    def _release(self, units: list[Unit]) -> None:
        """Send, save and commit everything of these units, or raise what stands in the way."""
        for unit in units:
            self._committed(wait=unit)
            while unit.unsaved and self.owned.units.get(unit.name) is unit:
                self._save(unit, wait=True)
                if self._saver.failed is None:
                    break
                self._sleep(self._trouble.storage.bear(self._saver.failed))

    def _release_if_possible(self) -> None:
        try:
            self._release(list(self.owned.units.values()))
        except StreamimbError as error:
            self.observer.told("the last checkpoint was not written", error=str(error))

    def _last_words(self) -> None:
        """A last checkpoint while no broker answers; not one that would hold events whose outputs are unsent."""
        if self._outgoing.unsent or self._outgoing.transactional:
            return
        for unit in self.owned.units.values():
            try:
                self._saver.done(wait=unit)
                self._saver.take(unit)
                self._saver.done(wait=unit)
            except StreamimbError as error:
                self.observer.told("the last checkpoint was not written", unit=unit.name, error=str(error))


def _last_in_row(taken: Taken) -> int:
    """How many of the last records were refused without an accepted one after them."""
    refused = {r.offset for r in taken.refused}
    count = 0
    for offset in reversed(taken.records.offsets.tolist()):
        if offset not in refused:
            break
        count += 1
    return count
