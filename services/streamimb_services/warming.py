"""Compiled code before the group is joined: a life in small, so that none is compiled in the middle of a stream."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, Batch, Kind
from streamimb.config import Config
from streamimb.decode_json import JsonDecoder
from streamimb.explain import Explainer
from streamimb.kernel import without_blas
from streamimb.levers import PIN, RESET
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema

#: Events of the stream that is made up, a second apart: more than a block of ``drift.unlabelled``, which is compared at
#: its end. One in ``WARM_RARE`` is of the positive class.
WARM_EVENTS: Final = 3_000
WARM_RARE: Final = 10
#: How long they wait for labels, whatever the configuration says: most are to mature while this lasts.
WARM_WAIT: Final = 100
#: Labels that come on their own, to the last events: every third of these brought none, what the others brought is
#: contrary; some still wait, some have matured.
WARM_LABELS: Final = 150
#: New objects before a compiler's garbage is looked for: it makes so many that a fifth of its time went into looking.
COMPILING_OBJECTS: Final = 100_000


def warm_up(schema: Schema, config: Config) -> None:
    """Compile what the stream will need by a pipeline of its own, so that no member of the group ever stands still.

    Labels come late and are contrary; a trial of two learners is under way in the second half; levers are pulled.
    """
    without_blas()
    with _seldom_collected():
        _live_through(schema, config)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(COMPILING_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _live_through(schema: Schema, config: Config) -> None:
    wait = f"{WARM_WAIT}s" if schema.has_time else str(WARM_WAIT)
    soon = config.label.model_copy(update={"delay": None, "wait": wait, "remember": None})
    pipeline = Pipeline(schema, config.model_copy(update={"label": soon}))
    looking = pipeline.observer = Explainer(pipeline)
    JsonDecoder(schema, config.limits).decode([b"{}"], source="warm-up", offsets=0)
    pipeline.snapshot()
    events, half = _events(schema), WARM_EVENTS // 2
    pipeline.process(events.slice(0, half))
    pipeline.process(_labels(schema, events, half))
    pipeline.succession.begin()
    pipeline.process(events.slice(half, WARM_EVENTS))
    pipeline.measure()
    pipeline.snapshot()
    if config.http.enabled:
        looking.warm_up(pipeline)
    Pipeline(schema, pipeline.config).restore(pipeline.state())
    pipeline.pull(PIN, threshold=0.5)
    pipeline.pull(RESET)


def _events(schema: Schema) -> Batch:
    """Random events of a rare class and the others in turn."""
    n, y = WARM_EVENTS, _classes(schema)
    kind = np.full(n, Kind.BOTH, np.int8)
    kind[::3], y[::3] = Kind.FEATURES, NO_LABEL
    X = np.random.default_rng(1).random((n, len(schema.features)), np.float32)
    return Batch.of(X, y, ids=_ids(schema, np.arange(n)), time=np.arange(n, dtype=np.int64) * 1_000_000, kind=kind)


def _labels(schema: Schema, events: Batch, until: int) -> Batch:
    """Labels of the last events before one."""
    of = np.arange(until - WARM_LABELS, until)
    other = next(k for k in range(schema.n_classes) if k != schema.positive)
    y = np.where(events.y[of] == schema.positive, other, schema.positive).astype(np.int16)
    X = np.full((len(of), len(schema.features)), np.nan, np.float32)
    told = Batch.of(
        X,
        y,
        ids=_ids(schema, of),
        time=np.full(len(of), events.time[until - 1]),
        kind=np.full(len(of), Kind.LABEL, np.int8),
    )
    return told if schema.id is not None else replace(told, key=of.astype(np.uint64))


def _classes(schema: Schema) -> NDArray[np.int16]:
    others = np.array([k for k in range(schema.n_classes) if k != schema.positive], np.int16)
    y = others[np.arange(WARM_EVENTS) % len(others)]
    y[::WARM_RARE] = schema.positive
    return y


def _ids(schema: Schema, of: NDArray[np.int64]) -> list[str] | None:
    return [f"warm-{i}" for i in of] if schema.id is not None else None
