"""Events and labels as one stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch, Kind, Reason, Rejected
from streamimb.sources.memory import MemorySource
from streamimb.sources.merge import merge


def events(times, first=0):
    n = len(times)
    return Batch.of(
        np.arange(first, first + n, dtype=np.float32).reshape(-1, 1), time=np.array(times, np.int64), ids=["e"] * n
    )


def labels(times):
    n = len(times)
    X = np.full((n, 1), np.nan, np.float32)
    kind = np.full(n, Kind.LABEL, np.int8)
    batch = Batch.of(X, np.zeros(n, np.int16), ids=["l"] * n, time=np.array(times, np.int64), kind=kind)
    batch.offset[:] = np.arange(1_000, 1_000 + n)
    return batch


def cut(batch, sizes):
    parts, start = [], 0
    for size in [*sizes, len(batch)]:
        stop = min(start + size, len(batch))
        parts.append(batch.slice(start, stop))
        start = stop
    return parts


def merged(features, known, **options):
    pairs = list(merge(MemorySource(features).batches(), MemorySource(known).batches(), **options))
    rows = [
        ("l", int(o)) if kind == Kind.LABEL else ("e", int(x))
        for b, _ in pairs
        for o, kind, x in zip(b.offset, b.kind, np.nan_to_num(b.X[:, 0]), strict=True)
    ]
    return rows, pairs


def by_heads(event_times, label_times):
    """The slow and obvious merge: a label comes before the first event of a greater time, where there is one."""
    rows, j = [], 0
    for i, time in enumerate(event_times):
        while j < len(label_times) and label_times[j] < time:
            rows.append(("l", 1_000 + j))
            j += 1
        rows.append(("e", i))
    return rows


TIMES = st.lists(st.integers(-5, 20), min_size=0, max_size=30)
CUTS = st.lists(st.integers(0, 7), max_size=8)


@settings(max_examples=150, deadline=None)
@given(TIMES, TIMES.map(sorted), CUTS, CUTS, st.integers(1, 9), st.booleans())
def test_merging_is_the_same_however_both_sides_are_cut(event_times, label_times, a, b, batch_events, has_time):
    """One order of rows, that of a merge by heads, at any cutting; every batch is within its bound."""
    expected = by_heads(event_times if has_time else range(len(event_times)), label_times)
    options = {"has_time": has_time, "batch_events": batch_events}
    rows, pairs = merged(cut(events(event_times), a), cut(labels(label_times), b), **options)
    assert rows == expected
    assert all(len(batch) <= batch_events for batch, _ in pairs)
    assert [t for batch, _ in pairs for t in batch.ids.tolist()] == [kind for kind, _ in expected]


def test_at_one_time_events_come_before_labels():
    """A label known at the time of an event comes after it."""
    rows, _ = merged([events([1, 2, 2, 3])], [labels([2])], has_time=True)
    assert rows == [("e", 0), ("e", 1), ("e", 2), ("l", 1_000), ("e", 3)]


def test_without_times_a_label_follows_the_event_of_its_position():
    """Positions count events, not labels that the stream of events itself holds."""
    mixed = Batch.concat([events([0, 0]), labels([0]), events([0, 0], first=2)])
    rows, _ = merged([mixed], [labels([2])], has_time=False)
    assert rows == [("e", 0), ("e", 1), ("l", 1_000), ("e", 2), ("l", 1_000), ("e", 3)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.booleans(), max_size=30), TIMES.map(sorted), CUTS, CUTS, st.integers(1, 9))
def test_without_times_positions_count_accepted_events(refused, label_times, a, b, batch_events):
    """Events that the pipeline refuses, as it does those that come twice, move no label."""
    source = MemorySource(cut(events([0] * len(refused)), a)).batches()
    known = MemorySource(cut(labels(label_times), b)).batches()
    rows, accepted = [], []
    options = {"batch_events": batch_events, "accepted": lambda: len(accepted)}
    for batch, _ in merge(source, known, has_time=False, **options):
        assert len(batch) <= batch_events
        for offset, kind, x in zip(batch.offset.tolist(), batch.kind, np.nan_to_num(batch.X[:, 0]), strict=True):
            rows.append(("l", offset) if kind == Kind.LABEL else ("e", int(x)))
            if kind != Kind.LABEL and not refused[int(x)]:
                accepted.append(x)
    before = np.cumsum([False, *(not r for r in refused)]).tolist()
    assert rows == by_heads(before[:-1], label_times)


def test_labels_after_the_last_event_are_not_given_out():
    """They stay waiting: nobody could tell yet whether more events come before them."""
    rows, _ = merged([events([1, 2])], [labels([1, 2, 9])], has_time=True)
    assert rows == [("e", 0), ("l", 1_000), ("e", 1)]


@pytest.mark.parametrize("sizes", [[], [1], [2, 1], [1, 1, 1, 1]])
def test_one_absurd_time_does_not_release_the_labels(sizes):
    """An event far ahead of the stream moves it only when the events after it agree."""
    times = [1, 2, 1_000_000, 3, 4]
    rows, _ = merged(cut(events(times), sizes), [labels([3, 50])], has_time=True, ahead_max_us=100, ahead_confirm=2)
    assert rows == [("e", 0), ("e", 1), ("e", 2), ("e", 3), ("l", 1_000), ("e", 4)]
    rows, _ = merged(
        cut(events([1, 500, 501, 502]), sizes), [labels([3])], has_time=True, ahead_max_us=100, ahead_confirm=2
    )
    assert rows == [("e", 0), ("e", 1), ("l", 1_000), ("e", 2), ("e", 3)]


@pytest.mark.parametrize("sizes", [[], [1], [2, 1], [1, 1, 1, 1]])
def test_absurd_times_that_differ_do_not_release_the_labels(sizes):
    """They do not agree, however many there are in a row."""
    times = [1, 2, 1_000, 2_000, 3_000, 3]
    rows, _ = merged(cut(events(times), sizes), [labels([5])], has_time=True, ahead_max_us=100, ahead_confirm=2)
    assert rows == [("e", i) for i in range(6)]


@pytest.mark.parametrize("sizes", [[], [1], [2, 1], [1, 1, 1, 1]])
def test_a_first_event_far_ahead_does_not_release_the_labels(sizes):
    """They come when the stream's own time is clear."""
    options = {"has_time": True, "ahead_max_us": 100, "ahead_confirm": 2}
    rows, _ = merged(cut(events([9_000, 1, 2, 3, 6]), sizes), [labels([2, 5])], **options)
    assert rows == [("e", 0), ("e", 1), ("e", 2), ("l", 1_000), ("e", 3), ("l", 1_001), ("e", 4)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=30),
    st.lists(st.integers(0, 400), max_size=9).map(sorted), CUTS,
)  # fmt: skip
def test_judging_times_is_the_same_however_the_events_are_cut(rows, label_times, a):
    """With label rows among the events, which move no clock."""
    batch = events([t for t, _ in rows])
    batch.kind[:] = [Kind.LABEL if is_label else Kind.FEATURES for _, is_label in rows]
    options = {"has_time": True, "ahead_max_us": 50, "ahead_confirm": 2}
    whole, _ = merged([batch], [labels(label_times)], **options)
    parts, _ = merged(cut(batch, a), [labels(label_times)], **options)
    assert whole == parts


def test_refusals_of_both_sides_are_passed_on():
    """What either source refused comes out once."""
    bad = [Rejected("f", Reason.EMPTY, None, "", line=i) for i in range(3)]
    source = MemorySource([(events([1]), [bad[0]]), events([2])])
    known = MemorySource([(labels([5]), [bad[1]]), (labels([]), [bad[2]])])
    pairs = list(merge(source.batches(), known.batches(), has_time=True))
    assert sorted(r.line for _, refused in pairs for r in refused) == [0, 1, 2]
