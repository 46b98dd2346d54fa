"""A state with its segments is the state, whatever happened between the snapshots."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_laws import LABELS, SMALL, labels_of, make, run, schema, stream

from streamimb.batch import Batch
from streamimb.config import LabelConfig, TimeConfig
from streamimb.labels import LabelStore
from streamimb.labels import layout as at
from streamimb.testing import digest

EVENTS = 400
cases = st.tuples(
    st.sampled_from(sorted(LABELS)), st.sampled_from([2, 3]), st.booleans(), st.booleans(), st.integers(0, 10_000)
)
#: Where something is done between two events, and what: a snapshot, a restart from the last one, a restart from a whole
#: state, a look at the state.
steps = st.lists(
    st.tuples(st.integers(0, EVENTS), st.sampled_from(["save", "save", "save", "restart", "move", "look"])), max_size=20
)
#: Segments kept, records an event and beside, rows written anew: so few that this happens, or as they are.
tight = st.sampled_from([(2, 0, 0, 5), (4, 1, 3, 20), (1, 0, 0, 1), (256, 2, 65_536, 16_384)])


class Store(LabelStore):
    """A store whose predictions depend on the event and its label, and on nothing else."""

    def __init__(self, name: str, n_classes: int, *, timed: bool, named: bool) -> None:
        label = labels_of(name, timed=timed, named=named)
        super().__init__(
            schema(n_classes, timed=timed, named=named), LabelConfig(**label), TimeConfig(**SMALL["time"]),
            every=40, every_other=100,
        )  # fmt: skip

    def walk(self, batch: Batch) -> None:
        row, stop = 0, None
        while stop != at.DONE:
            segment = self.advance(batch, row)
            row, stop = segment.row, segment.stop
            for slot, kind, position, _ in segment.ops.tolist():
                if kind <= at.PREDICT:
                    lesson = kind * (self.facts[slot, at.KNOWN] % 1_000 + self.y[slot] + 1)
                    self.raw[slot] = np.arange(self.raw.shape[1]) + position + lesson
                if kind == at.PREDICT:
                    self.scores[slot], self.notes[slot, at.DECISION] = position / 7, position % 3
                    self.notes[slot, at.SHADOWS] = position % 5


def follow(make_one, walk, batch, steps):
    """Do the steps between the events, and go on to the end; every snapshot with its segments is the whole state."""
    running, now, saved = make_one(), 0, None
    kept = []
    for where, what in sorted(steps):
        walk(running, batch.slice(now, where))
        now, fresh = where, make_one()
        if what == "save":
            snapshot = running.snapshot()
            kept = [*kept[snapshot.drop :], snapshot.segment]
            saved = (snapshot.state, now, kept)
            fresh.restore(snapshot.state, kept)
            assert digest(fresh.state()) == digest(running.state())
        elif what == "look":
            running.state()
        elif what == "move":
            fresh.restore(running.state())
            running, saved, kept = fresh, None, []
        elif saved is not None:
            fresh.restore(saved[0], saved[2])
            running, now = fresh, saved[1]
    walk(running, batch.slice(now, EVENTS))
    return running


@settings(max_examples=150, deadline=None)
@given(cases, steps, tight)
@example(("expiring", 2, True, True, 1), [(i, "save") for i in range(0, 400, 20)], (2, 0, 0, 5))
@example(("early", 2, True, True, 38), [(i, "look") for i in range(60)], (2, 0, 0, 5))
@example(("early", 2, True, True, 74), [(i, "save") for i in range(60)], (2, 0, 0, 5))
def test_segments_restore_what_a_whole_state_would(case, steps, bounds):
    """However snapshots, restarts from them (the events since come again) and whole states follow each other."""
    name, k, timed, named, seed = case
    batch = stream(seed, EVENTS, k, named=named)
    whole = Store(name, k, timed=timed, named=named)
    whole.walk(batch)
    names = ("SEGMENTS_MAX", "RECORDS_PER_EVENT_MAX", "RECORDS_MIN")
    with (
        patch.multiple("streamimb.labels.ledger", **dict(zip(names, bounds, strict=False))),
        patch("streamimb.labels.store.REWRITTEN_ROWS_MAX", bounds[3]),
    ):
        running = follow(lambda: Store(name, k, timed=timed, named=named), Store.walk, batch, steps)
    assert digest(running.state()) == digest(whole.state())


@settings(max_examples=4, deadline=None)
@given(cases, steps)
def test_a_whole_pipeline_is_restored_from_its_segments(case, steps):
    """Learner, windows and detectors with it; it goes on as if never stopped."""
    name, k, timed, named, seed = case
    batch = stream(seed, EVENTS, k, named=named)
    whole = make(name, k, timed=timed, named=named)
    run(whole, batch, [])
    running = follow(
        lambda: make(name, k, timed=timed, named=named), lambda p, rows: run(p, rows, []), batch, steps[:6]
    )
    assert digest(running.state()) == digest(whole.state())


def test_equal_histories_have_equal_segments():
    """However they were cut into batches."""
    batch = stream(3, EVENTS, 2, named=True)
    one, other = (Store("expiring", 2, timed=True, named=True) for _ in range(2))
    for start in range(0, EVENTS, 100):
        one.walk(batch.slice(start, start + 100))
        for i in range(start, start + 100, 10):
            other.walk(batch.slice(i, i + 10))
        first, second = one.snapshot(), other.snapshot()
        assert digest([first.state, first.segment, first.drop]) == digest([second.state, second.segment, second.drop])
