"""An online streaming learner for rare classes, with drift-aware rebalancing.

>>> import numpy as np
>>> from streamimb import Batch, Config, Feature, Label, Pipeline, Schema
>>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"], positive="fraud"))
>>> rng = np.random.default_rng(1)
>>> y = (rng.random(20_000) < 0.02).astype(np.int16)
>>> X = rng.normal(3.0 * y, 1.0).astype(np.float32).reshape(-1, 1)
>>> pipeline = Pipeline(schema, Config(control={"objective": "f1"}))
>>> outcome = pipeline.process(Batch.of(X, y))
>>> len(outcome.predictions), outcome.predictions.scores.shape
(20000, (20000, 2))
>>> recall, low, high = pipeline.summary()["classes"]["fraud"]["recall"]
>>> bool(0.5 < low < recall < high < 0.8)
True
"""

from streamimb.batch import Batch, Kind, Reason, Rejected
from streamimb.config import Config
from streamimb.errors import StreamimbError
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time

__all__ = [
    "Batch",
    "Config",
    "Feature",
    "Identity",
    "Kind",
    "Label",
    "Outcome",
    "Pipeline",
    "Reason",
    "Rejected",
    "Schema",
    "StreamimbError",
    "Time",
]
