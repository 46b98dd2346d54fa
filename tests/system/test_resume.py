"""Resume equals uninterrupted, with kill -9 of the real process on a real broker."""

import time
from itertools import pairwise

import numpy as np
import pytest

from tests.delivery.world import events
from tests.system.harness import Reference

STATIC = {"group_instance_id": "the-only-one"}
#: A member that was killed is back before anybody misses it.
LONG = {"session.timeout.ms": 45_000}


#: What a process has logged before it dies, some moments later; None: it was only just started.
STAGES = (None, "unit begins", "unit begins", "checkpoint", "checkpoint")


def feed_and_kill(plant, service, records, stage, seconds):
    """Write records while the process comes to a stage, and more of them until it dies, so many seconds later."""
    half = len(records) // 2
    plant.append(records[:half])
    if stage is not None:
        service.wait_for(stage)
    deadline = time.monotonic() + seconds
    for at in range(half, len(records), 10):
        plant.append(records[at : at + 10])
        if time.monotonic() >= deadline and service.process.poll() is None:
            service.kill()
    if service.process.poll() is None:
        time.sleep(max(0.0, deadline - time.monotonic()))
        service.kill()


@pytest.mark.parametrize(
    ("client", "transactions", "kills"), [("kafka-python", False, 20), ("confluent", True, 7)], ids=["plain", "as one"]
)
def test_resume_equals_uninterrupted(broker, plant, client, transactions, kills):
    """Killed at random moments, the process leaves the state of one that nobody killed, bit for bit.

    Every prediction, signal and dead letter is there under its key with the same value; with transactions a reader of
    committed records sees each exactly once.
    """
    records = events(31, 70 * (kills + 2))
    it = plant(
        broker, kafka=LONG, source={"client": client} | STATIC, state={"every_events": 25},
        output={"transactions": transactions},
    )  # fmt: skip
    rng = np.random.default_rng(kills)
    cuts = np.linspace(0, len(records), kills + 2).astype(int).tolist()
    for start, stop in pairwise(cuts[:-1]):
        feed_and_kill(
            it, it.start(), records[start:stop], STAGES[int(rng.integers(len(STAGES)))], rng.uniform(0.0, 0.3)
        )
    it.append(records[cuts[-2] :])
    service = it.start()
    it.wait_for_offset(len(records))
    assert service.stop() == 0
    reference = Reference(it, records)
    assert it.learned() == reference.learned
    for name in ("predictions", "signals", "dead_letters"):
        assert it.sent(name) == reference.sent(it, name)
    if transactions:
        keys = [key for key, _ in it.read(it.tables["output"]["predictions"])]
        assert len(keys) == len(set(keys)) == reference.position
    begun = [line["position"] for each in it.services for line in each.said("unit begins")]
    assert len(set(begun)) > kills // 3, "the kills came without anything learned between them"
