"""How the process ends: each trouble by its own exit code, with what was learned saved."""

import signal
import time

import pytest

from tests.broker.local_kafka import free_port
from tests.delivery.world import POISON, events
from tests.system.harness import Reference

BAD = [each for each in POISON if each]


def told(service, *words):
    line = service.tail().strip().splitlines()[-1]
    assert line.startswith("error: ") and all(word in line for word in words), service.tail()


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_sigterm_in_mid_batch(broker, plant, client):
    """It ends at an event's edge with everything sent, saved and committed (exit 0); the next start goes on there."""
    records = events(7, 8_000)
    it = plant(
        broker, source={"client": client, "poll_records_max": 5_000}, state={"every_seconds": 30, "every_events": 10**6}
    )
    it.append(records)
    first = it.start()
    first.wait_for("event refused")  # so the first piece of the batch is learned
    assert first.stop() == 0
    (_, stopped), *_ = it.learned()[1].items()
    assert 0 < stopped < len(records), "it ended before or after the batch, not in it"
    reference = Reference(it, records[:stopped])
    assert it.learned() == reference.learned
    assert it.sent("predictions") == reference.sent(it, "predictions")
    assert it.committed() == stopped
    second = it.start(state={"every_seconds": 0.5})
    it.wait_for_offset(len(records))
    assert second.stop() == 0
    assert it.learned() == Reference(it, records).learned


def test_a_second_sigterm_ends_it_at_once(broker, plant):
    """Exit 143, while the first is not yet answered."""
    service = plant(broker).start()
    service.wait_for("starting")
    service.send(signal.SIGTERM)
    time.sleep(0.05)
    service.send(signal.SIGTERM)
    assert service.exit_code() == 143


def test_too_many_refused(broker, plant):
    """Exit 65 where too many come in a row; what came before is saved, and what was refused is a dead letter."""
    it = plant(broker, budget={"rejects_in_a_row": 20}, state={"every_seconds": 30})
    good = events(8, 40)
    it.append(good + BAD * 20)
    service = it.start()
    assert service.exit_code() == 65
    told(service, "in a row were refused", "budget.rejects_in_a_row is 20")
    assert it.position() == Reference(it, good).position
    assert len(it.read(it.tables["output"]["dead_letters"])) >= 20


def test_a_gap(broker, plant):
    """Exit 70 with the exact gap where the next events are no longer retained; ``skip`` goes on behind it."""
    it = plant(broker)
    records = events(9, 120)
    it.append(records[:60])
    first = it.start()
    it.wait_for_offset(60)
    assert first.stop() == 0
    it.append(records[60:])
    broker.forget_before(it.topic, 0, 75)
    second = it.start()
    assert second.exit_code() == 70
    told(second, "offsets 60 to 74 (15 records)", "no longer retained")
    third = it.start(source={"missing_offsets": "skip"})
    it.wait_for_offset(len(records))
    assert third.stop() == 0


def test_state_of_another_topic(broker, plant):
    """Exit 70 where the topic was made anew under its old name."""
    it = plant(broker)
    it.append(events(10, 30))
    first = it.start()
    it.wait_for_offset(30)
    assert first.stop() == 0
    broker.delete_topic(it.topic)
    broker.topic(name=it.topic)
    it.append(events(10, 60))
    second = it.start()
    assert second.exit_code() == 70
    told(second, it.topic, "made anew")


def test_state_of_another_learner(broker, plant):
    """Exit 70 where the configuration that shapes state is another."""
    it = plant(broker)
    it.append(events(11, 30))
    first = it.start()
    it.wait_for_offset(30)
    assert first.stop() == 0
    second = it.start(learner={"seed": 99})
    assert second.exit_code() == 70
    told(second, "learner.seed")


def test_no_broker_from_the_start(broker, plant):
    """Exit 75 where none answers within the budget."""
    address = f"127.0.0.1:{free_port()}"
    service = plant(broker).start(kafka={"bootstrap.servers": address}, budget={"brokers_seconds": 2})
    assert service.exit_code() == 75


def test_a_wrong_password(broker, plant):
    """Exit 78 at once, naming the keys."""
    if broker.secure is None:
        pytest.skip("no broker: one with TLS and SCRAM is needed, and STREAMIMB_TEST_BROKER names a plain one")
    service = plant(broker).start(kafka=broker.secure | {"sasl.password": "another"})
    assert service.exit_code() == 78
    told(service, "kafka.sasl.password")


def test_the_state_folder_of_another_group(broker, plant):
    """Exit 78 naming the holder."""
    it = plant(broker)
    first = it.start().owns()
    second = it.start(source={"group": broker.group()})
    assert second.exit_code() == 78
    told(second, it.tables["source"]["group"])
    assert first.stop() == 0


def test_a_configuration_without_an_objective(broker, plant):
    """Exit 78 before anything is joined."""
    it = plant(broker)
    del it.tables["control"]["objective"]
    service = it.start()
    assert service.exit_code() == 78
    told(service, "control.objective")
