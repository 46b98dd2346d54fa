"""What the benchmark of the service is made of: a topic that is filled, a worker that is watched at its work."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery import Observer, Worker
from streamimb.metrics import Exporter, Page
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.serving import Hub, Recorder
from streamimb.sources.log import Records
from streamimb_services.attending import Attendant
from streamimb_services.http.app import Service
from streamimb_services.http.explaining import explaining
from streamimb_services.http.live import Live
from streamimb_services.http.server import listening
from streamimb_services.logs import Everyone, configure
from streamimb_services.serve import settle, sink_of, source_of
from streamimb_services.warming import warm_up

FEATURES = 10
SCHEMA = Schema(
    features=[Feature(name=f"x{i}") for i in range(FEATURES)],
    label=Label(classes=["legit", "fraud"], positive="fraud"),
    time=Time(unit="us"),
    id=Identity(),
)
#: So many different rows of features and labels are written again and again, each time under a new id.
BODIES = 20_000
#: Microseconds between two events of a topic that is filled beforehand.
STEP_US = 1_000
EPOCH_US = 1_700_000_000_000_000


def bodies(seed: int = 1) -> list[str]:
    """Features and label as the end of a JSON object: 2 % fraud, which three of ten features tell of."""
    rng = np.random.default_rng(seed)
    y = rng.random(BODIES) < 0.02
    X = rng.normal(size=(BODIES, FEATURES)) + 1.5 * y[:, None] * (np.arange(FEATURES) < 3)
    rows = zip(X.round(3).tolist(), y.tolist(), strict=True)
    return [
        ", ".join(f'"x{i}": {v}' for i, v in enumerate(x)) + f', "label": "{"fraud" if fraud else "legit"}"}}'
        for x, fraud in rows
    ]


def fill(bootstrap: str, topic: str, events: int, first: int = 0) -> None:
    """Write events as fast as they go; their times step evenly."""
    ends, producer = bodies(), _producer(bootstrap)
    for i in range(first, first + events):
        value = f'{{"id": "{i}", "time": {EPOCH_US + i * STEP_US}, {ends[i % BODIES]}'
        _produce(producer, topic, value)
    if producer.flush(120):
        raise RuntimeError(f"{topic} was not filled: the broker acknowledges nothing")


def feed(bootstrap: str, topic: str, per_second: float, seconds: float) -> None:
    """Write events at a pace, their time the moment at which they are written."""
    ends, producer = bodies(), _producer(bootstrap)
    begun, i = time.time(), 0
    while (now := time.time()) < begun + seconds:
        while i < (now - begun) * per_second:
            value = f'{{"id": "f{i}", "time": {time.time_ns() // 1_000}, {ends[i % BODIES]}'
            _produce(producer, topic, value)
            i += 1
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(120)


def _producer(bootstrap: str) -> Any:
    return Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "queue.buffering.max.messages": 200_000})


def _produce(producer: Any, topic: str, value: str) -> None:
    while True:
        try:
            producer.produce(topic, value)
            return
        except BufferError:
            producer.poll(0.05)


def new_topic(bootstrap: str, name: str) -> str:
    """Create a topic of one partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    return name


def config(bootstrap: str, topic: str, folder: Path, client: str, model: str, predictions: str | None) -> Config:
    """A service's configuration; each has a group of its own."""
    tables: dict[str, Any] = {
        "kafka": {"bootstrap.servers": bootstrap},
        "source": {"topic": topic, "group": f"g-{time.time_ns()}", "client": client, "group_instance_id": "bench"},
        "state": {"url": str(folder / f"state-{time.time_ns()}"), "every_seconds": 2.0},
        "output": {} if predictions is None else {"predictions": predictions},
        "control": {"objective": "f1"},
        "learner": {"model": model},
        "http": {"enabled": False},
        "label": {"wait": "60s"},
    }
    return Config.model_validate(tables)


@dataclass
class Watch(Observer):
    """Counts what is learned, and when."""

    ages: bool = False
    events: int = 0
    begun: float = 0.0
    last: float = 0.0
    cpu_begun: float = 0.0
    cpu_last: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    waits: list[np.ndarray[Any, Any]] = field(default_factory=list)
    rss: list[tuple[int, int]] = field(default_factory=list)

    def consumed(self, records: Records) -> None:  # noqa: ARG002  an observer's
        self.begun = self.begun or time.perf_counter()
        self.cpu_begun = self.cpu_begun or time.process_time()

    def processed(self, unit: str, pipeline: Pipeline, outcome: Outcome) -> None:  # noqa: ARG002  an observer's
        p = outcome.predictions
        self.events += len(p)
        self.last, self.cpu_last = time.perf_counter(), time.process_time()
        if self.ages:
            self.waits.append(time.time_ns() // 1_000 - p.time)
        elif self.events // 50_000 > (self.events - len(p)) // 50_000:
            self.rss.append((self.events, rss_bytes()))

    def phase(self, name: str, seconds: float) -> None:
        if name in ("flush", "snapshot", "save"):
            self.seconds.setdefault(name, []).append(seconds)

    @property
    def rate(self) -> float:
        """Events a second, from the first record taken to the last learned."""
        return self.events / (self.last - self.begun)

    @property
    def rate_of_core(self) -> float:
        """Events for each second of processor time that this process had, whatever else runs on the machine."""
        return self.events / (self.cpu_last - self.cpu_begun)


def run(config: Config, folder: Path, stop_at: int | None = None, seconds: float | None = None) -> Watch:
    """Let a worker learn so many events, or for so long; with ``http.enabled`` it answers, as ``streamimb serve``."""
    warm_up(SCHEMA, config)
    settle()
    watch = Watch(ages=stop_at is None)
    store = CheckpointStore(str(config.state.url), config.state.keep, setup=Setup(SCHEMA, config))
    until = None if seconds is None else time.monotonic() + seconds
    with ExitStack() as stack:
        observer, beside = _answering(config, store, watch, stack) if config.http.enabled else (watch, {})
        worker = Worker(
            SCHEMA, config, source_of(config), sink_of(config), store, owner=f"bench-{folder.name}",
            executor=stack.enter_context(ThreadPoolExecutor(1)), clock=time.monotonic, sleep=time.sleep,
            observer=observer, **beside,
        )  # fmt: skip
        worker.run(
            lambda: (
                (stop_at is not None and watch.events >= stop_at) or (until is not None and time.monotonic() > until)
            )
        )
    return watch


def _answering(
    config: Config, store: CheckpointStore, watch: Watch, stack: ExitStack
) -> tuple[Observer, dict[str, Any]]:
    """What ``serve`` puts beside its worker so that it answers: an observer, and the worker's options."""
    log = configure(config.log)
    hub, exporter = Hub(clock=time.monotonic), Exporter(SCHEMA, config, version="0", wall=time.time)
    recorder = Recorder(
        SCHEMA, exporter.values, title="benchmark", by_events=False, wall=time.time, clock=time.monotonic
    )
    why = stack.enter_context(explaining(hub, clock=time.monotonic, failed=log.warning))
    attendant = Attendant(hub, store, [exporter, recorder], log, why.look_on)
    live = Live(recorder, dict, connections_max=config.http.connections_max)
    page = Page(exporter.values, clock=time.monotonic)
    stack.enter_context(listening(Service(SCHEMA, config, hub, exporter, page, "0", None, live, why)))
    stack.enter_context(hub.loop())
    observer = Everyone(exporter, recorder, attendant, watch)
    return observer, {"between": attendant.between, "idle": hub.idle, "busy": hub.busy}


def storm(port: int, seconds: float, askers: int, told: Any) -> None:
    """Ask ``/predict`` about ten events again and again by so many connections; answers a second go to ``told``."""
    body = json.dumps([json.loads(f'{{"id": "{i}", "time": {EPOCH_US}, {end}') for i, end in enumerate(bodies()[:10])])
    until, answered = time.monotonic() + seconds, [0] * askers

    def ask(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            connection.request("POST", "/predict", body)
            answer = connection.getresponse()
            answer.read()
            answered[number] += answer.status == 200
        connection.close()

    with ThreadPoolExecutor(askers) as executor:
        for each in [executor.submit(ask, number) for number in range(askers)]:
            each.result()
    told.put(sum(answered) / seconds)


def rss_bytes() -> int:
    """Memory of this process that is resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1_024
    raise RuntimeError("no VmRSS is told here")
