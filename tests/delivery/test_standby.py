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


def test_names_that_come_again_are_read_again(tmp_path, read):
    """A place that was emptied and begun anew: no segment of what was before is taken for one of that name and size."""
    world = World(tmp_path / "one", events(1, 400), **WAITING)
    owner, standby = world.join(), following(world)
    owner.step(9)
    standby.follow(0)
    owner.finish()
    changed = [re.sub(rb'"x": -?([0-9])', rb'"x": 9\1', record or b"") for record in events(1, 400)]
    other = World(tmp_path / "two", changed, **WAITING)
    owner = other.join()
    owner.step(4)
    standby._store = other.store()
    before = len(read)
    standby.follow(1)
    files = other.store().read("topic", standby.unit.saved_name).files
    assert set(read[before:]) == {s.name for s in files} != set()
    assert set(files) & set(world.store().read("topic", world.store().newest("topic")).files)
    anew = following(other)
    anew.follow(0)
    assert digest(standby.unit.pipeline.state()) == digest(anew.unit.pipeline.state())
    owner.finish()
