"""Brokers that die under the process: it goes on, and loses nothing."""

import pytest

from tests.delivery.world import events
from tests.system.harness import Reference

CLIENTS = ["kafka-python", "confluent"]


def check(it, records, service):
    it.wait_for_offset(len(records))
    reference = Reference(it, records)
    assert it.learned() == reference.learned
    assert it.sent("predictions") == reference.sent(it, "predictions")
    assert service.process.poll() is None
    assert len(service.said("starting")) == 1


def test_a_broker_restarted_in_mid_stream_and_then_gone(own_broker, plant):
    """Both clients go on where it comes back; where it does not, they end within the budget (75) and a checkpoint is
    written before.
    """
    records = events(51, 400)
    plants = [plant(own_broker, client, source={"client": client}, state={"every_events": 50}) for client in CLIENTS]
    services = [it.start(budget={"brokers_seconds": 30}).owns() for it in plants]
    for it in plants:
        it.append(records[:250])
        it.wait_for_sent("predictions", 100)
    own_broker.local.kill()
    own_broker.local.start(1)
    for it, service in zip(plants, services, strict=True):
        it.append(records[250:])
        check(it, records, service)
        assert service.stop() == 0
    services = [it.start(budget={"brokers_seconds": 2}).owns() for it in plants]
    own_broker.local.kill()
    for it, service in zip(plants, services, strict=True):
        assert service.exit_code() == 75
        assert it.learned() == Reference(it, records).learned


@pytest.mark.parametrize("transactions", [False, True])
def test_the_leader_of_three_brokers_is_killed(three_brokers, plant, transactions):
    """What was acknowledged is on the others: nothing is lost, and the process goes on."""
    records = events(52, 400)
    it = plant(three_brokers, output={"transactions": transactions}, state={"every_events": 50})
    service = it.start().owns()
    it.append(records[:150])
    it.wait_for_sent("predictions", 50)
    three_brokers.local.kill(it.leader())
    it.append(records[150:])
    check(it, records, service)
    assert service.stop() == 0
