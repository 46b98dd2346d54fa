"""Every log that the service can stand on: in memory, and a real broker by each client."""

from functools import partial

import pytest

from streamimb.sinks.clients import make_sink
from streamimb.sources.clients import make_source
from tests.broker.log_worlds import KafkaWorld, MemoryWorld


@pytest.fixture(params=["memory", "kafka-python", "confluent"])
def world(request):
    client = request.param
    if client == "memory":
        made = MemoryWorld()
    else:
        made = KafkaWorld(request.getfixturevalue("broker"), partial(make_source, client), partial(make_sink, client))
    yield made
    made.close()
