"""A member of a consumer group of Kafka, by kafka-python: membership, offsets, and the records themselves.

kafka-python's ``poll`` joins the group, fetches, and calls listeners from within its own thread, where nothing may be
committed. Here its parts are called one by one: what a rebalance changes is noted, and told to the membership by the
thread that polls, while this member still counts as the owner of what it gives up (KIP-429: others get it only once
this one has joined again, which it does at the next call).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import kafka.errors
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import OffsetAndMetadata, TopicPartition

from streamimb.errors import BrokersAwayError, ConfigError, FencedError
from streamimb.kafka_errors import connected, translated
from streamimb.kafka_settings import Settings, for_kafka_python
from streamimb.sources.kafka_assignor import SharingAssignor
from streamimb.sources.kafka_fetch import US_PER_MS, FastPartitionRecords, joined
from streamimb.sources.kafka_receive import read_widely
from streamimb.sources.log import Committed, Membership, Partition, Records
from streamimb.sources.sharing import Scope

#: What holds where nothing else is set.
DEFAULTS: Final[Settings] = {
    "heartbeat.interval.ms": 2_000,
    "isolation.level": "read_committed",
    "metadata.max.age.ms": 30_000,
    "reconnect.backoff.max.ms": 1_000,
    "session.timeout.ms": 10_000,
}
#: Milliseconds that a call waits for the group while there is work to do beside it.
GLANCE_MS: Final = 1
#: Milliseconds between two looks at a rebalance that a commit waits for.
STEP_MS: Final = 100
CLOSE_MS_MAX: Final = 3_000

Change = tuple[Literal["assigned", "revoked", "lost"], list[Partition]]
R = TypeVar("R")


class _Notes(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Notes what kafka-python's own thread tells, for the thread that polls."""

    def __init__(self, changes: deque[Change]) -> None:
        self._changes = changes

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._changes.append(("assigned", _ours(assigned)))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._changes.append(("revoked", _ours(revoked)))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self._changes.append(("lost", _ours(lost)))


class KafkaSource:
    """A LogSource on a real Kafka; see ``kafka_settings`` for what may be set.

    scope: what one member owns; group_instance_id: makes it a static member, which keeps its partitions while it is
    away for less than ``session.timeout.ms``. patience_s: how long a call waits for brokers before it raises
    BrokersAwayError; polls count together until brokers answer anything.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        *,
        scope: Scope = "topic",
        group_instance_id: str | None = None,
        patience_s: float = 10.0,
    ) -> None:
        self._patience_s, self._waited_s, self._polled = patience_s, 0.0, 0.0
        self._answered: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._asked: Any = None
        self._changes: deque[Change] = deque()
        self._membership: Membership | None = None
        self._topics: tuple[str, ...] = ()
        self._owned: set[Partition] = set()
        self._partitions_seen = 0
        self._fenced: Exception | None = None
        self._joining: Any = None
        self._welcome = False
        options = for_kafka_python({**DEFAULTS, **settings}, "consumer")
        options["bootstrap_timeout_ms"] = self._patience_ms
        assignor = SharingAssignor(scope, self._claimed, self._count)
        self._consumer = connected(
            KafkaConsumer, settings.get("bootstrap.servers"), group_id=group, group_instance_id=group_instance_id,
            partition_assignment_strategy=[assignor], enable_auto_commit=False, auto_offset_reset="none",
            allow_auto_create_topics=False, metrics_enabled=False, **options,
        )  # fmt: skip
        self._coordinator, self._fetcher = self._consumer._coordinator, self._consumer._fetcher
        self._state, self._cluster = self._consumer._subscription, self._consumer._cluster
        self._manager = self._consumer._manager
        self._fetcher.PartitionRecords = FastPartitionRecords
        read_widely(self._manager)
        self._listen_for_fencing()

    @property
    def _patience_ms(self) -> int:
        return int(self._patience_s * 1_000)

    def _listen_for_fencing(self) -> None:
        """kafka-python only logs it when a heartbeat learns that another member has this one's static name."""
        heard = self._coordinator._handle_heartbeat_response

        def hear(response: Any, sent: float) -> Any:
            try:
                return heard(response, sent)
            except kafka.errors.FencedInstanceIdError as error:
                self._fenced = error
                raise

        self._coordinator._handle_heartbeat_response = hear

    # ------------------------------------------------------------------------------------------- membership

    def subscribe(self, topics: Sequence[str], membership: Membership) -> None:
        for topic in topics:
            self.partitions(topic)
        self._topics, self._membership = tuple(topics), membership
        self._partitions_seen = self._count()
        with translated("subscribing"):
            self._consumer.subscribe(list(topics), listener=_Notes(self._changes))

    def poll(self, *, records_max: int, timeout_s: float) -> list[Records]:
        found = self._fetch(records_max, timeout_s) if self._follow(timeout_s) else []
        self._be_patient(timeout_s, answered=bool(found))
        return found

    def keep_alive(self) -> None:
        self._take_part(GLANCE_MS)
        self._tell()

    def _follow(self, timeout_s: float) -> bool:
        """Take part in the group and tell what changed; whether there is a group to take part in."""
        joined = self._take_part(GLANCE_MS if self._owned else int(timeout_s * 1_000))
        if not joined and self._coordinator.coordinator_unknown():
            self._take_part(int(timeout_s * 1_000))
            if self._coordinator.coordinator_unknown():
                return False
        self._tell()
        return True

    def _be_patient(self, timeout_s: float, *, answered: bool) -> None:
        """Count the time that polls wait until brokers answer something.

        A coordinator that seems known proves nothing: kafka-python takes it for that while it pauses between two tries
        to connect, and while a broker hangs. Where nothing came for half of the patience, something is asked.
        """
        now, signs = self._coordinator.heartbeat.last_poll, self._answers()
        waited_s, self._polled = min(timeout_s, now - self._polled), now
        if answered or signs != self._answered:
            self._answered, self._waited_s = signs, 0.0
            return
        self._waited_s += waited_s
        if self._waited_s >= self._patience_s:
            raise BrokersAwayError(f"no broker has answered in {self._waited_s:.0f} s of waiting")
        if self._waited_s >= self._patience_s / 2 and (self._asked is None or self._asked.is_done):
            self._asked = self._cluster.request_update()

    def _answers(self) -> tuple[float, ...]:
        """What changes with each answer: to a heartbeat, a look for the coordinator, a join; of the cluster itself."""
        beats, told = self._coordinator.heartbeat, self._cluster._last_successful_refresh_ms
        if self._coordinator.coordinator_unknown():  # then it is no help that brokers tell of the cluster
            told = self._answered[-1]
        return beats.last_receive, beats.last_reset, told

    def _take_part(self, timeout_ms: int) -> bool:
        """Find the group's coordinator, join, note what changed; not before all of it was told that was noted.

        Joining goes on behind this call's back until it is done: kafka-python's own ``poll`` begins it anew where it
        ended between two calls, so that a member that only glances at it never comes in.
        """
        if self._fenced is not None:
            raise FencedError(f"another member has this one's group_instance_id: {self._fenced}")
        if self._changes:
            return True
        if (count := self._count()) != self._partitions_seen:
            self._partitions_seen = count
            self._coordinator.request_rejoin()
        with translated("taking part in the group"):
            if self._joining is None and self._coordinator.need_rejoin():
                self._joining = self._manager.call_soon(self._coordinator.ensure_active_group_async, None)
            try:
                if self._joining is not None:
                    self._consumer._net.run(self._manager.wait_for, self._joining, timeout_ms)
                elif self._coordinator.coordinator_unknown():
                    return bool(self._coordinator.ensure_coordinator_ready(timeout_ms=timeout_ms))
            except kafka.errors.KafkaTimeoutError:
                return False
            finally:
                if self._joining is not None and self._joining.is_done:
                    self._joining = None
                self._coordinator.poll_heartbeat()
        return True

    def _tell(self) -> None:
        """Tell the membership what was noted; what it raises comes through, and is told again at the next call."""
        assert self._membership is not None, "subscribe comes first"
        if not self._welcome and self._coordinator.generation_if_stable() is not None:
            self._welcome = True
            if not self._owned and not self._changes:  # kafka-python tells of what there is, not of nothing
                self._membership.assigned([])
        while self._changes:
            kind, partitions = self._changes[0]
            if kind == "assigned":
                self._owned.update(partitions)
                self._added(partitions)
            if partitions:
                getattr(self._membership, kind)(partitions)
            if kind != "assigned":
                self._owned.difference_update(partitions)
                self._dropped(partitions)
            self._changes.popleft()

    def _claimed(self) -> Iterable[TopicPartition]:
        return self._state.assigned_partitions() if self._state.partitions_auto_assigned() else ()

    def _count(self) -> int:
        """How many partitions the topics are known to have."""
        return sum(len(self._cluster.partitions_for_topic(topic) or ()) for topic in self._topics)

    def group(self) -> Any:
        """What fences a transaction's offsets: the generation in force, once the group has come to rest."""
        for _ in range(max(1, self._patience_ms // STEP_MS)):
            if self._joining is None:
                break
            self._take_part(STEP_MS)
        self._still_ours(())
        return self._consumer.group_metadata()

    def close(self, *, leave: bool) -> None:
        # kafka-python lets static members stay and others go; here whoever closes says which.
        self._coordinator.is_dynamic_member = lambda: leave
        with translated("leaving the group"):
            self._consumer.close(autocommit=False, timeout_ms=min(CLOSE_MS_MAX, self._patience_ms))

    # ---------------------------------------------------------------------------------------------- records

    def _fetch(self, records_max: int, timeout_s: float) -> list[Records]:
        timeout_ms = int(timeout_s * 1_000)
        with translated("fetching"):
            self._fetcher.maybe_validate_positions()
            self._fetcher.validate_offsets_if_needed()
            wait_ms = min(timeout_ms, self._coordinator.time_to_next_poll() * 1_000)
            found, idle = self._fetcher.fetch_records(records_max, timeout_ms=wait_ms)
            if idle and not found:
                self._wait(wait_ms)
        return [joined(blocks) for blocks in found.values()]

    def _wait(self, timeout_ms: float) -> None:
        """Let time pass while there is nothing to fetch: no partition, or all of them paused."""
        if timeout_ms > 0:
            self._consumer._net.run(self._consumer._net.sleep, min(timeout_ms, STEP_MS) / 1_000)

    def _added(self, partitions: list[Partition]) -> None:
        """These are ours from now on: for clients that fetch in another way."""

    def _dropped(self, partitions: list[Partition]) -> None:
        """These are no longer ours."""

    def seek(self, partition: Partition, offset: int) -> None:
        self._consumer.seek(_theirs(partition), int(offset))

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._consumer.pause(*self._held(partitions))

    def resume(self, partitions: Iterable[Partition]) -> None:
        self._consumer.resume(*self._held(partitions))

    def _held(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        held = self._state.assigned_partitions()
        return [tp for tp in map(_theirs, partitions) if tp in held]

    def position(self, partition: Partition) -> int:
        state = self._state.assignment.get(_theirs(partition))
        return 0 if state is None or state.position is None else int(state.position.offset)

    def lag(self) -> dict[Partition, int]:
        seen = {tp: self._state.assignment.get(tp) for tp in self._state.assigned_partitions()}
        return {
            Partition(*tp): max(0, state.highwater - state.position.offset)
            for tp, state in seen.items()
            if state is not None and state.highwater is not None and state.position is not None
        }

    # ---------------------------------------------------------------------------------------------- offsets

    def commit(self, offsets: Mapping[Partition, Committed]) -> None:
        theirs = {_theirs(p): OffsetAndMetadata(c.offset, c.metadata, -1) for p, c in offsets.items()}
        for _ in range(max(1, self._patience_ms // STEP_MS)):
            self._still_ours(offsets)
            try:
                with translated("committing"):
                    return self._ask_for_commit(theirs)
            except _RebalancingError:
                self._take_part(STEP_MS)
        raise BrokersAwayError(f"the group has not come to rest in {self._patience_s:.0f} s, so nothing was committed")

    def _ask_for_commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        try:
            self._coordinator.commit_offsets_sync(offsets, timeout_ms=self._patience_ms)
        except kafka.errors.RebalanceInProgressError as error:
            raise _RebalancingError from error
        except kafka.errors.CommitFailedError as error:
            if error.args and isinstance(error.args[0], kafka.errors.RebalanceInProgressError):
                raise _RebalancingError from error
            raise

    def _still_ours(self, partitions: Iterable[Partition]) -> None:
        if self._fenced is not None:
            raise FencedError(f"another member has this one's group_instance_id: {self._fenced}")
        if any(kind == "lost" for kind, _ in self._changes):
            raise FencedError("the group went on without this member: nothing of what it had may be committed")
        if others := sorted(p for p in partitions if p not in self._owned):
            raise FencedError(f"{others} are not this member's: nothing of them may be committed")

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        wanted = {_theirs(p) for p in partitions}
        with translated("asking for committed offsets"):
            found = self._coordinator.fetch_committed_offsets(wanted, timeout_ms=self._patience_ms)
        # confluent-kafka sends a note of a transaction with the zero byte at its end.
        return {Partition(*tp): Committed(c.offset, (c.metadata or "").rstrip("\0")) for tp, c in found.items()}

    def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        wanted = [_theirs(p) for p in partitions]
        with translated("asking for offsets"):
            first = self._fetcher.beginning_offsets(wanted, timeout_ms=self._patience_ms)
            end = self._fetcher.end_offsets(wanted, timeout_ms=self._patience_ms)
        return {Partition(*tp): (first[tp], end[tp]) for tp in wanted}

    def since(self, partitions: Sequence[Partition], time_us: int) -> dict[Partition, int]:
        times = dict.fromkeys(map(_theirs, partitions), -(-time_us // US_PER_MS))
        with translated("asking for offsets by time"):
            found = self._fetcher.offsets_by_times(times, timeout_ms=self._patience_ms)
        return {Partition(*tp): at.offset for tp, at in found.items() if at is not None and at.offset >= 0}

    def partitions(self, topic: str) -> list[Partition]:
        numbers = self._of_cluster(lambda: self._cluster.partitions_for_topic(topic), topic)
        if not numbers:
            raise ConfigError(f"there is no topic {topic!r}, or this user may not see it")
        return [Partition(topic, number) for number in sorted(numbers)]

    def topic_id(self, topic: str) -> str:
        self._of_cluster(lambda: None, topic)
        found = self._cluster.topic_id(topic)
        return "" if found is None else str(found)

    def _of_cluster(self, look: Callable[[], R | None], topic: str) -> R | None:
        """What is known of a topic, asked anew unless it is known."""
        with translated(f"asking for topic {topic}"):
            if (known := look()) is not None:
                return known
            for ask in (lambda: self._cluster.add_topic(topic), self._cluster.request_update):
                with suppress(kafka.errors.UnknownTopicOrPartitionError):
                    self._consumer._net.run(self._manager.wait_for, ask(), self._patience_ms)
            return look()


class _RebalancingError(Exception):
    """The group is between two generations: a commit is asked for again once it has come to rest."""


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)


def _ours(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return sorted(Partition(tp.topic, tp.partition) for tp in partitions)
