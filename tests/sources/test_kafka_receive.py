"""What a connection to a broker reads at once."""

import socket
from functools import partial
from types import SimpleNamespace

from streamimb.sinks.clients import make_sink
from streamimb.sources import kafka_receive
from streamimb.sources.clients import make_source
from streamimb.sources.kafka_receive import RECEIVE_BYTES, receive
from tests.broker.log_worlds import KafkaWorld, Told, join, values_of


def test_all_that_has_come_is_read_at_once():
    """Nothing yet is no error; the other side's end is one, and so is a socket that is gone."""
    ours, theirs = socket.socketpair()
    transport = SimpleNamespace(_sock=ours)
    ours.setblocking(False)
    assert receive(transport) == (b"", None)
    theirs.sendall(bytes(60_000))
    assert receive(transport) == (bytes(60_000), None) and RECEIVE_BYTES > 60_000
    theirs.close()
    data, error = receive(transport)
    assert data == b"" and "disconnected" in str(error)
    ours.close()
    data, error = receive(transport)
    assert data == b"" and error is not None


def test_the_client_asks_for_it(broker, monkeypatch):
    """kafka-python's connections read so: a version of it that asks for something else would be told here."""
    asked = []
    monkeypatch.setattr(kafka_receive, "receive", lambda transport: asked.append(1) or receive(transport))
    world = KafkaWorld(broker, partial(make_source, "kafka-python"), partial(make_sink, "kafka-python"))
    topic = world.topic()
    world.append(topic, [b"%d" % i for i in range(5)])
    one = Told(world.source(world.group(), "topic"))
    one.source.subscribe([topic], one)
    join(one, shares=[1])
    assert values_of(one.source, 5) == [b"%d" % i for i in range(5)] and asked
    world.close()
