"""The real process on a real broker: started, watched by what it logs, killed; topics filled and read."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streamimb.checkpoint import CheckpointStore, Setup
from streamimb.config import Config
from streamimb.delivery.outputs import Outputs
from streamimb.delivery.unit import Unit
from streamimb.pipeline import Pipeline
from streamimb.schema_toml import schema_to_toml
from streamimb.sources.log import Partition, Records
from streamimb.testing import digest
from tests.delivery.world import SCHEMA, SMALL

ROOT = Path(__file__).parent.parent.parent
ENV = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'services'}"}
#: Seconds that anything may take on a machine that does other things beside, all that is compiled among it.
PATIENCE_S = 300
#: What a test's service has where it says nothing else: it looks often, and is missed soon.
QUICK = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300, "metadata.max.age.ms": 2_000}


def wait_until(seen, what, patience_s=PATIENCE_S):
    """Wait until ``seen()`` is something; it is returned."""
    deadline = time.monotonic() + patience_s
    while not (found := seen()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)
    return found


class Service:
    """One process of the service; what it logged is in ``log``."""

    def __init__(self, folder, config_file, schema_file, number):
        self.stderr = folder / f"service-{number}.log"
        with self.stderr.open("wb") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamimb_services", "serve", "-c", config_file, "--schema", schema_file],
                stderr=told, stdin=subprocess.DEVNULL, cwd=ROOT,
                env=ENV,
            )  # fmt: skip
        self.begun = time.monotonic()

    @property
    def log(self):
        """What it logged so far: whole lines of JSON."""
        lines = self.stderr.read_bytes().split(b"\n")[:-1]
        return [_timed(json.loads(line)) for line in lines if line.startswith(b"{")]

    def said(self, event, **facts):
        """The log lines of an event; a fact may be a function of the value."""
        return [
            line for line in self.log if line["event"] == event and all(_is(line.get(k), v) for k, v in facts.items())
        ]

    def wait_for(self, event, patience_s=PATIENCE_S, **facts):
        """Wait for a log line; the first such is returned."""

        def seen():
            found = self.said(event, **facts)
            assert found or self.process.poll() is None, f"it ended before {event!r}: {self.tail()}"
            return found

        return wait_until(seen, lambda: f"no {event!r} {facts}: {self.tail()}", patience_s)[0]

    def owns(self):
        """Wait until it owns something."""
        self.wait_for("unit begins")
        return self

    def tail(self):
        return self.stderr.read_text()[-3_000:]

    def kill(self):
        """As a power cut would."""
        self.send(signal.SIGKILL)
        self.process.wait()

    def send(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM; its exit code."""
        self.send(signal.SIGTERM)
        return self.exit_code()

    def exit_code(self, patience_s=PATIENCE_S):
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on: {self.tail()}") from None


def _timed(line):
    return line | {"at": datetime.fromisoformat(line["timestamp"]).timestamp()}


def _is(value, wanted):
    return wanted(value) if callable(wanted) else value == wanted


class Plant:
    """A topic of events with those of outputs, a state folder, and the processes that a test starts on them."""

    def __init__(self, broker, folder, *, partitions=1, **tables):
        self.broker, self.folder, self.services = broker, folder, []
        self.topic = broker.topic(partitions)
        outputs = {name: broker.topic() for name in ("predictions", "signals", "dead_letters")}
        self.tables = merged(
            SMALL,
            {
                "kafka": broker.settings | QUICK,
                "source": {"topic": self.topic, "group": broker.group()},
                "state": {"url": str(folder / "state"), "every_seconds": 0.5},
                "output": outputs,
                "http": {"enabled": False},
                "log": {"format": "json"},
            },
            tables,
        )
        self.schema_file = folder / "schema.toml"
        self.schema_file.write_text(schema_to_toml(SCHEMA))
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        self._producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 2, "acks": "all", "enable.idempotence": True}
        )

    def config(self, **tables):
        return Config.model_validate(merged(self.tables, tables))

    def start(self, **tables):
        """Start one more process, its configuration changed by ``tables``."""
        number = len(self.services)
        file = self.folder / f"service-{number}.toml"
        file.write_text(as_toml(merged(self.tables, tables)))
        self.services.append(Service(self.folder, file, self.schema_file, number))
        return self.services[-1]

    def close(self):
        for service in self.services:
            if service.process.poll() is None:
                service.send(signal.SIGCONT)
                service.kill()

    # ------------------------------------------------------------------------------------------------ topics

    def append(self, values, number=0, topic=None):
        """Write records and see them acknowledged."""
        for value in values:
            self._producer.produce(topic or self.topic, value, partition=number)
            self._producer.poll(0)
        assert self._producer.flush(PATIENCE_S) == 0

    def read(self, topic, *, committed=True):
        """Everything that a topic holds: (key, value) in order."""
        settings = {
            "bootstrap.servers": self.broker.bootstrap, "group.id": "reader", "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted", "auto.offset.reset": "earliest",
        }  # fmt: skip
        reader, found = Consumer(settings), []
        try:
            reader.assign([TopicPartition(topic, 0, 0)])
            while True:
                for message in reader.consume(1_000, 1.0):
                    if message.error() is not None:
                        return found
                    found.append((_key(message.key(), message.headers()), message.value()))
        finally:
            reader.close()

    def wait_for_sent(self, name, count=1, **how):
        """Wait until so many different keys were sent to an output."""
        wait_until(
            lambda: len({key for key, _ in self.read(self.tables["output"][name], **how)}) >= count,
            lambda: f"never {count} {name}: {[s.tail() for s in self.services[-2:]]}",
        )

    def sent(self, name, **how):
        """What was sent to an output by key; a key that came twice must have had the same value."""
        told = {}
        for key, value in self.read(self.tables["output"][name], **how):
            assert told.setdefault(key, value) == value, f"{key!r} was told twice, differently"
        return told

    # ------------------------------------------------------------------------------------------------- group

    def members(self):
        """How many partitions each member of the group has, while the group is at rest."""
        group = self.tables["source"]["group"]
        found = self._admin.describe_consumer_groups([group], request_timeout=10)[group].result(PATIENCE_S)
        if found.state != ConsumerGroupState.STABLE:
            return None
        return sorted(len(member.assignment.topic_partitions) for member in found.members)

    def groups(self):
        """The groups that the broker knows."""
        return {found.group_id for found in self._admin.list_consumer_groups().result(PATIENCE_S).valid}

    def committed(self, number=0):
        """The group's committed offset of a partition."""
        asked = ConsumerGroupTopicPartitions(self.tables["source"]["group"], [TopicPartition(self.topic, number)])
        found = self._admin.list_consumer_group_offsets([asked])
        return found[asked.group_id].result(PATIENCE_S).topic_partitions[0].offset

    def leader(self, number=0):
        """The node that leads a partition of the topic."""
        return self._admin.list_topics(self.topic, 10).topics[self.topic].partitions[number].leader

    # ------------------------------------------------------------------------------------------------- state

    def store(self):
        return CheckpointStore(self.tables["state"]["url"], setup=Setup(SCHEMA, self.config()))

    def position(self, unit="topic"):
        """Events that the newest checkpoint has accepted, 0 before there is one."""
        newest = self.store().newest(unit)
        return 0 if newest is None else int(self.store().restore(unit).meta["position"])

    def learned(self, unit="topic"):
        """The state that the next start would have, by digest, and where it would go on."""
        found = self.store().restore(unit)
        pipeline = Pipeline(SCHEMA, self.config())
        pipeline.restore(found.state, found.segments)
        return digest(pipeline.state()), {(p.topic, p.number): offset for p, offset in found.offsets.items()}

    def wait_for_offset(self, offset, number=0, unit="topic"):
        """Wait until a checkpoint holds everything of a partition up to here."""
        partition = Partition(self.topic, number)

        def seen():
            if (found := self.store().newest(unit)) is None:
                return False
            return dict_of(self.store().header(unit, found)["offsets"]).get(tuple(partition), 0) >= offset

        def what():
            return f"{partition} did not come to {offset}: {[s.tail() for s in self.services[-2:]]}"

        wait_until(seen, what)


def dict_of(offsets):
    return {(topic, number): offset for topic, number, offset in offsets}


def _key(key, headers):
    """What is idempotent of a record: its key, or where a dead letter came from."""
    return tuple(value for name, value in headers or () if name.endswith("offset")) or key


class Reference:
    """The same records learned here at one go: the state's digest, and what is to be sent by key."""

    def __init__(self, plant, records, number=0, unit="topic"):
        config, partition = plant.config(), Partition(plant.topic, number)
        learner = Unit(unit, SCHEMA, config)
        learner.next[partition] = 0
        n = len(records)
        taken = learner.take(
            Records(partition, np.arange(n), np.zeros(n, np.int64), [None] * n, list(records), [()] * n)
        )
        self.position, self.learned = learner.position, (digest(learner.pipeline.state()), {tuple(partition): n})
        self.messages = Outputs(SCHEMA, config).messages(unit, taken)

    def sent(self, plant, name):
        topic = plant.tables["output"][name]
        return {_key(m.key, m.headers): m.value for m in self.messages if m.topic == topic}


def merged(*many):
    """Tables with the keys of later ones over those of earlier ones."""
    out = {}
    for tables in many:
        for key, value in tables.items():
            out[key] = merged(out.get(key, {}), value) if isinstance(value, dict) else value
    return out


def as_toml(tables, path=""):
    """Tables of plain values as TOML.

    >>> print(as_toml({"a": {"b.c": "d", "e": {"f": True}}}).strip())
    [a]
    "b.c" = "d"
    <BLANKLINE>
    [a.e]
    "f" = true
    """
    plain = {k: v for k, v in tables.items() if not isinstance(v, dict) and v is not None}
    lines = [f"{json.dumps(k)} = {json.dumps(v)}\n" for k, v in plain.items()]
    text = (f"\n[{path}]\n" if path else "") + "".join(lines)
    for key, value in tables.items():
        if isinstance(value, dict):
            text += as_toml(value, f"{path}.{key}" if path else key)
    return text
