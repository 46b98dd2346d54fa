"""A producer to Kafka, by confluent-kafka: several times as fast as kafka-python's."""

from __future__ import annotations

import logging
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaException, Producer, TopicPartition

from streamimb.confluent_errors import REFUSALS, translate_confluent
from streamimb.errors import BrokersAwayError, ConfigError, FencedError, OutputError
from streamimb.kafka_settings import TRANSACTION_MS, Settings, for_confluent
from streamimb.sinks.log import Message

#: What holds where nothing else is set. Records never expire by themselves: how long brokers may be away is a budget.
DEFAULTS: Final[Settings] = {
    "batch.size": 131_072,
    "linger.ms": 5,
    "reconnect.backoff.max.ms": 1_000,
    "transaction.timeout.ms": TRANSACTION_MS,
}
NEVER: Final = 2**31 - 1
AHEAD_KB_MAX: Final = 32_768
CLOSE_S_MAX: Final = 3.0
#: What a call may take beyond its patience, seconds, before it counts as one that never ends.
GRACE_S: Final = 5.0
#: Seconds between two looks at a full queue.
STEP_S: Final = 0.1


class ConfluentSink:
    """A LogSink as KafkaSink is, by another client."""

    def __init__(self, settings: Settings, *, transactional_id: str | None = None, patience_s: float = 10.0) -> None:
        self._id, self._patience_s = transactional_id, patience_s
        self._waiting: deque[Message] = deque()
        self._topics: set[str] = set()
        self._failure: Any = None
        self._refusal: Any = None
        self._let_in = False
        self._ready = self._open = self._offsets_sent = False
        options = for_confluent({**DEFAULTS, **settings}, "producer") | {
            "acks": "all",
            "enable.idempotence": True,
            "delivery.report.only.error": True,
            "queue.buffering.max.kbytes": AHEAD_KB_MAX,
            "on_delivery": lambda error, _: self._note(error),
            "error_cb": self._hear,
        }
        if transactional_id is None:
            options.setdefault("delivery.timeout.ms", NEVER)
            options.pop("transaction.timeout.ms")
        else:
            options["transactional.id"] = transactional_id
            options["delivery.timeout.ms"] = options["transaction.timeout.ms"]
        try:
            self._producer = Producer(options, logger=logging.getLogger("confluent_kafka"))
        except (KafkaException, ValueError) as error:
            raise ConfigError(f"confluent-kafka: {error}") from error

    @property
    def transactional(self) -> bool:
        return self._id is not None

    def _note(self, error: Any) -> None:
        self._failure = self._failure or error

    def _hear(self, error: Any) -> None:
        if error.fatal():
            self._note(error)
        if error.name() in REFUSALS:
            self._refusal = error

    def send(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(messages)
        self._hand_over()

    def _hand_over(self) -> None:
        waited_s = 0.0
        while self._waiting:
            message = self._waiting[0]
            self._check_topic(message.topic)
            try:
                self._producer.produce(message.topic, message.value, message.key, headers=list(message.headers))
            except BufferError as error:
                if waited_s >= self._patience_s:
                    raise BrokersAwayError(f"nothing was acknowledged in {waited_s:.0f} s") from error
                self._producer.poll(STEP_S)
                waited_s += STEP_S
                continue
            except KafkaException as error:
                if error.args[0].name() == "MSG_SIZE_TOO_LARGE":
                    self._waiting.popleft()
                raise translate_confluent(error.args[0], f"sending to {message.topic}") from error
            waited_s = 0.0
            self._waiting.popleft()
        self._producer.poll(0)

    def _check_topic(self, topic: str) -> None:
        if topic in self._topics:
            return
        found = self._ask(lambda: self._producer.list_topics(topic, self._patience_s), f"asking for topic {topic}")
        if found.topics[topic].error is not None:
            raise ConfigError(f"there is no topic {topic!r} to write to, or this user may not see it")
        self._topics.add(topic)

    def flush(self) -> None:
        self._hand_over()
        left = self._ask(lambda: self._producer.flush(self._patience_s), "writing")
        if self._failure is not None:
            meant = translate_confluent(self._failure, "writing")
            raise (FencedError if isinstance(meant, FencedError) else OutputError)(str(meant))
        if left:
            raise BrokersAwayError(f"{left:,} records were not acknowledged in {self._patience_s:.0f} s")

    def begin(self) -> None:
        assert self._id is not None, "a transaction needs a transactional id"
        if not self._ready:
            self._ask(lambda: self._producer.init_transactions(self._patience_s), "beginning transactions")
            self._ready = True
        self._ask(self._producer.begin_transaction, "beginning a transaction")
        self._open, self._offsets_sent = True, False

    def commit(self, offsets: Mapping[tuple[str, int], tuple[int, str]], group: Any) -> None:
        self.flush()
        if offsets and not self._offsets_sent:
            theirs = [TopicPartition(t, n, offset, metadata=note) for (t, n), (offset, note) in offsets.items()]
            member = _as_librdkafka(group)
            send = self._producer.send_offsets_to_transaction
            self._ask_in_time(lambda: send(theirs, member, self._patience_s), "adding offsets to a transaction")
            self._offsets_sent = True
        self._ask_in_time(lambda: self._producer.commit_transaction(self._patience_s), "committing a transaction")
        self._open = False

    def abort(self) -> None:
        self._waiting.clear()
        if not self._open:
            return
        self._open = False
        self._ask_in_time(lambda: self._producer.abort_transaction(self._patience_s), "aborting a transaction")
        self._failure = None

    def _ask_in_time(self, call: Callable[[], Any], doing: str) -> None:
        """Ask from a thread of its own: librdkafka was seen to keep no time limit where a call came again after its
        broker had died. Raises OutputError then: only a new process, which fences this one, goes on from there.
        """
        raised: list[BaseException | None] = []

        def ask() -> None:
            try:
                self._ask(call, doing)
            except BaseException as error:
                raised.append(error)
            else:
                raised.append(None)

        thread = threading.Thread(target=ask, name="transaction", daemon=True)
        thread.start()
        thread.join(self._patience_s + GRACE_S)
        if not raised:
            waited_s = self._patience_s + GRACE_S
            raise OutputError(f"{doing}: librdkafka has not come back in {waited_s:.0f} s; start the process anew")
        if raised[0] is not None:
            raise raised[0]

    def _ask(self, call: Callable[[], Any], doing: str) -> Any:
        """Ask a broker. Where one refuses, librdkafka says in the end that none answered: at first that is not it.

        Later on, brokers that start anew may refuse a while whom they know.
        """
        try:
            answer = call()
        except KafkaException as error:
            meant = translate_confluent(error.args[0], doing)
            if isinstance(meant, BrokersAwayError) and not self._let_in:
                self._producer.poll(0)
                meant = meant if self._refusal is None else translate_confluent(self._refusal, doing)
            raise meant from error
        except SystemError as error:  # the client's own, where it hears of a fatal error in the midst of a call
            if self._failure is None:
                raise OutputError(f"{doing}: {error}") from error
            raise translate_confluent(self._failure, doing) from error
        self._let_in = True
        return answer

    def close(self) -> None:
        """Send what is under way as far as that goes quickly."""
        self._producer.flush(min(CLOSE_S_MAX, self._patience_s))


def _as_librdkafka(group: Any) -> bytes:
    """A member of a group as librdkafka writes it down (``rd_kafka_consumer_group_metadata_write``, version 2)."""
    instance = group.group_instance_id
    told = b"\x01" if instance is None else b"\x00" + instance.encode() + b"\x00"
    names = group.group_id.encode() + b"\x00" + group.member_id.encode() + b"\x00"
    return b"".join([b"CGMDv2:", struct.pack("=i", group.generation_id), names, told])
