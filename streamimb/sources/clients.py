"""Which client a source of Kafka stands on: decided by one key of the configuration."""

from __future__ import annotations

from typing import Literal

from streamimb.errors import ConfigError
from streamimb.kafka_settings import Settings
from streamimb.sources.log import LogSource
from streamimb.sources.sharing import Scope

Client = Literal["kafka-python", "confluent"]


def make_source(
    client: Client,
    settings: Settings,
    group: str,
    *,
    scope: Scope = "topic",
    group_instance_id: str | None = None,
    patience_s: float = 10.0,
) -> LogSource:
    """A member of a group, connected; see KafkaSource.

    Raises ConfigError where settings cannot be used or the client is not installed, BrokersAwayError where no broker
    answers in time.
    """
    if client == "kafka-python":
        from streamimb.sources.kafka import KafkaSource

        return KafkaSource(settings, group, scope=scope, group_instance_id=group_instance_id, patience_s=patience_s)
    try:
        from streamimb.sources.confluent import ConfluentSource
    except ImportError as error:
        raise ConfigError(
            "source.client = 'confluent' needs the package confluent-kafka: pip install 'streamimb[confluent]'"
        ) from error
    return ConfluentSource(settings, group, scope=scope, group_instance_id=group_instance_id, patience_s=patience_s)
