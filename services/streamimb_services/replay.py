"""The loop of a replay: read, process, take down; then the summary."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamimb.batch import Batch, Kind, Rejected
from streamimb.decode_columns import IGNORED_NAMES_MAX
from streamimb.errors import OutputError
from streamimb.explain import Explainer
from streamimb.levers import Lever
from streamimb.operate import Repeated
from streamimb.outcome import Course, Metric, Outcome, Signal, nothing, told_row
from streamimb.pipeline import Pipeline
from streamimb_services.feed import Feed
from streamimb_services.interrupt import Interrupt
from streamimb_services.nulls import undefined_as_null
from streamimb_services.outputs import OutputPaths, Outputs
from streamimb_services.pace import Pacer
from streamimb_services.progress import ReplayProgress
from streamimb_services.story import Story

if TYPE_CHECKING:
    from streamimb_services.topic_feed import TopicFeed
    from streamimb_services.watching import Watch


class Replay:
    """One replay from a feed through a pipeline into outputs."""

    def __init__(
        self,
        pipeline: Pipeline,
        feed: Feed | TopicFeed,
        paths: OutputPaths,
        story: Story,
        *,
        texts: Callable[[Story], Mapping[str, str]],
        limit: int | None = None,
        pacer: Pacer | None = None,
        levers: Sequence[Lever] = (),
        watch: Watch | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pipeline, self._feed, self._paths, self.story = pipeline, feed, paths, story
        self._repeated = Repeated(pipeline, levers)
        self._texts, self._limit, self._pacer, self._clock = texts, limit, pacer, clock
        self._watch = watch
        self._explainer = Explainer(pipeline) if paths.run is not None else None
        pipeline.observer = self._explainer
        if watch is not None:
            watch.look_on(pipeline)
        self._events = self._positives = 0
        self._refused: Counter[str] = Counter()

    def run(self, progress: ReplayProgress, interrupt: Interrupt) -> None:
        """Replay to the end, the limit, an interruption or an output that cannot be written, and fill the story.

        A signal before the first batch is through, whose kernels may have to be compiled first, ends the process at
        once. Whatever is raised, as by asking twice to stop, leaves no output behind.
        """
        outputs = None
        started, compiled = self._clock(), progress.compiled
        try:
            with contextlib.suppress(KeyboardInterrupt):
                outputs = self._outputs = Outputs(self._paths, self.story.schema)
                with progress:
                    self._loop(interrupt, progress, started)
                interrupt.hold()
                interrupt.begin()
            self._finish(self._clock() - started, progress.compiled - compiled, interrupted=interrupt.asked)
        finally:
            if outputs is not None:
                outputs.abort()  # leaves alone what was closed

    def _loop(self, interrupt: Interrupt, progress: ReplayProgress, started: float) -> None:
        for batch, rejected in self._feed.batches():
            last = None
            for piece in self._pieces(batch):
                with interrupt.deferred():
                    self._process(piece)
                    self._feed.learned(piece)
                    interrupt.begin()
                last = piece
                if interrupt.asked or self.story.failure is not None:
                    return
                progress.update(
                    self._feed.bytes_done,
                    self._feed.bytes_total if self._pacer is None else None,  # bytes run ahead of paced events
                    events=self._events,
                    positives=self._positives,
                    seconds=self._clock() - started,
                )
            with interrupt.deferred():
                full = self._events == self._limit
                self._refuse(self._feed.until(rejected, last) if full else rejected)
            if full or interrupt.asked or self.story.failure is not None:
                return

    def _pieces(self, batch: Batch) -> Iterator[Batch]:
        """The batch's rows as they are due, as far as the limit goes."""
        for due in [batch] if self._pacer is None else self._pacer.cut(batch):
            done = 0
            while done < len(due) and self._events != self._limit:
                stop = len(due)
                if self._limit is not None:
                    features = done + np.flatnonzero(due.kind[done:] != Kind.LABEL)
                    left = self._limit - self._events
                    stop = stop if len(features) <= left else int(features[left])
                yield due.slice(done, stop)
                done = stop

    def _process(self, batch: Batch) -> None:
        started = self._clock()
        for outcome in self._repeated.process(batch):
            if outcome.rejected:
                outcome = replace(outcome, rejected=[self._feed.told(r) for r in outcome.rejected])
            self._events += len(outcome.predictions)
            self._positives += int((outcome.matured.label == self.story.schema.positive).sum())
            self._take_down(outcome)
        if self._watch is not None:
            self._watch.spent(self._clock() - started)

    @property
    def levers_left(self) -> int:
        """Levers that lie beyond the last event."""
        return self._repeated.left

    def _refuse(self, rejected: list[Rejected]) -> None:
        if rejected:
            self._refused.update(r.reason.value for r in rejected)
            self._tell(rejected=rejected)

    def _tell(
        self,
        *,
        rejected: Sequence[Rejected] = (),
        metrics: Sequence[Metric] = (),
        courses: Sequence[Course] = (),
        signals: Sequence[Signal] = (),
    ) -> None:
        """Take down what belongs to no batch."""
        told = nothing(self.story.schema.n_classes)
        whole = replace(told, rejected=list(rejected), metrics=list(metrics), courses=list(courses))
        self._take_down(replace(whole, signals=list(signals)))

    def _take_down(self, outcome: Outcome) -> None:
        self.story.take(outcome)
        self._write(lambda: self._outputs.write(outcome))
        if self._watch is not None:
            self._watch.took(outcome)

    def _write(self, write: Callable[[], None]) -> None:
        """An output that cannot be written ends the replay, but not before its summary."""
        if self.story.failure is None:
            try:
                write()
            except OutputError as error:
                self.story.failure = error

    def _finish(self, seconds: float, compiling: float, *, interrupted: bool) -> None:
        if self._events:
            untold = self._pipeline.reactor.untold  # no Plan comes that would tell them
            self._tell(metrics=self._pipeline.measure(), courses=[self._pipeline.course()], signals=untold)
        summary = self._pipeline.summary()
        refused = Counter(summary["rejected"])
        refused.update(self._refused)
        rate = self._events / (seconds - compiling) if seconds > compiling else math.nan
        has_time = self.story.schema.has_time
        summary["signals"] = [told_row(s, has_time=has_time) for s in self.story.signals]
        summary |= {"rejected": dict(refused.most_common()), "seconds": seconds, "events_per_second": rate}
        summary["compile_seconds"] = compiling
        summary["ignored_fields"] = dict(self._feed.ignored.most_common(IGNORED_NAMES_MAX))
        self.story.first_time, self.story.last_time = self.story.span.of(self._pipeline.store.watermark)
        self.story.interrupted = summary["interrupted"] = interrupted
        self.story.summary = undefined_as_null(summary)
        if self._explainer is not None:
            self._explainer.explain(self._pipeline)
            self.story.importance = undefined_as_null(self._explainer.told(self._pipeline))
        self._write(lambda: self._outputs.close(self._texts(self.story)))
