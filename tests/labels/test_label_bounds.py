"""What the store holds at most, and how long anything waits."""

from __future__ import annotations

import numpy as np
import pytest
from label_rows import BAD, CLEAN, Told, batch, event, make

from streamimb.batch import WITH_EVENT, Batch
from streamimb.labels import LabelStore
from streamimb.labels import layout as at
from streamimb.testing import digest


@pytest.mark.parametrize("timed", [True, False])
def test_one_label_in_ten_years_does_not_hold_up_the_rest(timed):
    """Without label.wait an event waits for its label for a bounded time."""
    bound = 30 * 86_400 if timed else 100_000
    store = make({"remember_events": 0}, timed=timed)
    events = batch([event("a", 0, BAD, 10 * 365 * 86_400), event("b", 1, CLEAN), event("c", bound + 1, BAD)])
    if not timed:
        n = bound + 2
        events = Batch.of(np.zeros((n, 1), np.float32), np.ones(n, np.int16), ids=[f"e{i}" for i in range(n)],
                          label_time=np.array([10**9] + [WITH_EVENT] * (n - 1), np.int64))  # fmt: skip
    row, stop = 0, None
    while stop != at.DONE:
        segment = store.advance(events, row)
        row, stop = segment.row, segment.stop
    assert store.counts()["dropped"] == 1
    assert store.c[at.MATURED] == len(events) - 1


def test_the_bound_on_waiting_changes_nothing_for_events_without_a_label():
    """Where label.wait is not set they drop out at once, and no more is remembered."""
    told = Told(make({"remember_events": 0}), [event("a", 0), event("b", 1, BAD), event("c", 2, BAD)])
    assert (told.count("dropped"), told.count("waiting")) == (1, 0)
    assert told.store.c[at.NEXT] - told.store.c[at.OLDEST] == 1


def crowded(n: int, bound: int) -> LabelStore:
    """Labels that are known in any order, of more events than may wait."""
    rng = np.random.default_rng(0)
    store = make({"wait": "9d", "waiting_events_max": bound, "remember_events": 0})
    Told(store, [event(f"e{i}", i, BAD, i + 1_000 + float(rng.integers(0, 500_000))) for i in range(n)])
    return store


def test_events_given_up_leave_the_queue_of_labels_that_are_due():
    """It stays within what its events are counted with, however many have waited."""
    store = crowded(20_000, 100)
    assert store.counts()["evicted"] > 19_000
    assert len(store.state()["due"]) <= 2 * 100 + 64
    assert sum(len(h) for h in store._heaps) < 20_000


def test_where_the_queue_is_looked_through_depends_on_the_stream_alone():
    """One row at a time, and restored in between, it holds the same labels."""
    rng = np.random.default_rng(1)
    rows = [event(f"e{i}", i, BAD, i + 50 + float(rng.integers(0, 5_000))) for i in range(1_500)]
    config = {"wait": "9d", "waiting_events_max": 20, "remember_events": 0}
    whole, single = make(config), make(config)
    Told(whole, rows)
    for i, row in enumerate(rows):
        Told(single, [row])
        if i % 3 == 0:
            state, single = single.state(), make(config)
            single.restore(state)
    one, other = whole.state(), single.state()
    assert len(one["due"]) > 5
    assert all(digest(one[name]) == digest(other[name]) for name in ("scalars", "due", "ripe", "facts", "notes"))


def test_the_bound_on_waiting_events_holds():
    """Over it the oldest gives up waiting, and is counted."""
    store = make({"wait": "1d", "waiting_events_max": 10, "remember_events": 0})
    told = Told(store, [event(f"e{i}", i) for i in range(100)])
    assert store.c[at.NEXT] - store.c[at.OLDEST] == 10
    assert told.count("evicted") == 90
    assert told.matured == [(i, -1) for i in range(90)]


def test_the_bound_on_bytes_holds():
    """Bytes are counts of events of known size."""
    store = make({"wait": "1d", "waiting_bytes_max": 2_000})
    Told(store, [event(f"e{i}", i) for i in range(200)])
    assert (store.c[at.NEXT] - store.c[at.OLDEST]) * store.event_bytes <= 2_000
