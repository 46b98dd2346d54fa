"""What a replay gathers for its summary."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streamimb.batch import Rejected
from streamimb.config import Config
from streamimb.errors import OutputError, RefusedError
from streamimb.outcome import Outcome, Signal
from streamimb.schema import Schema
from streamimb_services.span import Span
from streamimb_services.trajectory import Trajectories

#: Signals that a summary holds; a file of signals holds all.
SIGNALS_TOLD_MAX: Final = 10_000


@dataclass
class Story:
    """What a person wants to know of a replay, beyond the pipeline's own summary."""

    inputs: Sequence[str]
    schema: Schema
    config: Config
    trajectories: Trajectories
    labels: str = "labels known with their events"
    summary: dict[str, Any] = field(default_factory=dict)
    span: Span = field(default_factory=Span)
    importance: dict[str, Any] | None = None
    first_time: int | None = None
    last_time: int | None = None
    examples: dict[str, Rejected] = field(default_factory=dict)
    interrupted: bool = False
    failure: OutputError | None = None
    _first_signals: list[Signal] = field(default_factory=list)
    _last_signals: deque[Signal] = field(default_factory=lambda: deque(maxlen=SIGNALS_TOLD_MAX // 2))

    @property
    def signals(self) -> list[Signal]:
        """All signals of the run; of more than ``SIGNALS_TOLD_MAX`` the first half and the last."""
        return [*self._first_signals, *self._last_signals]

    def raise_failure(self) -> None:
        """Raise what ended the replay, now that its summary has been told."""
        if self.failure is not None:
            raise self.failure
        if self.summary["rejected"] and not self.summary["events"] and not self.interrupted:
            refused = sum(self.summary["rejected"].values())
            reason = next(iter(self.summary["rejected"]))
            raise RefusedError(
                f"every row was refused ({refused:,}, mostly {reason}): is this the right event contract?"
            )

    @property
    def positive(self) -> str:
        return self.schema.class_names[self.schema.positive]

    @property
    def objective(self) -> str:
        return self.config.control.objective or "f1"

    def take(self, outcome: Outcome) -> None:
        """Keep of an outcome what the summary shows."""
        self.trajectories.add(outcome.courses)
        for signal in outcome.signals:
            early = len(self._first_signals) < SIGNALS_TOLD_MAX // 2
            (self._first_signals if early else self._last_signals).append(signal)
        for rejected in outcome.rejected:
            self.examples.setdefault(rejected.reason.value, rejected)
        self.span.take(outcome.predictions.time)
