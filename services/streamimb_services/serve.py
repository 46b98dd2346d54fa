"""The long-lived service: wires a log, a pipeline, a checkpoint store and whoever watches, and runs the worker."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from streamimb.checkpoint import CheckpointStore
from streamimb.config import Config
from streamimb.delivery import Worker
from streamimb.delivery.ownership import release_s
from streamimb.delivery.trouble import Trouble
from streamimb.errors import ConfigError
from streamimb.kafka_settings import TRANSACTION_MS
from streamimb.kernel import on_first_compile
from streamimb.metrics import Exporter, Page
from streamimb.schema import Schema
from streamimb.serving import COMPILED, Hub, Recorder
from streamimb.settings import Settings, load_settings
from streamimb.sinks.clients import make_sink
from streamimb.sinks.kafka_limits import record_bytes
from streamimb.sinks.kafka_topics import make_topics
from streamimb.sinks.log import LogSink
from streamimb.sources.clients import make_source
from streamimb.sources.log import LogSource
from streamimb_services.attending import Attendant, patient_sleep
from streamimb_services.background import Background
from streamimb_services.contracts import contract_of
from streamimb_services.http.app import Service
from streamimb_services.http.explaining import explaining
from streamimb_services.http.live import Live
from streamimb_services.http.server import listening, read_token
from streamimb_services.logs import Everyone, LogObserver, configure
from streamimb_services.stopping import Stopping
from streamimb_services.warming import warm_up

#: Objects made between two collections of the youngest garbage, and how many of those come before an older one's. The
#: loop leaves no cycles of its own; at Python's 700 each poll's records were walked through several times.
GARBAGE_OBJECTS, GARBAGE_ROUNDS = 50_000, 20
#: Seconds that one call waits for brokers, at least and at most.
PATIENCE_S_MIN = 0.5
PATIENCE_S_MAX = 10.0


def settings_of(
    config: Path | None, schema: Path | None, environ: Mapping[str, str], overrides: Mapping[str, tuple[str, Any]]
) -> tuple[Settings, Schema]:
    """The configuration of a service and its contract. Raises ConfigError where something that it needs is missing."""
    settings = load_settings(config, environ, overrides)
    contract = contract_of(schema, settings)
    demand(settings.config)
    return settings, contract


def demand(needed: Config) -> None:
    """Raise ConfigError where something that a service needs is missing from its configuration."""
    for key, value, what in (
        ("kafka.bootstrap.servers", needed.kafka.get("bootstrap.servers"), "name the brokers, as 127.0.0.1:9092"),
        ("source.topic", needed.source.topic, "name the topic that events come in"),
        ("state.url", needed.state.url, "name the folder or s3:// url that checkpoints are kept in"),
        ("control.objective", needed.control.objective, "say what decisions are for, as f1, cost:FN=50,FP=1 or "
         "alerts<=100/day"),
    ):  # fmt: skip
        if value is None:
            raise ConfigError(f"{key} is missing: {what}")
    _transactions_last(needed)


def _transactions_last(config: Config) -> None:
    """A transaction is as long as the time between two checkpoints; brokers abort, and fence, one that is longer."""
    allowed_s = float(config.kafka.get("transaction.timeout.ms", TRANSACTION_MS)) / 1_000
    if config.output.transactions and config.state.every_seconds >= allowed_s:
        raise ConfigError(
            f"state.every_seconds is {config.state.every_seconds:g} s, but kafka.transaction.timeout.ms ends a "
            f"transaction after {allowed_s:g} s, and one lasts from checkpoint to "
            "checkpoint: lower the first, or raise the second"
        )


def serve(settings: Settings, schema: Schema) -> None:
    """Run until SIGTERM or Ctrl-C. Raises what ends it otherwise; each error has its exit code."""
    config = settings.config
    log = configure(config.log)
    assert config.state.url is not None
    store = CheckpointStore.of(config.state.url, schema, config)
    hub = Hub(clock=time.monotonic)
    exporter = Exporter(schema, config, version=version("streamimb"), wall=time.time)
    recorder = Recorder(
        schema, exporter.values, title=f"topic {config.source.topic}", by_events=False, wall=time.time,
        clock=time.monotonic,
    )  # fmt: skip
    with ExitStack() as stack:
        failed = lambda told: log.warning("explaining failed", error=told)  # noqa: E731
        why = stack.enter_context(explaining(hub, clock=time.monotonic, failed=failed))
        look_on = why.look_on if config.http.enabled else lambda _: None
        attendant = Attendant(hub, store, [exporter, recorder], log, look_on)
        hub.check(COMPILED, False)
        observer = Everyone(LogObserver(log), exporter, recorder, attendant)
        stop = stack.enter_context(Stopping(attendant.draining))
        log.info("starting", pid=os.getpid(), topic=config.source.topic, group=config.source.group)
        if config.http.enabled:
            page = Page(exporter.values, clock=time.monotonic)
            live = Live(recorder, lambda: standing_of(hub), connections_max=config.http.connections_max)
            token = read_token(config.http)
            service = Service(schema, config, hub, exporter, page, version("streamimb"), token, live, why)
            log.info("listening", host=config.http.host, port=stack.enter_context(listening(service)))
        stack.enter_context(hub.loop())
        with settings.naming():
            compile_all(schema, config, log)
        hub.turn()
        hub.check(COMPILED, True)
        settle()
        sleep = patient_sleep(hub)
        trouble = Trouble(config.budget, clock=time.monotonic, sleep=sleep, observer=observer)
        trouble.stopping = stop
        source = trouble.ask(lambda: source_of(config))
        for made in trouble.ask(lambda: make_outputs(config, source)):
            log.info("topic made", topic=made)
        sink = trouble.ask(lambda: sink_of(config))
        topic_bytes = trouble.ask(lambda: record_bytes(config.kafka, outputs_of(config)))
        executor = stack.enter_context(Background("checkpoint"))
        worker = Worker(
            schema, config, source, sink, store,
            owner=owner(config), executor=executor, clock=time.monotonic, sleep=sleep, observer=observer,
            between=attendant.between, idle=hub.idle, busy=hub.busy, topic_bytes=topic_bytes,
        )  # fmt: skip
        log.info("joining", cpu_seconds=round(time.process_time(), 1))
        worker.run(stop)
        log.info("stopped")


def compile_all(schema: Schema, config: Config, log: Any) -> None:
    """Have all compiled code at hand; that some is not cached yet is told, once."""
    first_use = "first use of these parts on this machine: it takes a minute or two"
    with on_first_compile(lambda: log.info("compiling", why=first_use)):
        warm_up(schema, config)


def standing_of(hub: Hub) -> dict[str, Any]:
    """Whether the process is alive and ready, and what it lacks for that, for the page."""
    lacks = [name for name, ok in hub.checks.items() if not ok]
    return {"alive": hub.alive, "ready": hub.ready, "lacks": lacks}


def source_of(config: Config) -> LogSource:
    """A member of the group, connected. Raises ConfigError, BrokersAwayError."""
    source = config.source
    return make_source(
        source.client, config.kafka, source.group, scope=config.state.scope,
        group_instance_id=source.group_instance_id, patience_s=patience_s(config),
    )  # fmt: skip


def patience_s(config: Config) -> float:
    """Seconds that one call waits for brokers: a few are made before the budget is spent, or the group goes on."""
    return max(PATIENCE_S_MIN, min(PATIENCE_S_MAX, config.budget.brokers_seconds / 3, release_s(config)))


def make_outputs(config: Config, source: LogSource) -> list[str]:
    """Make the topics that are written to and do not exist; their names. Raises ConfigError, BrokersAwayError.

    At most starts none is missing, and nobody but the source connects.
    """
    return make_topics(config.kafka, missing_outputs(config, source), patience_s=patience_s(config))


def missing_outputs(config: Config, source: LogSource) -> list[str]:
    """The topics that are written to and do not exist, as far as the source sees. Raises BrokersAwayError."""
    missing = []
    for topic in outputs_of(config):
        try:
            source.partitions(topic)
        except ConfigError:  # or this user may not see it: then making it says so
            missing.append(topic)
    return missing


def outputs_of(config: Config) -> list[str]:
    """The topics that are written to."""
    output = config.output
    return [t for t in (output.predictions, output.signals, output.dead_letters) if t is not None]


def sink_of(config: Config) -> LogSink | None:
    """A producer, or None where nothing is to be sent. Raises ConfigError, BrokersAwayError."""
    source = config.source
    if not outputs_of(config):
        return None
    # One writer of the whole topic has one name, so that a later one fences an earlier; members that share it have each
    # their own, and are fenced by the group's generation.
    own = source.topic if config.state.scope == "topic" else owner(config)
    transactional_id = f"{source.group}-{own}" if config.output.transactions else None
    return make_sink(source.client, config.kafka, transactional_id=transactional_id, patience_s=patience_s(config))


def owner(config: Config) -> str:
    """How this process signs what it claims."""
    return config.source.group_instance_id or f"{socket.gethostname()}-{os.getpid()}"


def settle() -> None:
    """What stands now stands to the end: collecting garbage passes it over (it took the loop a tenth of a second)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, GARBAGE_ROUNDS, GARBAGE_ROUNDS)
