"""Independent pieces of a learner's work on several cores at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Threads of a learner at most.
THREADS_MAX: Final = 64

Job = Callable[[], object]
#: The helpers of this process, by its number: a child that was forked has none of its parent's threads.
_pools: dict[int, ThreadPoolExecutor] = {}


class Divided(NamedTuple):
    """A tape's work in jobs that touch nothing in common, and what makes the predictions of it once all are done."""

    jobs: list[Job]
    finish: Callable[[], NDArray[np.float64]]


def carry_out(jobs: Sequence[Job], threads: int) -> None:
    """Do jobs, each of which is independent of the others, in at most so many threads, of which the caller's is one.

    Raises what a job raises, after all threads have come to an end.

    >>> done = []
    >>> carry_out([lambda: done.append("a"), lambda: done.append("b")], threads=2)
    >>> sorted(done)
    ['a', 'b']
    """
    waiting = deque(jobs)
    helpers = min(threads, len(jobs)) - 1
    if helpers < 1:
        return _work(waiting)
    asked = [_pool().submit(_work, waiting) for _ in range(helpers)]
    try:
        _work(waiting)
    finally:
        waiting.clear()
        failed = [error for each in asked if (error := each.exception()) is not None]
    if failed:
        raise failed[0]
    return None


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
