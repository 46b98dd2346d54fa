"""How large a record each topic takes, as its broker says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import AuthorizationError, UnsupportedVersionError

from streamimb.kafka_errors import connected, translated
from streamimb.kafka_settings import Settings, for_kafka_python

KEY: Final = "max.message.bytes"


def record_bytes(settings: Settings, topics: Sequence[str]) -> dict[str, int]:
    """Bytes of the largest batch that each topic takes; those that this user may not ask about are left out.

    Raises BrokersAwayError, ConfigError.
    """
    if not topics:
        return {}
    admin = connected(KafkaAdminClient, settings.get("bootstrap.servers"), **for_kafka_python(settings, "admin"))
    with translated("asking what topics take"):
        try:
            asked = [ConfigResource("topic", topic, {KEY: None}) for topic in topics]
            found = admin.describe_configs(asked, config_filter="all").get("topic", {})
        except (AuthorizationError, UnsupportedVersionError):
            return {}
        finally:
            admin.close()
    return {topic: int(told[KEY]["value"]) for topic, told in found.items() if KEY in told}
