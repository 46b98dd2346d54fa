"""Events and labels as one stream, merged by time however either side is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import TIME_LIMIT_US, Batch, Kind, Rejected
from streamimb.decode_columns import take
from streamimb.sources.base import BATCH_EVENTS, Pair

#: No event and no label has an earlier time.
BEFORE_ALL: Final = -TIME_LIMIT_US
NO_ROWS: Final = np.zeros(0, np.int64)


def merge(
    features: Iterable[Pair],
    labels: Iterable[Pair],
    *,
    has_time: bool,
    batch_events: int = BATCH_EVENTS,
    ahead_max_us: int | None = None,
    ahead_confirm: int = 10,
    accepted: Callable[[], int] | None = None,
) -> Iterator[Pair]:
    """One stream of batches of at most ``batch_events`` rows, each side in its own order.

    A label of time t (sorted) comes before the first event whose time is greater than t: at one time, events come
    first. Without times (``has_time`` False) an event's time is its position, the number of accepted events before it:
    ``accepted`` asks the pipeline, which must have processed all that was given out; without it no event is refused.
    An event over ``ahead_max_us`` ahead of all before it releases no label until ``ahead_confirm`` events in a row
    agree, and a first event none until a second lies near it. Labels after the last event are not given out: nobody
    could tell yet which events come before them.
    """
    clock = _Clock(has_time, ahead_max_us, ahead_confirm)
    waiting = _Waiting(iter(labels))
    for batch, rejected in features:
        if not has_time and accepted is not None:
            yield from _by_position(batch, rejected, waiting, accepted, batch_events)
            continue
        released, indices = waiting.release(clock.read(batch))
        rejected = rejected + waiting.take_rejected()
        yield from _cut(_woven(batch, released, indices), rejected, batch_events)
    yield from waiting.rest()


def _by_position(
    batch: Batch, rejected: list[Rejected], waiting: _Waiting, accepted: Callable[[], int], batch_events: int
) -> Iterator[Pair]:
    """Give out no more rows than can come before the next label; then ask how many of them were accepted."""
    own, done = np.flatnonzero(batch.kind != Kind.LABEL), 0
    while done < len(batch) or rejected:
        position = accepted()
        released, before = waiting.release(np.array([position])) if done < len(batch) else ([], NO_ROWS)
        rejected = rejected + waiting.take_rejected()
        stop, left = len(batch), own[np.searchsorted(own, done) :]
        if waiting.next_time is not None and waiting.next_time + 1 - position < len(left):
            stop = int(left[waiting.next_time + 1 - position])
        yield from _cut(_woven(batch.slice(done, stop), released, before), rejected, batch_events)
        done, rejected = stop, []


class _Clock:
    """The greatest time so far, as of each event, as the pipeline's own clock has it."""

    def __init__(self, has_time: bool, ahead_max_us: int | None, confirm: int) -> None:
        self._has_time, self._ahead_max, self._confirm = has_time, ahead_max_us, confirm
        self._now: int | None = None
        self._confirmed = ahead_max_us is None
        self._run, self._elsewhere = 0, 0
        self._position = -1

    def read(self, batch: Batch) -> NDArray[np.int64]:
        """Greatest time up to and with each row, int64 (n,), never falling."""
        if not len(batch):
            return np.zeros(0, np.int64)
        if not self._has_time:
            positions = self._position + np.cumsum(batch.kind != Kind.LABEL)
            self._position = int(positions[-1])
            return positions
        if not self._confirmed:
            return np.array(self._carefully(batch), np.int64)
        own = batch.kind != Kind.LABEL
        first = BEFORE_ALL if self._now is None else self._now
        times = np.maximum.accumulate(np.concatenate(([first], np.where(own, batch.time, first))))
        if self._ahead_max is not None and (times[1:] - self._ahead_max > times[:-1]).any():
            return np.array(self._carefully(batch), np.int64)
        if own.any():
            self._now, self._run = int(times[-1]), 0
        return times[1:]

    def _carefully(self, batch: Batch) -> list[int]:
        """Row by row; before a second event lies near the first, no time has come yet."""
        times = []
        for time, kind in zip(batch.time.tolist(), batch.kind.tolist(), strict=True):
            if kind != Kind.LABEL:
                self._judge(time, self._ahead_max or 0)
            times.append(self._now if self._confirmed and self._now is not None else BEFORE_ALL)
        return times

    def _judge(self, time: int, ahead_max: int) -> None:
        now = time if self._now is None else self._now
        if time > now + ahead_max or (not self._confirmed and time < now - ahead_max):
            near = self._run > 0 and abs(time - self._elsewhere) <= ahead_max
            self._run, self._elsewhere = self._run + 1 if near else 1, time
            if self._run >= self._confirm:
                now, self._run, self._confirmed = time, 0, True
        else:
            self._run = 0
            self._confirmed = self._confirmed or self._now is not None
            now = max(now, time)
        self._now = now


class _Waiting:
    """Labels that no event has passed yet."""

    def __init__(self, labels: Iterator[Pair]) -> None:
        self._labels = labels
        self._head: Batch | None = None
        self._empty: Batch | None = None
        self._rejected: list[Rejected] = []
        self._pull()

    def release(self, clock: NDArray[np.int64]) -> tuple[list[Batch], NDArray[np.int64]]:
        """The labels that come before some row of a batch, and before which, int64 (m,)."""
        released: list[Batch] = []
        while self._head is not None and len(clock):
            n = int(np.searchsorted(self._head.time, clock[-1], side="left"))
            if n:
                released.append(self._head.slice(0, n))
            if n < len(self._head):
                self._head = self._head.slice(n, len(self._head))
                break
            self._pull()
        times = [b.time for b in released]
        return released, np.searchsorted(clock, np.concatenate(times) if times else clock[:0], side="right")

    @property
    def next_time(self) -> int | None:
        """When the next label is known, None for no more."""
        return None if self._head is None else int(self._head.time[0])

    def take_rejected(self) -> list[Rejected]:
        """What was refused among the labels read since the last call."""
        rejected, self._rejected = self._rejected, []
        return rejected

    def rest(self) -> Iterator[Pair]:
        """What was refused among the labels that are left."""
        while self._head is not None:
            self._pull()
        if self._rejected and self._empty is not None:
            yield self._empty, self.take_rejected()

    def _pull(self) -> None:
        self._head = None
        for batch, rejected in self._labels:
            self._rejected += rejected
            self._empty = batch.slice(0, 0)
            if len(batch):
                self._head = batch
                return


def _woven(batch: Batch, released: list[Batch], before: NDArray[np.int64]) -> Batch:
    if not released:
        return batch
    both = Batch.concat([*released, batch])
    place = np.concatenate((2 * before, 2 * np.arange(len(batch)) + 1))
    return take(both, np.argsort(place, kind="stable"))


def _cut(batch: Batch, rejected: list[Rejected], batch_events: int) -> Iterator[Pair]:
    for start in range(0, max(1, len(batch)), batch_events):
        part = batch.slice(start, min(start + batch_events, len(batch)))
        if len(part) or rejected:
            yield part, rejected
        rejected = []
