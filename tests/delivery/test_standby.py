"""What a standby reads of the store: a checkpoint when there is a newer one, and the segments that it has not."""

import re
from pathlib import Path

import pytest

from streamimb.checkpoint.files import LocalFiles
from streamimb.delivery.standby import Standby
from streamimb.testing import digest
from tests.delivery.world import SCHEMA, World, events

#: What waits, waits for longer than the stream lasts, so that no segment falls away.
WAITING = {"label": {"wait": "9999s", "expires_as": "legit"}}


@pytest.fixture
def read(monkeypatch):
    """The segments' files that are read, by name."""
    found, real = [], LocalFiles.read

    def counted(self, path, bytes_max=None):
        if path.endswith(".seg"):
            found.append(Path(path).stem)
        return real(self, path, bytes_max)

    monkeypatch.setattr(LocalFiles, "read", counted)
    return found


def following(world):
    """A standby of a world's one unit."""
    return Standby(SCHEMA, world.config, world.store(), "topic")


def test_a_standby_reads_each_segment_once(tmp_path, read):
    """However many checkpoints name it; what is restored is what reading all would give."""
    world = World(tmp_path, events(1, 400), **WAITING)
    owner, standby, names = world.join(), following(world), set()
    for now in range(4):
        owner.step(3)
        standby.follow(now)
        names.add(standby.unit.saved_name)
    live = [s.name for s in world.store().read("topic", standby.unit.saved_name).files]
    del read[-len(live) :]
    assert len(names) >= 3 and len(live) >= 3
    assert len(read) == len(set(read)) and set(live) <= set(read)
    anew = following(world)
    anew.follow(0)
    assert digest(standby.unit.pipeline.state()) == digest(anew.unit.pipeline.state())
    owner.finish()


@pytest.mark.parametrize("steps", [4, 12])
def test_a_place_that_was_begun_anew_is_read_anew(tmp_path, read, steps):
    """Whether the new run has passed the old one's number or not: no segment of the old one is taken for its own."""
    world = World(tmp_path / "one", events(1, 400), **WAITING)
    owner, standby = world.join(), following(world)
    owner.step(9)
    standby.follow(0)
    owner.finish()
    changed = [re.sub(rb'"x": -?([0-9])', rb'"x": 9\1', record or b"") for record in events(1, 400)]
    other = World(tmp_path / "two", changed, **WAITING)
    owner = other.join()
    owner.step(steps)
    before, followed = len(read), standby.unit.saved_name
    assert (other.store().newest("topic") > followed) == (steps > 9)
    standby._store = other.store()
    standby.follow(1)
    files = other.store().read("topic", standby.unit.saved_name).files
    assert set(read[before:]) == {s.name for s in files} != set()
    anew = following(other)
    anew.follow(0)
    assert digest(standby.unit.pipeline.state()) == digest(anew.unit.pipeline.state())
    owner.finish()
