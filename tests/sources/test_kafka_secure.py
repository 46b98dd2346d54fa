"""TLS and SCRAM against the real broker, by both clients; what is wrong in the settings is said."""

import gc
import time

import pytest

from streamimb.errors import BrokersAwayError, ConfigError
from streamimb.sinks.clients import make_sink
from streamimb.sinks.kafka_topics import make_topics
from streamimb.sources.clients import make_source
from tests.broker.log_worlds import Told, join, messages, values_of

CLIENTS = ["kafka-python", "confluent"]


@pytest.fixture
def secure(broker):
    if broker.secure is None:
        pytest.skip("no broker: one with TLS and SCRAM is needed, and STREAMIMB_TEST_BROKER names a plain one")
    return broker.secure


@pytest.fixture
def refused():
    """kafka-python leaves the socket of a connection that was refused to the collector, which must not warn later."""
    yield
    gc.collect()


@pytest.mark.parametrize("client", CLIENTS)
def test_tls_and_scram_carry_records_both_ways(broker, secure, tmp_path, client):
    """The certificate is checked against the authority, the password is read from its file."""
    (tmp_path / "password").write_text(secure["sasl.password"] + "\n")
    settings = {k: v for k, v in secure.items() if k != "sasl.password"}
    settings["sasl.password.file"] = str(tmp_path / "password")
    topic = broker.topic()
    sink, source = make_sink(client, settings), make_source(client, settings, broker.group())
    try:
        sink.send(messages(topic, b"a secret"))
        sink.flush()
        told = Told(source)
        source.subscribe([topic], told)
        join(told, shares=[1])
        assert values_of(source, 1) == [b"a secret"]
    finally:
        sink.close()
        source.close(leave=True)


WRONG = [{"sasl.password": "another"}, {"sasl.username": "nobody"}, {"sasl.mechanism": "SCRAM-SHA-256"}]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_whoever_the_broker_does_not_know_is_told_so_at_once(broker, secure, refused, client, wrong):
    """That is no trouble that passes: no client waits its patience out, and the keys to look at are named."""
    topic, begun = broker.topic(), time.monotonic()
    with pytest.raises(ConfigError, match=r"kafka\.sasl\.password"):
        make_source(client, secure | wrong, broker.group(), patience_s=60)
    with pytest.raises(ConfigError, match=r"kafka\.sasl\.password"):
        make_topics(secure | wrong, ["t"], patience_s=60)
    for transactional_id in None, "x":
        with pytest.raises(ConfigError, match=r"kafka\.sasl\.password"):
            sink = make_sink(client, secure | wrong, transactional_id=transactional_id, patience_s=5)
            sink.begin() if transactional_id else sink.send(messages(topic, b"one"))
    assert time.monotonic() - begun < 50


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_unknown_authority_is_not_trusted(broker, secure, refused):
    """A broker whose certificate nobody vouches for is not talked to."""
    settings = {k: v for k, v in secure.items() if k != "ssl.ca.location"}
    with pytest.raises((ConfigError, BrokersAwayError)):
        make_source("kafka-python", settings, broker.group(), patience_s=3)


@pytest.mark.parametrize("client", CLIENTS)
def test_settings_are_checked_before_anything_is_connected(client):
    """An unknown setting is refused with its nearest neighbour, and one that is the service's own with its place."""
    with pytest.raises(ConfigError, match=r"no such setting \(did you mean 'session\.timeout\.ms'\?\)"):
        make_source(client, {"bootstrap.servers": "127.0.0.1:1", "session.timeout": 1}, "g")
    with pytest.raises(ConfigError, match=r"it is source\.group"):
        make_source(client, {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}, "g")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_broker_at_all_is_told_in_time(refused):
    """Connecting ends when patience does."""
    with pytest.raises(BrokersAwayError):
        make_source("kafka-python", {"bootstrap.servers": "127.0.0.1:1"}, "g", patience_s=1)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    """Without confluent-kafka its clients say what to install."""
    for name in ("confluent_kafka", "streamimb.sources.confluent", "streamimb.sinks.confluent"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(ConfigError, match=r"streamimb\[confluent\]"):
        make_source("confluent", {}, "g")
    with pytest.raises(ConfigError, match=r"streamimb\[confluent\]"):
        make_sink("confluent", {})
