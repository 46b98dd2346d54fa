"""Levers on random streams: pulled anywhere, kept by a restart, repeated bit for bit; predictions without a trace."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError, InputError, StateError
from streamimb.levers import KINDS, Lever, read_levers, write_levers
from streamimb.operate import Repeated
from streamimb.pipeline import Pipeline
from streamimb.testing import digest
from tests.properties.test_laws import LABELS, cases, stream
from tests.properties.test_laws import make as make_whole

N = 400
#: A small state, so that many can be kept.
SMALL_LEARNER = LearnerConfig(model="linear", parameters={"slots": 64})


def make(name, k, *, timed, named):
    whole = make_whole(name, k, timed=timed, named=named)
    return Pipeline(whole.schema, whole.config.model_copy(update={"learner": SMALL_LEARNER}))


def operate(pipeline, batch, orders, cuts, *, restart=None):
    """Run with levers pulled after so many rows, over batches cut anywhere; the states that a service would keep."""
    states = [pipeline.state()]
    for start, stop in pairwise(sorted({0, N, *cuts, *(row for row, _ in orders)})):
        for row, kind in orders:
            if row == start:
                state = states[len(states) // 2] if kind == "rollback" else None
                pipeline.pull(kind, threshold=0.4 if kind == "pin" else None, state=state, checkpoint="c")
                if kind == "freeze":
                    states.append(pipeline.state())
        if start == restart:
            kept, pipeline = pipeline.state(), restart_of(pipeline)
            pipeline.restore(kept)
        pipeline.process(batch.slice(start, stop))
        if any(row == stop for row, _ in orders):
            states.append(pipeline.state())
    return pipeline


def restart_of(pipeline):
    return Pipeline(pipeline.schema, pipeline.config)


orders_of = st.lists(st.tuples(st.integers(0, N - 1), st.sampled_from(KINDS)), max_size=7).map(
    lambda pulled: sorted(pulled, key=lambda order: order[0])
)


@settings(max_examples=40, deadline=None)
@given(cases, orders_of, st.lists(st.integers(1, N - 1), max_size=6), st.lists(st.integers(1, N - 1), max_size=6))
def test_a_run_is_repeated_from_its_export(case, orders, cuts, other_cuts):
    """The levers of a live run, through their file, on other batches: the same state, bit for bit."""
    name, k, timed, named, seed = case
    batch = stream(seed, N, k, named=named)
    live = operate(make(name, k, timed=timed, named=named), batch, orders, cuts)
    again = make(name, k, timed=timed, named=named)
    repeated = Repeated(again, read_levers(write_levers(live.book.levers), "export"))
    for start, stop in pairwise(sorted({0, N, *other_cuts})):
        for _ in repeated.process(batch.slice(start, stop)):
            pass
    assert repeated.left == 0
    assert digest(again.state()) == digest(live.state())


@settings(max_examples=15, deadline=None)
@given(cases, orders_of, st.integers(1, N - 1))
def test_a_restart_keeps_levers(case, orders, restart):
    """A run restored in the middle goes on as one that never stopped, frozen, pinned and rolled back as it was."""
    name, k, timed, named, seed = case
    batch = stream(seed, N, k, named=named)
    whole = operate(make(name, k, timed=timed, named=named), batch, orders, [restart])
    restarted = operate(make(name, k, timed=timed, named=named), batch, orders, [restart], restart=restart)
    assert digest(whole.state()) == digest(restarted.state())


@settings(max_examples=20, deadline=None)
@given(cases, st.integers(1, N))
def test_asking_leaves_no_trace(case, at):
    """Predictions for somebody who asks change no bit of the state, and are those that the events will get."""
    name, k, timed, named, seed = case
    batch = stream(seed, N, k, named=named)
    pipeline = make(name, k, timed=timed, named=named)
    pipeline.process(batch.slice(0, at))
    before = digest(pipeline.state())
    asked = pipeline.predict(batch.X)
    assert digest(pipeline.state()) == before
    assert asked.scores.sum(axis=1) == pytest.approx(1, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(cases, st.integers(1, N - 1))
def test_asking_tells_what_the_event_will_get(case, at):
    """The scores, decision and threshold of the next event, as it comes right after."""
    name, k, timed, named, seed = case
    batch = stream(seed, N, k, named=named)
    pipeline = make(name, k, timed=timed, named=named)
    pipeline.process(batch.slice(0, at))
    asked = pipeline.predict(batch.X[at : at + 1])
    learner, plan = digest(pipeline.succession.state()), pipeline.controller.plan.number
    pipeline.pull("freeze")  # labels that become known before the event would be learned first
    told = pipeline.process(batch.slice(at, at + 1)).predictions
    assert digest(pipeline.succession.state()) == learner
    if len(told) and pipeline.controller.plan.number == plan:
        assert told.scores.tolist() == asked.scores.tolist()
        assert (told.decision.tolist(), told.threshold.tolist()) == (asked.decision.tolist(), asked.threshold.tolist())


def learned(name="at once", *, rows=200, k=2):
    pipeline = make(name, k, timed=True, named=True)
    batch = stream(3, N, k, named=True)
    pipeline.process(batch.slice(0, rows))
    return pipeline, batch


def test_nothing_is_learned_while_frozen():
    """The learner stays as it is; windows and evaluation go on; after resume it learns again."""
    pipeline, batch = learned()
    pipeline.pull("freeze")
    before, seen = digest(pipeline.succession.state()), pipeline.windows.seen
    pipeline.process(batch.slice(200, 300))
    assert digest(pipeline.succession.state()) == before
    assert pipeline.windows.seen > seen
    pipeline.pull("resume")
    pipeline.process(batch.slice(300, N))
    assert digest(pipeline.succession.state()) != before


@pytest.mark.parametrize("k", [2, 3])
def test_a_pinned_threshold_stays_until_it_is_let_go(k):
    """Whatever is tuned meanwhile; then the tuned one is back at once."""
    pipeline, batch = learned(k=k)
    twin, _ = learned(k=k)
    pipeline.pull("pin", threshold=0.125)
    for p in (pipeline, twin):
        p.process(batch.slice(200, N))
    thresholds = pipeline.controller.plan.thresholds
    assert thresholds[1] == 0.125
    assert thresholds.sum() == pytest.approx(1)
    pipeline.pull("unpin")
    if k == 2:  # whose tuning does not depend on what was decided
        assert pipeline.controller.plan.thresholds == pytest.approx(twin.controller.plan.thresholds)
    assert pipeline.controller.plan.thresholds[1] != 0.125


@pytest.mark.parametrize("threshold", [None, 0.0, 1.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_threshold_is_not_pinned(threshold):
    """A threshold lies between 0 and 1; another changes nothing."""
    pipeline, _ = learned()
    before = digest(pipeline.state())
    with pytest.raises(ConfigError):
        pipeline.pull("pin", threshold=threshold)
    assert digest(pipeline.state()) == before


@pytest.mark.parametrize("name", sorted(LABELS))
def test_a_rollback_restores_what_learned_and_keeps_what_waits(name):
    """Learner, windows and control are the older ones; positions, labels and who waits are not touched."""
    pipeline, batch = learned(name)
    saved = pipeline.state()
    pipeline.process(batch.slice(200, 300))
    store = digest(pipeline.store.state())
    pulled = pipeline.pull("rollback", state=saved, checkpoint="0001")
    assert (pulled.lever.to_row, pulled.lever.row, pulled.lever.checkpoint) == (200, 300, "0001")
    assert digest(pipeline.store.state()) == store
    for part in ("succession", "windows", "evaluation", "monitor", "controller", "rebalancer"):
        assert digest(getattr(pipeline, part).state()) == digest(saved[part])
    pipeline.process(batch.slice(300, N))  # corrections of what was rolled over among them


def test_a_state_that_does_not_fit_rolls_nothing_back():
    """Of another schema, of the future, or half of one: refused, and no bit is changed."""
    pipeline, _ = learned()
    other, _ = learned(k=3)
    broken = {**pipeline.state(), "controller": {}}
    ahead, _ = learned(rows=300)
    before = digest(pipeline.state())
    for state in (other.state(), broken, ahead.state(), {"version": 1}):
        with pytest.raises(StateError):
            pipeline.pull("rollback", state=state)
        assert digest(pipeline.state()) == before
    with pytest.raises(ConfigError):
        pipeline.pull("rollback")


def test_levers_are_told_as_actions():
    """Each is an action of the operator's, at its position."""
    pipeline, _ = learned()
    told = [pipeline.pull(kind, threshold=0.5 if kind == "pin" else None).action for kind in KINDS[:-1]]
    assert [(a.action, a.signal, a.position) for a in told] == [
        (kind, "operator", pipeline.store.next_position) for kind in KINDS[:-1]
    ]
    assert list(pipeline.reactor.actions)[-len(told) :] == told


def pulled_at(number, row):
    return write_levers([Lever(number=number, kind="reset", row=row, position=1)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"number":1,"kind":"melt","row":1,"position":1}', "line 1"),
        (b"[]", "line 1"),
        (b'\n{"number":1}', "line 2"),
        (pulled_at(1, 9) + pulled_at(3, 9), "follow"),
        (pulled_at(1, 9) + pulled_at(2, 8), "follow"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(content, said):
    """A line that is no lever, and levers that do not follow each other."""
    with pytest.raises(InputError, match=said):
        read_levers(content, "levers.ndjson")


def test_an_export_that_lost_its_beginning_is_not_repeated():
    """A lever that is not the next one of the pipeline's, or that rolls back to before the start."""
    pipeline, _ = learned()
    pipeline.pull("freeze")
    pipeline.pull("resume")
    fresh = make("at once", 2, timed=True, named=True)
    with pytest.raises(InputError, match="does not follow"):
        Repeated(fresh, list(pipeline.book.levers)[1:])
