"""What a replay reads: files of events, and labels merged in at the time they became known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from streamimb.batch import Batch, Rejected
from streamimb.config import Config
from streamimb.durations import parse_duration
from streamimb.schema import Schema
from streamimb.sources.base import Pair, Source
from streamimb.sources.files import FileSource
from streamimb.sources.labels import LabelSource
from streamimb.sources.merge import merge


class Feed:
    """The files in order, as one stream; a row's partition is its file's place among ``names``.

    ``accepted`` says how many events the pipeline has accepted.

    Raises InputError where a file is missing or not what its name says.
    """

    def __init__(
        self,
        schema: Schema,
        config: Config,
        files: Sequence[str],
        labels: str | None,
        *,
        batch_events: int,
        accepted: Callable[[], int],
    ) -> None:
        self._accepted = accepted
        self._schema, self._config, self._batch_events = schema, config, batch_events
        self.names = [*files, *([] if labels is None else [labels])]
        self._files = [FileSource(schema, config.limits, [f], batch_events=batch_events) for f in files]
        self._labels = None if labels is None else LabelSource(schema, config.limits, labels)

    @property
    def bytes_total(self) -> int | None:
        """Size of all files of events, None where it is not known."""
        sizes = [file.bytes_total for file in self._files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def bytes_done(self) -> int:
        return sum(file.bytes_done for file in self._files)

    def batches(self) -> Iterator[Pair]:
        """All rows, and what was refused among them."""
        events = (pair for number, file in enumerate(self._files) for pair in _numbered(file, number))
        if self._labels is None:
            return events
        time, has_time = self._config.time, self._schema.has_time
        return merge(
            events,
            _numbered(self._labels, len(self._files)),
            has_time=has_time,
            batch_events=self._batch_events,
            ahead_max_us=parse_duration(time.ahead_max, has_time=True, key="time.ahead_max") if has_time else None,
            ahead_confirm=time.ahead_confirm,
            accepted=self._accepted if self._schema.id is not None else None,  # by position, no event comes twice
        )

    @property
    def ignored(self) -> Counter[str]:
        """Fields that the schema does not name: how many rows that were read had each."""
        return sum((file.ignored for file in self._files), Counter())

    def learned(self, batch: Batch) -> None:
        """Files are read from their beginning every time: nothing has to be remembered."""

    def told(self, rejected: Rejected) -> Rejected:
        """A refusal of the pipeline, which knows partitions and offsets, told as a file and its line."""
        if rejected.partition is None:
            return rejected
        return replace(
            rejected, source=self.names[rejected.partition], line=rejected.offset, partition=None, offset=None
        )

    def until(self, rejected: list[Rejected], last: Batch | None) -> list[Rejected]:
        """Those refusals that stand before the last row read, where reading ends in the middle of a file."""
        if last is None or not len(last):
            return rejected
        name, line = self.names[int(last.partition[-1])], int(last.offset[-1])
        return [r for r in rejected if r.source != name or (r.line or 0) <= line]


def _numbered(source: Source, number: int) -> Iterator[Pair]:
    for batch, rejected in source.batches():
        yield replace(batch, partition=np.full(len(batch), number, np.int32)), rejected
