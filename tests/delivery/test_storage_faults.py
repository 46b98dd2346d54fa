"""Where checkpoints live fails: nothing stops before its time, nothing is committed that is not saved."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event
from time import monotonic, sleep

import pytest

from streamimb.checkpoint import NO_GROUP
from streamimb.checkpoint.files import LocalFiles
from streamimb.delivery import trouble
from streamimb.errors import BrokersAwayError, StateError, StorageError
from streamimb.sources.log import Partition
from tests.delivery.world import History, Probe, World, events

N = 200
EVENTS = Partition("events", 0)
SAVE = {"every_events": 20, "every_seconds": 1e6, "keep": 3}


@pytest.fixture(scope="module")
def records():
    return events(11, N)


@pytest.fixture(scope="module")
def reference(records, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("reference"), records, state=SAVE)
    assert world.serve()
    return world


class Clock:
    """Time passes when somebody sleeps, and a little whenever somebody looks."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        self.now += 1e-3
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def vanish(world):
    """The folder of checkpoints is a file now: every write fails as the file system says."""
    folder = world.folder / "topic" / "checkpoints"
    folder.rename(folder.with_name("away"))
    folder.write_bytes(b"")


def come_back(world):
    folder = world.folder / "topic" / "checkpoints"
    folder.unlink()
    folder.with_name("away").rename(folder)


def test_events_are_learned_while_checkpoints_fail(records, reference, tmp_path):
    """It goes on and commits nothing; when the storage is back, what waited rides along, and all is saved."""
    world, clock, seen = World(tmp_path, records, state=SAVE), Clock(), []
    history = History()

    def between(worker):
        position = worker.owned.units["topic"].position
        if position > 60 and not seen:
            vanish(world)
            seen.append(dict(world.log.groups["g"].committed))
        elif seen and len(seen) == 1 and position > 150:
            assert world.log.groups["g"].committed == seen[0], "committed though not saved"
            come_back(world)
            seen.append(None)
        clock.now += 5.0

    assert world.serve(clock=clock, sleep=clock.sleep, between=between, observer=history)
    assert len(seen) == 2
    assert len(history.heard("save failed")) >= 2
    assert ("storage", None) in history.troubles
    assert world.learned() == reference.learned()
    assert world.sent("predictions") == reference.sent("predictions")


def test_tries_are_further_and_further_apart(records, tmp_path):
    """Between two tries lies a pause that grows."""
    world, clock = World(tmp_path, records * 3, state=SAVE), Clock()
    tries = []

    class Watching(History):
        def save_failed(self, unit, error):
            tries.append(clock.now)

    def between(worker):
        if (world.folder / "topic" / "checkpoints").is_dir() and worker.owned.units["topic"].position > 60:
            vanish(world)

    member = world.join(clock=clock, observer=Watching(), between=between)
    while len(tries) < 4:
        member.step()
    pauses = [b - a for a, b in pairwise(tries)]
    assert pauses == sorted(pauses) and pauses[-1] >= 0.4


def test_past_its_budget_the_process_ends(records, tmp_path):
    """Storage that fails for longer than the budget ends the process with 74; the next start relearns what it lost."""
    world, clock = World(tmp_path, records, state=SAVE, budget={"storage_seconds": 20}), Clock()

    def between(worker):
        clock.now += 8.0
        if (world.folder / "topic" / "checkpoints").is_dir() and worker.owned.units["topic"].position > 60:
            vanish(world)

    with pytest.raises(StorageError, match="the budget is 20 s") as told:
        world.serve(clock=clock, sleep=clock.sleep, between=between)
    assert told.value.exit_code == 74
    come_back(world)
    committed = world.log.groups["g"].committed[EVENTS].offset
    assert world.store().restore("topic").offsets[EVENTS] >= committed


def test_a_claim_waits_for_the_storage(records, reference, tmp_path):
    """At the start too the storage is waited for, and trouble of long ago does not count towards its budget."""
    tables = {"state": SAVE | {"every_events": 1_000}, "budget": {"storage_seconds": 20}}
    world, clock = World(tmp_path / "state", records, **tables), Clock()
    (tmp_path / "state").write_bytes(b"")
    sleeps = []

    def sleep(seconds):
        clock.sleep(seconds)
        sleeps.append(seconds)
        if len(sleeps) == 3:
            (tmp_path / "state").unlink()

    history = History()
    worker, source = world.worker(clock=clock, sleep=sleep, observer=history)
    source.subscribe(worker.owned.topics, worker.owned)
    worker.step()
    assert len(sleeps) == 3 and history.troubles[-1] == ("storage", None)
    clock.now += 1_000.0
    worker._trouble.storage.bear(StorageError("another day"))  # raises where the old trouble still lasted


def test_asked_to_stop_it_does_not_wait_for_the_storage(records, tmp_path):
    """A process that is told to stop while it waits for its claim ends at once."""
    world, sleeps = World(tmp_path / "state", records, state=SAVE), []
    (tmp_path / "state").write_bytes(b"")
    worker, _ = world.worker(sleep=sleeps.append)
    with pytest.raises(StorageError):
        worker.run(lambda: len(sleeps) >= 2)
    assert len(sleeps) == 2


def test_what_is_revoked_is_given_up_in_time(records, reference, tmp_path):
    """Where the storage fails while partitions are revoked, they go after a fifth of max.poll.interval, unsaved."""
    tables = {"kafka": {"max.poll.interval.ms": 50_000}, "state": SAVE | {"every_events": 1_000}}
    world, clock = World(tmp_path, records, **tables), Clock()
    history = History()
    member = world.join(clock=clock, sleep=clock.sleep, observer=history)
    member.step(2)
    member.worker._keeper.release(list(member.worker.owned.units.values()))
    member.step(2)
    vanish(world)
    begun = clock.now
    member.leave()
    come_back(world)
    assert 10.0 <= clock.now - begun < 18.0
    assert history.heard("given up unsaved")
    assert world.serve()
    assert world.learned() == reference.learned()


@pytest.mark.parametrize("transactions", [False, True])
def test_a_write_that_hangs_holds_no_partition_back(records, reference, tmp_path, transactions):
    """Revoked partitions go in time without what hangs, which is counted as failed; whoever has them learns it again.

    Once the write goes on, it finds that the unit is another's, and harms nobody.
    """
    tables = {"kafka": {"max.poll.interval.ms": 5_000}, "output": {"transactions": transactions}}
    world = World(tmp_path, records, state=SAVE | {"every_events": 1_000}, **tables)
    history, hangs, goes_on = History(), Event(), Event()

    def disk(point):
        if point.startswith("write") and hangs.is_set():
            goes_on.wait(20)

    with ThreadPoolExecutor(1) as executor:
        member = world.join(disk, executor, clock=monotonic, sleep=sleep, observer=history)
        member.step(2)
        member.worker._keeper.release(list(member.worker.owned.units.values()))
        member.step(2)
        committed = world.log.groups["g"].committed[EVENTS]
        hangs.set()
        begun = monotonic()
        member.leave()
        assert 0.9 < monotonic() - begun < 3
        assert history.heard("given up unsaved") and history.heard("save failed")
        assert world.log.groups["g"].committed[EVENTS] == committed
        assert world.serve()
        learned = world.learned()
        goes_on.set()
    assert world.learned() == learned == reference.learned()


@pytest.mark.parametrize("transactions", [False, True])
def test_asked_to_stop_it_waits_in_bounds_for_a_write_that_hangs(records, tmp_path, monkeypatch, transactions):
    """Whether the loop waits for it, as with transactions, or does so once it was asked: 74, and nothing committed."""
    monkeypatch.setattr(trouble, "STOP_S", 0.5)
    world = World(tmp_path, records, state=SAVE, output={"transactions": transactions})
    hangs, goes_on = Event(), Event()
    asked = []

    def disk(point):
        if point.startswith("write") and world.log.groups["g"].committed:
            hangs.set()
            goes_on.wait(20)

    def stop():
        if hangs.is_set() and not asked:
            asked.append(monotonic())
        return bool(asked)

    with ThreadPoolExecutor(1) as executor:
        worker, source = world.worker(disk, executor, clock=monotonic, sleep=sleep)
        with pytest.raises(StorageError, match="is being written, and there is no more time") as told:
            worker.run(stop)
        assert told.value.exit_code == 74
        assert 0.4 < monotonic() - asked[0] < 3
        committed = world.log.groups["g"].committed[EVENTS]
        assert world.store().restore("topic").offsets[EVENTS] == committed.offset
        goes_on.set()
    world.bury(source)
    assert world.serve()


def test_a_write_under_way_ends_before_the_last_one_begins(records, reference, tmp_path):
    """What is revoked meanwhile is saved once more after it, and neither holds what the other does."""
    world = World(tmp_path, records, state=SAVE)

    def disk(point):
        if point == "write: before write":
            sleep(0.3)

    with ThreadPoolExecutor(1) as executor:
        member = world.join(disk, executor, clock=monotonic, sleep=sleep)
        while not member.worker._keeper._saver._under_way:
            member.step()
        member.worker.step()
        member.leave()
    assert world.serve()
    assert world.learned() == reference.learned()


def test_one_unit_that_cannot_be_saved_does_not_hide_behind_another(records, tmp_path):
    """Two learners, one of whose folders is away: the other's success is no end of that trouble."""
    tables = {"state": SAVE | {"scope": "partition"}, "budget": {"storage_seconds": 30}}
    world, clock = World(tmp_path, records * 2, partitions=2, **tables), Clock()
    member = world.join(clock=clock, sleep=clock.sleep)
    member.step(2)
    folder = tmp_path / "partition-0" / "checkpoints"
    if folder.exists():
        folder.rename(folder.with_name("away"))
    folder.write_bytes(b"")
    with pytest.raises(StorageError, match="partition-0"):
        for _ in range(300):
            clock.now += 2.0
            member.step()
            for unit in member.worker.owned.units.values():
                unit.events += 1_000


@pytest.mark.parametrize("harm", ["torn", "rotten", "empty"])
def test_the_newest_checkpoint_is_torn(records, reference, tmp_path, harm):
    """The one before it is restored, said which and why, and what follows is what would have been."""
    world = World(tmp_path, records, state=SAVE)
    assert not world.serve(Probe("committed", 4))
    newest = world.store().newest("topic")
    file = tmp_path / "topic" / "checkpoints" / f"{newest}.ckpt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes({"torn": data[: len(data) // 2], "rotten": data, "empty": b""}[harm])
    history = History()
    assert world.serve(observer=history)
    (_, _, name, rotten), *_ = history.heard("restored")
    assert name < newest
    assert [told[0] for told in rotten] == [newest]
    assert world.learned() == reference.learned()
    for topic in ("predictions", "signals", "dead"):
        assert world.sent(topic) == reference.sent(topic)


def test_no_checkpoint_can_be_used(records, tmp_path):
    """Where all are rotten it ends with 70; it never begins from nothing."""
    world = World(tmp_path, records, state=SAVE)
    assert not world.serve(Probe("committed", 4))
    for file in (tmp_path / "topic" / "checkpoints").iterdir():
        file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(StateError, match="no checkpoint of topic can be used") as told:
        world.serve()
    assert told.value.exit_code == 70


@pytest.mark.parametrize("scope", ["topic", "partition"])
def test_committed_offsets_without_a_checkpoint(records, tmp_path, scope):
    """A group that has committed offsets and finds an empty folder is refused, with the name of what is missing."""
    tables = {"state": SAVE | {"scope": scope}}
    world = World(tmp_path / "first", records, **tables)
    assert not world.serve(Probe("committed", 2))
    unit = "topic" if scope == "topic" else "partition-0"
    name = world.store().newest(unit)
    world.folder = tmp_path / "second"
    with pytest.raises(StateError, match=name):
        world.serve()
    assert world.store().holder(unit) is None  # a replay may save its end here
    world.store().claim(unit, owner="streamimb replay", group=NO_GROUP)


def test_a_standby_outlives_checkpoints_that_it_cannot_read(records, tmp_path):
    """A standby that finds only rotten checkpoints says so and goes on standing by."""
    world = World(tmp_path, records, state=SAVE | {"standby_seconds": 0.001})
    owner, standby = world.join(), world.join(observer=(history := History()))
    owner.step(4)
    for file in (tmp_path / "topic" / "checkpoints").iterdir():
        file.write_bytes(b"")
    standby.step(3)
    assert history.heard("checkpoint cannot be used")


def test_brokers_away_with_the_storage_away_too(records, tmp_path):
    """The last checkpoint cannot be written: it is said, and the exit is that of the brokers."""
    world, clock = World(tmp_path, records, state=SAVE | {"every_events": 1_000}), Clock()
    history = History()

    def between(worker):
        if (tmp_path / "gone").exists():
            return
        worker._outgoing.unsent = False
        (tmp_path / "topic").rename(tmp_path / "gone")
        (tmp_path / "topic").write_bytes(b"")
        world.log.away(10**6)

    with pytest.raises(BrokersAwayError):
        world.serve(clock=clock, sleep=clock.sleep, observer=history, between=between)
    assert history.heard("the last checkpoint was not written")


def test_a_full_disk_gets_its_space_back(records, tmp_path, monkeypatch):
    """A write that fails in the middle leaves no file behind, and the next is whole."""
    world, clock = World(tmp_path, records, state=SAVE), Clock()
    original, calls = LocalFiles.write, []

    def write(self, path, pieces, probe):
        def full(step):
            if step == "mid-write" and len(calls) in (3, 4):
                raise OSError(28, "No space left on device")

        calls.append(path)
        return original(self, path, pieces, full)

    monkeypatch.setattr(LocalFiles, "write", write)
    history = History()
    assert world.serve(clock=clock, sleep=clock.sleep, observer=history)
    assert "No space left" in history.heard("save failed")[0][2]
    assert not [f for f in tmp_path.rglob("*") if f.name.endswith(".part")]
