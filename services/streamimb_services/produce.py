"""`streamimb produce`: a file's rows into a topic, as fast as asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from streamimb.config import Config
from streamimb.errors import ConfigError, InputError
from streamimb.schema import Schema
from streamimb.sinks.clients import make_sink
from streamimb.sinks.kafka_topics import make_topics
from streamimb.sinks.log import LogSink, Message
from streamimb_services.exits import note
from streamimb_services.progress import counted
from streamimb_services.rows import Rows, renamed, rows_of

#: Messages handed over at once; fewer where the rate is low.
PIECE_MESSAGES = 1_000
PIECES_PER_SECOND = 20


@dataclass(slots=True)
class Pace:
    """So many messages a second, counted from the first; None is as fast as can be."""

    rate: float | None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    sent: int = 0
    since: float | None = None

    def piece(self) -> int:
        """How many messages go at once."""
        return PIECE_MESSAGES if self.rate is None else max(1, min(PIECE_MESSAGES, int(self.rate / PIECES_PER_SECOND)))

    def wait(self, n: int) -> None:
        """Let n messages be sent, and wait until the next are due."""
        self.since = self.clock() if self.since is None else self.since
        self.sent += n
        if self.rate is not None:
            ahead = self.sent / self.rate - (self.clock() - self.since)
            if ahead > 0:
                self.sleep(ahead)


def produce(
    path: str,
    schema: Schema,
    config: Config,
    *,
    rate: float | None,
    loop: bool,
    limit: int | None = None,
    partitions: int = -1,
    new_ids: bool = False,
) -> int:
    """Send all rows of a file to ``source.topic``, again and again with ``loop``; how many were acknowledged.

    new_ids: mark each id with the time of the start. Each round of ``loop`` marks them with its number anyway, so that
    no event comes twice.

    Raises InputError, ConfigError, BrokersAwayError, OutputError, KeyboardInterrupt: what was handed over is sent.
    """
    if config.source.topic is None:
        raise ConfigError("source.topic is missing: name the topic with -t")
    if not config.kafka.get("bootstrap.servers"):
        raise ConfigError("kafka.bootstrap.servers is missing: name the brokers with -b, as 127.0.0.1:9092")
    for made in make_topics(config.kafka, [config.source.topic], partitions):
        note(f"topic {made} did not exist: it was made")
    sink = make_sink(config.source.client, config.kafka)
    pace, start = Pace(rate), f"-{int(time.time())}" if new_ids else ""
    total = Path(path).stat().st_size if Path(path).is_file() and not loop else 0
    try:
        with counted(f"producing to {config.source.topic}") as shown:
            for lap in count():
                before, mark = pace.sent, start + (f"-{lap}" if lap else "")
                for rows in rows_of(path, schema):
                    rows = renamed(rows, schema, mark) if mark else rows
                    _send(sink, config.source.topic, rows, pace, limit)
                    shown(min(rows.done, total), total)
                    if limit is not None and pace.sent >= limit:
                        break
                if pace.sent == before:
                    raise InputError(f"{path}: has no rows to send")
                if not loop or (limit is not None and pace.sent >= limit):
                    break
    finally:
        sink.flush()
        sink.close()
        took = 0.0 if pace.since is None else pace.clock() - pace.since
        note(f"{pace.sent:,} records in {took:.1f} s, {pace.sent / took if took else 0:,.0f} a second")
    return pace.sent


def _send(sink: LogSink, topic: str, rows: Rows, pace: Pace, limit: int | None) -> None:
    start, step = 0, pace.piece()
    while start < len(rows.values):
        stop = min(start + step, len(rows.values))
        if limit is not None:
            stop = min(stop, start + limit - pace.sent)
        if stop == start:
            return
        keys, values = rows.keys[start:stop], rows.values[start:stop]
        sink.send([Message(topic, value, key) for key, value in zip(keys, values, strict=True)])
        pace.wait(stop - start)
        start = stop
