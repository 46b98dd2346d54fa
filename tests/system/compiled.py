"""Which kernels a stream still needs once a service has warmed up: ``python -m tests.system.compiled MODEL``."""

import json
import os
import sys

import numpy as np
from numba.core.dispatcher import Dispatcher

from streamimb.config import Config
from streamimb.delivery.outputs import Outputs
from streamimb.delivery.unit import Unit
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sources.log import Partition, Records
from streamimb_services.warming import warm_up
from tests.kernel_cache import share

EVENTS = 3_000
PARTITION = Partition("events", 0)
MADE = {"samples": {"minority": "smote", "majority": "undersample", "clean": True}}
WORLDS = {
    "linear": (2, {"learner": {"model": "linear"}, "label": {"wait": "1h", "expires_as": "legit"}}),
    "forest": (2, {"learner": {"model": "forest", "threads": 2}, **MADE}),
    "blend": (
        3,
        {
            "learner": {"threads": 2},
            "drift": {"recall": {"action": "replace"}, "share": {"action": "replace"}},
        },
    ),
}


def compiled():
    """Each of the project's kernels with each of the types that it was compiled or loaded for."""
    modules = [m for name, m in list(sys.modules.items()) if name.startswith("streamimb")]
    kernels = {v.py_func.__qualname__: v for m in modules for v in vars(m).values() if isinstance(v, Dispatcher)}
    return {f"{name}{types}" for name, kernel in kernels.items() for types in kernel.signatures}


def records(rng, start, classes, drifted):
    """Events a second apart, every third with its label later, some of these contrary, twice or for nothing known."""
    values = []
    for i in range(start, start + EVENTS):
        label = "fraud" if rng.random() < 0.15 else classes[i % 3 // 2 * 2 % len(classes)]
        event = {"id": i, "time": i * 1_000, "x": rng.normal() + 3.0 * ((label == "fraud") != drifted), "c": str(i % 7)}
        values.append(event if i % 3 else {k: v for k, v in event.items() if k != "label"})
        if i % 3:
            event["label"] = label
        else:
            values += [{"id": k, "time": i * 1_000 + 9, "label": label} for k in (i - 300, i - 600, f"none-{i}")]
    n = len(values)
    offsets, nothing = np.arange(start * 9, start * 9 + n), np.zeros(n, np.int64)
    return Records(PARTITION, offsets, nothing, [None] * n, [json.dumps(v).encode() for v in values], [()] * n)


def run(n_classes, tables):
    """The kernels that are met for the first time in a life with every lever, a drift and a restart."""
    classes = ["legit", "fraud", "odd"][:n_classes]
    schema = Schema(
        features=[Feature(name="x"), Feature(name="c", type="categorical")], time=Time(unit="ms"), id=Identity(),
        label=Label(classes=classes, positive="fraud"),
    )  # fmt: skip
    config = Config.model_validate({
        "control": {"objective": "g_mean" if n_classes > 2 else "cost:FN=50,FP=1"}, "source": {"topic": "events"},
        "output": {"predictions": "p", "signals": "s", "dead_letters": "d"}, **tables,
    })  # fmt: skip
    warm_up(schema, config)
    before, rng = compiled(), np.random.default_rng(5)
    unit, outputs = Unit("topic", schema, config), Outputs(schema, config)
    unit.next[PARTITION] = 0

    def learn(start, drifted=False):
        told = records(rng, start, classes, drifted)
        for part in (
            told.cut(0, 1),
            told.cut(1, 2),
            told.cut(2, len(told)),
        ):  # a type of array may hang on its length
            outputs.messages("topic", unit.take(part))

    for turn, (lever, told) in enumerate(
        [("reset", {}), ("freeze", {}), ("pin", {"threshold": 0.2}), ("unpin", {}), ("resume", {}), ("rollback", {})]
    ):
        saved = unit.pipeline.state()
        learn(turn * EVENTS)
        unit.pipeline.pull(lever, **told, **({"state": saved, "checkpoint": "c"} if lever == "rollback" else {}))
    learn(6 * EVENTS)
    learn(7 * EVENTS, drifted=True)
    unit.pipeline.snapshot()
    again = Pipeline(schema, config)
    again.restore(unit.pipeline.state())
    for n in (1, 3):
        again.predict(np.zeros((n, 2), np.float32))
    again.measure()
    unit.pipeline = again
    learn(8 * EVENTS, drifted=True)
    return sorted(compiled() - before)


if __name__ == "__main__":
    if "PYTEST_XDIST_WORKER" in os.environ:
        share()
    missed = run(*WORLDS[sys.argv[1]])
    print("\n".join(missed))  # noqa: T201
