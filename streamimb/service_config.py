"""The tables of the configuration that only a service reads: where events come from, where state and outputs go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from streamimb.schema import Strict

#: What tells that a setting of the client is a secret.
SECRET_WORDS: Final = ("password", "secret", "token", "ssl.key.pem")

Seconds = Annotated[float, Field(gt=0, le=86_400 * 30)]
Count = Annotated[int, Field(gt=0, le=10**12)]


def flatten(table: Any, path: str = "") -> Any:
    """A table whose keys are dotted names: TOML reads ``bootstrap.servers = ""`` as a table in a table.

    >>> flatten({"bootstrap": {"servers": "127.0.0.1:9092"}, "acks": "all"})
    {'bootstrap.servers': '127.0.0.1:9092', 'acks': 'all'}
    """
    if not isinstance(table, Mapping):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= flatten(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return flat


def is_secret(key: str) -> bool:
    """Whether the value of a client's setting is never to be shown."""
    return any(word in key for word in SECRET_WORDS) and not key.endswith((".file", ".location"))


ClientSettings = Annotated[dict[str, str | int | float | bool], BeforeValidator(flatten)]


class SourceConfig(Strict):
    """The topics that are read, as a member of which group, by which client.

    ``labels_topic``: labels come in a topic of their own, joined by id. ``group_instance_id`` makes the member a static
    one. ``client``: ``confluent`` fetches several times as fast, and needs the extra of that name.
    ``buffer_records_max``: records per partition that wait in memory while topics are read in step.
    ``missing_offsets``: what to do where the checkpoint's next event is no longer retained.
    """

    topic: str | None = None
    labels_topic: str | None = None
    group: str = "streamimb"
    group_instance_id: str | None = None
    client: Literal["kafka-python", "confluent"] = "kafka-python"
    poll_records_max: Annotated[int, Field(gt=0, le=1_000_000)] = 2_000
    buffer_records_max: Count = 20_000
    missing_offsets: Literal["refuse", "skip"] = "refuse"


class StateConfig(Strict):
    """Where checkpoints live, how often they are made, and what one learner sees.

    ``url``: a folder, or an object store's ``s3://bucket/prefix``. ``scope``: one learner for the whole ``topic``, or
    one for each ``partition``. A checkpoint is due after ``every_events`` events or ``every_seconds`` seconds.
    """

    url: str | None = None
    scope: Literal["topic", "partition"] = "topic"
    every_events: Count = 500_000
    every_seconds: Seconds = 30.0
    keep: Annotated[int, Field(ge=2, le=1_000)] = 5
    standby_seconds: Seconds = 5.0
    storage_options: dict[str, Any] = Field(default_factory=dict)


class OutputConfig(Strict):
    """The topics that are written; what has none is not sent, and refused events are then only counted.

    ``transactions``: outputs and offsets are committed together, once a checkpoint: exactly once for readers that read
    committed records only.
    """

    predictions: str | None = None
    signals: str | None = None
    dead_letters: str | None = None
    transactions: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Self:
        topics = [t for t in (self.predictions, self.signals, self.dead_letters) if t is not None]
        if len(set(topics)) < len(topics):
            raise ValueError("output.predictions, output.signals and output.dead_letters must be different topics")
        return self


class HttpConfig(Strict):
    """Where the process answers; ``port = 0`` takes a free one. A token is demanded wherever it is not on loopback."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_080
    token_file: str | None = None
    body_bytes_max: Count = 4_194_304
    connections_max: Annotated[int, Field(gt=0, le=100_000)] = 256
    predict_events_max: Annotated[int, Field(gt=0, le=100_000)] = 1_000


class BudgetConfig(Strict):
    """How long and how much is borne before the process ends.

    ``brokers_seconds``: no broker answers (exit 75). ``storage_seconds``: checkpoints cannot be written (74).
    ``rejects_in_a_row`` and ``rejects_share`` of the last ``rejects_window`` records refused (65).
    """

    brokers_seconds: Seconds = 300.0
    storage_seconds: Seconds = 600.0
    rejects_in_a_row: Count = 1_000
    rejects_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    rejects_window: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000


class LogConfig(Strict):
    """What is logged, and how: ``auto`` is for people on a terminal and JSON otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"
