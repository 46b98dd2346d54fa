"""What the service asks of a log: partitions of records with offsets, an owner of each, and offsets committed.

Kafka is one (``sources.kafka``), a few lists in memory another (``sources.memory_log``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Headers = Sequence[tuple[str, bytes]]


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Records:
    """n > 0 records of one partition in order of offset, as one poll gave them.

    offsets: int64 (n,); timestamps: int64 (n,), the records' own, in microseconds since 1970; keys, values: bytes or
    None (a value of None is a tombstone); headers: each record's.
    """

    partition: Partition
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers]

    def __len__(self) -> int:
        return len(self.offsets)

    def cut(self, start: int, stop: int) -> Records:
        """Records start to stop, sharing memory."""
        if start == 0 and stop >= len(self):
            return self
        rows = slice(start, stop)
        return Records(
            self.partition, self.offsets[rows], self.timestamps[rows], self.keys[rows], self.values[rows],
            self.headers[rows],
        )  # fmt: skip


class Committed(NamedTuple):
    """The next offset of a partition as the group committed it, and what was noted beside it: a checkpoint's name."""

    offset: int
    metadata: str = ""


class Membership(Protocol):
    """Who is told when ownership moves: called from within ``poll`` or ``keep_alive``, by the thread that polls.

    What a call raises comes through to whoever polls, and the same is told again at the next poll.
    """

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These are ours from now on; nothing of them is fetched before they were sought.

        Told on joining, too, where there is nothing left to be ours: one stands by.
        """
        ...

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These are to be given up: what is saved and committed before this returns still counts."""
        ...

    def lost(self, partitions: Sequence[Partition]) -> None:
        """These were given to others already: nothing of them may be committed any more."""
        ...


class LogSource(Protocol):
    """A member of a consumer group. One thread calls it.

    Every method may raise BrokersAwayError once its own patience ends (the caller may call again), and FencedError
    where another member has taken this one's place.
    """

    def subscribe(self, topics: Sequence[str], membership: Membership) -> None:
        """Join the group; ``membership`` is told of every change. Raises ConfigError where a topic does not exist."""
        ...

    def poll(self, *, records_max: int, timeout_s: float) -> list[Records]:
        """Up to so many records of the partitions that are neither paused nor without a position."""
        ...

    def keep_alive(self) -> None:
        """Stay a member while a batch takes long: fetches nothing, tells ``membership`` of changes."""
        ...

    def seek(self, partition: Partition, offset: int) -> None: ...

    def pause(self, partitions: Iterable[Partition]) -> None: ...

    def resume(self, partitions: Iterable[Partition]) -> None: ...

    def commit(self, offsets: Mapping[Partition, Committed]) -> None:
        """Commit at once, for the group. Raises FencedError where this member's generation is over."""
        ...

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        """What the group committed, for those partitions for which it has."""
        ...

    def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first offset that is retained and the one after the last."""
        ...

    def since(self, partitions: Sequence[Partition], time_us: int) -> dict[Partition, int]:
        """The first offset whose record's own time is no earlier, for those partitions that have such a record."""
        ...

    def partitions(self, topic: str) -> list[Partition]:
        """All partitions of a topic, in order. Raises ConfigError where there is no such topic."""
        ...

    def topic_id(self, topic: str) -> str:
        """What tells a topic from another of the same name that was created later; empty where the broker has none."""
        ...

    def position(self, partition: Partition) -> int:
        """The next offset to fetch of a partition that was sought, past what nobody reads; asks no broker."""
        ...

    def lag(self) -> dict[Partition, int]:
        """Records between the next one to fetch and the end, per owned partition, as last seen; asks no broker."""
        ...

    def group(self) -> Any:
        """What a transaction needs to commit offsets for this member."""
        ...

    def close(self, *, leave: bool) -> None:
        """Stop. leave: whether others may take over at once, a static member's partitions too."""
        ...
