"""Signed contributions of features to single predictions, for the compiled learners."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import LearnerError
from streamimb.learners.base import PREDICT, Learner, Tape
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.blend_kernels import PROBABILITY_MIN, mix
from streamimb.learners.linear import LinearClassifier
from streamimb.learners.trees import TreeEnsemble
from streamimb.schema import Schema

Floats = NDArray[np.float64]
LOG_ODDS: Final = "log_odds"
PROBABILITY: Final = "probability"
#: Two shares nearer than this: their logarithm's slope stands for the secant.
NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to n predictions of the positive class, before prior correction and calibration.

    values: float64 (n, d); base: (n,), what there is without any feature; unit: ``log_odds`` (natural logarithm of the
    class's probability over the geometric mean of the others') or ``probability``. Base and values sum up to ``total``,
    which is the learner's own answer.
    """

    values: Floats
    base: Floats
    unit: str

    @property
    def total(self) -> Floats:
        return np.asarray(self.base + self.values.sum(axis=1))


def explain(learner: Learner, X: NDArray[np.float32], schema: Schema) -> Contributions:
    """Contributions to the positive class's score: log-odds of the linear learner and of blends, probability of trees.

    X: float32 (n, d), as the learner reads it. Nothing of the learner changes. Raises LearnerError for a learner that
    cannot be taken apart, as river's.

    >>> from streamimb.learners.base import LEARN
    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a"), Feature(name="b")], label=Label(classes=["legit", "fraud"]))
    >>> X = np.random.default_rng(1).normal(size=(2_000, 2)).astype(np.float32)
    >>> learner = LinearClassifier(schema)
    >>> _ = learner.run(X, (X[:, 0] > 1).astype(np.int16), Tape.only(LEARN, 2_000), np.ones(2))
    >>> told = explain(learner, np.array([[2.0, 0.0]], np.float32), schema)
    >>> bool(told.values[0, 0] > 3 > abs(told.values[0, 1]))
    True
    """
    X = np.ascontiguousarray(X, np.float32)
    if isinstance(learner, TreeEnsemble):
        parts = learner.split(X)[:, :, schema.positive]
        return Contributions(parts[:, :-1], parts[:, -1], PROBABILITY)
    logs = _log_parts(learner, X)
    others = [k for k in range(schema.n_classes) if k != schema.positive]
    parts = logs[:, :, schema.positive] - logs[:, :, others].mean(axis=2)
    return Contributions(parts[:, :-1], parts[:, -1], LOG_ODDS)


def predict(learner: Learner, X: NDArray[np.float32]) -> Floats:
    """Class probabilities of n rows, float64 (n, K), without a trace in the learner's state.

    A blend's own ``run`` remembers its last prediction for the lesson that follows: its members are asked instead. Of a
    river model a copy is asked, whatever it does then.
    """
    X = np.ascontiguousarray(X, np.float32)
    if isinstance(learner, BlendClassifier):
        told = np.stack([predict(member, X) for member in learner.members], axis=1)
        out = np.empty((len(X), told.shape[2]))
        for row in range(len(X)):
            mix(told[row], learner.powers, out[row])
        return out
    if not isinstance(learner, LinearClassifier | TreeEnsemble):
        twin = copy.copy(learner)
        twin.restore(learner.state())
        learner = twin
    return learner.run(X, np.zeros(len(X), np.int16), Tape.only(PREDICT, len(X)), np.ones(1))


def _log_parts(learner: Learner, X: NDArray[np.float32]) -> Floats:
    """Parts of each class's log-probability, up to what all classes share: (n, d + 1, K), the last the base."""
    if isinstance(learner, LinearClassifier):
        return learner.split(X)
    if isinstance(learner, TreeEnsemble):
        return _to_logs(learner.split(X))
    if not isinstance(learner, BlendClassifier):
        raise LearnerError(f"{type(learner).__name__} cannot be taken apart into contributions of its features")
    out: Floats = np.zeros(())
    for power, member in zip(learner.powers, learner.members, strict=True):
        parts = _log_parts(member, X)
        held = np.log(np.maximum(predict(member, X), PROBABILITY_MIN))
        parts[:, -1] += held - parts.sum(axis=1)  # the blend holds members away from 0: that is no feature's doing
        out = out + power * parts
    return out


def _to_logs(parts: Floats) -> Floats:
    """Parts of probabilities as parts of their logarithms: each is stretched alike, so that the sum is right."""
    total, base = parts.sum(axis=1), parts[:, -1]
    away = total - base
    near = np.abs(away) < NEAR
    stretch = np.where(near, 1 / base, (np.log(total) - np.log(base)) / np.where(near, 1.0, away))
    out = parts * stretch[:, None, :]
    out[:, -1] = np.log(base)
    return out
