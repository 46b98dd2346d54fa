"""Watches a pipeline and explains it now and then: at drifts, and whenever it is asked."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.control.scoring import BIAS, PUT_IN, TAKE_OUT, TEMPERATURE
from streamimb.durations import show_time
from streamimb.errors import LearnerError
from streamimb.explain.contributions import explain, predict
from streamimb.explain.importance import EVENTS_MIN, REPEATS, importance
from streamimb.explain.recent import Recent, Sample
from streamimb.explain.shift import shifts
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.linear import LinearClassifier
from streamimb.learners.trees import TreeEnsemble
from streamimb.outcome import Signal

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

#: Rounds that are remembered, the latest ones.
ROUNDS_MAX: Final = 16
#: Events between two rounds at drifts at least, and in a long run this share of it, so that a round costs little.
SPACING_EVENTS: Final = 40_000
SPACING_SHARE: Final = 1 / 8
#: Events that a round at a drift is made of at most.
DRIFT_EVENTS_MAX: Final = 400
#: Positives since the last round at least, so that rounds do not explain the same events.
SPACING_POSITIVES: Final = 64
#: Events that a model of river is asked about: it takes a hundred times as long.
SLOW_EVENTS_MAX: Final = 200
PROBABILITY_MIN: Final = 1e-12


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

    At a drift it is what the learner knew before anything was done about it.
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


class Explainer:
    """Set as ``pipeline.observer``, it remembers recent mature events and explains the pipeline at its drifts.

    It is no part of the pipeline's state, and leaves no trace there: with it or without, the same events give the same
    state. Where rounds are is fixed by the stream, not by how it is cut into batches.
    """

    def __init__(self, pipeline: Pipeline, *, seed: int | None = None) -> None:
        schema = pipeline.schema
        self._seed = pipeline.config.learner.seed if seed is None else seed
        self.recent = Recent(len(schema.features), schema.positive, seed=self._seed)
        self.rounds: deque[Round] = deque(maxlen=ROUNDS_MAX)
        self._categorical = [f.type == "categorical" for f in schema.features]
        self._before: Sample | None = None
        self._told = self._last = self._positives = 0

    def matured(self, X: NDArray[np.float32], slots: NDArray[np.int64], y: NDArray[np.int16]) -> None:
        """Mature events, rows ``slots`` of X, in event-time order."""
        self.recent.update(X, slots, y)

    def renewing(self, pipeline: Pipeline) -> None:
        """The Plan is about to be renewed: explain what stands where a drift was detected since the last one."""
        drifts = sum(n for name, n in pipeline.signal_counts.items() if not name.endswith(" warning"))
        if drifts == self._told:
            return
        self._told = drifts
        position = pipeline.store.next_position
        few = self.recent.positives_seen - self._positives < SPACING_POSITIVES
        if few or (self.rounds and position - self._last < max(SPACING_EVENTS, SPACING_SHARE * position)):
            return
        self.explain(pipeline, next(s for s in reversed(pipeline.signals) if s.kind == "drift"))

    def explain(self, pipeline: Pipeline, cause: Signal | None = None) -> Round | None:
        """Explain the pipeline as it stands and remember it; None where too few events of either class are known."""
        sample, learner = self.recent.sample(), pipeline.learner
        at_drift = cause is not None
        if at_drift:
            sample = sample.thinned(DRIFT_EVENTS_MAX)
        fast = isinstance(learner, LinearClassifier | TreeEnsemble | BlendClassifier)
        asked = sample if fast else sample.thinned(SLOW_EVENTS_MAX)
        positive, parameters = pipeline.schema.positive, pipeline.controller.parameters
        found = importance(
            lambda X: scores(predict(learner, X), parameters)[:, positive], asked, seed=self._seed,
            repeats=1 if at_drift or not fast else REPEATS, confidence=pipeline.config.evaluation.confidence,
        )  # fmt: skip
        if found is None:
            return None
        leaning, unit = self._leaning(pipeline, sample)
        columns = np.column_stack([found.drops, leaning, *self._moved(sample)])
        names = [f.name for f in pipeline.schema.features]
        told = Round(
            position=pipeline.store.next_position,
            time=show_time(pipeline.store.watermark, has_time=True) if pipeline.schema.has_time else "",
            cause="end" if cause is None else cause.signal, class_=None if cause is None else cause.class_,
            events=found.events, positives=found.positives, area=found.area, unit=unit,
            features=[FeatureTold(name, *row) for name, row in zip(names, columns.tolist(), strict=True)],
        )  # fmt: skip
        self.rounds.append(told)
        self._before, self._last, self._positives = sample, told.position, self.recent.positives_seen
        return told

    def _leaning(self, pipeline: Pipeline, sample: Sample) -> tuple[NDArray[np.float64], str | None]:
        try:
            told = explain(pipeline.learner, sample.X, pipeline.schema)
        except LearnerError:
            return np.full(sample.X.shape[1], np.nan), None
        y = sample.is_positive
        return told.values[y].mean(axis=0) - told.values[~y].mean(axis=0), told.unit

    def _moved(self, sample: Sample) -> list[NDArray[np.float64]]:
        """Others and positives beside those of the round before."""
        before = self._before
        if before is None:
            return [np.full((len(self._categorical), 2), np.nan)] * 2
        pairs = [(before.X[~before.is_positive], sample.X[~sample.is_positive]),
                 (before.X[before.is_positive], sample.X[sample.is_positive])]  # fmt: skip
        return [shifts(a, b, self._categorical, seed=self._seed) for a, b in pairs]

    def told(self, pipeline: Pipeline) -> dict[str, Any]:
        """Plain data of all rounds: what ``importance.json`` holds."""
        names = pipeline.schema.class_names
        rounds = [{("class" if k == "class_" else k): v for k, v in asdict(r).items()} for r in self.rounds]
        return {"positive": names[pipeline.schema.positive], "metric": "pr_auc", "events_min": EVENTS_MIN,
                "rounds": rounds}  # fmt: skip


def scores(P: NDArray[np.float64], parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (n, K) from the learner's probabilities, under a Plan's parameters, as the scoring kernel makes them."""
    u = np.log(np.maximum(P, PROBABILITY_MIN)) + parameters[TAKE_OUT] + parameters[PUT_IN]
    u = parameters[TEMPERATURE] * u + parameters[BIAS]
    u -= u.max(axis=1, keepdims=True)
    return np.asarray(np.exp(u) / np.exp(u).sum(axis=1, keepdims=True))
