"""Errors of librdkafka as this project's own, by their names: which end the process, and with which exit code."""

from __future__ import annotations

from typing import Any, Final

from streamimb.errors import (
    BrokersAwayError,
    ConfigError,
    FencedError,
    GapError,
    InputError,
    OutputError,
    StreamimbError,
)
from streamimb.kafka_settings import LOOK_AT_SASL, LOOK_AT_SIZE

MEANINGS: Final[dict[type[StreamimbError], frozenset[str]]] = {
    FencedError: frozenset(
        {"_FENCED", "FENCED_INSTANCE_ID", "ILLEGAL_GENERATION", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED",
         "TRANSACTION_COORDINATOR_FENCED", "UNKNOWN_MEMBER_ID"}
    ),
    GapError: frozenset({"_AUTO_OFFSET_RESET", "_LOG_TRUNCATION", "OFFSET_OUT_OF_RANGE"}),
    ConfigError: frozenset(
        {"_AUTHENTICATION", "_INVALID_ARG", "_SSL", "_UNKNOWN_TOPIC", "CLUSTER_AUTHORIZATION_FAILED",
         "GROUP_AUTHORIZATION_FAILED", "INVALID_TRANSACTION_TIMEOUT", "SASL_AUTHENTICATION_FAILED",
         "TOPIC_AUTHORIZATION_FAILED", "TOPIC_EXCEPTION", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
         "UNKNOWN_TOPIC_OR_PART", "UNSUPPORTED_SASL_MECHANISM"}
    ),
    InputError: frozenset({"_BAD_COMPRESSION", "_BAD_MSG", "INVALID_MSG"}),
    OutputError: frozenset({"INVALID_RECORD", "INVALID_TIMESTAMP", "MSG_SIZE_TOO_LARGE", "POLICY_VIOLATION"}),
    BrokersAwayError: frozenset({"_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT", "_TIMED_OUT_QUEUE", "_TRANSPORT"}),
}  # fmt: skip

#: How a broker says that it does not know a client.
REFUSALS: Final = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})


def translate_confluent(error: Any, doing: str) -> StreamimbError:
    """The project's own error for a ``KafkaError`` of confluent-kafka, saying what was being done."""
    told = f"{doing}: {error.name()}: {error.str()}"
    if error.name() in REFUSALS:
        told += f"; {LOOK_AT_SASL}"
    if error.name() == "MSG_SIZE_TOO_LARGE":
        told += f"; {LOOK_AT_SIZE}"
    for kind, names in MEANINGS.items():
        if error.name() in names:
            return kind(told)
    return BrokersAwayError(told) if error.retriable() else StreamimbError(told)
