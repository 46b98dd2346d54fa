"""What the service asks of a log that it writes to: records acknowledged, in transactions where asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Message(NamedTuple):
    """A record to write."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class LogSink(Protocol):
    """An idempotent producer. One thread calls it.

    Every method may raise BrokersAwayError once its own patience ends (nothing is forgotten: the caller may call
    again), and FencedError where a newer producer has this one's transactional id.
    """

    @property
    def transactional(self) -> bool:
        """Whether what is sent between ``begin`` and ``commit`` is seen as a whole or not at all."""
        ...

    def begin(self) -> None:
        """Begin a transaction; the first fences every older producer of the same transactional id."""
        ...

    def send(self, messages: Sequence[Message]) -> None:
        """Hand over messages, in order; waits where more is under way than ``buffer.memory`` holds.

        Whatever it raises, all of them were handed over: to go on after BrokersAwayError, call it with none.
        """
        ...

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged. Raises OutputError where a message was refused for good."""
        ...

    def commit(self, offsets: Mapping[tuple[str, int], tuple[int, str]], group: Any) -> None:
        """End the transaction, with the offsets (next offset, metadata by topic and partition) in it."""
        ...

    def abort(self) -> None:
        """Undo the transaction that is open, if any."""
        ...

    def close(self) -> None: ...
