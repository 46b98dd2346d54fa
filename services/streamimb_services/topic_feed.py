"""What a replay reads from Kafka: a topic of events, that of labels beside it, to where they end as reading begins."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from streamimb.batch import Batch, Rejected
from streamimb.config import Config
from streamimb.decode_json import JsonDecoder
from streamimb.delivery.aligner import Aligner
from streamimb.durations import parse_duration
from streamimb.errors import ConfigError
from streamimb.schema import Schema
from streamimb.sources.base import Pair
from streamimb.sources.clients import make_source
from streamimb.sources.log import LogSource, Partition, Records
from streamimb_services.to_the_end import ToTheEnd

POLL_S: Final = 0.5
EARLIEST: Final = "earliest"


class TopicFeed:
    """The topics of ``source.topic`` and ``source.labels_topic`` as one stream in the order of the records' timestamps.

    since_us: the time of the first record to be read, microseconds since 1970, None for all that is retained. It reads
    on to where each partition ended when reading began, and may go a little beyond. Nothing is committed.

    Raises ConfigError where no topic or broker is named.
    """

    bytes_total: None = None  # nobody tells the size of what is left of a topic

    def __init__(self, schema: Schema, config: Config, since_us: int | None) -> None:
        if config.source.topic is None:
            raise ConfigError("source.topic is missing: name the topic with --topic")
        if not config.kafka.get("bootstrap.servers"):
            raise ConfigError("kafka.bootstrap.servers is missing: name the brokers with -b, as 127.0.0.1:9092")
        labels = config.source.labels_topic
        self._schema, self._config, self._since_us = schema, config, since_us
        self.names = [config.source.topic, *([] if labels is None else [labels])]
        self.bytes_done = 0
        self.next: dict[Partition, int] = {}
        self.topic_ids: dict[str, str] = {}
        #: Fields that the schema does not name: how many records had each.
        self.ignored: Counter[str] = Counter()
        self._read = Partition("", 0)

    def batches(self) -> Iterator[Pair]:
        """All records, and what was refused among them. Raises ConfigError, BrokersAwayError."""
        decoder = JsonDecoder(self._schema, self._config.limits)
        for records in self._records():
            self._read = records.partition
            topic, number = records.partition
            batch, refused = decoder.decode(records.values, source=topic, offsets=records.offsets, partition=number)
            self.ignored.update(decoder.take_ignored())
            yield batch, [replace(r, source=topic) for r in refused]
            self.bytes_done += sum(len(value or b"") for value in records.values)
            self.next[records.partition] = int(records.offsets[-1]) + 1

    def learned(self, batch: Batch) -> None:
        """The rows of a batch that was given were learned up to here: a service goes on behind them."""
        if len(batch):
            self.next[self._read] = int(batch.offset[-1]) + 1

    def told(self, rejected: Rejected) -> Rejected:
        """A refusal of the pipeline, told with the topic that is being read."""
        return replace(rejected, source=self._read.topic)

    def until(self, rejected: list[Rejected], last: Batch | None) -> list[Rejected]:
        """Those refusals that stand before the last record read, where reading ends in the middle of a poll."""
        if last is None or not len(last):
            return rejected
        return [r for r in rejected if (r.offset or 0) <= int(last.offset[-1])]

    def _records(self) -> Iterator[Records]:
        source = make_source(
            self._config.source.client, self._config.kafka, f"streamimb-replay-{uuid.uuid4().hex[:12]}"
        )
        try:
            yield from self._to_the_end(source)
        finally:
            source.close(leave=True)

    def _to_the_end(self, source: LogSource) -> Iterator[Records]:
        reading, config = ToTheEnd(source, since_us=self._since_us), self._config.source
        aligner = Aligner(source, self.names, config.buffer_records_max, lambda call: call())
        source.subscribe(self.names, reading)
        self.topic_ids = {topic: source.topic_id(topic) for topic in self.names}
        while True:
            polled = source.poll(records_max=config.poll_records_max, timeout_s=POLL_S)
            if not reading.ends:
                continue  # the group has not given us the partitions yet
            for partition, start in reading.starts.items():
                self.next.setdefault(partition, start)
            aligner.owned(dict.fromkeys(reading.ends, 0))
            aligner.put(polled)
            for records in polled:
                reading.read(records)
            yield from aligner.ready()
            if reading.passed(self.next, idle=not polled):
                return


def since_of(text: str | None, now: Callable[[], float]) -> int | None:
    """The moment that --from names, microseconds since 1970: so long before now, or a time; None for the first record.

    Raises ConfigError.
    """
    if text is None or text == EARLIEST:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return round(now() * 1e6) - parse_duration(text, has_time=True, key="--from")
    if moment.tzinfo is None:
        raise ConfigError(f"--from {text}: the time names no zone: write it as {text}Z or with an offset")
    return round(moment.timestamp() * 1e6)
