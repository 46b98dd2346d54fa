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

#: Refused events are told singly up to so many between two checkpoints; then only counted.
REFUSED_TOLD_MAX: Final = 10


def configure(config: LogConfig) -> Any:
    """The logger of this process, on standard error."""
    pretty = config.format == "pretty" or (config.format == "auto" and sys.stderr.isatty())
    level = getattr(logging, config.level.upper())
    render: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _defined,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(name)s: %(message)s")
    return structlog.get_logger()


def _defined(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """What is undefined is null: NaN is no JSON."""
    told: Mapping[str, Any] = undefined_as_null(event)
    return told


class LogObserver(Observer):
    """Logs what a person wants to read afterwards."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._told = 0
        self._troubled: dict[str, bool] = {}

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
