"""A replay that can be watched: the live page and /metrics, beside it and for as long as it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import typer

from streamimb.config import Config
from streamimb.errors import ConfigError
from streamimb.metrics import Exporter, Page
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.serving import Hub, Recorder
from streamimb_services.exits import note
from streamimb_services.http.app import Service
from streamimb_services.http.explaining import explaining
from streamimb_services.http.live import Live
from streamimb_services.http.server import listening, read_token
from streamimb_services.interrupt import Interrupt
from streamimb_services.lingering import linger

#: The name of the one unit of state that a replay has.
UNIT: Final = "replay"
#: Its role: there is no lever to pull, as there is for an owner.
ROLE: Final = "replay"
HOST: Final = "127.0.0.1"
PORT_MAX: Final = 65_535


class Watch:
    """Passes on what the replay's loop tells; the loop's side of the page."""

    def __init__(
        self,
        pipeline: Pipeline,
        exporter: Exporter,
        recorder: Recorder,
        hub: Hub,
        look_on: Callable[[Pipeline], None],
        over: Callable[[], None],
    ) -> None:
        self._pipeline, self._exporter, self._recorder, self._hub = pipeline, exporter, recorder, hub
        self.look_on, self._over, self.url = look_on, over, ""
        exporter.role("owner")
        exporter.begins(UNIT, pipeline)
        recorder.begins(UNIT, pipeline)
        hub.attach(UNIT, pipeline, role=ROLE, checkpoint=None)
        hub.check("replaying", True)

    def took(self, outcome: Outcome) -> None:
        """What one step of the replay came to."""
        self._exporter.values.add("events_consumed_total", len(outcome.predictions))
        self._exporter.refused(outcome.rejected)
        self._exporter.processed(UNIT, self._pipeline, outcome)
        self._recorder.processed(UNIT, self._pipeline, outcome)
        self._hub.turn()

    def spent(self, seconds: float) -> None:
        """So long the pipeline took."""
        self._exporter.phase("process", seconds)

    def sleep(self, seconds: float) -> None:
        """Wait for the next event to be due; meanwhile those who ask are answered."""
        with self._hub.idle():
            time.sleep(seconds)

    def linger(self, seconds: float, interrupt: Interrupt) -> None:
        """Say that the stream has ended, and answer those who look on for so long, or until a person ends it."""
        with self._hub.idle():
            self._over()
            linger(seconds, self.url, interrupt)


@contextmanager
def watched(where: str, pipeline: Pipeline, config: Config, files: Sequence[str]) -> Iterator[Watch]:
    """Serve while this is entered, and say where; a port that is taken gives way to a free one.

    Raises ConfigError where it cannot be served there at all.
    """
    host, port = address_of(where)
    config = _at(config, host, port)
    exporter = Exporter(pipeline.schema, config, version=version("streamimb"), wall=time.time, gauges_s=0.0)
    title = ", ".join(Path(name).name for name in files)
    recorder = Recorder(
        pipeline.schema, exporter.values, title=title, by_events=True, wall=time.time, clock=time.monotonic
    )
    hub = Hub(clock=time.monotonic)
    live = Live(recorder, lambda: {"alive": True, "ready": True}, connections_max=config.http.connections_max)
    page, token = Page(exporter.values, clock=time.monotonic), read_token(config.http)
    with ExitStack() as stack:
        why = stack.enter_context(
            explaining(hub, clock=time.monotonic, failed=lambda told: note(f"explaining: {told}"))
        )
        watch = Watch(pipeline, exporter, recorder, hub, why.look_on, lambda: live.over(why.at_end))
        service = Service(pipeline.schema, config, hub, exporter, page, version("streamimb"), token, live, why)
        try:
            taken = stack.enter_context(listening(service))
        except ConfigError:
            if not port:
                raise
            taken = stack.enter_context(listening(replace(service, config=_at(config, host, 0))))
        shown = f"[{host}]" if ":" in host else host
        other = f" (port {port} is taken)" if port not in (0, taken) else ""
        watch.url = f"http://{shown}:{taken}/"
        note(f"the live page is at {watch.url} while this runs{other}")
        stack.enter_context(hub.loop())
        yield watch


def _at(config: Config, host: str, port: int) -> Config:
    return config.model_copy(update={"http": config.http.model_copy(update={"host": host, "port": port})})


def address_of(where: str) -> tuple[str, int]:
    """A host and a port from ``[HOST:]PORT``. Raises BadParameter.

    >>> address_of("8080"), address_of("0.0.0.0:0"), address_of("[::1]:80")
    (('127.0.0.1', 8080), ('0.0.0.0', 0), ('::1', 80))
    """
    host, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= PORT_MAX):
        raise typer.BadParameter(f"{where!r} is not [HOST:]PORT", param_hint="--serve")
    return host.removeprefix("[").removesuffix("]") or HOST, int(port)
