"""The client of Kafka that the configuration names, for reading and for writing."""

from __future__ import annotations

from streamimb.config import Config
from streamimb.sinks.log import LogSink
from streamimb.sources.log import LogSource


def make_source(config: Config) -> LogSource:
    """A member of the group, not yet subscribed. Raises ConfigError, BrokersAwayError."""
    source = config.source
    if source.client == "confluent":
        from streamimb.sources.confluent import ConfluentSource as Source
    else:
        from streamimb.sources.kafka import KafkaSource as Source
    return Source(config.kafka, source.group, scope=config.state.scope, group_instance_id=source.group_instance_id)


def make_sink(config: Config) -> LogSink | None:
    """A producer, or None where nothing is to be sent. Raises ConfigError, BrokersAwayError."""
    output = config.output
    if not (output.predictions or output.signals or output.dead_letters):
        return None
    id_ = f"{config.source.group}-{config.source.group_instance_id or config.source.topic}"
    if config.source.client == "confluent":
        from streamimb.sinks.confluent import ConfluentSink as Sink
    else:
        from streamimb.sinks.kafka import KafkaSink as Sink
    return Sink(config.kafka, transactional_id=id_ if output.transactions else None)
