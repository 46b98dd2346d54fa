"""What is made of an event that comes twice."""

from __future__ import annotations

import numpy as np
import pytest
from label_rows import BAD, CLEAN, Told, event, label, make

from streamimb.batch import Kind
from streamimb.labels import layout as at


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
