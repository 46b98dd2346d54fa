"""A page that stays after its replay: only where a person sits at the terminal, who can end it."""

import os
import pty
import re
import subprocess
import sys
import time

import httpx
import pytest


def at_a_terminal(*args, **more):
    """A process of ours whose three streams are a terminal; what it says is read from ``master``."""
    master, slave = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key != "CI"} | more
    process = subprocess.Popen(
        [sys.executable, "-m", "streamimb_services", *map(str, args)], stdin=slave, stdout=slave, stderr=slave,
        env=environ, start_new_session=True, preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0),
    )  # fmt: skip
    os.close(slave)
    return process, master


def until(master, said, seconds=240):
    """What is said until ``said`` is."""
    text, end = "", time.monotonic() + seconds
    while said not in text:
        assert time.monotonic() < end, text
        text += os.read(master, 4096).decode(errors="replace")
    return text


@pytest.mark.parametrize("key", [b"\n", b"\x03"], ids=["Enter", "Ctrl-C"])
def test_a_person_looks_on_after_the_end(stream, schema, tmp_path, key):
    """Summary and report are there, the page says that it has ended and still answers; a key ends it, with 0."""
    report = tmp_path / "report.html"
    args = ("--schema", schema, "--run", tmp_path / "run", "--report", report, "--serve", 0, "--linger", "10m")
    process, master = at_a_terminal("replay", stream(n=600), *args)
    try:
        text = until(master, "Enter ends it")
        assert "How it is doing" in text and f"the report is in {report}" in text.replace("\r\n", "").replace("\n", "")
        url = re.search(r"stays at (http://[\d.:]+/)", text)[1]
        assert "<title>s.csv: bad</title>" in report.read_text()
        table = httpx.get(f"{url}table").text
        assert ">ended<" in table and "What carries bad now: worked out after 600 events" in table
        with httpx.stream("GET", f"{url}events", timeout=20) as answer:
            lines = answer.iter_lines()
            assert [line for line, _ in zip(lines, range(4), strict=False)][3].startswith("event: tick")
        os.write(master, key)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_a_job_that_runs_alone_does_not_wait(streamimb, stream, schema, monkeypatch):
    """Without a terminal, or where CI is set, it ends with its summary."""
    started = time.monotonic()
    result = streamimb("replay", stream(n=600), "--schema", schema, "--serve", 0, "--linger", "10m")
    assert result.exit_code == 0 and "Enter ends it" not in result.stderr
    assert time.monotonic() - started < 120
    process, master = at_a_terminal(
        "replay", stream(n=600), "--schema", schema, "--serve", 0, "--linger", "10m", CI="true"
    )
    try:
        text = until(master, "events in ")
        assert process.wait(60) == 0 and "Enter ends it" not in text
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_what_lingers_ends_by_itself(stream, schema):
    """At the time that it named."""
    process, master = at_a_terminal("replay", stream(n=600), "--schema", schema, "--serve", 0, "--linger", "1s")
    try:
        until(master, "Enter ends it")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--linger", "10m"), "it goes with --serve"),
        (("--linger", "soon", "--serve", 0), "'soon' is no duration"),
        (("--report", "r.html"), "name one with --run"),
    ],
)
def test_what_makes_no_sense_is_refused(streamimb, stream, schema, args, says):
    """Before anything is read."""
    result = streamimb("replay", stream(), "--schema", schema, *args)
    assert result.exit_code == 2 and says in " ".join(result.stderr.replace("│", " ").split())


def test_a_report_beside_a_run_replaces_no_other_file(streamimb, stream, schema, tmp_path):
    """It is asked before the replay begins."""
    mine = tmp_path / "notes.html"
    mine.write_text("mine")
    run = tmp_path / "run"
    result = streamimb("replay", stream(), "--schema", schema, "--run", run, "--report", mine)
    assert result.exit_code == 2 and mine.read_text() == "mine" and not run.exists()
