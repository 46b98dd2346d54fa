"""Outputs and offsets on their way out: handed over, acknowledged, committed; in transactions where asked."""

from __future__ import annotations

from collections.abc import Callable

from streamimb.delivery.points import Probe
from streamimb.delivery.trouble import Trouble
from streamimb.errors import BrokersAwayError, FencedError
from streamimb.sinks.log import LogSink, Message
from streamimb.sources.log import Committed, LogSource, Partition


class Outgoing:
    """What stands between the loop and the log's brokers. ``unsent``: something was sent and not yet acknowledged."""

    def __init__(self, source: LogSource, sink: LogSink | None, trouble: Trouble, probe: Probe) -> None:
        self._source, self._sink, self._trouble, self._probe = source, sink, trouble, probe
        self._open = False
        self.unsent = False

    @property
    def transactional(self) -> bool:
        """Whether outputs and offsets are committed as one."""
        return self._sink is not None and self._sink.transactional

    def send(self, messages: list[Message]) -> None:
        """Hand messages over, in a transaction where asked; waits while no broker answers."""
        sink = self._sink
        if sink is None or not messages:
            return
        if sink.transactional and not self._open:
            self._trouble.ask(sink.begin)
            self._open = True
        self.unsent = True
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
        if not self._open:
            self._trouble.ask(sink.begin)
            self._open = True
        group = self._source.group()
        told = {(p.topic, p.number): (c.offset, c.metadata) for p, c in offsets.items()}
        self._trouble.ask(lambda: sink.commit(told, group))
        self._open = False

    def abort(self) -> str | None:
        """Undo the open transaction; what stood in the way, if anything."""
        if not self._open or self._sink is None:
            return None
        self._open = self.unsent = False
        return _said(self._sink.abort)

    def close(self, *, leave: bool) -> list[str]:
        """Let go of the brokers; what stood in the way."""
        told = [self.abort()]
        if self._sink is not None:
            told.append(_said(self._sink.close))
        told.append(_said(lambda: self._source.close(leave=leave)))
        return [t for t in told if t is not None]


def _said(call: Callable[[], None]) -> str | None:
    try:
        call()
    except (BrokersAwayError, FencedError) as error:
        return str(error)
    return None
