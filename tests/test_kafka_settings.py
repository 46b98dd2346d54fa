"""Settings of Kafka clients that say what the service does anyway."""

import pytest

from streamimb.errors import ConfigError
from streamimb.kafka_settings import checked, for_confluent, for_kafka_python


@pytest.mark.parametrize("value", ["earliest", "error"])
def test_an_offset_reset_that_leaves_nothing_out_may_be_given(value):
    """It reaches no client: the service seeks by itself."""
    settings = {"auto.offset.reset": value, "fetch.min.bytes": 7}
    assert for_kafka_python(settings, "consumer") == {"fetch_min_bytes": 7}
    assert for_confluent(settings, "consumer") == {"fetch.min.bytes": 7}


def test_an_offset_reset_that_leaves_records_out_is_refused():
    """A learner that begins at the end has not learned what came before."""
    with pytest.raises(ConfigError, match=r"kafka\.auto\.offset\.reset is earliest or error, not 'latest'"):
        checked({"auto.offset.reset": "latest"})
