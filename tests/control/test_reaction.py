"""Whether an action helped is measured on what was predicted after it, whatever corrections did meanwhile."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streamimb.config import ReactionConfig
from streamimb.control import Reactor
from streamimb.control.reaction import EVENTS_PER_HOUR, MEASURED_EVENTS_MAX
from streamimb.outcome import Signal

CAUSE = Signal(
    position=100, time=0, signal="recall", detector="scan", class_="b", kind="drift", value=0.1, reference=0.9,
    action="reset",
)  # fmt: skip


def reactor_after(start: np.ndarray) -> Reactor:
    """One action at position 100, with the confusion as it was when the first event after it had matured."""
    reactor = Reactor(ReactionConfig(), has_time=False)
    reactor.did("reset", CAUSE, 100, 0, np.array([[80, 20], [10, 10]]))
    assert reactor.measure(200, 150, start) == []
    return reactor


def test_an_action_is_judged_on_what_came_after_it():
    """Recalls of 0.9 and 0.8 since then, against 0.8 and 0.5 before."""
    start = np.array([[500, 100], [30, 20]])
    (judged,) = reactor_after(start).measure(900, 800, start + np.array([[450, 50], [20, 80]]))
    assert math.isclose(judged.after, math.sqrt(0.9 * 0.8))
    assert judged.helped == "yes"


@given(arrays(np.int64, (2, 2), elements=st.integers(-30, 30)))
def test_corrections_may_take_away_more_than_came(change):
    """A label put right leaves its cell of the confusion; a cell below what it was counts as none."""
    start = np.array([[100, 100], [100, 100]])
    since = change + np.array([[MEASURED_EVENTS_MAX, 0], [0, 0]])
    for judged in reactor_after(start).measure(900, 800, start + since):
        assert math.isnan(judged.after) or 0 <= judged.after <= 1
        assert judged.helped in ("yes", "no", "unclear")


@pytest.mark.parametrize(
    ("action", "judged"),
    [("adjust", True), ("reset", True), ("replaced", True), ("rollback", True),
     ("trial", False), ("replace", False), ("dropped", False)],
)  # fmt: skip
def test_only_what_changed_decisions_is_judged(action, judged):
    """A learner that only learns beside the one in force neither helps nor harms."""
    reactor = Reactor(ReactionConfig(), has_time=False)
    taken = reactor.did(action, CAUSE, 100, 0, np.array([[80, 20], [10, 10]]))
    start = np.array([[500, 100], [30, 20]])
    reactor.measure(200, 150, start)
    told = reactor.measure(900, 800, start + np.array([[450, 50], [20, 80]]))
    assert math.isfinite(taken.before) == judged
    assert [a.helped for a in told] == ["yes"] * judged


@pytest.mark.parametrize("has_time", [False, True])
@pytest.mark.parametrize("most", [0, 1, 3])
def test_resets_are_bounded_within_the_hour(has_time, most):
    """Drifts beyond the bound are only adjusted to; an hour after the first reset there is room again."""
    hour = 3_600_000_000 if has_time else EVENTS_PER_HOUR
    reactor = Reactor(ReactionConfig(resets_per_hour_max=most), has_time=has_time)

    def act(at: int) -> str:
        cause = replace(CAUSE, position=0 if has_time else at, time=at if has_time else 0)
        asked = reactor.note(cause, "reset").action
        reactor.take()
        reactor.did(asked, cause, cause.position, cause.time, np.array([[80, 20], [10, 10]]))
        return asked

    assert [act(100 + i) for i in range(most + 2)] == ["reset"] * most + ["adjust"] * 2
    assert act(100 + hour - 1) == "adjust"
    assert act(100 + hour) == ("reset" if most else "adjust")


def test_resets_that_are_due_at_one_plan_are_bounded():
    """Several classes may drift before the next Plan carries out any: only the first resets."""
    reactor = Reactor(ReactionConfig(resets_per_hour_max=1), has_time=False)
    wanted = {"a": "reset", "b": "replace", "c": "reset"}
    asked = [reactor.note(replace(CAUSE, class_=c), action).action for c, action in wanted.items()]
    assert asked == ["reset", "adjust", "adjust"]
    assert [s.action for s in reactor.take()].count("reset") == 1
