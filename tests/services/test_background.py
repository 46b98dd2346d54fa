"""The thread beside the loop: it does what it is told in order, and never keeps the process."""

import subprocess
import sys
import time
from threading import Event

import pytest

from streamimb_services import background
from streamimb_services.background import Background

HANGS = """
import time
from streamimb_services.background import Background
with Background("checkpoint") as it:
    it.submit(time.sleep, 60)
print("over", flush=True)
"""


def test_it_does_what_is_submitted_in_order():
    """Results and errors are those of the calls; after the end nothing is taken."""
    done = []
    with Background("b") as it:
        futures = [it.submit(done.append, i) for i in range(50)]
        failing = it.submit(int, "x")
        assert it.submit(sorted, [2, 1], reverse=True).result() == [2, 1]
    assert done == list(range(50)) and all(future.done() for future in futures)
    assert isinstance(failing.exception(), ValueError)
    with pytest.raises(RuntimeError, match="b has ended"):
        it.submit(int)


def test_what_is_not_begun_may_be_left(monkeypatch):
    """What is under way is waited for in bounds, what is not begun is cancelled."""
    monkeypatch.setattr(background, "END_S", 0.2)
    hangs, begun, it = Event(), Event(), Background("b")
    first = it.submit(lambda: begun.set() or hangs.wait(20))
    second = it.submit(int)
    assert begun.wait(20)
    started = time.monotonic()
    it.shutdown(cancel_futures=True)
    assert time.monotonic() - started < 5
    assert second.cancelled() and not first.done()
    hangs.set()
    assert first.result(20)


def test_a_process_ends_though_it_hangs():
    """With threads of concurrent.futures the interpreter would wait for it."""
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stdout) == (0, "over\n"), done.stderr
