import math
from dataclasses import replace

import pytest

from streamimb.outcome import Action, Signal
from streamimb.serving.marks import DRIFTS_MAX, WARNINGS_MAX, Marks

DRIFT = Signal(100, 5, "recall", "adwin", "fraud", "drift", 0.4, 0.8, "replace")
ACTION = Action(1, 250, 9, "adjust", "recall", "fraud", 0.5, math.nan, "", -1)


def test_what_was_done_goes_with_its_drift():
    """An action is told with the drift that asked for it, and later whether it helped; each change is told once."""
    marks = Marks()
    marks.signalled(DRIFT, 0.5, 1.0)
    assert [m["action"] for m in marks.changed()] == ["replace"]
    marks.acted(ACTION, 0.9, 2.0)
    assert [(m["number"], m["action"], m["helped"]) for m in marks.changed()] == [(1, "adjust", "")]
    marks.acted(replace(ACTION, after=0.7, helped="yes", measured_at=900), 0.9, 3.0)
    assert [(m["position"], m["before"], m["after"], m["helped"]) for m in marks.changed()] == [(100, 0.5, 0.7, "yes")]
    assert marks.changed() == []
    assert len(marks.all()) == 1


def test_a_lever_is_a_mark_of_its_own():
    """What a person did stands beside what detectors told."""
    marks = Marks()
    marks.acted(replace(ACTION, action="freeze", signal="operator", class_=None), None, 2.0)
    assert [(m["kind"], m["action"], m["position"]) for m in marks.all()] == [("lever", "freeze", 250)]


@pytest.mark.parametrize("action", [ACTION, replace(ACTION, measured_at=900, helped="no")])
def test_an_action_of_before_is_passed_over(action):
    """After a restart, what was asked for by a drift that nobody remembers is no mark."""
    marks = Marks()
    marks.acted(action, None, 2.0)
    assert marks.all() == marks.changed() == []


def test_many_warnings_drive_out_no_drift():
    """All is bounded, and a flood of warnings leaves the drifts; also where nobody ever asks what is new."""
    marks = Marks()
    marks.signalled(DRIFT, None, 0.0)
    for i in range(1_000):
        marks.signalled(replace(DRIFT, kind="warning", position=i), None, 0.0)
    assert [m["kind"] for m in marks.all()] == ["drift"] + ["warning"] * WARNINGS_MAX
    assert len(marks.changed()) <= DRIFTS_MAX + WARNINGS_MAX
    for i in range(1_000):
        marks.signalled(replace(DRIFT, position=i), None, 0.0)
    assert len(marks.all()) == DRIFTS_MAX + WARNINGS_MAX
