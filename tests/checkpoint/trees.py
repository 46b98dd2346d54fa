"""Small states, pipelines and stores for the tests of checkpoints."""

from __future__ import annotations

import numpy as np

from streamimb import Config, Feature, Label, Pipeline, Schema
from streamimb.batch import Batch
from streamimb.checkpoint import Setup
from streamimb.sources.log import Partition

P0 = Partition("payments", 0)
SCHEMA = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["legit", "fraud"]))


def tree(number: int) -> dict[str, object]:
    """A state that tells which one it is."""
    return {"number": number, "weights": np.full(1_000, number, np.float64), "flags": np.array([True, False])}


def setup(**config: object) -> Setup:
    return Setup(SCHEMA, Config(**config))


def events(n: int, seed: int = 0, share: float = 0.1) -> Batch:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    return Batch.of(rng.normal(2.0 * y[:, None], 1.0, (n, 2)).astype(np.float32), y)


def pipeline(**config: object) -> Pipeline:
    return Pipeline(SCHEMA, Config(**config))


class Crash(BaseException):
    """The process ends here: nothing that only handles errors may tidy up."""


class CrashAt:
    """A probe that ends the process at a named step, the n-th time it is reached."""

    def __init__(self, step: str, after: int = 1) -> None:
        self.step, self.left, self.seen = step, after, []

    def __call__(self, step: str) -> None:
        self.seen.append(step)
        if step == self.step:
            self.left -= 1
            if self.left == 0:
                raise Crash(step)
