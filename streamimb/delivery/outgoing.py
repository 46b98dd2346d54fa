"""Outputs and offsets on their way out: handed over, acknowledged, committed; in transactions where asked."""

from __future__ import annotations

from collections.abc import Callable

from streamimb.delivery.points import Probe
from streamimb.delivery.trouble import Trouble
from streamimb.errors import StreamimbError
from streamimb.sinks.log import LogSink, Message
from streamimb.sources.log import Committed, LogSource, Partition


class Outgoing:
    """What stands between the loop and the log's brokers.

    ``unsent``: something was sent and not yet acknowledged; ``uncommitted``: the open transaction holds outputs.
    """

    def __init__(self, source: LogSource, sink: LogSink | None, trouble: Trouble, probe: Probe) -> None:
        self._source, self._sink, self._trouble, self._probe = source, sink, trouble, probe
        self._open = False
        self.unsent = self.uncommitted = False

    @property
    def transactional(self) -> bool:
        """Whether outputs and offsets are committed as one."""
        return self._sink is not None and self._sink.transactional

    def begin(self) -> None:
        """Open a transaction where asked and none is; the first shuts out every older producer of its id."""
        if self._sink is not None and self._sink.transactional and not self._open:
            self._trouble.ask(self._sink.begin)
            self._open = True

    def send(self, messages: list[Message]) -> None:
        """Hand messages over, in a transaction where asked; waits while no broker answers."""
        sink = self._sink
        if sink is None or not messages:
            return
        self.begin()
        self.unsent, self.uncommitted = True, sink.transactional
        handed = iter([messages])
        self._trouble.timed("send", lambda: self._trouble.ask(lambda: sink.send(next(handed, []))))

    def flush(self) -> None:
        """Wait until everything is acknowledged."""
        if self._sink is not None and self.unsent:
            flush = self._sink.flush
            self._trouble.timed("flush", lambda: self._trouble.ask(flush))
            self.unsent = False
        self._probe("flushed")

    def commit(self, offsets: dict[Partition, Committed]) -> None:
        """Commit offsets, with the open transaction if there is one. Raises FencedError."""
        sink = self._sink
        if sink is None or not sink.transactional:
            self._trouble.ask(lambda: self._source.commit(offsets))
            return
        self.begin()
        group = self._source.group()
        told = {(p.topic, p.number): (c.offset, c.metadata) for p, c in offsets.items()}
        self._trouble.ask(lambda: sink.commit(told, group))
        self._open = self.uncommitted = False

    def abort(self) -> None:
        """Undo the open transaction. Raises FencedError."""
        assert self._sink is not None, "only a sink opens a transaction"
        self._trouble.ask(self._sink.abort)
        self._open = self.unsent = self.uncommitted = False

    def close(self, *, leave: bool) -> list[str]:
        """Let go of the brokers; what stood in the way."""
        told = []
        if self._sink is not None:
            told += [_said(self._sink.abort)] if self._open else []
            told.append(_said(self._sink.close))
        told.append(_said(lambda: self._source.close(leave=leave)))
        return [t for t in told if t is not None]


def _said(call: Callable[[], None]) -> str | None:
    try:
        call()
    except StreamimbError as error:
        return str(error)
    return None
