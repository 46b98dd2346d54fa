"""A producer to a log in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from streamimb.errors import FencedError
from streamimb.sinks.log import Message
from streamimb.sources.log import Committed, Partition
from streamimb.sources.memory_broker import MemoryLog, Transaction


class MemoryLogSink:
    """A LogSink to a log in memory; a record goes to the partition that its key's sum gives, without key to the first.

    eager: whether what is sent arrives at once, or only when it is flushed; of a real producer that dies between the
    two, either may be seen.
    """

    def __init__(self, log: MemoryLog, *, transactional_id: str | None = None, eager: bool = True) -> None:
        self._log, self._id, self._eager = log, transactional_id, eager
        self._waiting: deque[Message] = deque()
        self._epoch = 0
        self._transaction: Transaction | None = None

    @property
    def transactional(self) -> bool:
        return self._id is not None

    def begin(self) -> None:
        assert self._id is not None, "a transaction needs a transactional id"
        assert self._transaction is None, "one transaction at a time"
        self._log.answer("sink")
        if self._epoch == 0:
            self._epoch = self._log.fence(self._id)
        self._check()
        self._transaction = self._log.open(self._id)

    def _check(self) -> None:
        if self._id is not None and self._epoch and self._log.producers[self._id] != self._epoch:
            raise FencedError(f"a newer producer has the transactional id {self._id}")

    def send(self, messages: Sequence[Message]) -> None:
        assert self._id is None or self._transaction is not None, "begin comes before send"
        self._waiting.extend(messages)
        if self._eager:
            self._write()

    def flush(self) -> None:
        self._write()

    def _write(self) -> None:
        self._log.answer("sink")
        self._check()
        while self._waiting:
            topic, value, key, headers = self._waiting[0]
            number = sum(key or b"") % len(self._log.lanes(topic))
            self._log.append(topic, value, key, headers, number=number, transaction=self._transaction)
            self._waiting.popleft()

    def commit(self, offsets: Mapping[tuple[str, int], tuple[int, str]], group: Any) -> None:
        assert self._transaction is not None, "begin comes before commit"
        self._write()
        if offsets:
            group.group.commit(group, {Partition(*p): Committed(*c) for p, c in offsets.items()})
        self._log.finish(self._transaction, "committed")
        self._transaction = None

    def abort(self) -> None:
        if self._transaction is None:
            return
        self._log.answer("sink")
        self._waiting.clear()
        if self._transaction.status == "open":
            self._log.finish(self._transaction, "aborted")
        self._transaction = None

    def close(self) -> None:
        """Let go; what was not flushed is lost, and an open transaction stays until it is fenced or aborted."""
        self._waiting.clear()
