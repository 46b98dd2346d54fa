"""A saved river model is admitted; whatever else a pickle names is not."""

from __future__ import annotations

import datetime
import functools
import os
import pickle
import subprocess
from typing import Any

import numpy as np
import pytest
from river import compose, linear_model, naive_bayes, preprocessing, tree

from streamimb.errors import LearnerError, StateError
from streamimb.learners.pickles import from_bytes, to_bytes


class Reduced:
    """Pickles as a call of anything."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def as_array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@pytest.mark.parametrize(
    "model",
    [
        preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        tree.HoeffdingTreeClassifier(),
        naive_bayes.GaussianNB(),
        linear_model.PAClassifier(),
        compose.Select("a") | linear_model.SoftmaxRegression(),
    ],
    ids=str,
)
def test_a_model_comes_back_as_it_was(model: Any) -> None:
    """It answers the same after the way through bytes."""
    for i in range(50):
        model.learn_one({"a": float(i % 7), "b": 1.0}, i % 2)
    again = from_bytes(to_bytes(model))
    x = {"a": 3.0, "b": 1.0}
    assert again.predict_one(x) == model.predict_one(x)


@pytest.mark.parametrize(
    "evil",
    [
        Reduced(os.system, "true"),
        Reduced(subprocess.check_output, ["true"]),
        Reduced(eval, "1"),
        Reduced(exec, "1"),
        Reduced(__import__, "os"),
        Reduced(open, "/dev/null"),
        Reduced(functools.partial, os.system, "true"),
        Reduced(getattr, datetime.datetime, "fromtimestamp"),
        Reduced(getattr, tree.HoeffdingTreeClassifier, "__init__"),
        Reduced(pickle.loads, b"N."),
        Reduced(datetime.datetime.__subclasses__),
    ],
    ids=lambda evil: getattr(evil.call, "__name__", "call"),
)
def test_a_pickle_that_calls_for_more_is_refused(evil: Reduced) -> None:
    """Nothing of it runs."""
    with pytest.raises(StateError, match="not admitted"):
        from_bytes(as_array(pickle.dumps({"model": evil})))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("river.tree.hoeffding_tree", "sys.exit"),
        ("river.utils.pretty", "inspect.builtins.eval"),
        ("river.base.base", "inspect.os.system"),
        ("river.stream.cache", "Cache"),
        ("river.datasets.base", "RemoteDataset"),
        ("river", "stream.iter_csv"),
        ("river.compose.pipeline", "io.open"),
        ("river.tree.hoeffding_tree", "HoeffdingTree.__init__.__globals__"),
        ("riverbank.tree", "Tree"),
        ("river.tree.nowhere", "Tree"),
    ],
)
def test_what_river_merely_imports_is_not_rivers(module: str, name: str) -> None:
    """A dotted name through a module of river reaches no foreign code, nor river's readers of files."""
    names = b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name))
    with pytest.raises(StateError):
        from_bytes(as_array(b"\x80\x04" + names + b"\x93."))


@pytest.mark.parametrize("data", [b"", b"rubbish", pickle.dumps([1, 2])[:-2]])
def test_rotten_bytes_are_a_state_error(data: bytes) -> None:
    """Whatever the bytes happen to spell."""
    with pytest.raises(StateError, match="cannot be read"):
        from_bytes(as_array(data))


def test_a_model_that_cannot_be_saved_is_told() -> None:
    """A lambda has no name to be saved by."""
    with pytest.raises(LearnerError, match="cannot be saved"):
        to_bytes(compose.FuncTransformer(lambda x: x))
