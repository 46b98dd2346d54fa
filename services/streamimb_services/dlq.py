"""`streamimb dlq`: what was refused, where it stood, and back with it once its cause is gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from streamimb.config import Config
from streamimb.errors import ConfigError
from streamimb.sinks.clients import make_sink
from streamimb.sinks.dead_letters import FIELD, PREFIX, REASON
from streamimb.sinks.log import Message
from streamimb.sinks.size import SIZE
from streamimb.sources.clients import make_source
from streamimb.sources.log import Headers, Records
from streamimb_services.exits import note
from streamimb_services.progress import counted
from streamimb_services.to_the_end import ToTheEnd

POLL_RECORDS = 1_000
POLL_S = 0.5
#: So much of a refused event is shown.
SHOWN_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A refused record, and what its headers say of it; ``headers``: those that it came with."""

    at: str
    topic: str
    partition: str
    offset: str
    reason: str
    field: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    is_cut: bool = False

    @staticmethod
    def of(records: Records, row: int) -> Letter:
        """The letter that a record of a topic of dead letters is."""
        told = {name: value.decode("utf-8", "replace") for name, value in records.headers[row]}
        ours = (PREFIX, REASON, FIELD)
        return Letter(
            at=f"{records.partition.number}:{int(records.offsets[row])}",
            topic=told.get(f"{PREFIX}topic", ""),
            partition=told.get(f"{PREFIX}partition", ""),
            offset=told.get(f"{PREFIX}offset", ""),
            reason=told.get(REASON, ""),
            field=told.get(FIELD, ""),
            message=told.get(f"{PREFIX}exception.message", ""),
            key=records.keys[row],
            value=records.values[row],
            headers=[h for h in records.headers[row] if not h[0].startswith(ours)],
            is_cut=SIZE in told,
        )

    def show(self) -> dict[str, str | None]:
        """What a person sees of it."""
        value = None if self.value is None else self.value.decode("utf-8", "replace")[:SHOWN_CHARS_MAX]
        key = None if self.key is None else self.key.decode("utf-8", "replace")
        names = ("at", "topic", "partition", "offset", "reason", "field", "message")
        return {name: getattr(self, name) for name in names} | {"key": key, "value": value}


def letters(config: Config, *, begin: int = 0, reason: str | None = None) -> Iterator[Letter]:
    """The dead letters that a topic holds now, partition by partition. Raises ConfigError, BrokersAwayError."""
    topic = config.output.dead_letters
    if topic is None:
        raise ConfigError("output.dead_letters is missing: name the topic with -t")
    if not config.kafka.get("bootstrap.servers"):
        raise ConfigError("kafka.bootstrap.servers is missing: name the brokers with -b, as 127.0.0.1:9092")
    source = make_source(config.source.client, config.kafka, f"streamimb-dlq-{uuid.uuid4().hex[:12]}")
    try:
        reading, idle = ToTheEnd(source, begin=begin), False
        source.subscribe([topic], reading)
        while not reading.passed(reading.next, idle=idle):
            polled = source.poll(records_max=POLL_RECORDS, timeout_s=POLL_S)
            for records in polled:
                yield from _wanted(records, reading.ends[records.partition], reason)
                reading.read(records)
            idle = not polled
    finally:
        source.close(leave=True)


def _wanted(records: Records, end: int, reason: str | None) -> Iterator[Letter]:
    """Those of the records before ``end`` that have this reason, if one is asked for."""
    for row, offset in enumerate(records.offsets.tolist()):
        letter = Letter.of(records, row)
        if offset < end and (reason is None or letter.reason == reason):
            yield letter


def replay_letters(config: Config, *, begin: int, reason: str | None, limit: int | None) -> int:
    """Send dead letters back to the topics they came from: original bytes, key and headers; how many.

    Raises ConfigError, BrokersAwayError, OutputError.
    """
    sink, sent = make_sink(config.source.client, config.kafka), 0
    cut = 0
    try:
        with counted("replaying dead letters") as shown:
            for letter in letters(config, begin=begin, reason=reason):
                if limit is not None and sent >= limit:
                    break
                if not letter.topic or letter.is_cut:
                    cut += letter.is_cut
                    continue
                sink.send([Message(letter.topic, letter.value, letter.key, letter.headers)])
                sent += 1
                shown(sent, limit or 0)
        sink.flush()
    finally:
        sink.close()
    if cut:
        note(f"{cut:,} letters hold only the beginning of a record that was larger than their topic takes: not sent")
    return sent
