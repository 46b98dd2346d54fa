"""Reading from brokers in large pieces: kafka-python reads 4 KB at a time, and gives the interpreter away at each."""

from __future__ import annotations

import logging
from types import MethodType
from typing import Any, Final

from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaTCPTransport

#: Bytes that are read at once. Its thread may wait for the interpreter's lock after each reading, up to 5 ms while
#: another learns: with 4 KB a response of a megabyte takes as many such waits as it has pieces.
RECEIVE_BYTES: Final = 1 << 18

_LOG: Final = logging.getLogger("kafka.net.transport")  # as kafka-python tells of the same


def read_widely(manager: Any) -> None:
    """Let the connections that kafka-python's manager makes from now on read in large pieces, those with TLS apart.

    It stands in for ``_sock_recv`` of kafka-python 3.0's transport; the contract of sources looks whether it is asked.
    """
    build = manager._build_transport

    async def build_wide(node: Any, timeout_at: float | None = None) -> Any:
        transport = await build(node, timeout_at=timeout_at)
        if type(transport) is KafkaTCPTransport:
            transport._sock_recv = MethodType(receive, transport)
        return transport

    manager._build_transport = build_wide


def receive(transport: Any) -> tuple[bytes, Exception | None]:
    """What has come, up to RECEIVE_BYTES, and what ended the connection, if anything did."""
    try:
        data = transport._sock.recv(RECEIVE_BYTES)
    except (BlockingIOError, InterruptedError):
        return b"", None
    except OSError as error:
        _LOG.error("%s: %s", transport, error)
        return b"", KafkaConnectionError(error)
    if not data:
        _LOG.error("%s: the broker closed the connection", transport)
    return data, None if data else KafkaConnectionError("socket disconnected")
