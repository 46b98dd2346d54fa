"""Signed contributions of features to single predictions, for the compiled learners."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.control.scoring import BIAS, PUT_IN, TAKE_OUT, TEMPERATURE
from streamimb.control.scoring import PROBABILITY_MIN as SCORED_MIN
from streamimb.errors import LearnerError
from streamimb.learners.base import Learner, Tape
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.blend_kernels import PROBABILITY_MIN
from streamimb.learners.linear import LinearClassifier
from streamimb.learners.trees import TreeEnsemble
from streamimb.schema import Schema

Floats = NDArray[np.float64]
LOG_ODDS: Final = "log_odds"
PROBABILITY: Final = "probability"
#: What can be taken apart, in words.
CAN: Final = "linear, tree, forest and a blend of these can"
#: Two shares nearer than this: their logarithm's slope stands for the secant.
NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to n predictions of the positive class.

    values: float64 (n, d); base: (n,), what there is without any feature; unit: ``log_odds`` (natural logarithm of the
    class's probability over the geometric mean of the others') or ``probability``. Base and values sum up to ``total``,
    which is the answer that was taken apart.
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
    cannot be taken apart, as river's. Told is the learner's own answer, before prior correction and calibration.

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
    return _against_others(_log_parts(learner, X), schema)


def explain_scores(
    learner: Learner, X: NDArray[np.float32], schema: Schema, parameters: NDArray[np.float64]
) -> Contributions:
    """Contributions to the log-odds of the positive class's score, which is what decisions are made of.

    X: float32 (n, d), as the learner reads it; parameters: float64 (ROWS, K), a Plan's (``control.scoring``). Prior
    correction and calibration are affine in log-probabilities: features keep their shares, the base takes the rest, and
    with it what limits cut off. So of two classes base and values sum up to ln(score / (1 - score)), of more to the
    logarithm of the score over the geometric mean of the others'. Raises LearnerError as ``explain`` does.
    """
    X = np.ascontiguousarray(X, np.float32)
    logs = _log_parts(learner, X)
    logs[:, -1] += np.log(np.maximum(predict(learner, X), SCORED_MIN)) - logs.sum(axis=1)
    logs *= parameters[TEMPERATURE]
    logs[:, -1] += parameters[TEMPERATURE] * (parameters[TAKE_OUT] + parameters[PUT_IN]) + parameters[BIAS]
    return _against_others(logs, schema)


def scores(P: NDArray[np.float64], parameters: NDArray[np.float64]) -> Floats:
    """Scores (n, K) from the learner's probabilities, under a Plan's parameters, as the scoring kernel makes them."""
    u = np.log(np.maximum(P, SCORED_MIN)) + parameters[TAKE_OUT] + parameters[PUT_IN]
    u = parameters[TEMPERATURE] * u + parameters[BIAS]
    u -= u.max(axis=1, keepdims=True)
    return np.asarray(np.exp(u) / np.exp(u).sum(axis=1, keepdims=True))


def _against_others(logs: Floats, schema: Schema) -> Contributions:
    """Parts of log-probabilities, (n, d + 1, K), as those of the positive class's log-odds."""
    others = [k for k in range(schema.n_classes) if k != schema.positive]
    parts = logs[:, :, schema.positive] - logs[:, :, others].mean(axis=2)
    return Contributions(parts[:, :-1], parts[:, -1], LOG_ODDS)


def predict(learner: Learner, X: NDArray[np.float32]) -> Floats:
    """Class probabilities of n rows, float64 (n, K), without a trace in the learner's state.

    Of a river model a copy is asked, whatever it does then.
    """
    X = np.ascontiguousarray(X, np.float32)
    if not is_compiled(learner):
        twin = copy.copy(learner)
        twin.restore(learner.state())
        learner = twin
    return answers(learner, X)


def answers(learner: Learner, X: NDArray[np.float32]) -> Floats:
    """As ``predict``, of a learner that is the caller's own: no copy is made."""
    return learner.run(X, np.zeros(len(X), np.int16), Tape.asked(len(X)), np.ones(1))


def is_compiled(learner: Learner) -> bool:
    """Whether all of a learner is the library's own, and so fast and to be taken apart."""
    if isinstance(learner, BlendClassifier):
        return all(is_compiled(member) for member in learner.members)
    return isinstance(learner, LinearClassifier | TreeEnsemble)


def _log_parts(learner: Learner, X: NDArray[np.float32]) -> Floats:
    """Parts of each class's log-probability, up to what all classes share: (n, d + 1, K), the last the base."""
    if isinstance(learner, LinearClassifier):
        return learner.split(X)
    if isinstance(learner, TreeEnsemble):
        return _to_logs(learner.split(X))
    if not isinstance(learner, BlendClassifier) or not is_compiled(learner):
        name = getattr(learner, "path", type(learner).__name__)
        raise LearnerError(f"{name} cannot be taken apart into contributions of its features: {CAN}")
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
