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
from streamimb.kafka_settings import LOOK_AT_SASL, LOOK_AT_SIZE

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

#: How a broker says that it does not know a client.
REFUSALS: Final = (k.SaslAuthenticationFailedError, k.UnsupportedSaslMechanismError)


def translate(error: Exception, doing: str) -> StreamimbError:
    """The project's own error for one of kafka-python's, saying what was being done."""
    told = f"{doing}: {type(error).__name__}: {error}"
    if isinstance(error, REFUSALS):
        told += f"; {LOOK_AT_SASL}"
    if isinstance(error, (k.MessageSizeTooLargeError, k.RecordListTooLargeError)):
        told += f"; {LOOK_AT_SIZE}"
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
    """A client of kafka-python that has found its brokers; where it finds none, no socket of it is left open.

    kafka-python would try a password that was refused again until its time is over, and then say that nobody answered.
    Here the first refusal is what it ends by. That goes for the beginning alone: later on, brokers that start anew may
    refuse a while whom they know.
    """
    made: list[Any] = []

    def client(**settings: Any) -> Any:
        made.append(KafkaNetClient(**settings))
        _end_at_refusals(made[-1]._manager)
        return made[-1]

    with translated(f"connecting to {servers}"):
        try:
            found = make(kafka_client=client, **options)
        except BaseException:
            for opened in made:
                opened.close()
            raise
        for opened in made:
            del opened._manager.get_connection
        return found


def _end_at_refusals(manager: Any) -> None:
    """Let whoever asks for a connection once more be told why the broker refused the one before."""
    connect, refused = manager.get_connection, []

    def note(error: Exception) -> None:
        if isinstance(error, REFUSALS):
            refused.append(error)

    def get_connection(*args: Any, **options: Any) -> Any:
        if refused:
            raise refused[0]
        connection = connect(*args, **options)
        connection.init_future.add_errback(note)
        begin = connection.connection_made

        def connection_made(transport: Any) -> None:
            transport._sock_recv = _last_words_first(transport._sock_recv)
            begin(transport)

        connection.connection_made = connection_made
        return connection

    manager.get_connection = get_connection


def _last_words_first(receive: Callable[[], tuple[bytes, Any]]) -> Callable[[], tuple[bytes, Any]]:
    """kafka-python drops what came with the end of a connection: the refusal itself. The end comes again by itself."""

    def received() -> tuple[bytes, Any]:
        data, error = receive()
        return (data, None) if data else (data, error)

    return received
