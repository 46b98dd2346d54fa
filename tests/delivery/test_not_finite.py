"""A learner whose parameters are no numbers any more: nothing of it is saved, and the last good checkpoint goes on."""

import numpy as np
import pytest

from streamimb.errors import StateError
from streamimb.learners.base import is_finite
from tests.delivery.world import History, World, events

SAVE = {"every_events": 20, "every_seconds": 1e6, "keep": 3}


@pytest.fixture(scope="module")
def records():
    return events(11, 200)


def poison(worker, unit="topic"):
    """One of the learner's weights is infinite from now on."""
    worker.owned.units[unit].pipeline.succession.learner._arrays["table"].flat[0] = np.inf


def poisoning(*positions, unit="topic"):
    """What is called between two pieces: it poisons the unit at its first piece past each position in turn."""
    left = list(positions)

    def between(worker):
        held = worker.owned.units.get(unit)
        if left and held is not None and held.position > left[0]:
            left.pop(0)
            poison(worker, unit)

    return between


@pytest.mark.parametrize("transactions", [False, True])
def test_a_learner_that_is_not_finite_goes_back(records, tmp_path, transactions):
    """It is told and counted, nothing of it is saved, and what follows is what would have been."""
    tables = {"state": SAVE, "output": {"transactions": transactions}}
    reference, world = World(tmp_path / "r", records, **tables), World(tmp_path / "w", records, **tables)
    assert reference.serve()
    history = History()
    assert world.serve(between=poisoning(60), observer=history)
    ((_, facts),) = history.heard("learner not finite")
    assert facts["unit"] == "topic" and "not finite" in facts["error"]
    assert len(history.heard("save failed")) == 1
    _, (_, _, name, rotten) = history.heard("restored")
    assert name is not None and rotten == ()
    assert world.learned() == reference.learned()


def test_it_may_go_back_again_once_a_checkpoint_was_written(records, tmp_path):
    """Twice is twice in a row only where nothing could be saved between."""
    world, history = World(tmp_path, records, state=SAVE), History()
    assert world.serve(between=poisoning(60, 120), observer=history)
    assert len(history.heard("learner not finite")) == 2


@pytest.mark.parametrize("transactions", [False, True])
def test_a_second_time_in_a_row_ends_it(records, tmp_path, transactions):
    """Where going back did not help it ends with 70, and the checkpoint that is left is finite."""
    world = World(tmp_path, records, state=SAVE, output={"transactions": transactions})
    history = History()

    def between(worker):
        if worker.owned.units["topic"].position > 60:
            poison(worker)

    with pytest.raises(StateError, match=r"topic: after \d+ events the learner's parameters are not finite") as told:
        world.serve(between=between, observer=history)
    assert told.value.exit_code == 70
    assert len(history.heard("learner not finite")) == 1 and len(history.heard("save failed")) == 2
    assert is_finite(world.store().restore("topic").state["succession"])
    assert world.serve()


def test_two_learners_in_one_transaction(records, tmp_path):
    """Outputs of both go with the transaction: both go back, and readers see each event once, as it would have been."""
    tables = {"state": SAVE | {"scope": "partition"}, "output": {"transactions": True}}
    reference, world = (World(tmp_path / name, records, partitions=2, **tables) for name in "rw")
    history = History()
    assert reference.serve() and world.serve(between=poisoning(40, unit="partition-0"), observer=history)
    assert len(history.heard("learner not finite")) == 1
    assert sorted(told[1] for told in history.heard("restored")) == ["partition-0"] * 2 + ["partition-1"] * 2
    for unit in ("partition-0", "partition-1"):
        assert world.learned(unit) == reference.learned(unit)
    assert world.sent("predictions").keys() == reference.sent("predictions").keys()


def test_a_save_that_is_asked_for_says_that_there_was_none(records, tmp_path):
    """Whoever asks for a checkpoint is told that the unit went back instead."""
    world = World(tmp_path, records, state=SAVE)
    member = world.join()
    member.step(4)
    poison(member.worker)
    told = member.worker._keeper.save_now(member.worker.owned.units["topic"])
    assert isinstance(told, StateError) and "topic was not saved" in str(told)
    member.finish()
    member.leave()
    assert is_finite(world.store().restore("topic").state["succession"])
