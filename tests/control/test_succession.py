"""Trials: which goes on, which begins anew, and how long one may take."""

from __future__ import annotations

import numpy as np
import pytest

from streamimb.config import LearnerConfig
from streamimb.control import Succession
from streamimb.control.succession import CLASS_LESSONS_ENOUGH, RARE_TIMES, WARM_LESSONS
from streamimb.labels import layout as at
from streamimb.learners.base import Tape
from streamimb.learners.registry import make_learner
from streamimb.schema import Feature, Label, Schema

SCHEMA = Schema(features=[Feature(name="x")], label=Label(classes=["a", "b"]))


def succession(lessons_max=20_000):
    return Succession(lambda: make_learner(SCHEMA, LearnerConfig(model="linear")), 2, lessons_max)


def teach(it, n, share, sign=1.0, seed=1):
    """Predict and learn n events, whose rare class lies 3 above the other; below it with a sign of -1."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    X = rng.normal(sign * 3.0 * y)[:, None].astype(np.float32)
    ops = np.repeat(np.arange(n), 2)[:, None].repeat(4, axis=1)
    ops[:, 1] = np.tile([at.PREDICT, at.LEARN_LABEL], n)
    it.run(X, y, Tape.interleaved(n), np.ones(2), np.arange(n), ops, y)


def test_a_trial_of_before_a_drift_begins_anew():
    """Its learner knows the old world as well as the one in force: only a new one is better in the new world."""
    outcomes = {}
    for lessons in (500, 20_000):
        it = succession()
        teach(it, 40_000, 0.01)
        it.begin()
        teach(it, 10_000, 0.01, seed=2)
        teach(it, 500, 0.01, -1.0, seed=3)
        old = it.challenger
        it.begin(lessons)
        assert (it.challenger is old) == (lessons == 20_000)
        teach(it, 5_000, 0.01, -1.0, seed=4)
        outcomes[lessons] = it.settle(contested=True)
    assert outcomes == {500: "replaced", 20_000: ""}


def test_a_trial_of_after_a_drift_goes_on():
    it = succession()
    it.begin()
    teach(it, 300, 0.1)
    begun = it.challenger
    it.begin(300)
    it.begin()
    assert it.challenger is begun


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_a_rare_class_is_waited_for(share):
    """A trial without a winner ends after so many lessons, or once so many of the rare class were compared."""
    it, lessons, block = succession(1_000), 0, 100
    it.begin()
    while it.settle(contested=True) == "":
        teach(it, block, share, seed=lessons)
        lessons += block
    if share == 0.5:
        assert lessons == 1_000 + block
    else:
        assert lessons == pytest.approx(WARM_LESSONS + CLASS_LESSONS_ENOUGH / share, rel=0.3)


def test_even_a_class_that_is_gone_is_not_waited_for_without_end():
    it = succession(1_000)
    it.begin()
    teach(it, 1_000 * RARE_TIMES, 0.0)
    assert it.settle(contested=True) == ""
    teach(it, 1, 0.0)
    assert it.settle(contested=True) == "dropped"
