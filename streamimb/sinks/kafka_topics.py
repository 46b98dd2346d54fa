"""Topics that are written to and do not exist yet."""

from __future__ import annotations

from collections.abc import Sequence

import kafka.errors
from kafka import KafkaAdminClient

from streamimb.kafka_errors import connected, translated
from streamimb.kafka_settings import Settings, for_kafka_python


def make_topics(
    settings: Settings, topics: Sequence[str], partitions: int = -1, *, patience_s: float = 10.0
) -> list[str]:
    """Make those of the topics that do not exist, as the broker's defaults are; their names.

    partitions: of each; -1 is the broker's default. patience_s: how long connecting waits for brokers. Raises
    ConfigError where that is not allowed, BrokersAwayError.
    """
    if not topics:
        return []
    options = for_kafka_python(settings, "admin") | {"bootstrap_timeout_ms": int(patience_s * 1_000)}
    admin = connected(KafkaAdminClient, settings.get("bootstrap.servers"), **options)
    with translated("making topics"):
        try:
            missing = sorted(set(topics) - set(admin.list_topics()))
            for topic in missing:
                try:
                    admin.create_topics({topic: {"num_partitions": partitions}}, wait_for_metadata=True)
                except kafka.errors.TopicAlreadyExistsError:
                    continue  # somebody else was quicker
        finally:
            admin.close()
    return missing
