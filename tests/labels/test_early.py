"""Labels that come before their events."""

from __future__ import annotations

import numpy as np
import pytest

from streamimb.errors import ConfigError
from tests.labels.label_rows import BAD, CLEAN, Told, event, label, make

HELD = {"wait": "60s", "early": "10s"}


def test_unless_it_is_set_none_is_held():
    """Such a label is of an event that nobody knows."""
    told = Told(make({"wait": "60s"}), [label("a", 0, BAD), event("a", 1)])
    assert (told.count("unknown"), told.count("early"), told.count("labelled")) == (1, 0, 0)


def test_a_label_before_its_event_is_learned_with_it():
    """The event is predicted, then learned, as one that brings its label."""
    told = Told(make(HELD), [event("z", 0, CLEAN), label("a", 1, BAD), event("a", 5), event("b", 6)])
    assert told.ops[2:4] == [("predict", 1), ("learn", 1)] and (1, BAD) in told.matured
    assert (told.count("early"), told.count("unknown"), told.count("labelled")) == (1, 0, 2)


def test_it_may_be_the_streams_first_row():
    """However much later than it the stream begins: it is held from there on."""
    told = Told(make(HELD), [label("a", 0, BAD), event("z", 500, CLEAN), event("a", 509)])
    assert ("learn", 1) in told.ops


def test_a_label_that_is_known_later_than_its_event_comes_waits_for_that():
    """Its own time says when it is known."""
    rows = [event("z", 0, CLEAN), label("a", 8, BAD), event("a", 5), event("b", 7), event("c", 9)]
    told = Told(make(HELD), rows)
    assert told.ops[2:5] == [("predict", 1), ("predict", 2), ("again", 1)] and ("learn", 1) in told.ops


def test_one_that_was_read_before_any_event_waits_for_its_own_time():
    """Nothing says what is known later sooner, as the stream's first row either."""
    rows = [label("a", 8, BAD), event("z", 0, CLEAN), event("a", 5), event("b", 7), event("c", 9)]
    told = Told(make(HELD), rows)
    assert told.ops[2:5] == [("predict", 1), ("predict", 2), ("again", 1)] and ("learn", 1) in told.ops


@pytest.mark.parametrize(("t", "learned"), [(10, True), (11, False)])
def test_it_is_held_so_long(t, learned):
    """Then it is of an event that nobody knows."""
    told = Told(make(HELD), [event("z", 0, CLEAN), label("a", 0, BAD), event("a", t)])
    assert (("learn", 1) in told.ops, told.count("unknown")) == (learned, int(not learned))


@pytest.mark.parametrize("first", ["label", "event"])
@pytest.mark.parametrize(("t", "learned"), [(510, True), (511, False)])
def test_one_that_is_read_ahead_of_the_events_is_held_from_its_own_time(first, t, learned):
    """Before the stream's first event, or after it: its event may come as late as that, and so long after."""
    rows = [label("a", 500, BAD), event("z", 0, CLEAN)]
    told = Told(make(HELD), [*(rows if first == "label" else rows[::-1]), event("a", t), event("y", t + 1)])
    assert (("learn", 1) in told.ops, told.count("unknown")) == (learned, int(not learned))


def test_each_is_held_by_its_own_time():
    """One that is held on keeps none behind it, which another label may replace."""
    rows = [event("z", 0, CLEAN), label("a", 500, BAD), label("b", 1, BAD), label("c", 1, BAD), event("y", 20)]
    told = Told(make(HELD), [*rows, label("c", 21, CLEAN), event("a", 21), event("b", 21), event("c", 21)])
    assert [op for op in told.ops if op[0] == "learn"] == [("learn", 0), ("learn", 4)]
    assert [told.count(name) for name in ("early", "twice", "corrected", "unknown")] == [4, 0, 0, 2]


@pytest.mark.parametrize(("t", "learned"), [(10, True), (11, False)])
def test_an_absurd_own_time_counts_for_nothing(t, learned):
    """The stream's first event judges those that came before it."""
    told = Told(make(HELD), [label("a", 9_000_000_000, BAD), event("z", 0, CLEAN), event("a", t)])
    assert (("learn", 1) in told.ops, told.count("unknown")) == (learned, int(not learned))


def test_a_correction_is_held_from_its_own_time():
    """As it counts instead of the first, it is held instead of it."""
    rows = [event("z", 0, CLEAN), label("a", 1, CLEAN), label("a", 20, BAD), event("y", 21, CLEAN), event("a", 30)]
    told = Told(make(HELD), rows)
    assert (2, BAD) in told.matured and told.count("unknown") == 0


def test_of_two_the_later_counts():
    """One that says the same is told twice, one that says otherwise a correction."""
    rows = [event("z", 0, CLEAN), label("a", 1, CLEAN), label("a", 2, CLEAN), label("a", 3, BAD), event("a", 4)]
    told = Told(make(HELD), rows)
    assert (1, BAD) in told.matured
    assert [told.count(name) for name in ("early", "twice", "corrected", "unknown")] == [1, 1, 1, 0]


@pytest.mark.parametrize(("own", "count"), [(BAD, "twice"), (CLEAN, "corrected")])
def test_an_events_own_label_counts(own, count):
    """What is held for it is told twice, or was corrected."""
    told = Told(make(HELD), [event("z", 0, CLEAN), label("a", 1, BAD), event("a", 4, own)])
    assert (1, own) in told.matured and told.count(count) == 1


def test_no_more_are_held_than_is_allowed():
    """The oldest is let go, and memory does not grow with labels for nothing."""
    store = make({**HELD, "early_max": 3})
    held = store._early.nbytes
    Told(store, [event("z", 0, CLEAN), *(label(f"n{i}", 1, BAD) for i in range(5_000))])
    told = Told(store, [event(f"n{i}", 2) for i in (4_996, 4_997, 4_999)])
    assert ([op for op, _ in told.ops], told.count("unknown")) == (
        ["predict", "predict", "learn", "predict", "learn"], 4_997
    )  # fmt: skip
    assert store._early.nbytes == held


def test_what_is_held_is_part_of_the_state():
    """Restored, the store goes on as if it had not stopped; from a build that held none, it holds none."""
    rows = [event("z", 0, CLEAN), *(label(f"n{i}", 1, BAD) for i in range(7)), event("n0", 2), event("n3", 2)]
    first, again, old = make({**HELD, "early_max": 6}), make({**HELD, "early_max": 6}), make({**HELD, "early_max": 6})
    Told(first, rows)
    state = first.state()
    again.restore(state)
    for name, value in again.state().items():
        np.testing.assert_array_equal(value, state[name])
    rest = [label("n1", 3, BAD), *(label(f"m{i}", 3, BAD) for i in range(3)), *(event(f"n{i}", 4) for i in range(7))]
    assert Told(first, rest).ops == Told(again, rest).ops
    assert first.counts() == again.counts()
    old.restore({**{k: v for k, v in state.items() if k != "early"}, "scalars": state["scalars"][:26]})
    assert old.counts()["early"] == 0 and ("learn", 4) not in Told(old, [event("n5", 4)]).ops


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(("t", "learned"), [(10, True), (11, False)])
def test_what_came_before_the_stream_is_held_from_its_first_event_on(asked, t, learned):
    """Each of them, whichever is the oldest when; and whether a snapshot is taken in between changes nothing."""
    store = make(HELD)
    Told(store, [label("a", 0, BAD), label("b", 0, BAD), event("x", 0), event("a", 5)])
    if asked:
        store.snapshot()
    told = Told(store, [event("b", t)])
    assert (("learn", 2) in told.ops, told.count("unknown")) == (learned, int(not learned))


@pytest.mark.parametrize("first", ["label", "event"])
def test_a_first_time_that_was_a_slip_dates_no_label(first):
    """Once it is put right, what was held by it is held, and known, by the stream's time, or its own if that fits."""
    rows = [label("a", 9_000_000_000, BAD), event("wild", 9_000_000_000)]
    rows = [*(rows if first == "label" else rows[::-1]), label("b", 3, BAD), event("c", 0), event("d", 1)]
    time = {"ahead_confirm": 2}
    told = Told(make(HELD, time=time), [*rows, event("a", 11), event("b", 11)])
    assert told.ops[-4:] == [("predict", 3), ("learn", 3), ("predict", 4), ("learn", 4)]
    late = Told(make(HELD, time=time), [*rows, event("a", 12), event("b", 14)])
    assert "learn" not in [op for op, _ in late.ops] and late.count("unknown") == 2


def test_events_without_ids_hold_none():
    """Nothing says whose label it is."""
    with pytest.raises(ConfigError, match=r"label\.early = '10s'.*has an id"):
        make(HELD, named=False)
