"""What is done about a change is dated by it: what is forgotten, what was before, which trial ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamimb import Batch, Config, Feature, Label, Pipeline, Schema
from streamimb.config import WindowConfig
from streamimb.control.reaction import g_mean
from streamimb.drift.unlabelled import BLOCK_EVENTS
from streamimb.river.decided import Decisions

SCHEMA = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["legit", "fraud"]))
TELL = {"action": "tell"}


def stream(n, turns=None, moves=None, share=0.05, seed=3):
    """The rare class lies 2.2 above the other in the first feature, or below from a turn on; the second one moves."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    X = rng.normal(0, 1, (n, 2)).astype(np.float32)
    X[:, 0] += 2.2 * y * np.where(np.arange(n) < (n if turns is None else turns), 1, -1)
    X[n if moves is None else moves :, 1] += 2
    return X, y


@pytest.mark.parametrize("action", ["adjust", "reset"])
def test_an_action_is_held_against_the_world_that_the_change_made(action):
    """Not against the one before it, which it cannot bring back."""
    X, y = stream(30_000, turns=20_000)
    drift = {"recall": {"action": action}, "share": TELL}
    out = Pipeline(SCHEMA, Config(learner={"model": "linear"}, drift=drift, control={"objective": "g_mean"})).process(
        Batch.of(X, y)
    )
    done = next(a for a in out.actions if a.action == action and a.position > 20_000 and a.helped)
    decided = out.predictions.decision[15_000:20_000]
    old = np.zeros((2, 2), np.int64)
    np.add.at(old, (y[15_000:20_000], decided), 1)
    assert done.before < 0.7 * g_mean(old)[0]
    assert done.after > done.before and done.helped == "yes"


@pytest.mark.parametrize("known", [1.0, 0.2])
def test_events_that_are_never_labelled_are_no_part_of_a_window(known):
    """A window of mature events is shortened to those since the change, however few of all events matured."""
    moves = 24 * BLOCK_EVENTS
    X, y = stream(60_000, moves=moves)
    told = np.where(np.random.default_rng(1).random(len(y)) < known, y, -1).astype(np.int16)
    drift = {"recall": TELL, "share": TELL, "unlabelled": {"action": {"feature": "adjust"}}}
    pipeline = Pipeline(
        SCHEMA, Config(learner={"model": "linear"}, drift=drift, label={"wait": 500}, window={"events_min": 100})
    )
    kept = []
    shorten = pipeline.windows.shorten
    pipeline.windows.shorten = lambda name, events: kept.append((pipeline.mature, events)) or shorten(name, events)
    pipeline.process(Batch.of(X, told))
    mature, events = next(found for found in kept if found[0] > moves)
    since = np.count_nonzero(told[moves : mature + 1] >= 0)
    assert events == pytest.approx(since, rel=0.1)


def test_a_trial_that_no_drift_followed_is_told_to_be_dropped():
    """Whoever was told that a second learner began is told that it is gone."""
    X, y = stream(40_000, share=0.1)
    pipeline = Pipeline(SCHEMA, Config(learner={"model": "linear"}, reaction={"trial_lessons_max": 2_000}))
    pipeline.process(Batch.of(X, y))
    kinds = [action.action for action in pipeline.reactor.actions]
    assert "replace" not in kinds and "dropped" in kinds[kinds.index("trial") :]


def test_the_latest_decisions_are_the_end_of_the_window():
    rng = np.random.default_rng(1)
    y, decided = (rng.integers(0, 3, 500).astype(np.int16) for _ in range(2))
    config = WindowConfig(rarest=50, events_min=100)
    river = Decisions(3, config)
    for k, d in zip(y, decided, strict=True):
        river.add(np.array([k]), int(d))
    expected = np.zeros((3, 3), np.int64)
    np.add.at(expected, (y[-40:], decided[-40:]), 1)
    assert (river.latest(40) == expected).all()
    assert (river.latest(10**6) == river.confusion("rarest")).all()
    assert river.latest(0).sum() == 0 and math.isnan(g_mean(river.latest(0))[0])
