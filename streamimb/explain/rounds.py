"""What carries the positive class at one moment: taken down at once, worked out whenever there is time."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import Config
from streamimb.durations import show_time
from streamimb.errors import LearnerError
from streamimb.explain.contributions import answers, explain_scores, is_compiled, scores
from streamimb.explain.importance import EVENTS_MIN, REPEATS, importance
from streamimb.explain.recent import Recent, Sample
from streamimb.explain.shift import shifts
from streamimb.learners.base import Learner, State
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.registry import make_learner
from streamimb.outcome import Signal
from streamimb.schema import Schema

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

#: Events that a round at a drift is made of at most.
DRIFT_EVENTS_MAX: Final = 400
#: Events that a model of river is asked about: it takes a hundred times as long.
SLOW_EVENTS_MAX: Final = 200
#: Digits after the point that told numbers keep: beyond, sums of floating-point numbers leave noise.
DIGITS: Final = 6


def tidy(value: float) -> float:
    """A number as it is told: to ``DIGITS``, and never a negative zero.

    >>> tidy(1.23456789), tidy(-8e-16)
    (1.234568, 0.0)
    """
    return round(value, DIGITS) + 0.0


@dataclass(frozen=True, slots=True)
class FeatureTold:
    """One feature in one round.

    drop, low, high: what PR-AUC falls by without it; leaning: its mean contribution to positives less that to others,
    NaN where the learner cannot be taken apart; moved, moved_p: how far the others' values are from the round before's,
    and the p-value; positives_moved, positives_moved_p: the same of the positives.
    """

    feature: str
    drop: float
    low: float
    high: float
    leaning: float
    moved: float
    moved_p: float
    positives_moved: float
    positives_moved_p: float


@dataclass(frozen=True, slots=True)
class Round:
    """What carried the positive class at a position; cause: the drift just detected, or ``end``.

    At a drift it is what the learner knew before anything was done about it. area: PR-AUC on the round's events; unit:
    of ``leaning``, None where there is none.
    """

    position: int
    time: str
    cause: str
    class_: str | None
    events: int
    positives: int
    area: float
    unit: str | None
    features: list[FeatureTold] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As data for JSON, numbers to ``DIGITS``."""
        told = {("class" if key == "class_" else key): value for key, value in asdict(self).items()}
        return {**told, "area": tidy(self.area), "features": [_tidied(f) for f in told["features"]]}


@dataclass(frozen=True, slots=True)
class Moment:
    """A pipeline at one moment, as far as a round needs it: what goes on afterwards does not alter it.

    state: the learner's; like: the learner in force, whose kind and settings alone are read; parameters: the Plan's.
    """

    sample: Sample
    state: State
    like: Learner
    parameters: NDArray[np.float64]
    position: int
    time: str
    cause: Signal | None

    @classmethod
    def of(cls, pipeline: Pipeline, recent: Recent, cause: Signal | None) -> Moment | None:
        """Take down how things stand, which costs a copy of the learner; None where too few of a class are known."""
        sample = recent.sample() if cause is None else recent.sample().thinned(DRIFT_EVENTS_MAX)
        positives = int(sample.is_positive.sum())
        if min(positives, len(sample.X) - positives) < EVENTS_MIN:
            return None
        store, has_time = pipeline.store, pipeline.schema.has_time
        return cls(
            sample, pipeline.learner.state(), pipeline.learner, pipeline.controller.parameters.copy(),
            store.next_position, show_time(store.watermark, has_time=True) if has_time else "", cause,
        )  # fmt: skip

    def learner(self, schema: Schema, config: Config) -> Learner:
        """The learner as it was, the caller's own."""
        if is_compiled(self.like) or isinstance(self.like, BlendClassifier):
            twin = make_learner(schema, config.learner)
        else:
            twin = copy.copy(self.like)  # making a model of river anew tries it out first
        twin.restore(self.state)
        return twin


def _tidied(feature: dict[str, Any]) -> dict[str, Any]:
    return {key: tidy(value) if isinstance(value, float) else value for key, value in feature.items()}


def work_out(moment: Moment, before: Sample | None, schema: Schema, config: Config, seed: int) -> Round | None:
    """The round of a moment; before: the events that values are held against. None where too few can be asked about."""
    sample, learner = moment.sample, moment.learner(schema, config)
    fast, at_drift = is_compiled(learner), moment.cause is not None
    found = importance(
        lambda X: scores(answers(learner, X), moment.parameters)[:, schema.positive],
        sample if fast else sample.thinned(SLOW_EVENTS_MAX), seed=seed, repeats=1 if at_drift or not fast else REPEATS,
        confidence=config.evaluation.confidence,
    )  # fmt: skip
    if found is None:
        return None
    leaning, unit = _leaning(learner, sample, schema, moment.parameters)
    columns = np.column_stack([found.drops, leaning, *_moved(sample, before, schema, seed)])
    cause = moment.cause
    return Round(
        position=moment.position, time=moment.time, cause="end" if cause is None else cause.signal,
        class_=None if cause is None else cause.class_, events=found.events, positives=found.positives,
        area=found.area, unit=unit,
        features=[FeatureTold(f.name, *row) for f, row in zip(schema.features, columns.tolist(), strict=True)],
    )  # fmt: skip


def _leaning(
    learner: Learner, sample: Sample, schema: Schema, parameters: NDArray[np.float64]
) -> tuple[NDArray[np.float64], str | None]:
    try:
        told = explain_scores(learner, sample.X, schema, parameters)
    except LearnerError:
        return np.full(sample.X.shape[1], np.nan), None
    y = sample.is_positive
    return told.values[y].mean(axis=0) - told.values[~y].mean(axis=0), told.unit


def _moved(sample: Sample, before: Sample | None, schema: Schema, seed: int) -> list[NDArray[np.float64]]:
    """Others and positives beside those of before."""
    categorical = [f.type == "categorical" for f in schema.features]
    if before is None:
        return [np.full((len(categorical), 2), np.nan)] * 2
    pairs = [(before.X[~before.is_positive], sample.X[~sample.is_positive]),
             (before.X[before.is_positive], sample.X[sample.is_positive])]  # fmt: skip
    return [shifts(a, b, categorical, seed=seed) for a, b in pairs]
