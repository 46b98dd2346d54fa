"""The shares that later ones are held against."""

import numpy as np

from streamimb import Batch, Config, Feature, Label, Pipeline, Schema

SCHEMA = Schema(
    features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["legit", "fraud"], positive="fraud")
)


def test_the_reference_of_a_share_is_not_that_of_a_stream_too_short_to_hold_the_class():
    """The first Plan comes before the first positive event; what is normal is known when there was one."""
    X, y = np.random.default_rng(0).normal(size=(4_000, 2)).astype(np.float32), np.zeros(4_000, np.int16)
    y[600::100] = 1
    ours = Pipeline(SCHEMA, Config.model_validate({"learner": {"model": "linear"}}))
    ours.process(Batch.of(X[:500], y[:500]))
    assert ours.reference.tolist() == [1.0, 0.0]
    ours.process(Batch.of(X[500:1_000], y[500:1_000]))
    first = ours.reference[1]
    assert 0.0 < first < 0.01
    ours.process(Batch.of(X[1_000:], y[1_000:]))
    assert ours.signal_counts == {} and ours.reference[1] == first
