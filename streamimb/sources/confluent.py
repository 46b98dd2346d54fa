"""Fetching by confluent-kafka, several times as fast; membership and commits stay with kafka-python, since librdkafka
takes no assignor from Python.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from operator import itemgetter
from types import NoneType
from typing import Any, Final

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamimb.confluent_errors import translate_confluent
from streamimb.errors import BrokersAwayError, ConfigError
from streamimb.kafka_settings import Settings, for_confluent
from streamimb.sources.kafka import DEFAULTS, KafkaSource
from streamimb.sources.kafka_fetch import NO_HEADERS, US_PER_MS
from streamimb.sources.log import Headers, Partition, Records
from streamimb.sources.sharing import Scope

_SECOND = itemgetter(1)
#: What librdkafka keeps in memory ahead of the loop, kilobytes.
AHEAD_KB_MAX: Final = 32_768
#: Milliseconds after which it looks again whether what it keeps ahead is below its bounds. By default it is a second,
#: in which the loop has learned all that there was (100,000 messages) and waits.
FULL_MS: Final = 10


class ConfluentSource(KafkaSource):
    """A LogSource as KafkaSource is, but for who fetches."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        *,
        scope: Scope = "topic",
        group_instance_id: str | None = None,
        patience_s: float = 10.0,
    ) -> None:
        super().__init__(settings, group, scope=scope, group_instance_id=group_instance_id, patience_s=patience_s)
        self._positions: dict[Partition, int] = {}
        options = for_confluent({**DEFAULTS, **settings}, "consumer") | {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "error_cb": logging.getLogger("confluent_kafka").info,  # without it, calls raise SystemError
            "queued.max.messages.kbytes": AHEAD_KB_MAX,
            "fetch.queue.backoff.ms": FULL_MS,
        }
        try:
            self._fetching = Consumer(options, logger=logging.getLogger("confluent_kafka"))
        except (KafkaException, ValueError) as error:
            super().close(leave=True)
            raise ConfigError(f"confluent-kafka: {error}") from error

    def _fetch(self, records_max: int, timeout_s: float) -> list[Records]:
        """The first record is waited for, the others are taken as far as they are there."""
        found = self._fetching.consume(1, timeout_s)
        if found and records_max > 1:
            found += self._fetching.consume(records_max - 1, 0)
        errors = list(map(Message.error, found))
        if set(map(type, errors)) - {NoneType}:
            for message in found:
                if message.error() is not None:
                    self._hear(message)
            found = [message for message, error in zip(found, errors, strict=True) if error is None]
        ours = {Partition(*p): messages for p, messages in _by_partition(found).items() if p in self._positions}
        for partition, messages in ours.items():
            self._positions[partition] = messages[-1].offset() + 1
        return [_records(partition, messages) for partition, messages in ours.items()]

    def _hear(self, message: Any) -> None:
        """The end of a partition moves the position past what nobody reads; what passes by itself is passed over."""
        error, partition = message.error(), Partition(message.topic(), message.partition())
        if error.code() == KafkaError._PARTITION_EOF:
            if partition in self._positions:
                self._positions[partition] = max(self._positions[partition], message.offset())
            return
        meant = translate_confluent(error, f"fetching {partition.topic}:{partition.number}")
        if not isinstance(meant, BrokersAwayError):
            raise meant

    def seek(self, partition: Partition, offset: int) -> None:
        if partition in self._positions:
            self._fetching.incremental_unassign([_theirs(partition)])
        self._fetching.incremental_assign([TopicPartition(partition.topic, partition.number, int(offset))])
        self._positions[partition] = int(offset)

    def _dropped(self, partitions: list[Partition]) -> None:
        gone = [p for p in partitions if self._positions.pop(p, None) is not None]
        if gone:
            self._fetching.incremental_unassign([_theirs(p) for p in gone])

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._fetching.pause([_theirs(p) for p in partitions if p in self._positions])

    def resume(self, partitions: Iterable[Partition]) -> None:
        self._fetching.resume([_theirs(p) for p in partitions if p in self._positions])

    def position(self, partition: Partition) -> int:
        return self._positions.get(partition, 0)

    def lag(self) -> dict[Partition, int]:
        found = {}
        for partition, position in self._positions.items():
            _, end = self._fetching.get_watermark_offsets(_theirs(partition), cached=True)
            if end >= 0:
                found[partition] = max(0, end - position)
        return found

    def close(self, *, leave: bool) -> None:
        self._fetching.close()
        super().close(leave=leave)


def _by_partition(messages: list[Any]) -> dict[tuple[str, int], list[Any]]:
    """Messages by topic and number. Of one partition, as most polls are, without a step of the interpreter for each."""
    places = list(zip(map(Message.topic, messages), map(Message.partition, messages), strict=True))
    if len(set(places)) <= 1:
        return dict.fromkeys(places[:1], messages)
    by_partition: dict[tuple[str, int], list[Any]] = {}
    for place, message in zip(places, messages, strict=True):
        by_partition.setdefault(place, []).append(message)
    return by_partition


def _records(partition: Partition, messages: list[Any]) -> Records:
    n = len(messages)
    told = list(map(Message.headers, messages))
    return Records(
        partition,
        np.fromiter(map(Message.offset, messages), np.int64, n),
        np.fromiter(map(_SECOND, map(Message.timestamp, messages)), np.int64, n) * US_PER_MS,
        list(map(Message.key, messages)),
        list(map(Message.value, messages)),
        [NO_HEADERS] * n if told.count(None) == n else list(map(_headers, told)),
    )


def _headers(told: list[tuple[str, bytes | None]] | None) -> Headers:
    return NO_HEADERS if not told else [(name, value or b"") for name, value in told]


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
