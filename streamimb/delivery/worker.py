"""The loop of the service: poll, learn, send, save, commit. The page to read first.

The order is what the promise rests on: outputs are acknowledged before the picture of a checkpoint is taken, and
offsets are committed after it was written. Restoring seeks to the checkpoint's own offsets, whatever was committed.
With transactions the checkpoint is written before its outputs and offsets are committed as one, with its name; the
checkpoint that is restored is the one that the commit names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Reason, Rejected
from streamimb.checkpoint import CheckpointStore
from streamimb.config import Config
from streamimb.delivery.aligner import Aligner
from streamimb.delivery.keeper import Keeper
from streamimb.delivery.observer import Observer
from streamimb.delivery.outgoing import Outgoing
from streamimb.delivery.outputs import Outputs
from streamimb.delivery.ownership import Ownership, poll_interval_s
from streamimb.delivery.patience import Breaker
from streamimb.delivery.points import Probe, no_probe
from streamimb.delivery.saving import Saver
from streamimb.delivery.trouble import Trouble
from streamimb.errors import (
    BrokersAwayError,
    ConfigError,
    FencedError,
    GapError,
    OutputError,
    StorageError,
    StreamimbError,
)
from streamimb.outcome import Action
from streamimb.schema import Schema
from streamimb.sinks.log import LogSink
from streamimb.sources.log import LogSource, Membership, Partition, Records

#: Records learned between two looks at what else is due: at most, at least, and at first.
PIECE_RECORDS: Final = 2_048
PIECE_RECORDS_MIN: Final = 16
PIECE_RECORDS_FIRST: Final = 256
#: Seconds that a piece should take: whoever asks, and a lever, wait so long.
PIECE_S: Final = 0.05
#: Seconds that a poll waits for records.
POLL_S: Final = 0.2
#: A batch that takes longer than this is interrupted to keep the membership alive, seconds.
ALIVE_S: Final = 1.0
#: Seconds between two readings of the lag.
LAG_S: Final = 1.0


class Attentive:
    """A membership that is told what moves while ``busy`` is entered."""

    def __init__(self, membership: Membership, busy: Callable[[], AbstractContextManager[None]]) -> None:
        self._membership, self._busy = membership, busy

    def assigned(self, partitions: Sequence[Partition]) -> None:
        with self._busy():
            self._membership.assigned(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        with self._busy():
            self._membership.revoked(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        with self._busy():
            self._membership.lost(partitions)


class Worker:
    """Learns what it owns, one unit of state a topic or a partition.

    owner: who claims; executor: where checkpoints are written; clock: seconds that only go forward; sleep: waits so
    many; between: called between two pieces, for whoever else wants to ask or tell the pipelines something; idle: is
    entered while nothing but waiting for records is done, and busy while ownership moves meanwhile; topic_bytes: the
    largest record that each output topic takes.

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
        idle: Callable[[], AbstractContextManager[None]] = nullcontext,
        busy: Callable[[], AbstractContextManager[None]] = nullcontext,
        probe: Probe = no_probe,
        topic_bytes: Mapping[str, int] | None = None,
    ) -> None:
        if config.source.topic is None:
            raise ConfigError("source.topic is missing: name the topic that events come in")
        self.config, self.observer = config, observer or Observer()
        self._source, self._clock, self._sleep, self._probe, self._between = source, clock, sleep, probe, between
        self._trouble = Trouble(config.budget, clock=clock, sleep=sleep, observer=self.observer)
        self._outgoing = Outgoing(source, sink, self._trouble, probe)
        self._outputs = Outputs(schema, config, topic_bytes)
        saver = Saver(config.state, self._trouble.storage, clock=clock, executor=executor, probe=probe)
        self._keeper = Keeper(saver, self._outgoing, self._trouble, observer=self.observer, sleep=sleep, probe=probe)
        self.owned = self._keeper.owned = Ownership(
            schema, config, source, store, owner=owner, trouble=self._trouble, observer=self.observer, probe=probe,
            fence=self._outgoing.begin if self._outgoing.transactional else None,
            release=self._keeper.release, forget=self._keeper.forget, began=saver.started,
        )  # fmt: skip
        self._aligner = Aligner(source, self.owned.topics, config.source.buffer_records_max, self._trouble.ask)
        self._breaker = Breaker(config.budget)
        self._looked = self._alive = clock()
        self._piece = PIECE_RECORDS_FIRST
        self._idle, self._busy = idle, busy

    def run(self, stop: Callable[[], bool]) -> None:
        """Learn until asked to stop; then everything is sent, saved and committed, and the group is left.

        Raises StateError, GapError, StorageError, OutputError, BrokersAwayError, RefusedError, FencedError or
        ConfigError where it cannot go on; what was learned and can be saved is saved before.
        """
        self._trouble.stopping = stop
        leave = True
        try:
            self._trouble.ask(lambda: self._source.subscribe(self.owned.topics, Attentive(self.owned, self._busy)))
            while not stop():
                self.step()
            self._keeper.release(list(self.owned.units.values()))
        except (FencedError, StorageError):
            leave = False
            raise
        except BrokersAwayError:
            leave = False
            self._keeper.last_words()
            raise
        except OutputError:  # an output is lost: nothing that follows its event may be saved
            raise
        except StreamimbError:
            self._keeper.release_if_possible()
            raise
        finally:
            for told in self._outgoing.close(leave=leave):
                self.observer.told("closing", error=told)

    def step(self) -> None:
        """One round: what is polled is learned, what is due is done."""
        trouble = self._trouble
        polled = trouble.timed("poll", lambda: trouble.ask(self._poll))
        self._alive = begun = self._clock()
        if polled:
            self._probe("polled")
        if self.owned.follows(self._clock()):
            with self._idle():  # a new pipeline is made of what is read; nobody is answered with it yet
                self.owned.follow(self._clock())
        turns = dict(self.owned.turns)
        self.owned.again()
        for records in self._in_order(polled, turns):
            for piece in self._pieces(records):
                if turns.get(piece.partition) != self.owned.turns.get(piece.partition, -1):
                    break  # given up in the meantime, or begun anew: then it is fetched again
                self._learn(piece)
                self._look()
                if trouble.stopping():
                    return
        self._pass_markers(turns)
        self._look()
        if (seconds := self._clock() - begun) > poll_interval_s(self.config):
            self.observer.told("learning is slower than max.poll.interval.ms", seconds=round(seconds, 1),
                               records=sum(map(len, polled)))  # fmt: skip

    def _pass_markers(self, turns: Mapping[Partition, int]) -> None:
        """All that was fetched is learned: go on past what nobody reads, or its end by retention looks like a gap."""
        for partition, turn in turns.items():
            unit = self.owned.units.get(self.owned.unit_of(partition))
            if unit is not None and self.owned.turns.get(partition) == turn and not self._aligner.holds(partition):
                unit.next[partition] = max(unit.next[partition], self._source.position(partition))

    def _poll(self) -> list[Records]:
        try:
            with self._idle():
                return self._source.poll(records_max=self.config.source.poll_records_max, timeout_s=POLL_S)
        except GapError as error:
            if not self.owned.overtaken():
                raise
            self.observer.told("retention overtook the reader", error=str(error))
            return []

    def keep(self, unit: str, action: Action) -> StreamimbError | None:
        """Send an action that a person caused, and save and commit its unit now; what is in the way for now.

        Raises what ends the process.
        """
        self._outgoing.send(self._outputs.acted(unit, [action]))
        return self._keeper.save_now(self.owned.units[unit])

    def _in_order(self, polled: list[Records], turns: Mapping[Partition, int]) -> Iterator[Records]:
        if len(self.owned.topics) == 1:
            yield from polled
            return
        self._aligner.owned(turns)
        self._aligner.put(polled)
        yield from self._aligner.ready()

    def _pieces(self, records: Records) -> Iterator[Records]:
        """Records that are new, cut so that none straddles what was settled by another."""
        unit = self.owned.units.get(self.owned.unit_of(records.partition))
        if unit is None or records.partition not in unit.next:
            return
        fresh = unit.fresh(records)
        passed = len(records) - (0 if fresh is None else len(fresh))
        if passed:
            self.observer.redelivered(records.partition, passed)
        settled, start = unit.settled.get(records.partition, 0), 0
        while fresh is not None and start < len(fresh):
            stop = min(start + min(self._piece, PIECE_RECORDS), len(fresh))
            before = int((fresh.offsets[start:stop] < settled).sum())
            stop = start + before if 0 < before < stop - start else stop
            yield fresh.cut(start, stop)
            start = stop

    def _learn(self, records: Records) -> None:
        unit = self.owned.units[self.owned.unit_of(records.partition)]
        self.observer.consumed(records)
        taken = self._trouble.timed("process", lambda: unit.take(records))
        self._piece = _next_piece(self._piece, len(records), self._trouble.took_s)
        if int(records.offsets[-1]) >= unit.settled.get(records.partition, 0):
            unit.settled.pop(records.partition, None)
            cut_before = self._outputs.cut
            self._outgoing.send(self._outputs.messages(unit.name, taken))
            if self._outputs.cut > cut_before:
                self.observer.shortened(self._outputs.cut - cut_before)
        self._probe("sent")
        self.observer.refused(taken.refused)
        if taken.ignored:
            self.observer.ignored(taken.ignored)
        self.observer.processed(unit.name, unit.pipeline, taken.outcome)
        self._breaker.count(_judged(records, taken.refused))

    def _look(self) -> None:
        """What is due between two pieces."""
        self._between(self)
        self._keeper.look()
        now = self._clock()
        if now - self._alive > ALIVE_S:
            self._trouble.ask(self._source.keep_alive)
            self._alive = self._clock()
        if now - self._looked >= LAG_S:
            self._looked = now
            self.observer.lag(self._source.lag())


def _next_piece(piece: int, records: int, took_s: float) -> int:
    """Records of the next piece, after some took so long: by that pace, but no more than twice as many as now.

    >>> _next_piece(256, 256, 0.5), _next_piece(256, 256, 0.001), _next_piece(32, 32, 9.0)
    (25, 512, 16)
    """
    paced = int(PIECE_S * records / took_s) if took_s > 0 else PIECE_RECORDS
    return max(PIECE_RECORDS_MIN, min(paced, 2 * piece, PIECE_RECORDS))


def _judged(records: Records, refused: Sequence[Rejected]) -> NDArray[np.bool_]:
    """Which records were refused, without those that were sent twice: these say nothing about a release."""
    told = [(r.offset, r.reason is Reason.DUPLICATE_ID) for r in refused if r.offset is not None]
    twice = np.isin(records.offsets, [offset for offset, is_twice in told if is_twice])
    return np.isin(records.offsets[~twice], [offset for offset, is_twice in told if not is_twice])
