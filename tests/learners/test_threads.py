"""A learner's work in several threads: the same bits as in one, and errors that come out."""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import LearnerConfig
from streamimb.learners import threads
from streamimb.learners.base import PREDICT, Learner, Tape
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.forest import ForestClassifier
from streamimb.learners.registry import make_learner
from streamimb.learners.threads import carry_out
from streamimb.schema import Feature, Label, Schema

N, CLASSES = 2_000, 3
FORESTS = [
    {"model": "forest", "parameters": {"members": 4, "bagging": 1.0}},
    {"model": "forest", "parameters": {"members": 1, "delta": 1e-7}},
]
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "forest": ("forest", {"members": 5, "bagging": 1.0, "warning": 0.9, "drift": 0.8}),
    "blend": ("blend", {}),
    "blend of forests": ("blend", {"members": FORESTS}),
}


def made(name: str, threads: int) -> Learner:
    features = [Feature(name="a"), Feature(name="b"), Feature(name="shop", type="categorical")]
    model, parameters = MODELS[name]
    schema = Schema(features=features, label=Label(classes=list(range(CLASSES))))
    return make_learner(schema, LearnerConfig(model=model, parameters=parameters, threads=threads))


def stream() -> tuple[np.ndarray, np.ndarray]:
    """Classes that change their places halfway."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, CLASSES, N).astype(np.int16)
    place = np.where(np.arange(N) < N // 2, y, (y + 1) % CLASSES)
    X = np.stack([rng.normal(place, 0.7), rng.normal(-place, 1.0), rng.integers(0, 5, N)], axis=1)
    return X.astype(np.float32), y


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=8, deadline=None)
@given(threads=st.integers(2, 9), cuts=st.lists(st.integers(0, 2 * N), max_size=3))
def test_any_number_of_threads_gives_the_same_bits(name: str, threads: int, cuts: list[int]) -> None:
    """Predictions and every array of the state, however the tape is cut."""
    X, y = stream()
    tape, weights = Tape.interleaved(N), np.array([1.0, 0.3, 2.0])
    alone, shared = made(name, 1), made(name, threads)
    expected = alone.run(X, y, tape, weights)
    edges = [0, *sorted(cuts), 2 * N]
    parts = [Tape(tape.rows[a:b], tape.kinds[a:b], tape.events[a:b]) for a, b in itertools.pairwise(edges)]
    got = np.concatenate([shared.run(X, y, part, weights) for part in parts])
    np.testing.assert_array_equal(got, expected)
    for key, array in alone.state().items():
        np.testing.assert_array_equal(shared.state()[key], array, err_msg=key)


def test_two_threads_may_ask_one_forest_at_once() -> None:
    """Neither writes into what the other works with."""
    X, y = stream()
    forest, ones = made("forest", 1), np.ones(CLASSES)
    forest.run(X, y, Tape.interleaved(N), ones)
    wanted = [
        forest.run(X[half], y[half], Tape.only(PREDICT, N // 2), ones) for half in (slice(N // 2), slice(N // 2, N))
    ]
    found: list[bool] = []

    def ask(i: int) -> None:
        part = slice(i * N // 2, (i + 1) * N // 2)
        for _ in range(50):
            told = forest.run(X[part], y[part], Tape.only(PREDICT, N // 2), ones)
            found.append(np.array_equal(told, wanted[i]))

    asking = [threading.Thread(target=ask, args=(i,)) for i in (0, 1)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert found == [True] * 100


def test_a_tape_is_divided_where_it_is_long_and_not_where_it_is_short() -> None:
    """The threads reach the members; three events are not worth a second one."""
    X, y = stream()
    forest = made("forest", 2)
    assert isinstance(forest, ForestClassifier)
    assert [len(forest.divide(X, y, Tape.only(PREDICT, n), np.ones(3), 4).jobs) for n in (3, 800, N)] == [1, 3, 4]
    blend = made("blend", 3)
    assert isinstance(blend, BlendClassifier)
    assert blend.threads == 3


def test_two_jobs_run_at_the_same_time() -> None:
    """Each waits for the other, which one thread could not do."""
    both = threading.Barrier(2, timeout=30)
    names: list[str] = []

    def meet() -> None:
        both.wait()
        names.append(threading.current_thread().name)

    carry_out([meet, meet], 2)
    assert len(set(names)) == 2


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_error_in_a_job_comes_out_and_nothing_is_left_running(threads: int) -> None:
    """Whichever thread it was in; the next jobs run as ever."""

    def fail() -> None:
        raise ValueError("a job's own")

    with pytest.raises(ValueError, match="a job's own"):
        carry_out([fail] * 4, threads)
    done: list[int] = []
    carry_out([lambda: done.append(1)] * 7, threads)
    assert len(done) == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_starts_its_own_threads() -> None:
    """None of its parent's live on in it."""
    carry_out([lambda: None] * 2, 2)
    child = os.fork()
    if child == 0:
        try:
            both = threading.Barrier(2, timeout=30)
            carry_out([both.wait, both.wait], 2)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_thread_that_cannot_start_is_no_error_and_none_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three does not: all jobs are done, by the others, before it is over; and the pool goes on."""
    start, started = threading.Thread.start, itertools.count(1)

    def begin(thread: threading.Thread) -> None:
        if next(started) == 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    begun: list[int] = []
    done: list[int] = []

    def job() -> None:
        begun.append(1)
        time.sleep(0.02)
        done.append(1)

    monkeypatch.setattr(threads, "_pools", {})
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", begin)
        carry_out([job] * 9, 4)
        assert (len(begun), len(done)) == (9, 9)
        assert next(started) == 3
    carry_out([job] * 9, 4)
    threads._pools[os.getpid()].shutdown()
    assert (len(begun), len(done)) == (18, 18)
