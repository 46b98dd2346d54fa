"""A producer to Kafka, by kafka-python: every record written once and acknowledged by all replicas in step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import kafka.errors
from kafka import KafkaProducer
from kafka.serializer import Serializer
from kafka.structs import OffsetAndMetadata, TopicPartition

from streamimb.errors import ConfigError, FencedError, OutputError, StreamimbError
from streamimb.kafka_errors import connected, translate, translated
from streamimb.kafka_settings import TRANSACTION_MS, Settings, for_kafka_python
from streamimb.sinks.log import Message

#: What holds where nothing else is set. Records never expire by themselves: how long brokers may be away is a budget.
DEFAULTS: Final[Settings] = {
    "batch.size": 131_072,
    "buffer.memory": 33_554_432,
    "delivery.timeout.ms": 2**31 - 1,
    "linger.ms": 5,
    "reconnect.backoff.max.ms": 1_000,
    "transaction.timeout.ms": TRANSACTION_MS,
}
CLOSE_S_MAX: Final = 3.0
#: How long it may take until a topic that was just made is known, milliseconds.
TOPIC_MS_MAX: Final = 2_000
#: Milliseconds until the coordinator of a transaction is looked for again.
NEXT_LOOK_MS: Final = 100
#: Stands for a value of None, which kafka-python refuses beside a key of None.
NOTHING: Final = object()


class _Bytes(Serializer):  # type: ignore[misc]  # kafka-python ships no types
    def serialize(self, topic: str, headers: Any, data: Any) -> bytes | None:  # noqa: ARG002  # its interface
        return None if data is NOTHING else data


def _is_ready(client: Any) -> Callable[..., bool]:
    """Whether a node is ready, for kafka-python's thread that sends.

    It asks for a yes or no and is answered by an error where the connection fails. By that it forgets what it was about
    to send to a coordinator that has just died, and a transaction waits for ever. At a no it looks for the new one.
    """
    await_ready: Callable[..., bool] = client.await_ready

    def answered(*args: Any, **options: Any) -> bool:
        try:
            return await_ready(*args, **options)
        except kafka.errors.KafkaConnectionError:
            client.poll(timeout_ms=NEXT_LOOK_MS)  # until the others have noticed they name the dead one again
            return False

    return answered


class KafkaSink:
    """A LogSink to a real Kafka; see ``kafka_settings`` for what may be set.

    patience_s: how long a call waits for brokers before it raises BrokersAwayError. What ``send`` was given is kept
    even when it raises, and goes out with the next call.
    """

    def __init__(self, settings: Settings, *, transactional_id: str | None = None, patience_s: float = 10.0) -> None:
        self._id, self._patience_s = transactional_id, patience_s
        self._waiting: deque[Message] = deque()
        self._topics: set[str] = set()
        self._failure: Exception | None = None
        self._ready = self._open = False
        self._offsets_asked: Any = None
        self._end_asked: Any = None
        options = for_kafka_python({**DEFAULTS, **settings}, "producer")
        self._memory = int(str(options.pop("buffer_memory")))
        self._unacknowledged = 0
        if transactional_id is not None:
            options["transactional_id"] = transactional_id
        self._producer = connected(
            KafkaProducer, settings.get("bootstrap.servers"), bootstrap_timeout_ms=self._patience_ms,
            max_block_ms=self._patience_ms, acks="all", enable_idempotence=True, allow_auto_create_topics=False,
            metrics_enabled=False, value_serializer=_Bytes(), **options,
        )  # fmt: skip
        self._manager, self._sender = self._producer._transaction_manager, self._producer._sender
        self._sender._client.await_ready = _is_ready(self._sender._client)
        if transactional_id is not None:
            # kafka-python answers this one by a new epoch, with which the producer that was fenced would fence the
            # one that took its place.
            self._manager._FATAL_ERRORS |= {kafka.errors.InvalidProducerEpochError}

    @property
    def _patience_ms(self) -> int:
        return int(self._patience_s * 1_000)

    @property
    def transactional(self) -> bool:
        return self._id is not None

    # ---------------------------------------------------------------------------------------------- records

    def send(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(messages)
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting:
            message = self._waiting[0]
            self._check_topic(message.topic)
            if self._unacknowledged > self._memory:
                self._wait_for_all()
            try:
                sent = self._producer.send(
                    message.topic, self._nothing_if_empty(message), message.key, list(message.headers)
                )
            except kafka.errors.MessageSizeTooLargeError as error:
                self._waiting.popleft()
                raise OutputError(f"a record for {message.topic} is too large: {error}") from error
            except kafka.errors.KafkaError as error:
                raise self._meaning(error, "sending") from error
            sent.add_errback(self._note)
            self._unacknowledged += len(message.value or b"") + len(message.key or b"")
            self._waiting.popleft()

    @staticmethod
    def _nothing_if_empty(message: Message) -> Any:
        return NOTHING if message.value is None and message.key is None else message.value

    def _check_topic(self, topic: str) -> None:
        """kafka-python waits for a topic that does not exist until its patience ends."""
        if topic in self._topics:
            return
        cluster = self._producer._metadata
        before = cluster._last_successful_refresh_ms
        with translated(f"asking for topic {topic}"):
            try:
                self._producer._wait_on_metadata(topic, min(TOPIC_MS_MAX, self._patience_ms))
            except kafka.errors.KafkaTimeoutError as error:
                if cluster._last_successful_refresh_ms == before:
                    raise
                raise ConfigError(f"there is no topic {topic!r} to write to, or this user may not see it") from error
        self._topics.add(topic)

    def _note(self, error: Exception) -> None:
        self._failure = self._failure or error

    def flush(self) -> None:
        self._hand_over()
        self._wait_for_all()

    def _wait_for_all(self) -> None:
        with translated("waiting for acknowledgements"):
            self._producer.flush(timeout=self._patience_s)
        self._unacknowledged = 0
        if self._failure is not None:
            meant = self._meaning(self._failure, "writing")
            kind = FencedError if isinstance(meant, FencedError) else OutputError
            raise kind(str(meant)) from self._failure

    def _meaning(self, error: Exception, doing: str) -> StreamimbError:
        """kafka-python tells of an earlier failure by a general error: then that one is meant."""
        plain = type(error) in (kafka.errors.KafkaError, kafka.errors.TransactionAbortedError)
        cause = self._manager.last_error if self._manager is not None and plain else None
        return translate(cause or error, doing)

    # ----------------------------------------------------------------------------------------- transactions

    def begin(self) -> None:
        assert self._id is not None, "a transaction needs a transactional id"
        try:
            if not self._ready:
                self._producer.init_transactions()
                self._ready = True
            self._producer.begin_transaction()
        except kafka.errors.KafkaError as error:
            raise self._meaning(error, "beginning a transaction") from error
        self._open = True
        self._offsets_asked = self._end_asked = None

    def commit(self, offsets: Mapping[tuple[str, int], tuple[int, str]], group: Any) -> None:
        self.flush()
        theirs = {TopicPartition(*p): OffsetAndMetadata(o, name, -1) for p, (o, name) in offsets.items()}
        try:
            if theirs and self._offsets_asked is None:
                self._offsets_asked = self._manager.send_offsets_to_transaction(theirs, group)
            self._wait_for(self._offsets_asked)
            if self._end_asked is None:
                self._end_asked = self._manager.begin_commit()
            self._wait_for(self._end_asked)
        except kafka.errors.KafkaError as error:
            raise self._meaning(error, "committing a transaction") from error
        self._open = False

    def abort(self) -> None:
        self._waiting.clear()
        self._failure = None
        if not self._open:
            return
        self._open = False
        try:
            self._wait_for(self._manager.begin_abort())
        except kafka.errors.KafkaError as error:
            raise self._meaning(error, "aborting a transaction") from error

    def _wait_for(self, asked: Any) -> None:
        if asked is None:
            return
        self._sender.wakeup()
        if not asked.wait(timeout_ms=self._patience_ms):
            raise kafka.errors.KafkaTimeoutError(f"no answer in {self._patience_s:.0f} s")

    def close(self) -> None:
        with translated("closing"):
            try:
                self._producer.close(timeout=min(CLOSE_S_MAX, self._patience_s))
            except kafka.errors.KafkaTimeoutError:
                self._sender.force_close()
