"""Independent pieces of a learner's work on several cores at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamimb.config import THREADS_MAX

Job = Callable[[], object]
#: The helpers of this process, by its number: a child that was forked has none of its parent's threads.
_pools: dict[int, ThreadPoolExecutor] = {}


class Divided(NamedTuple):
    """A tape's work in jobs that touch nothing in common, and what makes the predictions of it once all are done."""

    jobs: list[Job]
    finish: Callable[[], NDArray[np.float64]]


def carry_out(jobs: Sequence[Job], threads: int) -> None:
    """Do jobs, each of which is independent of the others, in at most so many threads, of which the caller's is one.

    Raises what a job raises, after all threads have come to an end. Where a thread cannot be started, the others do its
    work.

    >>> done = []
    >>> carry_out([lambda: done.append("a"), lambda: done.append("b")], threads=2)
    >>> sorted(done)
    ['a', 'b']
    """
    waiting = deque(jobs)
    helpers = min(threads, len(jobs)) - 1
    if helpers < 1:
        return _work(waiting)
    asked: list[Future[None]] = []
    try:
        with suppress(RuntimeError):  # no thread more; the pool keeps what was asked of it, and may do it yet
            for _ in range(helpers):
                asked.append(Future())
                _pool().submit(_help, waiting, asked[-1])
        _work(waiting)
    finally:
        waiting.clear()
        failed = [error for each in asked if not each.cancel() and (error := each.exception()) is not None]
    if failed:
        raise failed[0]
    return None


def _help(waiting: deque[Job], told: Future[None]) -> None:
    """Work, and tell how it ended, unless it was called off before it began."""
    if not told.set_running_or_notify_cancel():
        return
    try:
        _work(waiting)
    except BaseException as error:
        told.set_exception(error)
    else:
        told.set_result(None)


def _work(waiting: deque[Job]) -> None:
    """Take jobs from the front until there are none."""
    while True:
        try:
            job = waiting.popleft()
        except IndexError:
            return
        job()


def _pool() -> ThreadPoolExecutor:
    """The helpers, which are started when they are first needed."""
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(THREADS_MAX - 1, thread_name_prefix="learner")
    return _pools[pid]
