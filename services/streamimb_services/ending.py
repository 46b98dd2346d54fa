"""The end of a replay as a checkpoint that a service starts from, so that none starts untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamimb.checkpoint import NO_GROUP, CheckpointStore
from streamimb.config import Config
from streamimb.delivery.ownership import WHOLE
from streamimb.delivery.unit import META_VERSION
from streamimb.errors import ConfigError
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema
from streamimb.sources.log import Partition


class Ending:
    """A place for a replay's end, claimed before the replay begins.

    It is nobody's: any group of services goes on from it. Raises ConfigError where a group has claimed it already, or
    where ``state.scope`` asks for a learner a partition; StorageError where it cannot be written.
    """

    def __init__(self, url: str, schema: Schema, config: Config) -> None:
        if config.state.scope != "topic":
            raise ConfigError(
                f"state.scope = {config.state.scope!r}: a replay ends with one learner of all events, and the events "
                "that wait for labels are of no one partition; save it under state.scope = 'topic'"
            )
        self._url, self._has_time = url, schema.has_time
        self._claim = CheckpointStore.of(url, schema, config).claim(WHOLE, owner="streamimb replay", group=NO_GROUP)

    def save(
        self,
        pipeline: Pipeline,
        inputs: Sequence[str],
        offsets: Mapping[Partition, int] | None = None,
        topic_ids: Mapping[str, str] | None = None,
    ) -> str:
        """Write the checkpoint; what was written, in a line.

        offsets: of a replay from Kafka, the next of each partition, where a service goes on; ``topic_ids``: what tells
        these topics from others of their names. After files a service begins at the first record whose event time is
        after the last one learned; without event times, at its topic's first record. Raises StorageError, FencedError.
        """
        read = pipeline.store.next_position > 0 and offsets is None
        last = pipeline.store.watermark if self._has_time and read else None
        meta = {
            "version": META_VERSION, "learned_until": last, "position": pipeline.store.next_position,
            "source": "files" if offsets is None else "topic", "inputs": list(inputs),
            "topic_ids": dict(topic_ids or {}),
        }  # fmt: skip
        snapshot = pipeline.snapshot()
        written = self._claim.write(snapshot.state, [snapshot.segment], 0, dict(offsets or {}), meta)
        if offsets is not None:
            where = "at " + ", ".join(f"{p.topic}:{p.number}:{next_}" for p, next_ in sorted(offsets.items()))
        else:
            where = "after the last event time" if last is not None else "at its first record: there are no event times"
        return f"saved {written.name} in {self._url} ({written.bytes:,} bytes); a service begins {where}"
