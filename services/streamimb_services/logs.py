"""Logs of a service: structlog, for people on a terminal and JSON otherwise; one line a checkpoint, never a payload."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

import structlog

from streamimb.batch import Rejected
from streamimb.delivery import Observer
from streamimb.delivery.keeper import NOT_FINITE
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.service_config import LogConfig
from streamimb_services.nulls import undefined_as_null
from streamimb_services.visible import visible

#: Refused events are told singly up to so many between two checkpoints; then only counted.
REFUSED_TOLD_MAX: Final = 10


def configure(config: LogConfig) -> Any:
    """The logger of this process, on standard error."""
    pretty = config.format == "pretty" or (config.format == "auto" and sys.stderr.isatty())
    level = getattr(logging, config.level.upper())
    render: list[Any] = [_shown, structlog.dev.ConsoleRenderer()] if pretty else [structlog.processors.JSONRenderer()]
    known: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*known, structlog.processors.format_exc_info, _defined, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    _route_libraries([structlog.stdlib.add_logger_name, *known], render)
    return structlog.get_logger()


def _route_libraries(known: list[Any], render: list[Any]) -> None:
    """Let errors of libraries, and warnings, come as lines of the same kind."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=known,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info,
                _defined, *render,
            ],
        )
    )  # fmt: skip
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING)


class _Handler(logging.StreamHandler[Any]):
    """A record that cannot be formatted is told as a line of its own, where logging would print a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        error = sys.exc_info()[1]
        structlog.get_logger().error("log line lost", logger=record.name, said=str(record.msg), error=repr(error))


def _defined(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """What is undefined is null: NaN is no JSON."""
    told: Mapping[str, Any] = undefined_as_null(event)
    return told


def _shown(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Texts as a terminal may get them; tracebacks keep their lines."""
    return {key: visible(value, keep="\n") if isinstance(value, str) else value for key, value in event.items()}


class LogObserver(Observer):
    """Logs what a person wants to read afterwards."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._told = 0
        self._troubled: dict[str, bool] = {}
        self._ignored: set[str] = set()

    def refused(self, rejected: Sequence[Rejected]) -> None:
        for each in rejected:
            self._told += 1
            if self._told <= REFUSED_TOLD_MAX:
                self._log.warning(
                    "event refused", reason=each.reason.value, field=each.field, topic=each.source,
                    partition=each.partition, offset=each.offset,
                )  # fmt: skip

    def processed(self, unit: str, pipeline: Pipeline, outcome: Outcome) -> None:  # noqa: ARG002  an observer's
        for signal in outcome.signals:
            tell = self._log.warning if signal.kind == "drift" else self._log.info
            tell(
                signal.kind, unit=unit, signal=signal.signal, detector=signal.detector, cls=signal.class_,
                position=signal.position, value=signal.value, reference=signal.reference, action=signal.action,
            )  # fmt: skip
        for action in outcome.actions:
            self._log.info(
                "action", unit=unit, number=action.number, action=action.action, signal=action.signal,
                position=action.position, before=action.before, after=action.after, helped=action.helped,
            )  # fmt: skip

    def ignored(self, fields: Mapping[str, int]) -> None:
        for field in fields.keys() - self._ignored:
            self._ignored.add(field)
            self._log.warning(
                "field ignored", field=field, why="the schema does not name it",
                todo="add it as a feature and learn anew, or stop sending it; GET /model counts it",
            )  # fmt: skip

    def saved(self, unit: str, name: str, size: int, seconds: float, position: int) -> None:
        left = max(self._told - REFUSED_TOLD_MAX, 0)
        self._log.info(
            "checkpoint", unit=unit, name=name, bytes=size, seconds=round(seconds, 3), position=position,
            **({"refused_untold": left} if left else {}),
        )  # fmt: skip
        self._told = 0

    def restored(self, unit: str, name: str | None, rotten: Sequence[tuple[str, str]], position: int) -> None:
        for bad, why in rotten:
            self._log.error("checkpoint rotten", unit=unit, name=bad, error=why)
        self._log.info("unit begins", unit=unit, checkpoint=name, position=position)

    def role(self, role: str) -> None:
        self._log.info("role", role=role)

    def trouble(self, what: str, error: Exception | None) -> None:
        before, self._troubled[what] = self._troubled.get(what, False), error is not None
        if error is not None and not before:
            self._log.warning(f"{what} away", error=str(error))
        elif error is None and before:
            self._log.info(f"{what} back")

    def shortened(self, messages: int) -> None:
        self._log.warning("dead letters cut to what their topic takes", letters=messages)

    def told(self, event: str, **facts: Any) -> None:
        tell = self._log.error if event == NOT_FINITE else self._log.info
        tell(event, **facts)


class Everyone(Observer):
    """Passes everything on to several, each of which has an observer's methods."""

    def __init__(self, *observers: Any) -> None:
        self._observers = observers


def _passing_on(name: str) -> Callable[..., None]:
    def tell(self: Everyone, *told: Any, **facts: Any) -> None:
        for each in self._observers:
            getattr(each, name)(*told, **facts)

    return tell


for _name in [name for name in vars(Observer) if not name.startswith("_")]:
    setattr(Everyone, _name, _passing_on(_name))
