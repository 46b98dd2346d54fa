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
    """The topics that are read, as a member of which group, by which client."""

    #: The topic of events.
    topic: str | None = None
    #: Labels come in a topic of their own, joined by id.
    labels_topic: str | None = None
    #: The consumer group; one group's processes share the work and the state.
    group: str = "streamimb"
    #: Makes the process a static member of that name: a quick restart moves nothing.
    group_instance_id: str | None = None
    #: ``confluent`` fetches several times as fast, and needs the extra of that name.
    client: Literal["kafka-python", "confluent"] = "kafka-python"
    #: Records that one poll brings at most.
    poll_records_max: Annotated[int, Field(gt=0, le=1_000_000)] = 2_000
    #: Records per partition that wait in memory while topics are read in step.
    buffer_records_max: Count = 20_000
    #: Where the checkpoint's next event is no longer retained: stop, or skip the gap.
    missing_offsets: Literal["refuse", "skip"] = "refuse"


class StateConfig(Strict):
    """Where checkpoints live, how often they are made, and what one learner sees."""

    #: A folder, or an object store's ``s3://bucket/prefix``.
    url: str | None = None
    #: One learner for the whole ``topic``, or one for each ``partition``.
    scope: Literal["topic", "partition"] = "topic"
    #: A checkpoint is due after so many events, ...
    every_events: Count = 500_000
    #: ... or so many seconds.
    every_seconds: Seconds = 30.0
    #: The newest checkpoints, so many of which are kept.
    keep: Annotated[int, Field(ge=2, le=1_000)] = 5
    #: Besides the newest: the last one of each of so many hours, ...
    keep_hours: Annotated[int, Field(ge=0, le=1_000)] = 24
    #: ... and of each of so many days. While learning is frozen, all stay that there were when it was.
    keep_days: Annotated[int, Field(ge=0, le=1_000)] = 7
    #: Seconds between two looks of a standby for a newer checkpoint.
    standby_seconds: Seconds = 5.0
    #: The object store's own options, as ``endpoint_url``.
    storage_options: dict[str, Any] = Field(default_factory=dict)


class OutputConfig(Strict):
    """The topics that are written; what has none is not sent, and refused events are then only counted."""

    #: The topic of predictions.
    predictions: str | None = None
    #: The topic of warnings and drifts, and of what was done about them.
    signals: str | None = None
    #: The topic of refused events: original bytes, key and headers.
    dead_letters: str | None = None
    #: Commit outputs and offsets together, once a checkpoint: exactly once for ``read_committed`` readers.
    transactions: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Self:
        topics = [t for t in (self.predictions, self.signals, self.dead_letters) if t is not None]
        if len(set(topics)) < len(topics):
            raise ValueError("output.predictions, output.signals and output.dead_letters must be different topics")
        return self


class HttpConfig(Strict):
    """Where the process answers. A token is demanded wherever it is not on loopback."""

    #: Whether it answers at all.
    enabled: bool = True
    #: The address that it binds.
    host: str = "127.0.0.1"
    #: The port that it binds; 0 takes a free one.
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_080
    #: The file that holds the bearer token.
    token_file: str | None = None
    #: Bytes of a request's body.
    body_bytes_max: Count = 4_194_304
    #: Connections at once; 32 of them are kept for probes and scrapes.
    connections_max: Annotated[int, Field(gt=0, le=100_000)] = 256
    #: Events in one request to ``/predict``.
    predict_events_max: Annotated[int, Field(gt=0, le=100_000)] = 1_000
    #: Events in one request to ``/explain``, whose contributions take longer.
    explain_events_max: Annotated[int, Field(gt=0, le=1_000)] = 200


class BudgetConfig(Strict):
    """How long and how much is borne before the process ends."""

    #: No broker answers for so long: exit 75.
    brokers_seconds: Seconds = 300.0
    #: Checkpoints cannot be written for so long: exit 74.
    storage_seconds: Seconds = 600.0
    #: So many records refused in a row: exit 65.
    rejects_in_a_row: Count = 1_000
    #: Such a share of the last ``rejects_window`` records refused: exit 65.
    rejects_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    #: The records that ``rejects_share`` is of.
    rejects_window: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000


class LogConfig(Strict):
    """What is logged, and how."""

    #: The least level that is logged.
    level: Literal["debug", "info", "warning", "error"] = "info"
    #: ``auto`` is for people on a terminal and JSON otherwise.
    format: Literal["auto", "json", "pretty"] = "auto"
