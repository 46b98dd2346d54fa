"""Every log that the service can stand on: in memory, and a real broker by each client."""

import pytest
from log_worlds import KafkaWorld, MemoryWorld


@pytest.fixture(params=["memory", "kafka-python"])
def world(request):
    if request.param == "memory":
        made = MemoryWorld()
    else:
        from streamimb.sinks.kafka import KafkaSink
        from streamimb.sources.kafka import KafkaSource

        made = KafkaWorld(request.getfixturevalue("broker"), KafkaSource, KafkaSink)
    yield made
    made.close()
