"""What a snapshot of the store copies, and what a restore asks for."""

from __future__ import annotations

import numpy as np
import pytest
from label_rows import BAD, CLEAN, Told, event, label, make

from streamimb.errors import StateError
from streamimb.labels import layout as at
from streamimb.testing import digest

WAIT = {"wait": "9d", "remember": "9d"}


def saved(store, kept):
    """Take a snapshot; the state and the segments that it needs."""
    snapshot = store.snapshot()
    return snapshot.state, [*kept[snapshot.drop :], snapshot.segment]


def restored(state, segments, config=WAIT):
    store = make(config)
    store.restore(state, segments)
    return store


def test_a_snapshot_holds_new_rows_whole_and_of_others_what_changed():
    """An event that got its label is named with it; one that did not is not there again."""
    store = make(WAIT)
    Told(store, [event("a", 0), event("b", 1), event("c", 2)])
    first = store.snapshot().segment
    Told(store, [event("d", 3), label("b", 4, BAD)])
    second = store.snapshot().segment
    assert (first["ranges"].tolist(), second["ranges"].tolist()) == ([[0, 3]], [[3, 4]])
    assert first["changed"]["position"].tolist() == []
    assert (second["changed"]["position"].tolist(), second["changed"]["y"].tolist()) == ([1], [BAD])
    third = store.snapshot().segment
    assert len(third["rows"]["y"]) == len(third["changed"]["y"]) == 0


@pytest.mark.parametrize("expires_as", [None, "clean"])
def test_an_event_that_expired_behind_one_that_waits_is_held_anew(expires_as):
    """A label dated after its wait ends that, though older ones have shown nothing yet."""
    config = {"wait": "10s", "expires_as": expires_as}
    store, kept = make(config), []
    Told(store, [event("a", 0), event("b", 1), event("c", 2)])
    state, kept = saved(store, kept)
    Told(store, [label("b", 50, CLEAN)])
    state, kept = saved(store, kept)
    assert kept[-1]["changed"]["position"].tolist() == [1]
    assert digest(restored(state, kept, config).state()) == digest(store.state())


def test_what_a_snapshot_copies_does_not_grow_with_what_waits():
    """The same labels and events beside ten or ten thousand others."""
    sizes = []
    for n in (10, 10_000):
        store = make(WAIT)
        Told(store, [event(f"e{i}", i) for i in range(n)])
        store.snapshot()
        Told(store, [event("new", n), label("e3", n + 1, BAD), label("e7", n + 1, CLEAN)])
        segment = store.snapshot().segment
        sizes.append((len(segment["rows"]["y"]), len(segment["changed"]["y"])))
    assert sizes == [(1, 2), (1, 2)]


def test_segments_fall_away_with_the_events_that_are_forgotten():
    """However long it runs."""
    store, kept = make({"wait": "10s", "remember": "0s", "remember_events": 0}), []
    for i in range(0, 2_000, 20):
        Told(store, [event(f"e{j}", j, BAD) for j in range(i, i + 20)])
        state, kept = saved(store, kept)
        assert len(kept) <= 3
    assert digest(restored(state, kept).state()) == digest(store.state())


def test_labels_that_flip_for_ever_keep_records_and_segments_few(monkeypatch):
    """Rows are written anew in pieces, and the records of them before fall away."""
    monkeypatch.setattr("streamimb.labels.ledger.RECORDS_MIN", 100)
    monkeypatch.setattr("streamimb.labels.store.REWRITTEN_ROWS_MAX", 16)
    store, kept, most = make(WAIT), [], 0
    Told(store, [event(f"e{i}", i, CLEAN) for i in range(100)])
    for i in range(200):
        Told(store, [label(f"e{j}", 100 + i, (i // 10 + 1) % 2) for j in range(i % 10, 100, 10)])
        state, kept = saved(store, kept)
        most = max(most, sum(len(s["changed"]["y"]) for s in kept))
        assert max(len(s["rows"]["y"]) for s in kept[1:] or kept) <= 100
    assert store.counts()["corrected"] > 900
    assert most <= 3 * 100 + 2 * 100
    assert digest(restored(state, kept).state()) == digest(store.state())


def test_a_first_time_that_was_a_slip_is_put_right_in_the_segments_too():
    """Times of events that were in a snapshot before change then: they are all written anew."""
    store, kept = make({**WAIT, "delay": "1d"}), []
    Told(store, [event("wild", 9_000_000_000), event("elsewhere", 5_000_000_000, BAD)])
    state, kept = saved(store, kept)
    Told(store, [event(f"e{i}", i, BAD) for i in range(30)])
    state, kept = saved(store, kept)
    again = restored(state, kept, {**WAIT, "delay": "1d"})
    assert again.facts[1, at.TIME] < 1_000_000_000
    assert digest(again.state()) == digest(store.state())


def test_labels_find_their_events_after_the_store_has_grown_and_was_restored():
    """The table of ids is made anew."""
    store, kept = make(WAIT), []
    Told(store, [event(f"e{i}", i) for i in range(700)])
    state, kept = saved(store, kept)
    Told(store, [label(f"e{i}", 700, BAD) for i in range(50)])
    Told(store, [event(f"e{i}", i) for i in range(700, 5_000)])  # it grows with changes that are in no snapshot yet
    state, kept = saved(store, kept)
    assert kept[-1]["changed"]["position"].tolist() == list(range(50))
    again = restored(state, kept)
    for one in (store, again):
        Told(one, [label(f"e{i}", 6_000, BAD) for i in range(5_000)])
    assert again.counts() == store.counts()
    assert (again.counts()["labelled"], again.counts()["unknown"]) == (5_000, 0)


def test_a_restore_asks_for_every_segment():
    """One too few is told; one that fell away does not hurt."""
    store, kept = make(WAIT), []
    Told(store, [event("a", 0), event("b", 1)])
    for i in range(3):
        Told(store, [event(f"e{i}", i + 2)])
        state, kept = saved(store, kept)
    for some in (kept[1:], kept[:2], [kept[0], kept[2]], []):
        with pytest.raises(StateError, match="segments 1 to 3"):
            restored(state, some)
    earlier = {**kept[0], "serial": 0}
    assert digest(restored(state, [earlier, *kept]).state()) == digest(store.state())


def test_a_restore_refuses_segments_of_another_schema():
    """A feature more."""
    store = make(WAIT)
    Told(store, [event("a", 0)])
    snapshot = store.snapshot()
    with pytest.raises(StateError, match="1 features"):
        make(WAIT, d=2).restore(snapshot.state, [snapshot.segment])


def test_a_snapshot_is_not_moved_by_what_comes_after():
    """It can be written in another thread."""
    store = make(WAIT)
    Told(store, [event(f"e{i}", i) for i in range(10)])
    snapshot = store.snapshot()
    before = digest([snapshot.state, snapshot.segment])
    Told(store, [label(f"e{i}", 20, BAD) for i in range(10)])
    store.X[:] = np.nan
    assert digest([snapshot.state, snapshot.segment]) == before
