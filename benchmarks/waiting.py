"""Memory of events that wait for their label, and what a snapshot and a restore of them take.

    python benchmarks/waiting.py [--events N]

Events of 15 features, with an id and a time, are put into the store of labels alone, where all of them wait. At each
power of ten a snapshot is taken, which holds all since the one before, and then seven more, each after 10,000 events
and 1,000 labels for any of those that wait; what these cost must not grow with how many wait. At the end a new store
is restored from the segments, and compared. Times are processor time: others may be at work on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np

from streamimb.batch import Batch, Kind
from streamimb.config import LabelConfig, TimeConfig
from streamimb.labels import LabelStore, Snapshot
from streamimb.labels import layout as at
from streamimb.learners.base import State
from streamimb.schema import Feature, Identity, Label, Schema, Time

FEATURES = 15
#: Events in a batch, and between two snapshots.
BATCH = 10_000
#: One in so many events gets its label between two snapshots.
LABELLED = 10
ROUNDS = 7
HEAD = ("waiting", "RSS, MB", "bytes/event", "slowest batch, ms", "all since the last, MB", "ms", "later, MB", "ms")


def main(arguments: list[str] | None = None) -> None:
    """Fill, snapshot, restore, compare; print a table."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    cli.add_argument("--events", type=int, default=10_000_000, help="how many wait in the end")
    args = cli.parse_args(arguments)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; {FEATURES} features\n")
    _warm_up()
    base, run = _rss(), Run(make(args.events))
    print(f"| {' | '.join(HEAD)} |\n|{' ---: |' * len(HEAD)}")
    sizes = [10**i for i in range(4, 9) if 10**i < args.events] + [args.events]
    for size in sizes:
        slowest = run.fill(size)
        live, rss = run.store.next_position, _rss() - base - run.kept_bytes
        first = run.snapshot()
        later = [run.later() for _ in range(ROUNDS)]
        seconds, size_bytes = (statistics.median(column) for column in zip(*later, strict=True))
        print(f"| {live:,} | {rss / 1e6:,.0f} | {run.store.event_bytes} "
              f"| {slowest * 1e3:,.0f} | {first[1] / 1e6:,.1f} | {first[0] * 1e3:,.1f} "
              f"| {size_bytes / 1e6:,.2f} | {seconds * 1e3:,.1f} |", flush=True)  # fmt: skip
    _restore(run, args.events)


def _restore(run: Run, events: int) -> None:
    began = time.process_time()
    other = make(events)
    assert run.last is not None
    other.restore(run.last.state, run.segments)
    seconds = time.process_time() - began
    pairs = zip(run.store.state().values(), other.state().values(), strict=True)
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    print(
        f"\nrestored {other.next_position:,} events from {len(run.segments)} segments, "
        f"{run.kept_bytes / 1e6:,.0f} MB, in {seconds:.2f} s; the state is {'the same' if same else 'ANOTHER'}"
    )


class Run:
    """A store that is filled, and the segments that its snapshots need."""

    def __init__(self, store: LabelStore) -> None:
        self.store, self.segments, self.kept_bytes = store, list[State](), 0
        self.last: Snapshot | None = None
        self._rng = np.random.default_rng(1)

    def fill(self, size: int) -> float:
        """Let events come until so many wait; the seconds of the slowest batch."""
        slowest = 0.0
        while self.store.next_position < size:
            batch = features(self.store.next_position, min(BATCH, size - self.store.next_position), self._rng)
            began = time.process_time()
            walk(self.store, batch)
            slowest = max(slowest, time.process_time() - began)
        return slowest

    def snapshot(self) -> tuple[float, int]:
        """Seconds and bytes of a snapshot."""
        began = time.process_time()
        self.last = self.store.snapshot()
        seconds = time.process_time() - began
        self.kept_bytes -= sum(_bytes(s) for s in self.segments[: self.last.drop])
        self.segments = [*self.segments[self.last.drop :], self.last.segment]
        self.kept_bytes += _bytes(self.last.segment)
        return seconds, _bytes(self.last.segment)

    def later(self) -> tuple[float, int]:
        """A snapshot after a batch of events, and labels for some of all that wait."""
        n = self.store.next_position
        self.fill(n + BATCH)
        walk(self.store, labels(self._rng.integers(0, n, BATCH // LABELLED), n))
        return self.snapshot()


def make(events: int) -> LabelStore:
    """A store with room for so many."""
    schema = Schema(
        features=tuple(Feature(name=f"x{i}") for i in range(FEATURES)),
        label=Label(classes=(0, 1)),
        time=Time(name="time", unit="us"),
        id=Identity(name="id"),
    )
    label = LabelConfig(wait="9999d", waiting_events_max=2 * events + 20 * BATCH, waiting_bytes_max=10**12)
    return LabelStore(schema, label, TimeConfig(), every=1_000, every_other=10_000)


def features(start: int, n: int, rng: np.random.Generator) -> Batch:
    """Events without a label, a second apart."""
    ids = [str(i) for i in range(start, start + n)]
    return Batch.of(
        rng.random((n, FEATURES), np.float32), ids=ids, time=np.arange(start, start + n, dtype=np.int64) * 1_000_000
    )


def labels(which: np.ndarray[tuple[int], np.dtype[np.int64]], now: int) -> Batch:
    """Labels of some events that came before."""
    n, times = len(which), np.full(len(which), now * 1_000_000, np.int64)
    return Batch.of(
        np.full((n, FEATURES), np.nan, np.float32), (which % 2).astype(np.int16), ids=[str(i) for i in which],
        time=times, label_time=times, kind=np.full(n, Kind.LABEL, np.int8),
    )  # fmt: skip


def walk(store: LabelStore, batch: Batch) -> None:
    """Let a batch happen."""
    row, stop = 0, -1
    while stop != at.DONE:
        segment = store.advance(batch, row)
        row, stop = segment.row, segment.stop


def _warm_up() -> None:
    """Compile, or load what is compiled."""
    run = Run(make(BATCH))
    run.fill(BATCH)
    run.snapshot()
    run.later()
    assert run.last is not None
    make(BATCH).restore(run.last.state, run.segments)


def _bytes(state: State) -> int:
    return sum(_bytes(v) if isinstance(v, dict) else getattr(v, "nbytes", 8) for v in state.values())


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
