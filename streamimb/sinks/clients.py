"""Which client a sink to Kafka stands on: decided by one key of the configuration."""

from __future__ import annotations

from typing import Literal

from streamimb.errors import ConfigError
from streamimb.kafka_settings import Settings
from streamimb.sinks.log import LogSink


def make_sink(
    client: Literal["kafka-python", "confluent"],
    settings: Settings,
    *,
    transactional_id: str | None = None,
    patience_s: float = 10.0,
) -> LogSink:
    """A producer, transactional where it has an id; see KafkaSink.

    Raises ConfigError where settings cannot be used or the client is not installed, BrokersAwayError where no broker
    answers in time.
    """
    if client == "kafka-python":
        from streamimb.sinks.kafka import KafkaSink

        return KafkaSink(settings, transactional_id=transactional_id, patience_s=patience_s)
    try:
        from streamimb.sinks.confluent import ConfluentSink
    except ImportError as error:
        raise ConfigError(
            "source.client = 'confluent' needs the package confluent-kafka: pip install 'streamimb[confluent]'"
        ) from error
    return ConfluentSink(settings, transactional_id=transactional_id, patience_s=patience_s)
