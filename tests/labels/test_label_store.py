"""What becomes of an event's label, in every order in which the two can come."""

from __future__ import annotations

import numpy as np
import pytest
from label_rows import BAD, CLEAN, Told, batch, event, label, make

from streamimb.batch import Kind
from streamimb.errors import ConfigError, StateError
from streamimb.labels import layout as at


def test_an_immediate_label_is_learned_right_after_its_prediction():
    """Predict, learn, mature; nothing waits."""
    told = Told(make({}), [event("a", 0, BAD), event("b", 1, CLEAN)])
    assert told.ops == [("predict", 0), ("learn", 0), ("predict", 1), ("learn", 1)]
    assert told.matured == [(0, BAD), (1, CLEAN)]
    assert told.count("waiting") == 0


def test_a_delayed_label_is_learned_before_the_first_event_after_it():
    """At one time features come before other events' labels: due at 10, learned before the event of 11, not of 10."""
    told = Told(make({"delay": "10s"}), [event("a", 0, BAD), event("b", 10, BAD), event("c", 11, CLEAN)])
    assert told.ops == [("predict", 0), ("predict", 1), ("again", 0), ("learn", 0), ("predict", 2)]
    assert told.matured == [(0, BAD)]


def test_labels_due_after_the_last_event_stay_waiting():
    """A replay's end is not the end of the labels."""
    told = Told(make({"delay": "1d"}), [event("a", 0, BAD), event("b", 10, BAD)])
    assert told.count("waiting") == 2
    assert told.matured == []


def test_labels_become_known_in_the_order_of_their_times():
    """Whatever the order of their events."""
    told = Told(
        make({}), [event("a", 0, BAD, 30), event("b", 1, CLEAN, 10), event("c", 2, BAD, 20), event("d", 60, BAD)]
    )
    assert [p for kind, p in told.ops if kind == "learn"] == [1, 2, 0, 3]
    assert [p for p, _ in told.matured] == [0, 1, 2, 3]


def test_an_event_is_mature_when_all_before_it_are():
    """The frontier stands at the oldest event that still waits."""
    told = Told(make({"wait": "100s"}), [event("a", 0), event("b", 1, BAD), label("a", 2, CLEAN)])
    assert told.matured == [(0, CLEAN), (1, BAD)]


def test_events_mature_in_the_order_of_their_own_times():
    """An event that arrives late in its turn is read in its place."""
    told = Told(
        make({"wait": "100s"}), [event("w", 0), event("b", 20, BAD), event("a", 10, CLEAN), label("w", 21, BAD)]
    )
    assert [p for p, _ in told.matured] == [0, 2, 1]


def test_silence_expires_to_the_class_that_stands_for_it():
    """And is learned then."""
    told = Told(make({"wait": "10s", "expires_as": "clean"}), [event("a", 0), event("b", 11)])
    assert told.ops == [("predict", 0), ("again", 0), ("expire", 0), ("predict", 1)]
    assert told.matured == [(0, CLEAN)]
    assert told.count("expired") == 1


def test_silence_without_a_class_drops_out():
    """It matures without a label and is not learned."""
    told = Told(make({"wait": "10s"}), [event("a", 0), event("b", 11)])
    assert told.matured == [(0, -1)]
    assert [k for k, _ in told.ops] == ["predict", "predict"]
    assert told.count("dropped") == 1


def test_a_label_at_the_very_end_of_the_wait_still_counts():
    """At one time labels win over expiry."""
    told = Told(make({"wait": "10s", "expires_as": "clean"}), [event("a", 0, BAD, 10), event("b", 11)])
    assert told.matured == [(0, BAD)]
    assert told.count("expired") == 0


def test_a_contrary_label_after_expiry_is_a_correction():
    """Learned, counted, told with what it was counted as."""
    rows = [event("a", 0), event("b", 11), label("a", 12, BAD)]
    told = Told(make({"wait": "10s", "expires_as": "clean"}), rows)
    assert told.ops[-1] == ("correct", 0)
    assert told.fixes == [[CLEAN, BAD]]
    assert told.count("corrected") == 1


def test_the_same_label_after_expiry_is_late_and_twice_is_twice():
    """Neither is learned again."""
    rows = [event("a", 0), event("b", 11, BAD), label("a", 12, CLEAN), label("b", 12, BAD)]
    told = Told(make({"wait": "10s", "expires_as": "clean"}), rows)
    assert (told.count("late"), told.count("twice"), told.count("corrected")) == (1, 1, 0)


@pytest.mark.parametrize("traffic", [[], [event("b", 15)]])
@pytest.mark.parametrize("twin", [False, True])
def test_whether_a_label_came_in_time_does_not_depend_on_other_events(traffic, twin):
    """After the wait was over it is a correction, though nothing came in between to show that time has passed."""
    late = event("a", 20, BAD, 20) if twin else label("a", 20, BAD)
    told = Told(make({"wait": "10s", "expires_as": "clean"}), [event("a", 0), *traffic, late, event("c", 21)])
    assert (told.count("expired"), told.count("corrected"), told.count("labelled")) == (1, 1, 0)
    assert [op for op in told.ops if op[1] == 0] == [("predict", 0), ("again", 0), ("expire", 0), ("correct", 0)]
    assert told.matured[0] == (0, CLEAN)
    assert told.fixes == [[CLEAN, BAD]]


@pytest.mark.parametrize("traffic", [[], [event("b", 15)]])
def test_a_label_after_the_wait_is_late_where_nothing_stands_for_silence(traffic):
    """With other events in between or without."""
    told = Told(make({"wait": "10s"}), [event("a", 0), *traffic, label("a", 20, BAD)])
    assert (told.count("late"), told.count("dropped")) == (1, 1)


def test_a_label_after_dropping_out_is_late():
    """It is not learned: its event is out."""
    told = Told(make({"wait": "10s", "remember": "60s"}), [event("a", 0), event("b", 11), label("a", 12, BAD)])
    assert told.count("late") == 1
    assert ("learn", 0) not in told.ops


def test_a_label_for_nothing_known_is_counted():
    """Never seen, or forgotten."""
    rows = [event("a", 0), event("b", 1_000), label("a", 1_001, BAD), label("nobody", 1_001, BAD)]
    told = Told(make({"wait": "10s", "expires_as": "clean", "remember": "20s", "remember_events": 0}), rows)
    assert told.count("unknown") == 2


def test_without_times_durations_count_events():
    """Position is time."""
    store = make({"delay": 2}, timed=False)
    told = Told(store, [event(f"e{i}", 0, BAD) for i in range(5)])
    assert [op for op in told.ops if op[0] == "learn"] == [("learn", 0), ("learn", 1)]


def test_without_ids_a_position_is_the_id():
    """A label row names the position."""
    store = make({"wait": 100}, timed=False, named=False)
    events = batch([event("", 0), event("", 0), label("", 0, BAD)])
    events.key[2] = 1
    segment = store.advance(events, 0)
    assert [(k, p) for _, k, p, _ in segment.ops.tolist() if k == at.LEARN_LABEL] == [(at.LEARN_LABEL, 1)]


@pytest.mark.parametrize(("timed", "value"), [(False, "7d"), (True, "7"), (True, "7 fortnights"), (True, "soon")])
def test_a_duration_must_fit_the_axis(timed, value):
    """7d means nothing where there are no times, 7 nothing where there are."""
    with pytest.raises(ConfigError, match=r"label\.delay"):
        make({"delay": value}, timed=timed)


def test_expiry_needs_a_class_that_exists():
    """The message names the classes."""
    with pytest.raises(ConfigError, match="clean, bad"):
        make({"wait": "1d", "expires_as": "good"})


def test_a_state_of_another_schema_is_refused():
    """Not silently taken."""
    with pytest.raises(StateError, match="features"):
        make({}, d=2).restore(make({}).state())


def test_the_store_agrees_with_a_slow_obvious_one():
    """Counts and maturity on random streams, against lists and dictionaries."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rows, t = [], 0.0
        for i in range(120):
            t += float(rng.integers(0, 4))
            rows.append(event(f"e{i}", t - float(rng.integers(0, 6))))
            rows += [label(f"e{rng.integers(0, i + 1)}", t, int(rng.integers(0, 2)))] * int(rng.integers(0, 2))
        told = Told(make({"wait": "15s", "expires_as": "clean", "remember": "1h"}), rows)
        assert told.matured == slow(rows, wait=15)


def slow(rows: list[tuple], wait: float) -> list[tuple]:
    """Maturity by sorting everything at every row."""
    events: list[dict] = []
    matured: list[tuple] = []
    watermark = -1e18

    def settle() -> None:
        for e in sorted((e for e in events if not e["out"]), key=lambda e: (e["t"], e["p"])):
            if e["y"] < 0:
                return
            e["out"] = True
            matured.append((e["p"], e["y"]))

    for kind, name, t, y, _ in rows:
        if kind == Kind.LABEL:
            (e,) = [e for e in events if e["name"] == name]
            if e["y"] < 0 and e["t"] + wait < t:
                e["y"] = CLEAN
                settle()
            e["y"] = y
        else:
            while True:
                settle()
                late = [e for e in events if not e["out"] and e["y"] < 0 and e["t"] + wait < t]
                if not late:
                    break
                min(late, key=lambda e: (e["t"], e["p"]))["y"] = CLEAN
            watermark = max(watermark, t)
            events.append({"name": name, "t": t, "p": len(events), "y": -1, "out": False})
        settle()
    return matured
