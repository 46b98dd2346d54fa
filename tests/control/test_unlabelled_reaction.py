"""What signals that need no labels ask for: done once their events have matured, under the same bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import Config, ReactionConfig
from streamimb.control import Reactor
from streamimb.control.reaction import WAITING_MAX
from streamimb.drift.unlabelled import BLOCK_EVENTS
from streamimb.outcome import Outcome, Signal
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest
from tests.properties.test_laws import run

SCHEMA = Schema(features=[Feature(name="x"), Feature(name="z")], label=Label(classes=["a", "b"], positive="b"))
N, MOVES = 26_000, 10 * BLOCK_EVENTS
MOVED = 11 * BLOCK_EVENTS - 1  # the last event of the first block that shows it
UNLABELLED = Signal(MOVED, MOVED, "feature", "g_test", "x", "drift", 0.4, 0.1, "")


def stream(what: str = "feature", n: int = N) -> Batch:
    """Feature x moves, or is missing now and then, or the classes trade places; beside it one class in ten."""
    rng = np.random.default_rng(4)
    y = (rng.random(n) < 0.1).astype(np.int16)
    X = rng.normal(0.0, 1.0, (n, 2)).astype(np.float32)
    X[:, 1] += 3 * y
    late = np.arange(n) >= MOVES
    if what == "feature":
        X[late, 0] += 2
    elif what == "missing":
        X[late & (rng.random(n) < 0.2), 0] = np.nan
    elif what == "scores":
        X[late, 1] += 2
    elif what == "all":
        X[late] += 2
        y[late] = (rng.random(late.sum()) < 0.5).astype(np.int16)
    return Batch.of(X, y)


def make(action: dict[str, str], **tables: dict[str, object]) -> Pipeline:
    quiet = {"detector": "none"}
    drift = {"share": quiet, "recall": quiet, "unlabelled": {"action": action}}
    return Pipeline(SCHEMA, Config(**{"learner": {"model": "linear"}, "drift": drift} | tables))


def done(out: Outcome, cause: str = "feature") -> list[tuple[str, int]]:
    return [(a.action, a.position) for a in out.actions if a.signal == cause and a.measured_at < 0]


@pytest.mark.parametrize("action", ["tell", "adjust", "reset", "replace"])
@pytest.mark.parametrize(
    ("what", "signal", "name"), [("feature", "feature", "x"), ("missing", "missing", "x"), ("scores", "score", None)]
)
def test_each_signal_is_answered_as_the_configuration_says(what, signal, name, action):
    """At the next Plan, with its cause; the signal itself says so, too."""
    out = make({signal: action}).process(stream(what))
    found = next(s for s in out.signals if s.signal == signal and s.position >= MOVES)
    assert (found.class_, found.action, found.position) == (name, action, MOVED)
    expected = [] if action == "tell" else [(action, MOVED + 250 - MOVED % 250)]
    assert [told for told in done(out, signal) if told[0] == action][:1] == expected
    assert all(a.class_ == name for a in out.actions if a.signal == signal)


def test_an_alert_rate_that_moved_is_answered():
    """Under a fixed threshold twice as many alerts are a change, answered by weights that begin anew."""
    pipeline = make({"alert_rate": "adjust"}, control={"threshold": 0.5})
    assert done(pipeline.process(stream("all")), "alert_rate")


def test_an_answer_is_measured_like_any_other():
    """Before, after and whether it helped."""
    out = make({"feature": "adjust"}).process(stream())
    (judged,) = (a for a in out.actions if a.signal == "feature" and a.measured_at >= 0)
    assert judged.before > 0.5 and judged.after > 0.5 and judged.helped in ("yes", "no", "unclear")


@pytest.mark.parametrize("action", ["adjust", "reset", "replace"])
def test_nothing_is_done_before_labels_of_the_change_are_there(action):
    """With labels 3,000 events late the signal is told at once, and what it asks for is done 3,000 events later."""
    out = make({"feature": action}, label={"delay": 3_000}).process(stream(n=28_000))
    found = next(s for s in out.signals if s.signal == "feature")
    assert (found.position, found.action) == (MOVED, action)
    assert done(out)[0][0] == action
    assert MOVED + 3_000 <= done(out)[0][1] <= MOVED + 3_000 + 250


def test_a_trial_begins_with_lessons_of_the_change():
    """So late labels of before are none of its lessons, and it is decided on events that mature after it began."""
    pipeline = make({"feature": "replace"}, label={"delay": 3_000}, reaction={"trial_lessons_max": 1_500})
    out = pipeline.process(stream(n=28_000))
    assert [action for action, _ in done(out)] == ["replace", "dropped"]
    begun, ended = (at for _, at in done(out))
    assert begun >= MOVED + 3_000 and 1_500 <= ended - begun <= 2_000


def test_windows_begin_with_the_block_that_showed_the_change():
    """The window of shares holds no event of before."""
    pipeline = make({"feature": "adjust"}, window={"rarest": 2_000, "events_min": 1_000})
    batch = stream()
    after = MOVED + 251 - MOVED % 250
    pipeline.process(batch.slice(0, after))
    assert pipeline.windows.length("rarest") == after - MOVES
    told = make({}, window={"rarest": 2_000, "events_min": 1_000})
    told.process(batch.slice(0, after))
    assert told.windows.length("rarest") > 2 * (after - MOVES)


def test_a_frozen_learner_is_only_adjusted_around():
    """Whether it was frozen before the signal or while labels were awaited."""
    for cut in (100, MOVED + 1_000):
        pipeline = make({"feature": "reset"}, label={"delay": 3_000})
        batch = stream(n=28_000)
        pipeline.process(batch.slice(0, cut))
        pipeline.pull("freeze")
        assert [action for action, _ in done(pipeline.process(batch.slice(cut, 28_000)))] == ["adjust"]


def test_a_learner_that_was_replaced_by_itself_is_no_news():
    """A reset moves scores and alerts; a pipeline that did it does not tell of it, nor reset once more."""
    batch = stream("nothing", n=40_000)
    reset, pulled = make({"score": "reset", "alert_rate": "reset"}), 9 * BLOCK_EVENTS
    reset.process(batch.slice(0, pulled))
    reset.pull("reset")
    out = reset.process(batch.slice(pulled, 40_000))
    assert [s for s in out.signals if s.position < pulled + 20_000] == []


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(MOVED - 400, MOVED + 4_000), max_size=8), st.integers(MOVES, MOVED + 4_000))
@pytest.mark.parametrize("delay", [None, 1_500])
def test_the_laws_hold_around_a_signal(delay, cuts, at):
    """Cuts and a restore change nothing, with labelled signals between the same two Plans."""
    scan = {"detector": "adwin", "delta": 0.3, "cooldown": 5}
    tables = {
        "label": {"delay": delay} if delay else {},
        "control": {"every": 5_000},
        "drift": {
            "share": {**scan, "action": "adjust"}, "recall": {**scan, "action": "replace"},
            "unlabelled": {"action": {"feature": "replace", "score": "reset", "alert_rate": "adjust"}},
        },
    }  # fmt: skip
    batch = stream("all")
    whole, cut, restored, first = (make({}, **tables) for _ in range(4))
    told = run(whole, batch, [])
    assert "feature" in whole.signal_counts
    between = [s.position for s in whole.signals if s.signal == "share" and MOVES < s.position < MOVED]
    assert between  # so that a batch that ends between it and the block's end would tell them in another order
    assert told == run(cut, batch, [*cuts, MOVED])
    run(first, batch.slice(0, at), [])
    restored.restore(first.state())
    run(restored, batch.slice(at, N), [])
    assert digest(whole.state()) == digest(cut.state()) == digest(restored.state())


def test_signals_of_one_block_ask_once():
    """Many features move together: one reset serves them all, and counts once."""
    reactor = Reactor(ReactionConfig(resets_per_hour_max=2), has_time=False)
    told = [reactor.note_unlabelled(replace(UNLABELLED, class_=c), "reset", MOVED) for c in "xyz"]
    assert [s.action for s in told] == ["reset"] * 3
    assert [s.class_ for s in reactor.take()] == ["x"]


def test_resets_are_bounded_when_their_time_comes():
    """Two wait for labels; of both only as many are carried out as there may be in that hour."""
    reactor = Reactor(ReactionConfig(resets_per_hour_max=1), has_time=False)
    for position in (100, 200):
        assert reactor.note_unlabelled(replace(UNLABELLED, position=position), "reset", 50).action == "reset"
    reactor.ripen(150, 30_000, 0)
    assert [s.action for s in reactor.take()] == ["reset"]
    reactor.did("reset", UNLABELLED, 30_000, 0, np.array([[80, 20], [10, 10]]))
    reactor.ripen(250, 30_250, 0)
    assert [s.action for s in reactor.take()] == ["adjust"]


def test_so_many_wait_at_most():
    """One more is only told."""
    reactor = Reactor(ReactionConfig(), has_time=False)
    told = [
        reactor.note_unlabelled(replace(UNLABELLED, position=i), "adjust", -1).action for i in range(WAITING_MAX + 1)
    ]
    assert told == ["adjust"] * WAITING_MAX + ["tell"]
    assert len(reactor.state()["waiting"]) == WAITING_MAX


def test_going_back_tells_nothing_twice_and_loses_nothing():
    """What was heard before the older state has been told since; what was heard now is still to be."""
    reactor = Reactor(ReactionConfig(), has_time=False)
    reactor.hear([UNLABELLED])
    older = reactor.state()
    assert reactor.heard() == [UNLABELLED]
    later = replace(UNLABELLED, position=UNLABELLED.position + 500)
    reactor.hear([later])
    reactor.roll_back(older)
    assert [s.action for s in reactor.untold] == ["tell"]
    assert reactor.heard() == [later]
