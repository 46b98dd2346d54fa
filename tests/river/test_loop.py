"""What the loop for one event does about signals: what the pipeline does."""

from __future__ import annotations

import numpy as np
import pytest
from river import naive_bayes

from streamimb.config import ControlConfig, DriftConfig, WindowConfig
from streamimb.drift.bank import RECALL, SHARE
from streamimb.kernel import uniform
from streamimb.outcome import Signal
from streamimb.river.learner import DictLearner
from streamimb.river.loop import Loop


def looped(n: int, share: float = 0.05) -> Loop:
    learner = DictLearner(naive_bayes.GaussianNB, [False, True], native=False, seed=1)
    loop = Loop(learner, 2, 1, ControlConfig(every=100), DriftConfig(), WindowConfig())
    teach(loop, n, share)
    return loop


def teach(loop: Loop, n: int, share: float = 0.05) -> None:
    for i in range(loop.seen, loop.seen + n):
        y = uniform(1, i, 0) < share
        loop.learn({"a": uniform(1, i, 1) + y}, int(y))


def cause(signal: str, action: str) -> Signal:
    return Signal(2_500, 2_500, signal, "adwin", "1", "drift", 0.1, 0.2, action)


@pytest.mark.parametrize("action", ["adjust", "reset", "replace"])
def test_a_change_of_share_shortens_the_window_whatever_else_is_done(action):
    """A reset, too: what came before the change is no guide to the shares after it."""
    loop = looped(2_500)
    assert loop.windows.length("rarest") == 2_500
    loop.monitor.width = lambda signal, k: 1_200
    loop.reactor.note(cause(SHARE, ""), action)
    loop._react()
    assert loop.windows.length("rarest") == 1_200


def test_a_fall_of_recall_leaves_the_scores_that_thresholds_are_tuned_on():
    """They are few enough positives as it is."""
    loop = looped(2_500)
    before = len(loop.controller.scores)
    loop.reactor.note(cause(RECALL, ""), "adjust")
    loop._react()
    assert len(loop.controller.scores) == before > 2_000


def test_recall_is_watched_once_thresholds_are_tuned_and_anew_after_a_reset():
    """Recall under a first guess of a threshold is nothing to fall from. Asked of the minority, whose recall it is."""
    loop = looped(0)
    told: list[int] = []
    loop.monitor.update = lambda position, time, y, decision: told.extend(decision[y == 1].tolist()) or []
    while not loop.controller.is_ready(loop.windows.counts("rarest")):
        teach(loop, 100)
    assert told == [-1] * len(told) != []
    before = len(told)
    teach(loop, 1_000)
    assert -1 not in told[before:] != []
    loop.reactor.note(cause(RECALL, ""), "reset")
    loop._react()
    before = len(told)
    teach(loop, 100 - loop.seen % 100)
    assert told[before:] == [-1] * len(told[before:]) != []


def test_another_positive_class_keeps_what_recent_events_said():
    """Shares and scores go over, the threshold to the other class."""
    loop = looped(1_500)
    shares = loop.windows.shares("rarest")
    loop.rebuild(2, 0)
    np.testing.assert_array_equal(loop.windows.shares("rarest"), shares)
    assert loop.controller._positive == loop.positive == 0
    assert len(loop.controller.scores) == 1_500
