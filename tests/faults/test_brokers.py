"""Brokers that hang, die and come back under a source and a sink; nothing acknowledged is lost, nothing comes twice."""

import time
from contextlib import ExitStack

import pytest

from streamimb.errors import BrokersAwayError
from streamimb.sinks.clients import make_sink
from streamimb.sources.clients import make_source
from streamimb.sources.log import Committed
from tests.broker.log_worlds import WAITS_AT_MOST_S, Told, join, messages, read, values_of

CLIENTS = ["kafka-python", "confluent"]
#: Seconds in which a broker that was started again is there for every call.
BACK_WITHIN_S = 90


@pytest.fixture
def opened():
    """Sources and sinks that are closed whatever becomes of a test: their threads would go on beside the next ones."""
    with ExitStack() as stack:
        yield stack


def source_of(opened, client, broker, **settings):
    source = make_source(client, broker.settings | settings, broker.group(), patience_s=2)
    opened.callback(source.close, leave=True)
    return source


def sink_of(opened, client, broker, **options):
    sink = make_sink(client, broker.settings, patience_s=2, **options)
    opened.callback(sink.close)
    return sink


def members(opened, client, broker, topic):
    source = source_of(opened, client, broker, **{"session.timeout.ms": 6_000})
    told = Told(source)
    source.subscribe([topic], told)
    join(told, shares=[1])
    return told, sink_of(opened, client, broker)


def until_it_works(call):
    """As a service asks again: with a pause, for as long as brokers may be away on a machine that does much beside."""
    failed, deadline = None, time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < deadline:
        try:
            return call()
        except BrokersAwayError as error:
            failed = error
            time.sleep(0.1)
    raise AssertionError("the broker is back, but calls find none") from failed


def polls_that_find_nobody(source):
    """Poll until that is said; the patience is two seconds, and what is asked for half of it may take a little more."""
    waited = -time.monotonic()
    with pytest.raises(BrokersAwayError, match=r"no broker has answered|taking part in the group: "):
        while waited + time.monotonic() < WAITS_AT_MOST_S:
            source.poll(records_max=10, timeout_s=0.2)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_hangs_and_goes_on(client, own_broker, opened):
    """Its connections stay and nothing is refused: polls say so in time all the same, and then consuming goes on."""
    topic = own_broker.topic()
    told, sink = members(opened, client, own_broker, topic)
    told.source.poll(records_max=10, timeout_s=0.2)
    own_broker.local.pause()
    polls_that_find_nobody(told.source)
    own_broker.local.go_on()
    sink.send(messages(topic, b"one"))
    until_it_works(sink.flush)
    assert until_it_works(lambda: read(told.source, 1)) == [(0, 0, b"one")]


@pytest.mark.parametrize("client", CLIENTS)
def test_polls_that_find_nothing_are_patient_while_a_broker_answers(client, own_broker, opened):
    """A topic where nothing happens, no heartbeat within the patience: none of the polls takes that for trouble."""
    topic, settings = own_broker.topic(), {"session.timeout.ms": 30_000, "heartbeat.interval.ms": 9_000}
    source = source_of(opened, client, own_broker, **settings)
    told = Told(source)
    source.subscribe([topic], told)
    until_it_works(lambda: join(told, shares=[1]))
    for _ in range(25):
        assert source.poll(records_max=10, timeout_s=0.2) == []


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_dies_and_comes_back(client, own_broker, opened):
    """While it is away every call says so in time; what was sent meanwhile arrives once, and consuming goes on."""
    topic = own_broker.topic()
    told, sink = members(opened, client, own_broker, topic)
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
    polls_that_find_nobody(told.source)
    own_broker.local.start(1)
    until_it_works(sink.flush)
    found = until_it_works(lambda: read(told.source, 100))
    assert [(offset, value) for _, offset, value in found] == [(i, b"%d" % i) for i in range(100, 200)]
    until_it_works(lambda: told.source.commit({only: Committed(200, "c")}))
    assert told.source.committed([only]) == {only: Committed(200, "c")}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_dies_before_a_transaction_is_committed(client, own_broker, opened):
    """What was asked of its coordinator while that was gone is carried out once it is back, and not forgotten."""
    topic = own_broker.topic()
    sink = sink_of(opened, client, own_broker, transactional_id=topic)
    sink.begin()
    sink.send(messages(topic, b"one"))
    sink.flush()
    own_broker.local.kill()
    with pytest.raises(BrokersAwayError):
        sink.commit({}, None)
    own_broker.local.start(1)
    until_it_works(lambda: sink.commit({}, None))
    source = source_of(opened, client, own_broker)
    told = Told(source)
    source.subscribe([topic], told)
    join(told, shares=[1])
    assert values_of(source, 1) == [b"one"]
