"""The stream of snapshots, as bytes on a socket: shared by all who look on, and bounded."""

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from streamimb_services.http import live, server
from tests.services.test_page import TOKEN, served


@contextmanager
def looking_on(stream, *, receive_bytes=None, headers=""):
    """A connection to /events that has asked."""
    with socket.socket() as viewer:
        if receive_bytes is not None:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        viewer.settimeout(20)
        viewer.connect(("127.0.0.1", stream.port))
        viewer.sendall(f"GET /events HTTP/1.1\r\nhost: x\r\n{headers}\r\n".encode())
        yield viewer


def until(met, seconds=60.0):
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


def events(stream, n, **more):
    """The first n messages of a viewer: (event, data)."""
    found = []
    with httpx.stream("GET", f"{stream.url}/events", timeout=20, **more) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((event, json.loads(line.removeprefix("data: "))))
                if len(found) == n:
                    return found
    return found


def test_who_comes_late_sees_the_past():
    """First the history, then a snapshot a second."""
    with served() as stream:
        until(lambda: stream.live.ticks >= 2)
        found = events(stream, 3)
    assert [event for event, _ in found] == ["history", "tick", "tick"]
    assert len(found[0][1]["rows"]) >= 2
    assert found[1][1]["now"]["position"] == 900


def test_a_snapshot_is_rendered_once_for_all(monkeypatch):
    """A hundred viewers cost a rendering a tick, and their histories one a tick at most."""
    monkeypatch.setattr(live, "TICK_S", 0.2)
    with served() as stream, ExitStack() as stack:
        viewers = [stack.enter_context(looking_on(stream)) for _ in range(100)]
        until(lambda: stream.live.viewers == 100)
        until(lambda: stream.live.ticks >= 10)
        assert stream.live.renderings <= 2 * stream.live.ticks
        stack.close()
        assert len(viewers) == 100
        until(lambda: stream.live.viewers == 0)


def wide(stream):
    """Let every snapshot fill buffers."""
    stream.live._facts = lambda: {"alive": True, "ready": True, "wide": "x" * 100_000}


def test_a_slow_viewer_is_sent_away(monkeypatch):
    """One that is too far behind is given up, and the others go on."""
    monkeypatch.setattr(live, "TICK_S", 0.2)
    monkeypatch.setattr(live, "LEAVING_S", 0.5)
    with served() as stream, looking_on(stream, receive_bytes=4096):
        wide(stream)
        until(lambda: stream.live.viewers == 1)
        until(lambda: stream.live.sent_away == 1)
        assert stream.live.viewers == 0
        assert len(events(stream, 5)) == 5


def test_a_viewer_that_takes_nothing_is_cut_off(monkeypatch):
    """Its connection is closed by the system, whatever still lies in its buffers."""
    monkeypatch.setattr(live, "TICK_S", 0.05)
    monkeypatch.setattr(live, "BEHIND_MAX", 10_000)
    monkeypatch.setattr(server, "STALLED_MS", 500)
    with served() as stream, looking_on(stream, receive_bytes=4096):
        wide(stream)
        until(lambda: stream.live.viewers == 1)
        until(lambda: stream.live.viewers == 0)
        assert stream.live.sent_away == 0


def test_viewers_leave_room_for_others():
    """When the page is full those who probe and scrape are still answered."""
    with served() as stream, ExitStack() as stack:
        stream.live._viewers_max = 3
        for _ in range(3):
            stack.enter_context(looking_on(stream))
        until(lambda: stream.live.viewers == 3)
        full = httpx.get(f"{stream.url}/events")
        assert (full.status_code, full.json()["error"]) == (503, "too many look on already")
        assert httpx.get(f"{stream.url}/metrics").status_code == 200


def test_when_it_ends_everybody_is_told():
    """The last snapshot says so, the answer ends whole, and the server does not wait for viewers."""
    with served() as stream:
        with ExitStack() as stack:
            answer = stack.enter_context(httpx.stream("GET", f"{stream.url}/events", timeout=20))
            lines = answer.iter_lines()
            assert next(lines) == "event: history"
            stream.live.end()
            rest = [line for line in lines if line.startswith("data: ")]
        assert json.loads(rest[-1].removeprefix("data: "))["now"]["ended"] is True
        started = time.monotonic()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("path", ["/events", "/table"])
def test_data_are_guarded_where_others_can_ask(path):
    """Elsewhere than on loopback data ask for the token; the page's files, which hold none, do not."""
    with served(token=TOKEN, host="0.0.0.0") as stream:
        assert httpx.get(f"{stream.url}{path}").status_code == 401
        assert httpx.get(f"{stream.url}/").status_code == 200
        assert httpx.get(f"{stream.url}/static/page.js").status_code == 200
        assert len(events(stream, 1, headers={"authorization": f"Bearer {TOKEN.decode()}"})) == 1


def test_files_are_sent_once():
    """A browser that has a file already is told so; what is no file of the page is not found."""
    with served() as stream:
        first = httpx.get(f"{stream.url}/static/charts.js")
        again = httpx.get(f"{stream.url}/static/charts.js", headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert first.headers["content-type"] == "text/javascript; charset=utf-8"
        for name in ("index.html", "../app.py", "uplot/LICENSE", "%2e%2e/app.py"):
            assert httpx.get(f"{stream.url}/static/{name}").status_code == 404
