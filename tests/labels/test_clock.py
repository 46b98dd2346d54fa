"""What an event's time is taken for, where it is absurd beside the stream's."""

from __future__ import annotations

from label_rows import BAD, CLEAN, S, Told, event, label, make

from streamimb.labels import layout as at


def test_a_label_whose_own_time_is_absurd_is_known_now():
    """It lets nothing expire that would not expire by the stream's own time."""
    told = Told(make({"wait": "10s", "expires_as": "clean"}), [event("a", 0), label("a", 9_000_000_000, BAD)])
    assert (told.count("labelled"), told.matured) == (1, [(0, BAD)])


def test_one_event_far_ahead_moves_nothing():
    """Its time is taken as the watermark's: nobody else expires for it."""
    rows = [event("a", 0), event("wild", 9_000_000_000), event("b", 5)]
    told = Told(make({"wait": "10s"}), rows)
    assert told.count("waiting") == 3
    assert told.store.watermark == 5 * S


def test_far_ahead_is_refused_where_so_configured():
    """The row is rejected, no position is given."""
    told = Told(make({}, time={"ahead": "refuse"}), [event("a", 0), event("wild", 9_000_000_000), event("b", 5)])
    assert told.rejected == [[1, at.REJECT_AHEAD]]
    assert told.store.next_position == 2


def test_a_stream_that_has_really_moved_on_is_followed():
    """After time.ahead_confirm events that agree."""
    rows = [event("a", 0), *(event(f"b{i}", 9_000_000_000 + i) for i in range(10))]
    told = Told(make({}), rows)
    assert told.store.watermark == (9_000_000_000 + 9) * S


def test_a_stream_has_moved_on_only_where_events_agree_when():
    """Any number of absurd times in a row are no agreement; nor are agreeing ones that others interrupt."""
    wild = [event(f"w{i}", 9_000_000_000 * (i + 1)) for i in range(30)]
    told = Told(make({"wait": "10s"}), [event("a", 0), *wild])
    assert told.store.watermark == 0
    rows = [event("a", 0)]
    for i in range(6):
        rows += [event(f"b{i}", 9_000_000_000 + i), event(f"c{i}", 9_000_000_010 + i), event(f"d{i}", i)]
    assert Told(make({}, time={"ahead_confirm": 3}), rows).store.watermark == 5 * S


def test_a_first_event_far_in_the_future_is_put_right():
    """Events after it mature and wait as if it had come with them, and nobody gives up waiting for it."""
    config = {"wait": "100s", "expires_as": "clean", "waiting_events_max": 60, "remember_events": 0, "remember": "0s"}
    rows = [event("wild", 9_000_000_000), *(event(f"e{i}", i, *([BAD] if i % 2 else [])) for i in range(400))]
    told = Told(make(config), rows)
    assert told.store.watermark == 399 * S
    assert told.count("evicted") > 0  # a hundred wait at a time, sixty may
    config["waiting_events_max"] = 200
    told = Told(make(config), rows)
    assert told.count("evicted") == 0
    assert told.count("expired") == 1 + 150
    assert sorted(p for p, _ in told.matured) == list(range(len(told.matured)))
    assert told.matured.index((0, CLEAN)) == 9  # at the time of the tenth event after it, which made it clear
    assert told.store.c[at.NEXT] - told.store.c[at.OLDEST] <= 102


def test_a_label_that_waits_with_a_first_event_far_in_the_future_is_put_right_too():
    """A fixed delay is counted from the time that the event is taken to have."""
    rows = [event("wild", 9_000_000_000, BAD), *(event(f"e{i}", i, CLEAN) for i in range(60))]
    told = Told(make({"delay": "20s"}), rows)
    assert [p for kind, p in told.ops if kind == "learn"][:12] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, 11]
    assert told.count("labelled") == 1 + 39


def test_an_old_part_of_a_stream_sets_nothing_back():
    """Once a second event has lain near the first, the watermark never falls."""
    now = [event(f"n{i}", 9_000_000_000 + i) for i in range(2)]
    told = Told(make({}), [*now, *(event(f"o{i}", i, BAD) for i in range(50)), event("n2", 9_000_000_002)])
    assert told.store.watermark == 9_000_000_002 * S


def test_a_stream_of_1970_and_before_is_fine():
    """No absolute time means anything."""
    told = Told(make({"wait": "10s"}), [event("a", -100), event("b", -95), event("c", -80)])
    assert told.matured == [(0, -1), (1, -1)]
