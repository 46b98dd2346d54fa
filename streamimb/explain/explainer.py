"""Watches a pipeline and explains it now and then: at drifts, and whenever it is asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.explain.contributions import explain_scores, is_compiled
from streamimb.explain.importance import EVENTS_MIN, importance
from streamimb.explain.recent import Recent, Sample
from streamimb.explain.rounds import Moment, Round, work_out
from streamimb.explain.shift import shifts
from streamimb.labels import layout as at
from streamimb.outcome import Signal

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline

#: Rounds that are remembered, the latest ones.
ROUNDS_MAX: Final = 16
#: Events between two rounds at drifts at least, and in a long run this share of it, so that a round costs little.
SPACING_EVENTS: Final = 40_000
SPACING_SHARE: Final = 1 / 8
#: Positives since the last round at least, so that rounds do not explain the same events.
SPACING_POSITIVES: Final = 64
#: Events that kernels are compiled by.
WARM_EVENTS: Final = 64

Defer = Callable[[Callable[[], None]], object]


class Explainer:
    """Set as ``pipeline.observer``, it remembers recent mature events and explains the pipeline at its drifts.

    It is no part of the pipeline's state, and leaves no trace there: with it or without, the same events give the same
    state. Where rounds are is fixed by the stream, not by how it is cut into batches. What a restored pipeline still
    remembers of mature events is remembered here from the start.

    defer: works rounds at drifts out elsewhere, one after the other and one at a time, so that they hold up nothing but
    for a copy of the learner; a drift during one has none. In a long run they are not spaced further apart then.
    """

    def __init__(self, pipeline: Pipeline, *, seed: int | None = None, defer: Defer | None = None) -> None:
        self._schema, self._config = pipeline.schema, pipeline.config
        self._seed = pipeline.config.learner.seed if seed is None else seed
        self.recent = Recent(len(self._schema.features), self._schema.positive, seed=self._seed)
        self.rounds: deque[Round] = deque(maxlen=ROUNDS_MAX)
        self._before: tuple[Round, Sample] | None = None  # set as one: it may be from another thread
        self._at_drift: tuple[Round, Sample] | None = None
        self._defer, self._is_deferred = defer, False
        self._told, self._last, self._positives = _drifts(pipeline), -1, 0
        self._remember(pipeline)

    def _remember(self, pipeline: Pipeline) -> None:
        store = pipeline.store
        slots = store.slots_of(np.arange(store.c[at.OLDEST], store.c[at.NEXT]))
        numbers = store.facts[slots, at.NUMBER]
        kept = np.flatnonzero(numbers >= 0)
        slots = slots[kept[np.argsort(numbers[kept], kind="stable")]]
        if len(slots):
            self.recent.update(store.X, slots, store.y[slots])

    def matured(self, X: NDArray[np.float32], slots: NDArray[np.int64], y: NDArray[np.int16]) -> None:
        """Mature events, rows ``slots`` of X, in event-time order."""
        self.recent.update(X, slots, y)

    def renewing(self, pipeline: Pipeline) -> None:
        """The Plan is about to be renewed: explain what stands where a drift was detected since the last one."""
        drifts = _drifts(pipeline)
        if drifts == self._told:
            return
        self._told = drifts
        cause = next((s for s in reversed(pipeline.signals) if s.kind == "drift"), None)
        if cause is None or self._is_deferred or not self._is_due(pipeline.store.next_position):
            return
        moment = self.moment(pipeline, cause)
        if moment is None:
            return
        self._last, self._positives = moment.position, self.recent.positives_seen
        if self._defer is None:
            self._add(moment)
            return
        self._is_deferred = True
        self._defer(lambda: self._add_deferred(moment))

    def _is_due(self, position: int) -> bool:
        spacing = SPACING_EVENTS if self._defer else max(SPACING_EVENTS, SPACING_SHARE * position)
        few = self.recent.positives_seen - self._positives < SPACING_POSITIVES
        return not few and (self._last < 0 or position - self._last >= spacing)

    def moment(self, pipeline: Pipeline, cause: Signal | None = None) -> Moment | None:
        """Take down the pipeline as it stands, for ``tell``; None where too few events of either class are known."""
        return Moment.of(pipeline, self.recent, cause)

    def tell(self, moment: Moment) -> tuple[Round | None, Round | None]:
        """The round of a moment and the last one at a drift, which its values are held against; may be asked from
        another thread, and nothing of it is remembered.
        """
        at_drift = self._at_drift
        return self._work_out(moment, at_drift), None if at_drift is None else at_drift[0]

    def _work_out(self, moment: Moment, before: tuple[Round, Sample] | None) -> Round | None:
        return work_out(moment, None if before is None else before[1], self._schema, self._config, self._seed)

    def explain(self, pipeline: Pipeline, cause: Signal | None = None) -> Round | None:
        """Explain the pipeline as it stands and remember it; None where too few events of either class are known."""
        moment = self.moment(pipeline, cause)
        if moment is None:
            return None
        self._last, self._positives = moment.position, self.recent.positives_seen
        return self._add(moment)

    def _add(self, moment: Moment) -> Round | None:
        told = self._work_out(moment, self._before)
        if told is not None:
            self._before = told, moment.sample
            if moment.cause is not None:
                self._at_drift = self._before
            self.rounds.append(told)
        return told

    def _add_deferred(self, moment: Moment) -> None:
        try:
            self._add(moment)
        finally:
            self._is_deferred = False

    def warm_up(self, pipeline: Pipeline) -> None:
        """Compile what explaining needs, by the events that are remembered."""
        sample = self.recent.sample().thinned(WARM_EVENTS)
        importance(lambda X: X[:, 0].astype(np.float64), sample, repeats=1)
        shifts(sample.X, sample.X, [False] * sample.X.shape[1])
        if is_compiled(pipeline.learner):
            explain_scores(pipeline.learner, sample.X[:1], pipeline.schema, pipeline.controller.parameters)

    def told(self, pipeline: Pipeline) -> dict[str, Any]:
        """Plain data of all rounds: what ``importance.json`` holds."""
        names = pipeline.schema.class_names
        return {"positive": names[pipeline.schema.positive], "metric": "pr_auc", "events_min": EVENTS_MIN,
                "rounds": [told.plain() for told in self.rounds]}  # fmt: skip


def _drifts(pipeline: Pipeline) -> int:
    return sum(n for name, n in pipeline.signal_counts.items() if not name.endswith(" warning"))
