"""What becomes of an event's label, in every order in which the two can come."""

from __future__ import annotations

import numpy as np
import pytest

from streamimb.batch import WITH_EVENT, Batch, Kind
from streamimb.config import LabelConfig, TimeConfig
from streamimb.errors import ConfigError, StateError
from streamimb.labels import LabelStore
from streamimb.labels import layout as at
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.testing import digest

S = 1_000_000  # a second
CLEAN, BAD = 0, 1
KINDS = {at.PREDICT: "predict", at.AGAIN: "again", at.LEARN_LABEL: "learn", at.LEARN_EXPIRED: "expire",
         at.LEARN_CORRECTED: "correct"}  # fmt: skip


def schema(*, timed: bool = True, named: bool = True, d: int = 1) -> Schema:
    return Schema(
        features=[Feature(name=f"f{i}") for i in range(d)],
        label=Label(classes=["clean", "bad"]),
        time=Time(unit="us") if timed else None,
        id=Identity() if named else None,
    )


def make(label: dict, *, time: dict | None = None, every: int = 1_000, **kw) -> LabelStore:
    return LabelStore(schema(**kw), LabelConfig(**label), TimeConfig(**(time or {})), every=every, every_other=every)


def event(name: str, t: float, label: int = -1, known: float | None = None) -> tuple:
    return (Kind.FEATURES if label < 0 else Kind.BOTH, name, t, label, known)


def label(name: str, t: float, label: int) -> tuple:
    return (Kind.LABEL, name, t, label, t)


def batch(rows: list[tuple]) -> Batch:
    kinds, names, times, labels, known = zip(*rows, strict=True)
    return Batch.of(
        np.arange(len(rows), dtype=np.float32).reshape(-1, 1), np.array(labels, np.int16), ids=list(names),
        time=(np.array(times) * S).astype(np.int64), kind=np.array(kinds, np.int8),
        label_time=np.array([WITH_EVENT if k is None else int(k * S) for k in known], np.int64),
    )  # fmt: skip


class Told:
    """Everything a store says of a list of rows, in order: operations, and what matured."""

    def __init__(self, store: LabelStore, rows: list[tuple]) -> None:
        self.store, self.ops, self.matured, self.rejected, self.fixes = store, [], [], [], []
        events, row, stop = batch(rows), 0, None
        while stop != at.DONE:
            s = store.advance(events, row)
            self.ops += [(KINDS[kind], position) for _, kind, position, _ in s.ops.tolist()]
            self.matured += [(position, y) for _, y, _, position, _ in s.matured.tolist()]
            self.rejected += s.rejected.tolist()
            self.fixes += [f[2:] for f in s.fixes.tolist()]
            row, stop = s.row, s.stop

    def count(self, name: str) -> int:
        return self.store.counts()[name]


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


def test_a_label_whose_own_time_is_absurd_is_known_now():
    """It lets nothing expire that would not expire by the stream's own time."""
    told = Told(make({"wait": "10s", "expires_as": "clean"}), [event("a", 0), label("a", 9_000_000_000, BAD)])
    assert (told.count("labelled"), told.matured) == (1, [(0, BAD)])


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


def test_a_twin_event_is_refused_and_a_twin_with_a_label_labels():
    """Redelivery is learned once; a copy that brings the label is a label, and the next is a redelivery again."""
    store = make({"wait": "100s"})
    told = Told(store, [event("a", 0), event("a", 1), event("a", 2, BAD, 2), event("a", 3, BAD, 3)])
    assert [k for k, _ in told.ops] == ["predict", "again", "learn"]
    assert told.rejected == [[1, at.REJECT_DUPLICATE], [3, at.REJECT_DUPLICATE]]
    assert (store.next_position, told.count("twice")) == (1, 0)


@pytest.mark.parametrize(("config", "known"), [({"delay": "7d"}, None), ({"wait": "7d"}, 600_000)])
def test_a_redelivered_event_does_not_tell_its_label_before_it_is_due(config, known):
    """The first copy's label stays pending, the second is refused."""
    rows = [event("a", 0, BAD, known), event("a", 1, BAD, known), event("b", 2)]
    told = Told(make(config), rows)
    assert told.rejected == [[1, at.REJECT_DUPLICATE]]
    assert [k for k, _ in told.ops] == ["predict", "predict"]
    assert told.count("waiting") == 2
    later = Told(told.store, [event("c", 604_801)])
    assert later.ops[:2] == [("again", 0), ("learn", 0)]


def test_a_twin_may_bring_a_label_that_is_not_due_yet():
    """It is kept until then, out of order or not; a third copy with it is refused."""
    rows = [event("a", 0), event("b", 1, CLEAN, 90), event("a", 2, BAD, 50), event("a", 3, BAD, 50), event("c", 51)]
    told = Told(make({"wait": "100s"}), rows)
    assert told.rejected == [[3, at.REJECT_DUPLICATE]]
    assert told.ops == [("predict", 0), ("predict", 1), ("again", 0), ("learn", 0), ("predict", 2)]
    assert told.matured == [(0, BAD)]


def test_a_twin_with_another_label_corrects():
    """It is a label that differs, as a row of its own would be."""
    told = Told(make({}), [event("a", 0, BAD), event("a", 1, CLEAN), event("a", 2, CLEAN)])
    assert (told.count("corrected"), told.rejected) == (1, [[2, at.REJECT_DUPLICATE]])


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_an_event_or_refused_or_a_label(seed):
    """Rows read = events + rejected + labels, whatever comes twice."""
    rng = np.random.default_rng(seed)
    rows = []
    for t in range(300):
        name, y, kind = f"e{rng.integers(0, 120)}", int(rng.integers(0, 2)), rng.integers(0, 3)
        first = all(row[1] != name or row[0] == Kind.LABEL for row in rows)
        rows.append(label(name, t, y) if kind == 2 else event(name, t, y if kind and not first else -1))
    told = Told(make({"wait": "40s", "expires_as": "clean", "remember": "1h"}), rows)
    labels = sum(told.count(name) for name in ("labelled", "late", "unknown", "twice", "corrected"))
    assert told.store.next_position + len(told.rejected) + labels == len(rows)


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
