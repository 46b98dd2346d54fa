"""How fast the service is on a real broker, and how soon it is back.

    python benchmarks/service.py [--quick] [--bootstrap HOST:PORT]

Events have ten numeric features, an id, a time and a label, 2 % positive; a topic of one partition holds them before
the clock starts, and a worker as ``streamimb serve`` runs it learns them from the first to the last. At half that rate
a second process then writes events that carry the moment at which they are written. Without --bootstrap a broker of the
tests is started, on the same cores.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import service_runs as runs

from streamimb.config import Config
from streamimb.schema_toml import schema_to_toml
from streamimb.service_config import HttpConfig
from streamimb.settings import Settings
from streamimb_services.show import settings_as_toml

CLIENTS = ("kafka-python", "confluent")
#: Events a second that are aimed at, for the linear learner and no predictions sent.
AIMS = {"kafka-python": 60_000, "confluent": 150_000}
P99_MS_MAX, RECOVERY_S_MAX = 50.0, 3.0
MEASURES = ("speed", "latency", "storm", "recovery", "memory")
#: Connections that ask at once, and where.
ASKERS, PORT = 8, 18_099
ROOT = Path(__file__).parent.parent
#: Events a second and a core-second, seconds of each stall, and what was noted beside: memory, or events' waits.
Measured = tuple[tuple[float, float], list[float], list[Any]]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print tables."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    cli.add_argument("--bootstrap", help="a broker that runs; else one is started")
    cli.add_argument("--quick", action="store_true", help="a twentieth of the events")
    cli.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, help="these measures alone")
    args = cli.parse_args(arguments)
    scale = 20 if args.quick else 1
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when begun\n")
    with tempfile.TemporaryDirectory() as folder, _broker(args.bootstrap, Path(folder)) as bootstrap:
        bench = Bench(bootstrap, Path(folder), scale)
        for measure in args.only:
            getattr(bench, measure)()


@contextmanager
def _broker(bootstrap: str | None, folder: Path) -> Iterator[str]:
    if bootstrap is not None:
        yield bootstrap
        return
    from tests.broker.local_kafka import LocalKafka

    local: Any = LocalKafka(folder / "broker")  # type: ignore[no-untyped-call]
    try:
        yield local.bootstrap
    finally:
        local.close()


class Bench:
    """Each measure runs in a process of its own, so that none finds what another left in memory."""

    def __init__(self, bootstrap: str, folder: Path, scale: int) -> None:
        self.bootstrap, self.folder, self.scale = bootstrap, folder, scale
        self.rates: dict[tuple[str, str], float] = {}
        self._number = 0
        self.events = 1_000_000 // scale
        self.filled = self.topic("filled")
        runs.fill(bootstrap, self.filled, self.events)

    def topic(self, name: str) -> str:
        """A topic that nobody else has."""
        self._number += 1
        return runs.new_topic(self.bootstrap, f"{name}-{os.getpid()}-{self._number}")

    def speed(self) -> None:
        """Events a second end to end."""
        print(
            "| client | learner | predictions | events | events/s | a core-second | aim "
            "| checkpoint's stall, ms: median | most |"
        )
        print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for client in CLIENTS:
            for model, share in (("linear", 1), ("forest", 4)):
                for sends in (False, True):
                    events = self.events // share // (2 if sends else 1)
                    self._speed(client, model, events, sends=sends)
        print()

    def _speed(self, client: str, model: str, events: int, *, sends: bool) -> None:
        told = self.topic("told") if sends else None
        config = runs.config(self.bootstrap, self.filled, self.folder, client, model, told)
        (rate, of_core), stalls, _ = _apart(config, self.folder, events, None)
        aim = AIMS[client] if model == "linear" and not sends else None
        if not sends:
            self.rates[client, model] = rate
        middle, most = (1e3 * statistics.median(stalls), 1e3 * max(stalls)) if stalls else (math.nan, math.nan)
        told_of = "one an event" if sends else "none"
        print(f"| {client} | {model} | {told_of} | {events:,} | {rate:,.0f} | {of_core:,.0f} "
              f"| {'' if aim is None else f'{aim:,}'} | {middle:.1f} | {most:.1f} |", flush=True)  # fmt: skip

    def latency(self) -> None:
        """From an event written to the event learned, at half of the rate found and at half of the rate aimed at."""
        print("| client | learner | half of | events/s | p50, ms | p99, ms | p99.9, ms | aim for p99 |")
        print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
        for client in CLIENTS:
            for of, whole in (("what it learns", self._rate(client)), ("the aim", AIMS[client])):
                p50, p99, p999 = self._waits(client, whole / 2)
                print(f"| {client} | linear | {of} | {whole / 2:,.0f} | {p50:.1f} | {p99:.1f} | {p999:.1f} "
                      f"| {P99_MS_MAX:g} |", flush=True)  # fmt: skip
        print()

    def _waits(self, client: str, rate: float) -> tuple[float, float, float]:
        """The 50th, 99th and 99.9th percentile of events' waits, milliseconds, written at a rate."""
        seconds, topic = 30 if self.scale == 1 else 10, self.topic("half")
        config = runs.config(self.bootstrap, topic, self.folder, client, "linear", None)
        feeder = _start(runs.feed, self.bootstrap, topic, rate, seconds + 10)
        _, _, ages = _apart(config, self.folder, None, seconds + 5)
        feeder.join()
        waited = np.concatenate(ages) / 1e3
        later = waited[len(waited) // 2 :]  # before, it catches up with what was written while it started
        p50, p99, p999 = np.percentile(later, [50, 99, 99.9]).tolist()
        return p50, p99, p999

    def _rate(self, client: str) -> float:
        if (client, "linear") not in self.rates:
            config = runs.config(self.bootstrap, self.filled, self.folder, client, "linear", None)
            self.rates[client, "linear"] = _apart(config, self.folder, self.events, None)[0][0]
        return self.rates[client, "linear"]

    def storm(self) -> None:
        """The same wait while nobody asks ``/predict``, and while a process asks as fast as it is answered."""
        seconds = 30 if self.scale == 1 else 10
        print("| client | asked by | answers/s, ten events each | p50, ms | p99, ms | p99.9, ms |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        rate = self._rate("kafka-python") / 4
        for askers in (0, 1, ASKERS):
            topic = self.topic("storm")
            config = runs.config(self.bootstrap, topic, self.folder, "kafka-python", "linear", None)
            config = config.model_copy(update={"http": HttpConfig(port=PORT)})
            feeder, told = _start(runs.feed, self.bootstrap, topic, rate, seconds + 10), _queue()
            # It begins when what was written meanwhile has been caught up with, and ends with the measure.
            asking = _start(_after, seconds / 2, runs.storm, PORT, seconds / 2, askers, told) if askers else None
            _, _, ages = _apart(config, self.folder, None, seconds + 5)
            feeder.join()
            answers = 0.0
            if asking is not None:
                answers = told.get(timeout=60)
                asking.join()
            waited = np.concatenate(ages)[-int(rate * seconds / 4) :] / 1e3
            p50, p99, p999 = np.percentile(waited, [50, 99, 99.9])
            print(f"| kafka-python | {askers or 'nobody'} | {answers:,.0f} | {p50:.1f} | {p99:.1f} | {p999:.1f} |",
                  flush=True)  # fmt: skip
        print()

    def recovery(self) -> None:
        """From kill -9 and a start at once to owning the topic again, a static member with compiled code cached."""
        print(f"| client | seconds to own it again: median of 5 | most | aim |\n{'| --- ' * 4}|")
        for client in CLIENTS:
            config = runs.config(self.bootstrap, self.filled, self.folder, client, "linear", None)
            seconds = _recoveries(config, self.folder, 5)
            print(f"| {client} | {statistics.median(seconds[1:]):.2f} | {max(seconds[1:]):.2f} | {RECOVERY_S_MAX:g} |",
                  flush=True)  # fmt: skip
        print()

    def memory(self) -> None:
        """Resident memory after N events against after a tenth of them."""
        n = 5_000_000 // self.scale
        topic = self.topic("long")
        runs.fill(self.bootstrap, topic, n)
        config = runs.config(self.bootstrap, topic, self.folder, "confluent", "linear", None)
        _, _, rss = _apart(config, self.folder, n, None, True)
        at = dict(rss)
        early, late = (min(at, key=lambda events: abs(events - wanted)) for wanted in (n // 10, n))
        print("| events learned | RSS, MB |\n| ---: | ---: |")
        for events in (early, late):
            print(f"| {events:,} | {at[events] / 1e6:,.0f} |")


def _measure(config: Config, folder: Path, events: int | None, seconds: float | None, rss: bool = False) -> Measured:
    watch = runs.run(config, folder, events, seconds)
    stalls = [a + b for a, b in zip(watch.seconds.get("flush", []), watch.seconds.get("snapshot", []), strict=False)]
    return (
        (watch.rate, watch.rate_of_core),
        stalls or watch.seconds.get("snapshot", []),
        watch.rss if rss else watch.waits,
    )


def _apart(*arguments: Any) -> Measured:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, arguments)


def _start(call: Callable[..., None], *arguments: object) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=call, args=arguments)
    process.start()
    return process


def _queue() -> Any:
    return multiprocessing.get_context("spawn").Queue()


def _after(seconds: float, call: Callable[..., None], *arguments: object) -> None:
    time.sleep(seconds)
    call(*arguments)


def _recoveries(config: Config, folder: Path, times: int) -> list[float]:
    file, schema = folder / "recovery.toml", folder / "schema.toml"
    file.write_text(settings_as_toml(Settings(config)))
    schema.write_text(schema_to_toml(runs.SCHEMA))
    seconds, environ = [], os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'services'}"}
    for _ in range(times + 1):
        begun = time.monotonic()
        with (folder / "recovery.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "streamimb_services", "serve", "-c", file, "--schema", schema],
                stderr=log, cwd=ROOT, env=environ,
            )  # fmt: skip
        while b'"unit begins"' not in (folder / "recovery.log").read_bytes():
            if process.poll() is not None:
                raise RuntimeError((folder / "recovery.log").read_text())
            time.sleep(0.005)
        seconds.append(time.monotonic() - begun)
        time.sleep(3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return seconds


if __name__ == "__main__":
    main()
