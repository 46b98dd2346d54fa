"""Who may ask what, how much may be sent, and how a refusal is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]

#: A body comes within so many seconds, or its sender is too slow.
BODY_S: Final = 10.0


class Refused(Exception):  # noqa: N818
    """A request that is answered with a status, what was wrong, and what to do."""

    def __init__(self, status: int, what: str, todo: str) -> None:
        super().__init__(what)
        self.status, self.what, self.todo = status, what, todo


class Guard:
    """Asks for the bearer token: always, or as usual, which is unless only this machine can ask and names none.

    A token that is given is looked at wherever one is configured, so that a wrong one is found out where it is tried.
    """

    def __init__(self, token: bytes | None, *, open_to_all: bool) -> None:
        self._digest = None if token is None else hashlib.sha256(token).digest()
        self._open = open_to_all

    def nobody(self, handler: Handler) -> Handler:
        """Asks nobody: for what holds no data."""
        return told(handler)

    def usual(self, handler: Handler) -> Handler:
        return told(self._guarded(handler, may_name_none=self._open))

    def always(self, handler: Handler) -> Handler:
        return told(self._guarded(handler))

    def _guarded(self, handler: Handler, *, may_name_none: bool = False) -> Handler:
        async def guarded(request: Request) -> Response:
            if may_name_none and (self._digest is None or "authorization" not in request.headers):
                return await handler(request)
            if self._digest is None:
                raise Refused(403, "no token is configured", "set http.token_file to a file that holds one")
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise Refused(401, "a bearer token is needed", "send Authorization: Bearer TOKEN")
            if not hmac.compare_digest(hashlib.sha256(given.strip().encode()).digest(), self._digest):
                raise Refused(401, "the token is another", "it stands in the file that http.token_file names")
            return await handler(request)

        return guarded


def told(handler: Handler) -> Handler:
    """Turn what a handler raises into an answer."""

    async def answered(request: Request) -> Response:
        from streamimb_services.http.app import told_as

        try:
            return await handler(request)
        except ClientDisconnect:
            return failure(400, "the body ended early", "send it whole")
        except Exception as error:
            return failure(*told_as(error))

    return answered


async def body_of(request: Request, bytes_max: int) -> bytes:
    """The whole body. Raises Refused where it is too large, or comes too slowly."""
    announced = request.headers.get("content-length", "0")
    large = Refused(413, f"the body is larger than {bytes_max:,} bytes", "send less; http.body_bytes_max is the bound")
    if announced.isdigit() and int(announced) > bytes_max:
        raise large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > bytes_max:
                    raise large
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"the body took longer than {BODY_S:g} s", "send it faster, or less of it") from None
    return b"".join(parts)


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def failure(status: int, what: str, todo: str) -> Response:
    """An error in words: what was wrong, and what to do."""
    response = json_response({"error": what, "todo": todo}, status)
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if status == 503:
        response.headers["retry-after"] = "1"
    if status in (408, 413):
        response.headers["connection"] = "close"
    return response
