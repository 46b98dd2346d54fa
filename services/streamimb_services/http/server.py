"""The server: a thread of the process that listens as configured."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from streamimb.errors import ConfigError
from streamimb.service_config import HttpConfig
from streamimb_services.http.app import Service, make_app
from streamimb_services.http.live import Live

#: A connection that is silent between two requests is closed after so many seconds.
KEEP_ALIVE_S: Final = 5
#: When the process ends, answers under way get so many seconds.
SHUTDOWN_S: Final = 2
#: How long a thread may keep the interpreter, seconds: with the usual 0.005 the loop would wait for whoever answers.
SWITCH_S: Final = 0.0005
TOKEN_BYTES_MIN: Final = 16
#: A peer that takes nothing of what was sent for so long, milliseconds, is cut off (where the system can).
STALLED_MS: Final = 20_000
#: What the system holds for a peer that is slow to take it.
SEND_BYTES: Final = 262_144


def read_token(config: HttpConfig) -> bytes | None:
    """The token of ``http.token_file``. Raises ConfigError where it cannot be used, or is needed and not given."""
    if config.token_file is None:
        if not is_loopback(config.host):
            raise ConfigError(f"http.host = {config.host!r} is reached from elsewhere: set http.token_file")
        return None
    try:
        token = Path(config.token_file).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"http.token_file: {config.token_file}: {error.strerror or error}") from None
    if len(token) < TOKEN_BYTES_MIN:
        raise ConfigError(f"http.token_file: {config.token_file}: a token has {TOKEN_BYTES_MIN} bytes at least")
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def listening(service: Service) -> Iterator[int]:
    """Answer while this is entered; gives the port. Raises ConfigError where it cannot be listened on."""
    config, switch = service.config.http, sys.getswitchinterval()
    bound = _bind(config)
    app = make_app(service, loopback=is_loopback(config.host))
    settings = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, server_header=False, ws="none", loop="asyncio",
        http="h11", limit_concurrency=config.connections_max, timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=_serve, args=(server, bound, service.live), name="http", daemon=True)
    sys.setswitchinterval(min(switch, SWITCH_S))
    thread.start()
    try:
        yield int(bound.getsockname()[1])
    finally:
        service.live.end(service.explaining.at_end)
        server.should_exit = True
        thread.join(SHUTDOWN_S + 1)
        bound.close()
        sys.setswitchinterval(switch)


def _serve(server: uvicorn.Server, bound: socket.socket, live: Live) -> None:
    async def both() -> None:
        ticking = asyncio.create_task(live.run())
        try:
            await server.serve(sockets=[bound])
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking

    asyncio.run(both())


def _bind(config: HttpConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off; an answer's body would wait 40 ms for an ACK else.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        bound.bind((config.host, config.port))
        bound.listen()  # who comes before the thread is up waits
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"http.port: {config.host}:{config.port} cannot be listened on: {error.strerror}; give each process on a "
            "machine a port of its own (STREAMIMB_HTTP__PORT=8081), or 0 for a free one"
        ) from None
    return bound
