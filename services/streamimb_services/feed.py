"""What a replay reads: files of events, and labels merged in at the time they became known."""

from __future__ import annotations

from collections.abc import Sequence

from streamimb.config import Config
from streamimb.schema import Schema
from streamimb.sources.base import Source
from streamimb.sources.files import FileSource
from streamimb.sources.labels import LabelSource
from streamimb.sources.merge import merge


def open_feed(schema: Schema, config: Config, files: Sequence[str], labels: str | None, *, batch_events: int) -> Source:
    """The files in order; with a file of labels, both merged by time. Raises InputError, SchemaError."""
    events = FileSource(schema, config.limits, files, batch_events=batch_events)
    if labels is None:
        return events
    return merge(events, LabelSource(schema, config.limits, labels))
