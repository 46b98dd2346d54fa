"""The stream of events behind the page: what is told once a second is rendered once, however many look on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streamimb.serving import Recorder

#: Seconds between two snapshots.
TICK_S: Final = 1.0
#: Snapshots that a viewer may be behind; one that is slower is sent away, and comes back to the whole history.
BEHIND_MAX: Final = 8
#: Connections that viewers leave to those who scrape, probe and ask.
RESERVED: Final = 32
#: The last snapshot waits so long for what carries the class at the end, seconds; a server that ends waits for it.
LAST_S: Final = 1.5
#: A viewer that was sent away gets so long to notice, seconds; then its connection is closed.
LEAVING_S: Final = 30.0

HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no",
    "connection": "close",
}  # fmt: skip

#: Works out what carries the class at the end, by unit.
Last = Callable[[], Awaitable[dict[str, Any]]]


class Live:
    """Ticks, and passes each tick to all viewers.

    facts: what is told beside what the recorder knows, as whether the loop is alive. ``run`` in the server's event
    loop, ``end`` from any thread.
    """

    def __init__(self, recorder: Recorder, facts: Callable[[], dict[str, Any]], *, connections_max: int) -> None:
        self._recorder, self._facts = recorder, facts
        self._viewers_max = max(1, connections_max - RESERVED)
        self._recent: deque[bytes] = deque(maxlen=BEHIND_MAX)
        self._history: tuple[int, bytes] | None = None
        self._ticked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = threading.Event()
        self._leaving = False
        self._last: asyncio.Task[None] | None = None
        self.ticks = self.viewers = self.sent_away = self.renderings = 0

    async def run(self) -> None:
        """Tick until ``end``."""
        self._loop = asyncio.get_running_loop()
        due = self._loop.time()
        while not self._ending.is_set():
            self._tick()
            due = max(due + TICK_S, self._loop.time())
            await asyncio.sleep(due - self._loop.time())

    def over(self, last: Last | None = None) -> None:
        """Tell everybody that the stream has ended, and by ``last`` what carries the class then; they may look on."""
        if self._loop is None:
            self._recorder.ended = True
            return
        with contextlib.suppress(RuntimeError):  # the event loop has gone already
            self._loop.call_soon_threadsafe(self._say_over, last, False)

    def end(self, last: Last | None = None) -> None:
        """The same where it was not told yet, and let everybody go; to be called before the server stops."""
        self._ending.set()
        if self._loop is None:
            self._recorder.ended = True
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._say_over, last, True)

    def _say_over(self, last: Last | None, leave: bool) -> None:
        self._last = asyncio.create_task(self._last_tick(last, self._last, leave))

    async def _last_tick(self, last: Last | None, before: asyncio.Task[None] | None, leave: bool) -> None:
        if before is not None:
            await asyncio.wait({before})  # whatever became of it
        carried: dict[str, Any] = {}
        try:
            if last is not None and not self._recorder.ended:
                with contextlib.suppress(Exception):  # viewers are let go whatever goes wrong
                    carried = await asyncio.wait_for(last(), LAST_S)
        finally:
            # Not earlier: a viewer who has seen every tick leaves as soon as it is over.
            self._recorder.ended = True
            self._leaving = leave
            self._tick(**({"carried": carried} if carried else {}))

    @property
    def full(self) -> bool:
        """Whether there is no room for one more viewer."""
        return self.viewers >= self._viewers_max

    def shown(self) -> dict[str, Any]:
        """All that the page shows, as data."""
        return self._recorder.shown(**self._facts())

    def _tick(self, **more: Any) -> None:
        self._recent.append(self._recorder.tick(**self._facts(), **more))
        self.ticks += 1
        self.renderings += 1
        before, self._ticked = self._ticked, asyncio.Event()
        before.set()

    def _past(self) -> bytes:
        """The history as of the last tick, rendered once for all who come before the next one."""
        if self._history is None or self._history[0] != self.ticks:
            self._history = self.ticks, self._recorder.history(**self._facts())
            self.renderings += 1
        return self._history[1]

    async def watch(self, receive: Receive, send: Send) -> None:
        """Send the history, then each tick, until the viewer goes, is too slow, or it is over."""
        gone = asyncio.ensure_future(_disconnected(receive))
        self.viewers += 1
        try:
            slow = await self._send_all(gone, send)
        finally:
            self.viewers -= 1
        try:
            if slow:
                self.sent_away += 1
                await asyncio.wait({gone}, timeout=LEAVING_S)
            elif not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    async def _send_all(self, gone: asyncio.Future[None], send: Send) -> bool:
        """Whether the viewer was too slow."""
        seen, part = self.ticks, self._past()
        while not gone.done():
            try:
                async with asyncio.timeout(BEHIND_MAX * TICK_S):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except TimeoutError:
                return True
            if self._leaving and seen == self.ticks:
                return False
            if seen == self.ticks:
                await self._ticked.wait()
            behind, seen = self.ticks - seen, self.ticks
            if behind > len(self._recent):
                return True
            part = b"".join(list(self._recent)[-behind:])
        return False


class Events(Response):
    """The answer to a viewer: it goes on for as long as the viewer looks on."""

    def __init__(self, live: Live) -> None:
        super().__init__(headers=HEADERS)
        self._live = live
        self.raw_headers = [(key, value) for key, value in self.raw_headers if key != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self._live.watch(receive, send)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
