"""Refused events as records of their own, with Kafka Connect's error headers."""

from __future__ import annotations

from typing import Final

from streamimb.batch import Rejected
from streamimb.sinks.log import Message
from streamimb.sources.log import Records

#: As Kafka Connect names them (KIP-298).
PREFIX: Final = "__connect.errors."
#: What is told of a refusal beside Connect's own headers.
REASON: Final = "__streamimb.reason"
FIELD: Final = "__streamimb.field"
#: What is told of a refusal's detail at most, characters.
DETAIL_CHARS: Final = 1_000


def dead_letter(topic: str, rejected: Rejected, records: Records, row: int, *, connector: str) -> Message:
    """The original bytes, key and headers of a refused record, and in headers where it stood and why it was refused.

    connector: who refused it, as the name of the consumer group. Nothing was raised, so the trace is one line.
    """
    partition = records.partition
    kind = f"streamimb.Rejected.{rejected.reason.value}"
    detail = rejected.detail[:DETAIL_CHARS]
    told = {
        f"{PREFIX}topic": partition.topic,
        f"{PREFIX}partition": str(partition.number),
        f"{PREFIX}offset": str(int(records.offsets[row])),
        f"{PREFIX}stage": "VALUE_CONVERTER",
        f"{PREFIX}class.name": "streamimb.decode_json.JsonDecoder",
        f"{PREFIX}connector.name": connector,
        f"{PREFIX}task.id": str(partition.number),
        f"{PREFIX}exception.class.name": kind,
        f"{PREFIX}exception.message": detail,
        f"{PREFIX}exception.stacktrace": f"{kind}: {detail}",
        REASON: rejected.reason.value,
        FIELD: rejected.field or "",
    }
    headers = [*records.headers[row], *((name, text.encode()) for name, text in told.items())]
    return Message(topic, records.values[row], records.keys[row], headers)
