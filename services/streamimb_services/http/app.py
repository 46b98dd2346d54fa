"""The application: which path is answered by what. Everything it knows comes from the hub and the exporter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streamimb.config import Config
from streamimb.decode_json import JsonDecoder
from streamimb.errors import ConfigError, InputError, LearnerError, StreamimbError
from streamimb.levers import KINDS, PIN, ROLLBACK, write_levers
from streamimb.metrics import Exporter, Page
from streamimb.metrics.text import CONTENT_TYPE
from streamimb.schema import Schema
from streamimb.serving import Busy, Hub, NotHere, NotSaved, answer_json, read_events
from streamimb.serving.hub import Served
from streamimb_services.http.explaining import Explaining, explained_json
from streamimb_services.http.guard import Guard, Refused, body_of, failure, json_response
from streamimb_services.http.live import Live
from streamimb_services.http.pages import Pages
from streamimb_services.nulls import undefined_as_null

#: A question is answered within so many seconds, or given up; a lever takes a checkpoint's time more.
ANSWER_S: Final = 10.0
LEVER_S: Final = 60.0
PATHS: Final = "/livez /readyz /metrics /predict /explain /model /levers /control"

Handler = Callable[[Request], Awaitable[Response]]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to /control; an empty one orders nothing special."""

    threshold: float | None = None
    checkpoint: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What the application is made of."""

    schema: Schema
    config: Config
    hub: Hub
    exporter: Exporter
    page: Page
    version: str
    token: bytes | None
    live: Live
    explaining: Explaining


def make_app(service: Service, *, loopback: bool) -> Starlette:
    """The application. loopback: whether it is bound where only this machine reaches it."""
    guard = Guard(service.token, open_to_all=loopback)
    answers, pages = Answers(service), Pages(service.live, service.explaining, service.hub)
    routes = [
        Route("/", guard.nobody(pages.index)),
        Route("/static/{name:path}", guard.nobody(pages.static)),
        Route("/events", guard.usual(pages.events)),
        Route("/table", guard.usual(pages.table)),
        Route("/livez", answers.livez),
        Route("/readyz", answers.readyz),
        Route("/metrics", answers.metrics),
        Route("/predict", guard.usual(answers.predict), methods=["POST"]),
        Route("/explain", guard.usual(answers.explain), methods=["POST"]),
        Route("/model", guard.usual(answers.model)),
        Route("/levers", guard.usual(answers.levers)),
        Route("/control/{kind}", guard.always(answers.control), methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {404: _not_found, 405: _not_allowed, Exception: _unexpected}
    return Starlette(routes=routes, exception_handlers=handlers)


class Answers:
    """A method a path."""

    def __init__(self, service: Service) -> None:
        self._service, self._hub = service, service.hub
        self._decoder = JsonDecoder(service.schema, service.config.limits)

    async def livez(self, _: Request) -> Response:
        """Whether the loop goes round."""
        alive = self._hub.alive
        return json_response({"alive": alive}, 200 if alive else 503)

    async def readyz(self, request: Request) -> Response:
        """Whether everything that traffic needs is there; ``?verbose`` names each condition."""
        told: dict[str, Any] = {"ready": self._hub.ready}
        if "verbose" in request.query_params:
            told["checks"] = dict(self._hub.checks)
        return json_response(told, 200 if self._hub.ready else 503)

    async def metrics(self, _: Request) -> Response:
        self._service.exporter.ready(self._hub.ready)
        return Response(self._service.page.content(), media_type=CONTENT_TYPE)

    async def predict(self, request: Request) -> Response:
        """What the present model says of the events; nothing of them is remembered."""
        config, exporter = self._service.config, self._service.exporter
        try:
            body = await body_of(request, config.http.body_bytes_max)
            asked = read_events(body, self._decoder, events_max=config.http.predict_events_max)
            unit = self._unit(request.query_params.get("unit"))
            told = None
            if len(asked.X):
                told = await asyncio.wait_for(asyncio.wrap_future(self._hub.predict(unit, asked.X)), ANSWER_S)
            content = answer_json(asked, told, self._service.schema, self._about(unit))
        except (Refused, InputError):
            exporter.asked("refused")
            raise
        except (Busy, TimeoutError):
            exporter.asked("busy")
            raise
        except Exception:
            exporter.asked("failed")
            raise
        exporter.asked("answered" if told is not None else "refused", len(asked.X))
        return Response(content, 422 if told is None else 200, media_type="application/json")

    async def explain(self, request: Request) -> Response:
        """What each feature adds to the scores of the events; without any, what carries the positive class now."""
        config, explaining = self._service.config, self._service.explaining
        body = await body_of(request, config.http.body_bytes_max)
        unit = request.query_params.get("unit")
        if body.strip() in (b"", b"[]"):
            unit = self._unit(unit)
            carried = await asyncio.wait_for(explaining.carried(unit), ANSWER_S)
            return json_response({**carried, "model": self._about(unit)})
        asked = read_events(
            body, self._decoder, events_max=config.http.explain_events_max, key="http.explain_events_max"
        )
        unit, told = self._unit(unit), None
        if len(asked.X):
            try:
                told = await asyncio.wait_for(explaining.events(unit, asked.X), ANSWER_S)
            except LearnerError as error:
                raise Refused(409, str(error), "ask without events: what carries the class is told of any") from None
        content = explained_json(asked, told, self._service.schema, self._about(unit))
        return Response(content, 422 if told is None else 200, media_type="application/json")

    async def model(self, _: Request) -> Response:
        """What is running: every unit, its learner, thresholds, weights and checkpoint."""
        units = {}
        for name in sorted(self._hub.units):
            read = asyncio.wrap_future(self._hub.ask(name, _described))
            units[name] = {**await asyncio.wait_for(read, ANSWER_S), **self._about(name)}
        schema, config = self._service.schema, self._service.config
        told = {
            "version": self._service.version,
            "learner": config.learner.model,
            "objective": config.control.objective or "f1",
            "classes": schema.class_names,
            "positive": schema.class_names[schema.positive],
            "ready": self._hub.ready,
            "ignored_fields": dict(self._hub.ignored),
            "units": units,
        }
        return json_response(undefined_as_null(told))

    async def levers(self, request: Request) -> Response:
        """Every lever that was pulled, for ``replay --levers``."""
        unit = self._unit(request.query_params.get("unit"))
        asked = self._hub.ask(unit, lambda served: write_levers(served.pipeline.book.levers))
        content = await asyncio.wait_for(asyncio.wrap_future(asked), ANSWER_S)
        return Response(content, media_type="application/x-ndjson")

    async def control(self, request: Request) -> Response:
        """Pull a lever, and answer once a checkpoint remembers it."""
        kind = request.path_params["kind"]
        if kind not in KINDS:
            raise Refused(404, f"there is no lever {kind!r}", f"one of {', '.join(KINDS)}")
        body = await body_of(request, self._service.config.http.body_bytes_max)
        try:
            order = msgspec.json.decode(body or b"{}", type=Order)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(
                400, f"the order cannot be read: {error}", "send an object as the documentation says"
            ) from None
        if (kind == PIN) != (order.threshold is not None):
            raise Refused(400, "pin, and only pin, takes a threshold", '{"threshold": 0.5}')
        if kind != ROLLBACK and order.checkpoint is not None:
            raise Refused(400, "only rollback takes a checkpoint", "leave it out")
        units = [self._unit(order.unit)] if order.unit or kind == ROLLBACK else sorted(self._hub.units)
        if not units:
            self._hub.refuse_early()
            raise NotHere("no unit of state is here yet: see /model")
        pulled = [self._hub.pull(unit, kind, threshold=order.threshold, checkpoint=order.checkpoint) for unit in units]
        await asyncio.wait([asyncio.wrap_future(asked.future) for asked in pulled], timeout=LEVER_S)
        late = [asked.unit for asked in pulled if not asked.future.done() and not asked.future.cancel()]
        if late:
            raise Refused(
                504, f"{kind} of {', '.join(late)} was taken, is not done in {LEVER_S:g} s, and may still take effect",
                "GET /levers tells whether it did, before it is pulled again",
            )  # fmt: skip
        if any(asked.future.cancelled() for asked in pulled):
            raise Busy(f"the loop did not take {kind} within {LEVER_S:g} s: it will not be pulled there")
        levers = {asked.unit: msgspec.to_builtins(asked.future.result().lever) for asked in pulled}
        return json_response({"levers": levers})

    def _unit(self, asked: str | None) -> str:
        return self._hub.one(asked)

    def _about(self, unit: str) -> dict[str, Any]:
        served = self._hub.units.get(unit)
        if served is None:
            return {"unit": unit}
        told: dict[str, Any] = {"unit": unit, "role": served.role, "position": served.pipeline.store.next_position}
        return {**told, "checkpoint": served.checkpoint, "checkpoint_age_seconds": self._hub.age(served)}


def _described(served: Served) -> dict[str, Any]:
    """What is told of a pipeline; the loop does not touch it meanwhile."""
    pipeline = served.pipeline
    plan, names = pipeline.controller.plan, pipeline.schema.class_names
    return {
        "thresholds": dict(zip(names, plan.thresholds.tolist(), strict=True)),
        "weights": dict(zip(names, plan.weights.tolist(), strict=True)),
        "frozen": pipeline.book.frozen,
        "pinned": pipeline.controller.pinned,
        "levers": pipeline.book.pulled,
        "waiting": pipeline.store.counts()["waiting"],
    }


async def _not_found(request: Request, _: Exception) -> Response:
    return failure(404, f"{request.url.path}: no such path", PATHS)


async def _not_allowed(request: Request, _: Exception) -> Response:
    return failure(
        405, f"{request.url.path} is not asked by {request.method}", "/predict, /explain and /control take POST"
    )


async def _unexpected(_: Request, error: Exception) -> Response:
    return failure(*told_as(error))


def told_as(error: Exception) -> tuple[int, str, str]:
    """Status, what was wrong and what to do."""
    if isinstance(error, Refused):
        return error.status, error.what, error.todo
    if isinstance(error, Busy | TimeoutError):
        return 503, str(error) or "the loop did not answer in time", "ask again later"
    if isinstance(error, NotHere):
        return 409, str(error), "GET /model tells what is here"
    if isinstance(error, NotSaved):
        return 500, str(error), "do not pull it again: GET /levers tells what is in force, the log whether it was saved"
    if isinstance(error, InputError | ConfigError):
        return 400, str(error), "put the request right"
    if isinstance(error, StreamimbError):
        return 409, str(error), "nothing was changed"
    return 500, f"unexpected {type(error).__name__}", "the log has more"
