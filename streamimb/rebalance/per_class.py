"""Several strategies in a row, each for the classes that want it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.rebalance.base import Sampled, Sampler, State
from streamimb.rebalance.sizes import per_lesson, tally


class PerClassSampler:
    """Samplers in a row: each gets the rows that the one before it let through, with their weights.

    So a strategy that fills up sees what is left of a class that was thinned out, and what was weighed down to nothing
    is neither thinned nor multiplied. The one that makes synthetic rows comes last. Which classes a stage acts on, and
    in which role, is the stage's own.

    >>> from streamimb.rebalance.smote import Smote
    >>> from streamimb.rebalance.undersample import Undersample
    >>> from streamimb.schema import Feature, Label, Schema
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(20_000) < 0.02).astype(np.int16)
    >>> X = rng.normal(2.0 * y)[:, None].astype(np.float32)
    >>> thinned_and_filled = PerClassSampler([Undersample(schema), Smote(schema)], 2)
    >>> out = thinned_and_filled.sample(X, y, np.arange(20_000), np.ones(20_000))
    >>> np.bincount(y), np.bincount(out.y), np.bincount(out.y[out.synthetic])
    (array([19621,   379]), array([2027, 1071]), array([  0, 692]))
    """

    def __init__(self, stages: Sequence[Sampler], n_classes: int, *, decay: float = 0.999) -> None:
        if not stages:
            raise ValueError("no stages")
        self.stages = tuple(stages)
        self._decay = decay
        self._trained = np.zeros(n_classes)
        self._lessons = np.zeros(1)

    def sample(
        self, X: NDArray[np.float32], y: NDArray[np.int16], events: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Sampled:
        sampled = self.stages[0].sample(X, y, events, weights)
        for stage in self.stages[1:]:
            sampled = stage.sample(sampled.X, sampled.y, sampled.events, sampled.weights).after(sampled)
        tally(sampled.y, sampled.weights, sampled.origin, len(y), self._decay, self._trained, self._lessons)
        return sampled

    def forget(self, before: int | None = None) -> None:
        for stage in self.stages:
            stage.forget(before)

    def reversal(self) -> Callable[[], None]:
        stages = [stage.reversal() for stage in self.stages]
        trained, lessons = self._trained.copy(), self._lessons.copy()

        def take_back() -> None:
            for stage in stages:
                stage()
            self._trained[:], self._lessons[:] = trained, lessons

        return take_back

    @property
    def trained(self) -> NDArray[np.float64]:
        return per_lesson(self._trained, self._lessons)

    def state(self) -> State:
        stages = {str(i): stage.state() for i, stage in enumerate(self.stages)}
        return {"stages": stages, "trained": self._trained.copy(), "lessons": self._lessons.copy()}

    def restore(self, state: State) -> None:
        stages = state.get("stages")
        if not isinstance(stages, dict) or len(stages) != len(self.stages):
            raise StateError(f"samples: the state is not one of {len(self.stages)} stages")
        for name, array in (("trained", self._trained), ("lessons", self._lessons)):
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != array.shape or not np.isfinite(saved).all():
                raise StateError(f"samples: the saved {name} does not fit {len(self._trained)} classes")
        before = [stage.state() for stage in self.stages]
        try:
            for i, stage in enumerate(self.stages):
                stage.restore(stages.get(str(i), {}))
        except StateError:
            for stage, own in zip(self.stages, before, strict=True):
                stage.restore(own)
            raise
        self._trained[:], self._lessons[:] = state["trained"], state["lessons"]
