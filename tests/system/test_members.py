"""Several processes on one topic: standbys, zombies, partitions that move."""

import signal
import time

import pytest

from tests.delivery.world import events
from tests.system.harness import Reference, wait_until

#: A member is missed after so many seconds; the least that the tests' brokers allow is one.
SESSION_S = 2
SOON = {"session.timeout.ms": SESSION_S * 1_000}


def test_a_hot_standby_takes_over(broker, plant):
    """Killed with -9, the owner is followed within the session timeout and a second; a static member that is back too
    late stands by. Nothing is lost, and what follows is bit for bit what would have followed.
    """
    records = events(21, 300)
    it = plant(broker, kafka=SOON)
    owner = it.start().owns()
    standby = it.start()
    wait_until(lambda: it.members() == [0, 1], lambda: f"two never joined: {it.members()}")
    it.append(records[:200])
    it.wait_for_offset(200)
    assert not standby.said("unit begins"), "ownership moved because somebody joined"
    assert len(owner.said("unit begins")) == 1
    killed = time.time()
    owner.kill()
    begun = standby.wait_for("unit begins")
    it.append(records[200:])
    it.wait_for_offset(len(records))
    assert standby.stop() == 0
    assert it.learned() == Reference(it, records).learned
    assert begun["at"] - killed < SESSION_S + 1


def test_sigterm_hands_over_at_once(broker, plant):
    """A static member's place is free as soon as it ends, not after the session timeout."""
    it = plant(broker, kafka={"session.timeout.ms": 45_000})
    owner = it.start(source={"group_instance_id": "a"}).owns()
    standby = it.start(source={"group_instance_id": "b"})
    wait_until(lambda: it.members() == [0, 1], lambda: f"two never joined: {it.members()}")
    assert owner.stop() == 0
    left = time.time()
    assert standby.wait_for("unit begins", patience_s=40)["at"] - left < 15
    assert standby.stop() == 0


@pytest.mark.parametrize("transactions", [False, True])
def test_a_zombie(broker, plant, transactions):
    """A process that hung while another took over writes no checkpoint any more, and, with transactions, no output.

    With transactions it ends with 76: its producer was fenced.
    """
    records = events(22, 300)
    it = plant(broker, kafka=SOON, output={"transactions": transactions})
    zombie = it.start(state={"every_seconds": 800, "every_events": 10**9}).owns()
    standby = it.start()
    wait_until(lambda: it.members() == [0, 1], lambda: f"two never joined: {it.members()}")
    it.append(records[:200])
    it.wait_for_sent("predictions", 100, committed=False)
    zombie.send(signal.SIGSTOP)
    standby.owns()
    it.append(records[200:])
    it.wait_for_offset(len(records))
    zombie.send(signal.SIGCONT)
    if transactions:
        assert zombie.exit_code() == 76
    else:
        wait_until(lambda: it.members() == [0, 1], lambda: f"it did not come back: {zombie.tail()}")
        assert zombie.stop() in (0, 76)
    assert not zombie.said("checkpoint")
    assert standby.stop() == 0
    reference = Reference(it, records)
    assert it.learned() == reference.learned
    assert it.sent("predictions") == reference.sent(it, "predictions")
    if transactions:
        assert len(it.read(it.tables["output"]["predictions"])) == reference.position


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_processes_share_partitions(broker, plant, client):
    """Under the scope partition, learners move between processes that join, leave and die: each goes on bit for bit."""
    lanes = [events(40 + number, 150) for number in range(4)]
    it = plant(
        broker, kafka=SOON, partitions=4, source={"client": client}, state={"scope": "partition", "every_events": 40}
    )

    def append(start, stop):
        for number, records in enumerate(lanes):
            it.append(records[start:stop], number)

    def learned(offset):
        for number in range(4):
            it.wait_for_offset(offset, number, f"partition-{number}")

    first = it.start().owns()
    append(0, 40)
    second = it.start()
    append(40, 80)
    wait_until(lambda: it.members() == [2, 2], lambda: f"nobody shared: {it.members()}")
    learned(80)
    assert second.stop() == 0
    append(80, 100)
    learned(100)
    third = it.start()
    wait_until(lambda: it.members() == [2, 2], lambda: f"nobody shared: {it.members()}")
    append(100, 130)
    third.kill()
    append(130, 150)
    ends = [len(records) for records in lanes]
    for number, records in enumerate(lanes):
        it.append(records[150:], number)
        it.wait_for_offset(ends[number], number, f"partition-{number}")
    assert first.stop() == 0
    references = [Reference(it, records, n, f"partition-{n}") for n, records in enumerate(lanes)]
    assert [it.learned(f"partition-{n}") for n in range(4)] == [each.learned for each in references]
    wanted = {}
    for each in references:
        wanted |= each.sent(it, "predictions")
    assert it.sent("predictions") == wanted
    assert sum(it.position(f"partition-{n}") for n in range(4)) == len(wanted)
