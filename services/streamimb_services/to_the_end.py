"""Reading topics as far as they go: what each partition held when reading began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamimb.sources.log import LogSource, Partition, Records


class ToTheEnd:
    """Owns every partition of the topics that a source reads, from their first records to where they end as it begins.

    begin: the least offset; since_us: the least time of a record, microseconds since 1970, None for any. ``starts``,
    ``ends``: of each partition the first offset that is read and the first that is not any more; ``next``: the one
    behind what ``read`` was told. A partition that is lost and comes back goes on there.
    """

    def __init__(self, source: LogSource, *, begin: int = 0, since_us: int | None = None) -> None:
        self._source, self._begin, self._since_us = source, begin, since_us
        self.starts: dict[Partition, int] = {}
        self.ends: dict[Partition, int] = {}
        self.next: dict[Partition, int] = {}

    def assigned(self, partitions: Sequence[Partition]) -> None:
        since = {} if self._since_us is None else self._source.since(partitions, self._since_us)
        for partition, (first, end) in self._source.bounds(partitions).items():
            least = self._begin if self._since_us is None else since.get(partition, end)
            start = self.starts.setdefault(partition, max(first, least))
            self.ends.setdefault(partition, end)
            self._source.seek(partition, self.next.setdefault(partition, start))

    def read(self, records: Records) -> None:
        """Records of one partition were read."""
        self.next[records.partition] = int(records.offsets[-1]) + 1

    def passed(self, given: Mapping[Partition, int], *, idle: bool) -> bool:
        """Whether all partitions were given on up to their ends; given: of each, the offset behind what was.

        idle: the last poll brought nothing, so that what is left may be markers of transactions, which nobody reads.
        """
        return bool(self.ends) and all(
            given[p] >= end or (idle and self._source.position(p) >= end) for p, end in self.ends.items()
        )

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Nobody else is in this group."""

    def lost(self, partitions: Sequence[Partition]) -> None:
        """They are assigned again."""
