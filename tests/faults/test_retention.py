"""Retention that overtakes a running reader, on the real broker by both clients."""

import time

import pytest

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery import Worker
from streamimb.errors import GapError
from streamimb.sources.clients import make_source
from streamimb.sources.log import Partition
from tests.delivery.world import AtOnce, History, Joined
from tests.faults.test_bad_events import SCHEMA, event
from tests.services.test_produce import world  # noqa: F401  a fixture


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
@pytest.mark.parametrize("missing", ["skip", "refuse"])
def test_retention_overtakes_a_reader(world, tmp_path, client, missing):  # noqa: F811
    """The exact gap is told: left out where the configuration says so, else exit 70."""
    topic = world.topic()
    world.append(topic, [event(id=f"e{i}") for i in range(10)])
    config = Config.model_validate({
        "learner": {"model": "linear"}, "control": {"objective": "f1"}, "label": {"wait": "1d"},
        "source": {"topic": topic, "group": f"g-{topic}", "client": client, "missing_offsets": missing},
    })  # fmt: skip
    source, history = make_source(client, world.broker.settings, config.source.group), History()
    worker = Worker(
        SCHEMA, config, source, None, CheckpointStore(tmp_path, setup=Setup(SCHEMA, config)), owner="o",
        executor=AtOnce(), clock=time.monotonic, sleep=time.sleep, observer=history,
    )  # fmt: skip
    member, only = Joined(worker, source), Partition(topic, 0)

    def step_until(done):
        until = time.monotonic() + 60
        while not done() and time.monotonic() < until:
            member.step()
        assert done()

    unit = lambda: worker.owned.units["topic"]  # noqa: E731
    step_until(lambda: worker.owned.units and unit().next[only] == 10)
    # A reader that fell behind: its next record is one that retention takes now.
    unit().next[only] = 2
    world.forget_before(topic, 0, 5)
    source.seek(only, 2)
    if missing == "refuse":
        with pytest.raises(GapError, match=r"offsets 2 to 4 \(3 records\)"):
            step_until(lambda: False)
        source.close(leave=True)
        return
    step_until(lambda: unit().next[only] == 10)
    assert any("offsets 2 to 4 (3 records)" in facts["note"] for _, facts in history.heard("partition begins"))
    member.leave()
