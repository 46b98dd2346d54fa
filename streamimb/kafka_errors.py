"""Errors of kafka-python as this project's own: which end the process, and with which exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import kafka.errors as k
from kafka.net.compat import KafkaNetClient

from streamimb.errors import (
    BrokersAwayError,
    ConfigError,
    FencedError,
    GapError,
    InputError,
    OutputError,
    StreamimbError,
)

#: The first row that an error is an instance of decides.
MEANINGS: Final[tuple[tuple[type[StreamimbError], tuple[type[Exception], ...]], ...]] = (
    (
        FencedError,
        (
            k.CommitFailedError, k.FencedInstanceIdError, k.IllegalGenerationError, k.InvalidProducerEpochError,
            k.ProducerFencedError, k.TransactionCoordinatorFencedError, k.UnknownMemberIdError,
        ),
    ),
    (GapError, (k.LogTruncationError, k.NoOffsetForPartitionError, k.OffsetOutOfRangeError)),
    (
        ConfigError,
        (
            k.AuthorizationError, k.InconsistentGroupProtocolError, k.InvalidGroupIdError, k.InvalidSessionTimeoutError,
            k.InvalidTopicError, k.InvalidTransactionTimeoutError, k.KafkaConfigurationError,
            k.SaslAuthenticationFailedError, k.UnsupportedCodecError, k.UnsupportedSaslMechanismError,
            k.UnsupportedVersionError,
        ),
    ),
    (
        OutputError,
        (
            k.InvalidRecordError, k.InvalidTimestampError, k.MessageSizeTooLargeError, k.OffsetMetadataTooLargeError,
            k.PolicyViolationError, k.RecordListTooLargeError, k.OutOfOrderSequenceNumberError,
            k.UnknownProducerIdError,
        ),
    ),
    (InputError, (k.CorruptRecordError,)),
    (BrokersAwayError, (k.RetriableError, k.KafkaConnectionError, k.BrokerNotAvailableError)),
)  # fmt: skip


def translate(error: Exception, doing: str) -> StreamimbError:
    """The project's own error for one of kafka-python's, saying what was being done."""
    told = f"{doing}: {type(error).__name__}: {error}"
    for kind, meant in MEANINGS:
        if isinstance(error, meant):
            return kind(told)
    return StreamimbError(told)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the project's own errors for kafka-python's, and for those of the system below it."""
    try:
        yield
    except k.KafkaError as error:
        raise translate(error, doing) from error
    except (OSError, ValueError) as error:  # a file of certificates, a setting or a topic's name
        raise ConfigError(f"{doing}: {error}") from error


def connected(make: Callable[..., Any], servers: object, **options: Any) -> Any:
    """A client of kafka-python that has found its brokers; where it finds none, no socket of it is left open."""
    made: list[Any] = []

    def client(**settings: Any) -> Any:
        made.append(KafkaNetClient(**settings))
        return made[-1]

    with translated(f"connecting to {servers}"):
        try:
            return make(kafka_client=client, **options)
        except BaseException:
            for opened in made:
                opened.close()
            raise
