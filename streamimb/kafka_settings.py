"""Settings of Kafka clients under their usual dotted names, checked, and as each of the two clients wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from streamimb.errors import ConfigError
from streamimb.near import meant

Value = str | int | float | bool
Settings = Mapping[str, Value]
Kind = Literal["consumer", "producer", "admin"]

#: Dotted names with their names in kafka-python, by who understands them there.
COMMON: Final = {
    "bootstrap.servers": "bootstrap_servers",
    "client.id": "client_id",
    "client.dns.lookup": "client_dns_lookup",
    "connections.max.idle.ms": "connections_max_idle_ms",
    "metadata.max.age.ms": "metadata_max_age_ms",
    "receive.buffer.bytes": "receive_buffer_bytes",
    "reconnect.backoff.max.ms": "reconnect_backoff_max_ms",
    "reconnect.backoff.ms": "reconnect_backoff_ms",
    "request.timeout.ms": "request_timeout_ms",
    "retry.backoff.ms": "retry_backoff_ms",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.password": "sasl_plain_password",
    "sasl.username": "sasl_plain_username",
    "security.protocol": "security_protocol",
    "send.buffer.bytes": "send_buffer_bytes",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.cipher.suites": "ssl_ciphers",
    "ssl.crl.location": "ssl_crlfile",
    "ssl.endpoint.identification.algorithm": "ssl_check_hostname",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
}
CONSUMER: Final = {
    "check.crcs": "check_crcs",
    "client.rack": "client_rack",
    "fetch.max.bytes": "fetch_max_bytes",
    "fetch.max.wait.ms": "fetch_max_wait_ms",
    "fetch.min.bytes": "fetch_min_bytes",
    "heartbeat.interval.ms": "heartbeat_interval_ms",
    "isolation.level": "isolation_level",
    "max.partition.fetch.bytes": "max_partition_fetch_bytes",
    "max.poll.interval.ms": "max_poll_interval_ms",
    "session.timeout.ms": "session_timeout_ms",
}
PRODUCER: Final = {
    "batch.size": "batch_size",
    "buffer.memory": "buffer_memory",
    "compression.type": "compression_type",
    "delivery.timeout.ms": "delivery_timeout_ms",
    "linger.ms": "linger_ms",
    "max.request.size": "max_request_size",
    "transaction.timeout.ms": "transaction_timeout_ms",
    "transactional.id": "transactional_id",
}
KNOWN: Final = {"consumer": COMMON | CONSUMER, "producer": COMMON | PRODUCER, "admin": COMMON}

#: What the service decides itself, and where it is told.
DECIDED: Final = {
    "acks": "every record is acknowledged by all replicas in step",
    "enable.auto.commit": "offsets are committed with checkpoints",
    "enable.idempotence": "every record is written once",
    "group.id": "it is source.group",
    "group.instance.id": "it is source.group_instance_id",
    "max.poll.records": "it is source.poll_records_max",
    "partition.assignment.strategy": "it follows from state.scope",
}
#: How long a transaction may last where ``transaction.timeout.ms`` is not set: the most that brokers allow by default.
TRANSACTION_MS: Final = 900_000
#: Settings that may be given, and say what the service does anyway: it begins at the first record where it has no
#: checkpoint, and never leaves out records by itself.
IMPLIED: Final = {"auto.offset.reset": ("earliest", "error")}
#: Names that others use for the same.
ALIASES: Final = {
    "sasl.mechanisms": "sasl.mechanism",
    "fetch.wait.max.ms": "fetch.max.wait.ms",
    "queue.buffering.max.ms": "linger.ms",
}
#: What librdkafka calls by another name, and what it has not.
CONFLUENT_NAMES: Final = {"fetch.max.wait.ms": "fetch.wait.max.ms", "max.request.size": "message.max.bytes"}
CONFLUENT_LACKS: Final = {"buffer.memory"}
#: What to do where a record is larger than its topic takes, so that the topic's own bound could not be read.
LOOK_AT_SIZE: Final = (
    "set kafka.max.request.size to what the topic takes (its max.message.bytes, which this user may not ask for): then "
    "larger dead letters are cut"
)
#: What to do where a broker does not let a client in.
LOOK_AT_SASL: Final = "look at kafka.sasl.username, kafka.sasl.password and kafka.sasl.mechanism"
#: A key with this at its end names a file that holds the value.
FROM_FILE: Final = ".file"


def checked(settings: Settings) -> dict[str, Value]:
    """The settings under their first names, values from files read.

    Raises ConfigError for a name that no client of Kafka here knows, or that the service decides itself.

    >>> checked({"sasl.mechanisms": "PLAIN"})
    {'sasl.mechanism': 'PLAIN'}
    >>> checked({"bootstrap.server": "127.0.0.1:9092"})
    Traceback (most recent call last):
    streamimb.errors.ConfigError: kafka.bootstrap.server: no such setting (did you mean 'bootstrap.servers'?)
    """
    known = set().union(*KNOWN.values())
    found: dict[str, Value] = {}
    for key, value in settings.items():
        name = ALIASES.get(key, key)
        if name.endswith(FROM_FILE) and name.removesuffix(FROM_FILE) in known:
            name, value = name.removesuffix(FROM_FILE), _content(key, str(value))
        if name in DECIDED:
            raise ConfigError(f"kafka.{key} cannot be set: {DECIDED[name]}")
        if name in IMPLIED:
            if value not in IMPLIED[name]:
                raise ConfigError(
                    f"kafka.{key} is {' or '.join(IMPLIED[name])}, not {value!r}: no record is left out unless "
                    "source.missing_offsets = 'skip'"
                )
            continue
        if name not in known:
            hint = meant(name, sorted(known | set(ALIASES))) or ", and none is called much like it"
            raise ConfigError(f"kafka.{key}: no such setting{hint}")
        found[name] = value
    return found


def _content(key: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"kafka.{key}: cannot read {path}: {error}") from error


def for_kafka_python(settings: Settings, kind: Kind) -> dict[str, object]:
    """Settings as kafka-python's constructors take them; what is of another kind of client is left out.

    >>> for_kafka_python({"bootstrap.servers": "a:1,b:2", "linger.ms": "5", "check.crcs": True}, "producer")
    {'bootstrap_servers': ['a:1', 'b:2'], 'linger_ms': 5}
    """
    names = KNOWN[kind]
    return {names[key]: _python_value(key, value) for key, value in checked(settings).items() if key in names}


def _python_value(key: str, value: Value) -> object:
    if key == "bootstrap.servers":
        return [server.strip() for server in str(value).split(",") if server.strip()]
    if key == "ssl.endpoint.identification.algorithm":
        return str(value).lower() == "https"
    if key == "check.crcs":
        return _boolean(key, value)
    if key == "compression.type":
        return None if value == "none" else value
    if key.endswith((".ms", ".bytes", ".size", ".memory")):
        return _whole(key, value)
    return value


def _whole(key: str, value: Value) -> int:
    try:
        if int(value) == float(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"kafka.{key}: {value!r} is not a whole number")


def _boolean(key: str, value: Value) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ConfigError(f"kafka.{key}: {value!r} is neither true nor false")
    return text == "true"


def for_confluent(settings: Settings, kind: Kind) -> dict[str, object]:
    """Settings as librdkafka takes them; what is of another kind of client is left out.

    >>> for_confluent({"fetch.max.wait.ms": 100, "linger.ms": 5}, "consumer")
    {'fetch.wait.max.ms': 100}
    """
    names = KNOWN[kind]
    wanted = {key: value for key, value in checked(settings).items() if key in names and key not in CONFLUENT_LACKS}
    return {CONFLUENT_NAMES.get(key, key): value for key, value in wanted.items()}
