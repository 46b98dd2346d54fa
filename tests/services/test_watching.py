"""A replay that is watched: its page and its metrics, while it runs."""

import socket
import threading
import time

import httpx
import pytest

from streamimb_services import watching
from streamimb_services.exits import note


@pytest.fixture
def told(monkeypatch):
    """What is said on standard error, as it is said."""
    lines = []
    monkeypatch.setattr(watching, "note", lambda line: (lines.append(line), note(line)))
    return lines


def while_it_runs(told, ask):
    """Ask as soon as it is said where; gives the thread and what came of it."""
    found = {}

    def run():
        end = time.monotonic() + 300
        while not told and time.monotonic() < end:
            time.sleep(0.02)
        url = told[0].split()[5]
        while "streamimb_events_consumed_total 0.0" in (text := httpx.get(f"{url}metrics").text):
            time.sleep(0.05)
        found.update(text=text, **ask(url))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def test_a_replay_is_watched_while_it_runs(streamimb, stream, schema, told):
    """The page, the metrics and the events are there until it ends; then the port is free again."""
    thread, found = while_it_runs(
        told, lambda url: {"url": url, "page": httpx.get(url).text, "table": httpx.get(f"{url}table").text}
    )
    result = streamimb("replay", stream(n=600), "--schema", schema, "--speed", 600_000, "--serve", "0")
    thread.join(60)
    assert result.exit_code == 0
    assert "<title>streamimb</title>" in found["page"]
    assert "s.csv: bad" in found["table"]
    assert 'streamimb_role{role="owner"} 1.0' in found["text"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(found["url"])


def test_a_port_that_is_taken_gives_way(streamimb, stream, schema):
    """The replay runs all the same, on a free port, and says so; its results are those without a page."""
    path = stream(n=600)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        watched = streamimb("replay", path, "--schema", schema, "--serve", port, "--json")
    alone = streamimb("replay", path, "--schema", schema, "--json")
    assert f"(port {port} is taken)" in watched.stderr
    assert watched.stdout.split('"seconds"')[0] == alone.stdout.split('"seconds"')[0]


@pytest.mark.parametrize(("where", "code"), [("x", 2), ("127.0.0.1:99999", 2), ("0.0.0.0:0", 78)])
def test_where_it_cannot_be_served_it_does_not_begin(streamimb, stream, schema, where, code):
    """No port, a port that is none, and an address that others reach while no token is configured."""
    assert streamimb("replay", stream(), "--schema", schema, "--serve", where).exit_code == code
