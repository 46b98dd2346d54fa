"""A call to librdkafka that never ends: the sink says so, and the process may end."""

import threading

import pytest
from confluent_kafka import KafkaError

from streamimb.errors import BrokersAwayError, FencedError, OutputError
from streamimb.sinks import confluent


@pytest.fixture
def sink(monkeypatch):
    """One that no broker answers; its calls have so little patience that a test can wait."""
    monkeypatch.setattr(confluent, "GRACE_S", 0.1)
    return confluent.ConfluentSink({"bootstrap.servers": "127.0.0.1:1"}, transactional_id="t", patience_s=0.2)


def test_a_call_that_never_ends_is_given_up(sink):
    """librdkafka was seen to hang so; a fake stands for it, since the real one cannot be made to each time."""
    never = threading.Event()
    with pytest.raises(OutputError, match="adding offsets: librdkafka has not come back"):
        sink._ask_in_time(never.wait, "adding offsets")
    never.set()


def test_what_a_call_raises_comes_through(sink):
    with pytest.raises(BrokersAwayError):
        sink._ask_in_time(lambda: sink._producer.init_transactions(0.1), "beginning transactions")


def test_what_ends_in_time_is_no_matter(sink):
    done = []
    sink._ask_in_time(lambda: done.append(1), "anything")
    assert done == [1]


@pytest.mark.parametrize(("heard", "meant"), [(KafkaError._FENCED, FencedError), (None, OutputError)])
def test_an_error_that_the_client_fails_to_raise(sink, heard, meant):
    """Seen of ``flush``, once in many, as another producer fenced this one."""
    sink._failure = None if heard is None else KafkaError(heard, "fenced", fatal=True)

    def broken():
        raise SystemError("returned NULL without setting an exception")

    with pytest.raises(meant):
        sink._ask(broken, "writing")
