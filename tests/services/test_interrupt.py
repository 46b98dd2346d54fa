import json
import os
import queue
import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pyarrow.parquet as pq
import pytest

from streamimb_services.interrupt import AGAIN_SECONDS, AtOnce, Interrupt

COMMAND = [sys.executable, "-m", "streamimb_services"]
PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture
def clock():
    """A clock that is set by hand."""

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def interrupt(clock):
    left = []
    made = Interrupt(clock=clock, leave=left.append)
    made.left = left
    with made:
        made.begin()
        yield made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_waits_for_the_end_of_a_batch(interrupt, number):
    """Inside a deferred block the first signal waits, and is raised once."""
    done = []
    with pytest.raises(KeyboardInterrupt), interrupt.deferred():
        signal.raise_signal(number)
        done.append("whole")
    with interrupt.deferred():
        done.append("what is left to do")
    assert done == ["whole", "what is left to do"]
    assert interrupt.asked
    assert interrupt.exit_code == (130 if number == signal.SIGINT else 0)


def test_ctrl_c_between_batches_comes_at_once(interrupt):
    """While waiting for input, nothing is deferred."""
    done = []
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        done.append("never")
    assert done == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asking_clearly_once_more_does_not_wait(interrupt, clock, number):
    """A second signal just after the first is the same one still; later it is meant, and comes only once."""
    done = []
    with pytest.raises(AtOnce) as caught, interrupt.deferred():
        signal.raise_signal(signal.SIGINT)
        clock.now += 0.9 * AGAIN_SECONDS
        signal.raise_signal(number)
        done.append("first")
        clock.now += 0.2 * AGAIN_SECONDS
        signal.raise_signal(number)
        done.append("never")
    assert done == ["first"]
    assert caught.value.exit_code == 128 + number
    signal.raise_signal(number)


def test_what_is_held_is_never_cut_by_the_first(interrupt):
    """Once all is read, the first signal changes nothing but that it was asked."""
    interrupt.hold()
    signal.raise_signal(signal.SIGINT)
    assert interrupt.asked


def test_before_it_begins_there_is_nothing_to_lose(clock):
    """A signal before the first output leaves at once, and afterwards the old handlers are back."""
    left, before = queue.SimpleQueue(), signal.getsignal(signal.SIGINT)
    with Interrupt(clock=clock, leave=left.put) as interrupt:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert [left.get(timeout=10), left.get(timeout=10)] == [130, 143] and not interrupt.asked
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_it_begins_no_call_into_c_is_waited_for(tmp_path, number):
    """As one into a compiler: Python's own handlers would be called at its end. No temporary file is left."""
    script = f"""
import hashlib
from pathlib import Path
from streamimb.sinks.atomic import AtomicFile
from streamimb_services.interrupt import Interrupt
with Interrupt() as interrupt, interrupt.deferred():
    file = AtomicFile(Path({str(tmp_path / "p.parquet")!r}))
    print("in C", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"long", b"", 2_000_000_000)
"""
    with subprocess.Popen([sys.executable, "-c", script], **PIPED) as process:
        assert process.stdout.readline() == b"in C\n"
        time.sleep(0.2)
        process.send_signal(number)
        try:
            assert process.communicate(timeout=20) == (b"", b"")
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_first_batchs_kernels_are_compiled(stream, schema, tmp_path, number):
    """For a minute or two no event is through: it ends at once and says nothing; no file is left."""
    command = [*COMMAND, "replay", stream(), "--schema", schema, "--run", tmp_path / "run", "--json"]
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "empty")}
    with subprocess.Popen(command, env=environ, **PIPED) as process:
        while b"compiling" not in process.stderr.readline():
            assert process.poll() is None
        while not any((tmp_path / "run").glob(".*.part")):
            time.sleep(0.02)
        time.sleep(1)
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, out) == (128 + number, b"")
    assert b"Traceback" not in err
    assert not list((tmp_path / "run").iterdir())


def test_a_signal_in_a_finalizer_is_not_lost_nor_told(interrupt, capfd):
    """It is raised where nobody can catch it: the loop sees it by ``asked``, and no traceback is printed."""

    class Finalized:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    Finalized()
    assert interrupt.asked
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("module", ["typer", "polars", "streamimb.pipeline", "streamimb_services.replay"])
def test_ctrl_c_while_modules_are_imported(stream, module):
    """Whatever is being imported, Ctrl-C exits 130 and says nothing."""
    script = f"""
import builtins, os, runpy, signal, sys
imported = builtins.__import__
def importing(name, *args, **kwargs):
    if name == {module!r}:
        os.kill(os.getpid(), signal.SIGINT)
    return imported(name, *args, **kwargs)
builtins.__import__ = importing
sys.argv = ["streamimb", "replay", {stream()!r}]
runpy.run_module("streamimb_services", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (130, b"")
    assert b"Traceback" not in done.stderr


@pytest.fixture
def started(stream, schema, tmp_path):
    """Starts a replay that would take an hour; gives it once its outputs are open and the first event is through."""
    processes = []

    def start(*args):
        command = [*COMMAND, "replay", stream(), "--schema", schema, "--speed", "600", "--serve", "0", *args]
        process = subprocess.Popen(command, **PIPED)
        processes.append(process)
        while b"live page" not in (line := process.stderr.readline()):
            assert process.poll() is None
        page = next(word for word in line.decode().split() if word.startswith("http"))
        while not re.search(rb"(?m)^streamimb_events_learned_total.* [1-9]", urlopen(f"{page}metrics").read()):
            time.sleep(0.02)
        assert any(part.suffix == ".part" for part in tmp_path.rglob("*"))
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("asked", ["--json", None])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_stop_ends_with_the_summary_and_whole_files(started, tmp_path, asked, number, code):
    """Ctrl-C exits 130, SIGTERM 0; either tells what was seen, and completes the files."""
    path, run = tmp_path / "p.parquet", tmp_path / "run"
    process = started("--predictions", path, "--run", run, *([asked] if asked else []))
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, err.decode()
    rows = pq.read_metadata(path).num_rows
    assert rows < 600
    if asked:
        told = json.loads(out)
        assert (told["events"], told["interrupted"]) == (rows, True)
        assert json.loads((run / "summary.json").read_text()) == told
    else:
        assert "interrupted" in out.decode()
    assert (b"press again to stop at once" in err) == (number == signal.SIGINT)
    assert not any(part.suffix == ".part" for part in tmp_path.rglob("*"))


def test_a_killed_replay_leaves_nothing_for_long(started, streamimb, stream, tmp_path):
    """What a process that was killed left under temporary names goes with the next run."""
    run = tmp_path / "run"
    process = started("--run", run)
    process.kill()
    process.communicate()
    assert any(part.suffix == ".part" for part in run.iterdir())
    assert streamimb("replay", stream(), "--run", run).exit_code == 0
    assert not any(part.suffix == ".part" for part in run.iterdir())
