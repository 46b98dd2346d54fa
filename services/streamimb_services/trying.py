"""What a service would meet: its brokers, its topics, the place of its checkpoints, its token."""

from __future__ import annotations

from collections.abc import Iterator

from streamimb.checkpoint import CheckpointStore
from streamimb.config import Config
from streamimb.schema import Schema
from streamimb.sources.log import LogSource
from streamimb_services.http.server import read_token
from streamimb_services.serve import missing_outputs, outputs_of, source_of


def tried(config: Config, schema: Schema) -> Iterator[str]:
    """Try all that a service connects to, and leave nothing behind; what was found, in lines.

    Raises ConfigError, BrokersAwayError, StorageError.
    """
    assert config.state.url is not None, "what a service needs is there"
    if config.http.enabled:
        read_token(config.http)
    protocol = str(config.kafka.get("security.protocol", "PLAINTEXT")).upper()
    if "sasl.password" in config.kafka and not protocol.startswith("SASL"):
        yield f"kafka.sasl.password is not used: kafka.security.protocol is {protocol}; SASL_SSL sends it"
    source = source_of(config)
    try:
        yield f"{config.kafka['bootstrap.servers']}: answers"
        yield from _topics(source, config)
    finally:
        source.close(leave=True)
    CheckpointStore.of(config.state.url, schema, config).try_out()
    yield f"{config.state.url}: can be written, read and removed from"


def _topics(source: LogSource, config: Config) -> Iterator[str]:
    read = [topic for topic in (config.source.topic, config.source.labels_topic) if topic is not None]
    for topic in read:
        yield f"topic {topic}: {len(source.partitions(topic))} partitions to read"
    missing = missing_outputs(config, source)
    for topic in outputs_of(config):
        if topic in missing:
            yield f"topic {topic}: not there yet, it is made when the service starts"
        else:
            yield f"topic {topic}: {len(source.partitions(topic))} partitions to write to"
