"""Brokers that hang, die and come back under a source and a sink; nothing acknowledged is lost, nothing comes twice."""

import pytest

from streamimb.errors import BrokersAwayError
from streamimb.sinks.clients import make_sink
from streamimb.sources.clients import make_source
from streamimb.sources.log import Committed
from tests.broker.log_worlds import Told, join, messages, read

CLIENTS = ["kafka-python", "confluent"]


def members(client, broker, topic):
    settings = broker.settings | {"session.timeout.ms": 6_000}
    source = make_source(client, settings, broker.group(), patience_s=2)
    told = Told(source)
    source.subscribe([topic], told)
    join(told, shares=[1])
    return told, make_sink(client, settings, patience_s=2)


def until_it_works(call):
    for _ in range(40):
        try:
            return call()
        except BrokersAwayError:
            pass
    raise AssertionError("the broker is back, but calls find none")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_dies_and_comes_back(client, own_broker):
    """While it is away every call says so in time; what was sent meanwhile arrives once, and consuming goes on."""
    topic = own_broker.topic()
    told, sink = members(client, own_broker, topic)
    [only] = told.owned
    sink.send(messages(topic, *[b"%d" % i for i in range(100)]))
    sink.flush()
    assert len(read(told.source, 100)) == 100
    own_broker.local.kill()
    sink.send(messages(topic, *[b"%d" % i for i in range(100, 200)]))
    with pytest.raises(BrokersAwayError):
        sink.flush()
    with pytest.raises(BrokersAwayError):
        told.source.commit({only: Committed(100, "c")})
    with pytest.raises(BrokersAwayError):
        for _ in range(40):
            told.source.poll(records_max=10, timeout_s=0.2)
    own_broker.local.start(1)
    until_it_works(sink.flush)
    found = until_it_works(lambda: read(told.source, 100))
    assert [(offset, value) for _, offset, value in found] == [(i, b"%d" % i) for i in range(100, 200)]
    until_it_works(lambda: told.source.commit({only: Committed(200, "c")}))
    assert told.source.committed([only]) == {only: Committed(200, "c")}
    sink.close()
    told.source.close(leave=True)
