"""The live page: its files, which hold no data, and the same as a table for who has no scripts."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from streamimb.errors import StreamimbError
from streamimb.serving import Busy, Hub, NotHere
from streamimb_services.http.explaining import Explaining
from streamimb_services.http.guard import Refused
from streamimb_services.http.live import Events, Live
from streamimb_services.http.table import table_page

#: Nothing is fetched from elsewhere, no script or style stands in the page itself, and nobody may frame it.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
SAFE: Final = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}  # fmt: skip
TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
#: Seconds that a table without scripts waits for what carries the class; the next one will have it.
CARRIED_S: Final = 2.0
#: What is served under /static/, beside the page itself.
STATIC: Final = (
    "page.css", "page.js", "carried.js", "charts.js", "features.js", "figures.js", "series.js", "stream.js",
    "tables.js", "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css",
)  # fmt: skip


class Pages:
    """The handlers of the page."""

    def __init__(self, live: Live, explaining: Explaining, hub: Hub) -> None:
        self._live, self._explaining, self._hub = live, explaining, hub
        folder = files("streamimb_services.http") / "static"
        self._static = {name: _File(name, (folder / name).read_bytes()) for name in ("index.html", *STATIC)}

    async def index(self, request: Request) -> Response:
        """The page, without any data."""
        return self._static["index.html"].answer(request)

    async def static(self, request: Request) -> Response:
        """A script, a style sheet."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise Refused(404, f"there is no file {name!r}", "/ is the page")
        return self._static[name].answer(request)

    async def events(self, _: Request) -> Response:
        """The data: its history, then a snapshot a second."""
        if self._live.full:
            raise Refused(503, "too many look on already", "try again later, or raise http.connections_max")
        return Events(self._live)

    async def table(self, request: Request) -> Response:
        """The data as a page that reads without scripts and asks for itself again."""
        headers = {**SAFE, "cache-control": "no-store"}
        carried = await self._carried(request.query_params.get("unit"))
        return Response(table_page(self._live.shown(), carried), headers=headers, media_type="text/html")

    async def _carried(self, unit: str | None) -> dict[str, Any] | str:
        """What carries the class, or why that is not told."""
        try:
            return await asyncio.wait_for(self._explaining.carried(self._hub.one(unit)), CARRIED_S)
        except TimeoutError:
            return "it is being worked out"
        except (NotHere, Busy, StreamimbError) as error:
            return str(error)


class _File:
    """A file as it is answered; a browser that has it already is told so."""

    def __init__(self, name: str, content: bytes) -> None:
        self._content = content
        self._tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        self._type = TYPES[name.rpartition(".")[2]]

    def answer(self, request: Request) -> Response:
        headers = {**SAFE, "etag": self._tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == self._tag:
            return Response(status_code=304, headers=headers)
        return Response(self._content, headers=headers, media_type=self._type)
