"""Levers beside a worker that learns: what is told, what is kept, what ends the process."""

import itertools
import json
import os
import time

import pytest
import structlog

from streamimb.checkpoint import CheckpointStore
from streamimb.errors import FencedError, StorageError
from streamimb.serving import Hub, NotSaved
from streamimb_services.attending import Attendant
from streamimb_services.http.app import told_as
from tests.delivery.world import World, events

RARELY = {"every_events": 10**6, "every_seconds": 1e6, "keep": 3}


@pytest.fixture
def attended(tmp_path):
    """A world, its worker that has learned everything, and the hub where levers are pulled."""

    def make(n=200, probe=lambda _: None, **tables):
        world, hub = World(tmp_path, events(1, n), **tables), Hub(clock=time.monotonic)
        attendant = Attendant(hub, world.store(), [], structlog.get_logger(), lambda pipeline: None)
        return world, hub, world.join(probe, observer=attendant, between=attendant.between)

    return make


def test_a_lever_of_an_owner_that_was_fenced_ends_it(attended):
    """Nothing more is predicted by one whose unit another has claimed."""
    world, hub, joined = attended(600, state=RARELY)
    joined.step(4)
    world.store().claim("topic", owner="other", group="streamimb")
    request, before = hub.pull("topic", "freeze"), len(world.sent("predictions"))
    with pytest.raises(FencedError):
        joined.step(4)
    # what was learned before the loop came to the lever is there; nothing of what follows
    assert len(world.sent("predictions")) - before <= world.config.source.poll_records_max
    assert "this process ends" in str(request.future.exception())


def test_a_lever_outlives_a_save_that_failed(attended):
    """It is told to be in force and not saved; once storage answers it is saved, though no event comes."""
    full = [False]

    def probe(point):
        if full[0] and point == "write: before write":
            raise StorageError("the disk is full")

    world, hub, joined = attended(probe=probe)
    joined.finish()
    joined.worker.keep("topic", joined.worker.owned.units["topic"].pipeline.pull("resume").action)
    full[0], request = True, hub.pull("topic", "freeze")
    joined.step()
    error = request.future.exception()
    status, what, todo = told_as(error)
    assert (type(error), status) == (NotSaved, 500)
    assert "is in force" in what and "the disk is full" in what and "do not pull it again" in todo
    assert not world.store().restore("topic").state["book"]["frozen"]
    full[0] = False
    joined.leave()
    assert world.store().restore("topic").state["book"]["frozen"]


@pytest.mark.parametrize("transactions", [False, True])
def test_the_signals_topic_tells_of_levers(attended, transactions):
    """Each is an action there, as in a replay's outcomes."""
    world, hub, joined = attended(output={"transactions": transactions})
    joined.finish()
    levers = [hub.pull("topic", "reset"), hub.pull("topic", "pin", threshold=0.3)]
    joined.step()
    joined.leave()
    told = [json.loads(value) for value in world.sent("signals").values()]
    caused = [row["action"] for row in told if row["event"] == "action" and row["signal"] == "operator"]
    assert caused == [request.future.result().lever.kind for request in levers] == ["reset", "pin"]


def test_a_checkpoint_is_as_old_as_the_storage_says(tmp_path):
    """A standby's, and an owner's that was just restored: not since it was taken up."""
    world = World(tmp_path, events(1, 200))
    assert world.serve()
    for path in tmp_path.rglob("*.ckpt"):
        os.utime(path, (1_000_000.0, 1_000_000.0))
    ages = []
    for before in (False, True):
        first = [world.join()] if before else []
        hub = Hub(clock=lambda: 50.0)
        attendant = Attendant(
            hub, world.store(), [], structlog.get_logger(), lambda pipeline: None, wall=lambda: 1_000_600.0
        )
        for member in first:
            member.step(2)
        joined = world.join(observer=attendant, between=attendant.between)
        joined.step(3)
        served = hub.units["topic"]
        ages.append((served.role, hub.age(served)))
        for member in [joined, *first]:
            member.leave()
    assert ages == [("owner", 600.0), ("standby", 600.0)]


def test_a_standby_is_asked_while_it_reads(tmp_path, monkeypatch):
    """Reading a checkpoint does not hold the turn: what was asked meanwhile is answered from the one before."""
    world, hub, heard = World(tmp_path, events(1, 200)), Hub(clock=time.monotonic), []
    owner = world.join()
    owner.step(4)
    attendant = Attendant(hub, world.store(), [], structlog.get_logger(), lambda pipeline: None)
    restore = CheckpointStore.restore

    def slow(self, *arguments, **named):
        if hub.units:
            heard.append(hub.ask("topic", lambda served: served.role).result(5))
        return restore(self, *arguments, **named)

    monkeypatch.setattr(CheckpointStore, "restore", slow)
    with hub.loop():
        ticks = itertools.count()
        standby = world.join(
            observer=attendant, between=attendant.between, idle=hub.idle, busy=hub.busy, clock=lambda: 6.0 * next(ticks)
        )
        standby.step(2)
        owner.finish()
        standby.step(2)
    assert heard and set(heard) == {"standby"}


@pytest.mark.parametrize("thinned", [True, False])
def test_a_poisoned_hour_is_rolled_back(tmp_path, thinned):
    """As the runbook says: freeze, roll back to a checkpoint of before it, resume; however long each of them takes.

    thinned: the good checkpoint is older than the newest ``keep`` before the freeze, and the last of its hour; else it
    is one of the newest then, and no hours are kept.
    """
    state = {"every_events": 20, "keep": 3} | ({} if thinned else {"keep_hours": 0, "keep_days": 0})
    records = [r for r in events(1, 400) if r]
    world, hub = World(tmp_path, records[:150], state=state), Hub(clock=time.monotonic)
    attendant = Attendant(hub, world.store(), [], structlog.get_logger(), lambda pipeline: None)

    def learn(records):
        for record in records:
            world.log.append("events", record, number=0, timestamp=0)
        joined.finish()

    def lever(kind, **order):
        request = hub.pull("topic", kind, **order)
        joined.step()
        return request.future.result(0).lever

    with hub.loop():
        joined = world.join(observer=attendant, between=attendant.between)
        joined.finish()
        good, before = world.store().newest("topic"), time.time() - 7_200
        for path in tmp_path.rglob("*.ckpt"):
            os.utime(path, (before, before))
        if thinned:
            learn(records[150:300])
        lever("freeze")
        learn(records[300:])
        names = [e.name for e in world.store().entries("topic")]
        assert good in names[:-3] and len(names) < 12
        assert lever("rollback", checkpoint=good).checkpoint == good
        lever("resume")
        joined.leave()
    assert not world.store().restore("topic").state["book"]["frozen"]


def test_a_spare_member_is_ready(attended):
    """It has joined and there is no partition left for it: it stands by, and says so."""
    world, hub, joined = attended(state=RARELY | {"scope": "partition"})
    joined.step()
    assert hub.ready
    spare = Hub(clock=time.monotonic)
    attendant = Attendant(spare, world.store(), [], structlog.get_logger(), lambda pipeline: None)
    other = world.join(observer=attendant, between=attendant.between)
    assert not spare.ready
    other.step(2)
    assert not other.worker.owned.partitions and spare.ready
