"""A world in memory in which a worker dies, comes back and is held against one that nobody killed."""

import json
from concurrent.futures import Future
from itertools import count

import numpy as np

from streamimb.checkpoint import CheckpointStore, Retention, Setup
from streamimb.config import Config
from streamimb.delivery import Observer, Worker
from streamimb.errors import StreamimbError
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sinks.memory_log import MemoryLogSink
from streamimb.sources.memory_log import MemoryLog, MemorySource
from streamimb.testing import digest

SCHEMA = Schema(
    features=[Feature(name="x"), Feature(name="z"), Feature(name="c", type="categorical")],
    label=Label(classes=["legit", "fraud"], positive="fraud"),
    time=Time(unit="us"),
    id=Identity(),
)
SMALL = {
    "learner": {"model": "linear"},
    "control": {"objective": "f1", "every": 40, "tune_rarest": 3},
    "window": {"rarest": 10, "events_min": 20, "events_max": 120, "events": 30},
    "evaluation": {"every": 100, "bootstrap_replicates": 20},
    "drift": {
        "share": {"detector": "adwin", "delta": 0.05, "cooldown": 20},
        "recall": {"detector": "adwin", "delta": 0.1, "cooldown": 20},
    },
    "label": {"wait": "60s", "expires_as": "legit"},
    "source": {"topic": "events", "poll_records_max": 37},
    "state": {"every_events": 90, "every_seconds": 1e6, "keep": 3},
    "output": {"predictions": "predictions", "signals": "signals", "dead_letters": "dead"},
}
POISON = (b"", b"{", b"[]", b"\xff", b'{"id": "p", "time": 1, "x": "1"}', b'{"id": 1e999}', None)


class Crash(BaseException):
    """The process dies here."""


class AtOnce:
    """Writes a checkpoint where the loop asks for it."""

    def submit(self, call, *arguments):
        future = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class Later:
    """Writes a checkpoint only after it was asked for so many times: the loop goes on meanwhile."""

    def __init__(self, times):
        self._times = times

    def submit(self, call, *arguments):
        return LaterFuture(self._times, call, arguments)


class LaterFuture:
    def __init__(self, times, call, arguments):
        self._times, self._call, self._arguments = times, call, arguments

    def done(self):
        self._times -= 1
        return self._times < 0

    def exception(self, timeout):
        """It ends as soon as it is waited for."""

    def result(self):
        return self._call(*self._arguments)


class Probe:
    """Dies when a point is reached for the n-th time; counts all."""

    def __init__(self, point=None, nth=1):
        self._point, self._nth = point, nth
        self.seen = {}
        self.dead = False

    def __call__(self, point):
        self.seen[point] = self.seen.get(point, 0) + 1
        if point == self._point and self.seen[point] == self._nth:
            self.dead = True
            raise Crash(point)


class Mortal:
    """A source or a sink of a process: once that is dead, it says nothing to any broker, not even farewell."""

    def __init__(self, inner, probe):
        self._inner, self._probe = inner, probe

    def __getattr__(self, name):
        if getattr(self._probe, "dead", False):
            raise Crash(name)
        return getattr(self._inner, name)


def config(**tables):
    merged = {key: dict(value) for key, value in SMALL.items()}
    for table, keys in tables.items():
        merged[table] = {**merged.get(table, {}), **keys}
    return Config.model_validate(merged)


def events(seed, n):
    """Records: labels with their events, later, twice; poison between them."""
    rng = np.random.default_rng(seed)
    records, waiting = [], []
    for i in range(n):
        now = 1_000_000 * (i + 1)
        x = float(rng.normal())
        label = "fraud" if x + 0.3 * rng.normal() > 1.2 else "legit"
        event = {"id": f"e{i}", "time": now, "x": round(x, 3), "z": round(float(rng.normal()), 3), "c": "ab"[i % 2]}
        kind = rng.random()
        if kind < 0.5:
            event["label"] = label
        elif kind < 0.8:
            waiting.append((i + int(rng.integers(1, 50)), {"id": f"e{i}", "time": now, "label": label}))
        records.append(json.dumps(event).encode())
        records += [json.dumps(told).encode() for due, told in waiting if due == i]
        if rng.random() < 0.03:
            records.append(POISON[int(rng.integers(len(POISON)))])
        if rng.random() < 0.02:
            records.append(records[int(rng.integers(len(records)))])
    return records


class Joined:
    """A worker and its source, in the group."""

    def __init__(self, worker, source):
        self.worker, self.source = worker, source
        source.subscribe(worker.owned.topics, worker.owned)

    def step(self, times=1):
        for _ in range(times):
            self.worker.step()

    def finish(self, idle=3):
        """Step until nothing is left to read."""
        while any((self.source.lag() or {None: 1}).values()) or (idle := idle - 1) > 0:
            self.worker.step()

    @property
    def numbers(self):
        return {p.number for p in self.worker.owned.partitions}

    def leave(self):
        """Give up everything in good order."""
        self.worker.owned.revoked(sorted(self.worker.owned.partitions))
        self.source.close(leave=True)


class History(Observer):
    """What state holds: partition and offset of each event by its position, begun anew where one is restored."""

    def __init__(self):
        self.events, self.told_of, self.troubles = {}, [], []

    def restored(self, unit, name, rotten, position):
        known = self.events.get(unit, [])[:position]
        self.events[unit] = known + [None] * (position - len(known))
        self.told_of.append(("restored", unit, name, rotten))

    def processed(self, unit, pipeline, outcome):
        p = outcome.predictions
        assert p.position.tolist() == list(range(len(self.events[unit]), len(self.events[unit]) + len(p)))
        self.events[unit] += zip(p.partition.tolist(), p.offset.tolist(), strict=True)

    def save_failed(self, unit, error):
        self.told_of.append(("save failed", unit, str(error)))

    def redelivered(self, partition, records):
        self.told_of.append(("redelivered", partition, records))

    def trouble(self, what, error):
        self.troubles.append((what, error if error is None else str(error)))

    def told(self, event, **facts):
        self.told_of.append((event, facts))

    def heard(self, event):
        return [told for told in self.told_of if told[0] == event]


class World:
    """One log, one state folder; ``serve`` runs a worker until everything is learned, or until it dies."""

    def __init__(self, folder, records, *, partitions=1, group="g", **tables):
        self.log = MemoryLog()
        self.log.create("events", partitions)
        for topic in ("predictions", "signals", "dead"):
            self.log.create(topic)
        for i, record in enumerate(records):
            self.log.append("events", record, number=i % partitions, timestamp=i)
        self.folder, self.config, self.group = folder, config(**tables), group
        self.idle = 3
        self._owners = count()
        self._ids = {}

    def store(self, probe=lambda _: None):
        return CheckpointStore(
            self.folder,
            Retention.of(self.config.state),
            setup=Setup(SCHEMA, self.config),
            probe=lambda p: probe(f"write: {p}"),
        )

    def worker(self, probe=lambda _: None, executor=None, instance=None, clock=None, sleep=lambda _: None, **others):
        source = MemorySource(self.log, self.group, scope=self.config.state.scope, group_instance_id=instance)
        number, ticks = next(self._owners), count()
        # One learner: its successor has its transactional id. A learner a partition: each process has its own.
        id_ = "t" if self.config.state.scope == "topic" else f"t-{number}"
        sink = MemoryLogSink(self.log, transactional_id=id_ if self.config.output.transactions else None)
        self._ids[source] = id_
        worker = Worker(
            SCHEMA, self.config, Mortal(source, probe), Mortal(sink, probe), self.store(probe),
            owner=f"owner-{number}", executor=executor or AtOnce(), clock=clock or (lambda: next(ticks) * 1e-3),
            sleep=sleep, probe=probe, **others,
        )  # fmt: skip
        return worker, source

    def bury(self, source):
        """The broker has waited long enough for a process that died: its membership and its transaction end."""
        self.log.expire(source.member)
        if self.config.output.transactions and self._ids[source] != "t":
            self.log.fence(self._ids[source])

    def join(self, *arguments, **others):
        """A member of the group that takes a step when it is told to."""
        return Joined(*self.worker(*arguments, **others))

    def serve(self, probe=lambda _: None, executor=None, idle=None, **others):
        """Run to the end of the log and stop in good order; True, or False where the process died on the way.

        idle: how often it asks in vain, once nothing is left to read, whether it should stop.
        """
        worker, source = self.worker(probe, executor, **others)
        quiet = count()

        def stop():
            lag = source.lag()
            return bool(lag) and not any(lag.values()) and next(quiet) >= (idle or self.idle)

        try:
            worker.run(stop)
        except Crash:
            self.bury(source)
            return False
        except StreamimbError:
            self.bury(source)
            raise
        return True

    def state(self, unit="topic"):
        """A digest of the state that the next start would have, and where it would go on."""
        found = self.store().restore(unit)
        return digest([found.state, *found.segments]), found.offsets, found.meta["position"]

    def learned(self, unit="topic"):
        """A digest of the pipeline restored from the newest checkpoint, however its segments are cut."""
        from streamimb.pipeline import Pipeline

        found = self.store().restore(unit)
        pipeline = Pipeline(SCHEMA, self.config)
        pipeline.restore(found.state, found.segments)
        return digest(pipeline.state()), found.offsets

    def sent(self, topic):
        """What readers see, by key; a key that came twice must have had the same value."""
        told = {}
        for _, entry in self.log.read(topic):
            key = entry.key if topic != "dead" else tuple(v for h, v in entry.headers if h.endswith("offset"))
            assert told.setdefault(key, entry.value) == entry.value, f"{key!r} was told twice, differently"
        return told
