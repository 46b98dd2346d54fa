"""Segments fall away as what they hold is forgotten or written anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamimb.labels.ledger import RECORDS_MIN, RECORDS_PER_EVENT_MAX, SEGMENTS_MAX, Ledger


def test_a_segment_falls_away_when_its_events_are_forgotten():
    """The oldest first, and only as far as there is no gap."""
    ledger = Ledger()
    for start in (0, 10, 20):
        ledger.add([(start, start + 10)], 1)
    assert [ledger.drop(9), ledger.drop(10), ledger.drop(30)] == [0, 1, 2]
    assert (len(ledger), ledger.records, ledger.first) == (0, 0, 4)


def test_an_empty_segment_stays_while_an_older_one_is_needed():
    """Its records are of that one's rows."""
    ledger = Ledger()
    ledger.add([(0, 10)], 0)
    ledger.add([], 3)
    assert (ledger.drop(5), ledger.records) == (0, 3)
    assert (ledger.drop(10), ledger.records) == (2, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=60), st.booleans())
def test_every_remembered_row_is_in_one_segment_that_is_kept(steps, through_state):
    """Whatever comes, is forgotten and is written anew."""
    ledger, oldest, stop = Ledger(), 0, 0
    for new, forgotten, rows in steps:
        oldest = min(oldest + forgotten, stop)
        anew = ledger.take(rows, oldest)
        assert sum(b - a for a, b in anew) <= rows
        ledger.drop(oldest)
        ledger.add([*anew, (stop, stop + new)] if new else anew, 0)
        stop += new
        if through_state:
            state, ledger = ledger.state(), Ledger()
            ledger.restore(state)
        held = [p for _, a, b in ledger.state()["rows"].tolist() for p in range(max(a, oldest), b)]
        assert sorted(held) == list(range(oldest, stop))


def test_segments_stay_few_however_small_they_are():
    """One event a snapshot, none forgotten: those beyond the bound are written together."""
    ledger, most = Ledger(), 0
    for i in range(3_000):
        anew = ledger.take(16_384, 0) if ledger.is_crowded(i) else []
        ledger.drop(0)
        ledger.add([*anew, (i, i + 1)], 0)
        most = max(most, len(ledger))
    assert most <= SEGMENTS_MAX


def test_records_stay_within_their_bound_though_every_row_changes_every_time():
    """Twice what is remembered, and as much again while rows are written anew."""
    events, most = 200_000, 0
    ledger = Ledger()
    ledger.add([(0, events)], 0)
    for _ in range(100):
        rows = events if ledger.is_crowded(events) else 0
        anew = ledger.take(rows, 0)
        ledger.drop(0)
        ledger.add(anew, 0 if anew else events)
        most = max(most, ledger.records)
    assert RECORDS_PER_EVENT_MAX * events < most <= (RECORDS_PER_EVENT_MAX + 1) * events + RECORDS_MIN
