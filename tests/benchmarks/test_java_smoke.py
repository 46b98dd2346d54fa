"""The benchmark beside Java on a handful of events, without Java: what it measures and what it hands over."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, recall_score


def test_quality_is_that_of_windows(script):
    """Means over whole windows, a G-mean of the classes that a window holds."""
    rng = np.random.default_rng(3)
    y, q = rng.integers(0, 2, 1_200), rng.integers(0, 3, 1_200)
    y[600:] += rng.integers(0, 2, 600)
    windows = [(y[i : i + 500], q[i : i + 500]) for i in (0, 500)]
    recalls = [recall_score(a, b, average=None, labels=np.unique(a)) for a, b in windows]
    g_mean, kappa = script.quality(y, q, 3)
    assert g_mean == pytest.approx(np.mean([r.prod() ** (1 / len(r)) for r in recalls]))
    assert kappa == pytest.approx(np.mean([cohen_kappa_score(a, b) for a, b in windows]))


def test_java_gets_the_stream_as_it_is(script, tmp_path):
    """Counts, codes, values row by row, classes: little-endian."""
    X = np.array([[0.5, 2.0], [1.5, 0.0], [np.nan, 1.0]], np.float32)
    stream = {"X": X, "y": np.array([0, 1, 0]), "categorical": np.array([False, True]), "n_classes": np.array(2)}
    script.write_stream(tmp_path / "s", stream)
    raw = (tmp_path / "s").read_bytes()
    assert np.frombuffer(raw, "<i4", 5).tolist() == [3, 2, 2, 0, 3]
    assert np.array_equal(np.frombuffer(raw, "<f4", 6, 20).reshape(3, 2), X, equal_nan=True)
    assert np.frombuffer(raw, "<i2", 3, 44).tolist() == [0, 1, 0]
    assert len(raw) == 50


def test_uob_alone_decides_as_the_pipeline_that_does_nothing_else(script):
    """Rates and trees by themselves are what uob.toml is but for its shell; of a concept that holds, most is right."""
    ((name, stream),) = script.streams(None, ["borderline"], 2_000)
    alone, piped = script.ours("uob").values()
    y, decisions = stream["y"], [alone(stream)[0], piped(stream)[0]]
    assert name == "borderline"
    assert (decisions[0] == decisions[1]).mean() > 0.99
    assert (decisions[0] == y).mean() > 0.7


def test_threads_and_batches_change_the_way_and_no_decision(script):
    """Of the learner alone and of the pipeline, in each group that has a forest."""
    ((_, stream),) = script.streams(None, ["static"], 1_500)
    for group in ("uob", "oob", "forest"):
        way = script.Way(threads=2, batch=400)
        for one, other in zip(script.ours(group).values(), script.ours(group, way).values(), strict=True):
            assert (one(stream)[0] == other(stream)[0]).all()
