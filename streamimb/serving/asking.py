"""A request to predict, from its bytes to rows and from predictions to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamimb.batch import Kind, Reason, Rejected
from streamimb.decode_json import JsonDecoder
from streamimb.errors import InputError
from streamimb.outcome import Predicted
from streamimb.schema import Schema

_RAW = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked: X float32 (n, d) of the accepted events, their places in the request and ids, the refusals."""

    X: NDArray[np.float32]
    places: list[int]
    ids: list[str] | None
    refused: list[Rejected]


def read_events(body: bytes, decoder: JsonDecoder, *, events_max: int, key: str = "http.predict_events_max") -> Answer:
    """One event, or a list of them, validated as an event of the stream; key: what bounds how many.

    Raises InputError for what is neither, and for too many.
    """
    try:
        events = list(map(bytes, _RAW.decode(body))) if body.lstrip()[:1] == b"[" else [body]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the body is no JSON list of events: {error}") from None
    if not body.strip() or not events:
        raise InputError("the body holds no event: send an object, or a list of objects")
    if len(events) > events_max:
        raise InputError(f"{len(events):,} events in one request: {key} is {events_max:,}")
    places = np.arange(len(events), dtype=np.int64)
    batch, refused = decoder.decode(events, source="request", offsets=places, partition=0)
    told = batch.kind != Kind.LABEL
    bare = [
        Rejected("request", Reason.MISSING_FIELD, None, "it names no feature", partition=0, offset=int(place))
        for place in batch.offset[~told]
    ]
    rows = np.flatnonzero(told)
    ids = None if batch.ids is None else batch.ids.take(rows).tolist()
    refused = sorted([*refused, *bare], key=lambda r: r.offset or 0)
    return Answer(batch.X[rows], batch.offset[rows].tolist(), ids, refused)


def answer_json(asked: Answer, told: Predicted | None, schema: Schema, about: dict[str, Any]) -> bytes:
    """The answer's body: predictions with their place in the request, refusals with reason and field, what answered."""
    names, predictions = schema.class_names, list[dict[str, Any]]()
    if told is not None:
        columns = (told.scores.tolist(), told.decision.tolist(), told.threshold.tolist())
        for i, (place, scores, decision, threshold) in enumerate(zip(asked.places, *columns, strict=True)):
            row = {"index": place} if asked.ids is None else {"index": place, "id": asked.ids[i]}
            row |= {"scores": dict(zip(names, scores, strict=True)), "decision": names[decision]}
            predictions.append({**row, "threshold": threshold})
    return msgspec.json.encode({"predictions": predictions, "refused": refusals(asked), "model": about})


def refusals(asked: Answer) -> list[dict[str, Any]]:
    """What was refused of a request: place, reason, field and detail of each."""
    return [{"index": r.offset, "reason": r.reason.value, "field": r.field, "detail": r.detail} for r in asked.refused]
