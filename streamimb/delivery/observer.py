"""What the worker tells while it runs, for metrics and logs; an observer changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamimb.batch import Rejected
from streamimb.outcome import Outcome
from streamimb.pipeline import Pipeline
from streamimb.sources.log import Partition, Records


class Observer:
    """Hears all and does nothing; what is interesting is overridden."""

    def consumed(self, records: Records) -> None:
        """These records were taken from the log, and are new."""

    def redelivered(self, partition: Partition, records: int) -> None:
        """So many records had been learned already, and were passed over."""

    def refused(self, rejected: Sequence[Rejected]) -> None:
        """These events change nothing."""

    def ignored(self, fields: Mapping[str, int]) -> None:
        """So many records had each of these fields, which the schema does not name."""

    def shortened(self, messages: int) -> None:
        """So many dead letters were larger than their topic takes, and were cut."""

    def processed(self, unit: str, pipeline: Pipeline, outcome: Outcome) -> None:
        """The pipeline has predicted and learned."""

    def phase(self, name: str, seconds: float) -> None:
        """The loop spent so long on ``poll``, ``decode``, ``process``, ``send``, ``flush``, ``snapshot``, ..."""

    def saved(self, unit: str, name: str, size: int, seconds: float, position: int) -> None:
        """A checkpoint is written and its offsets are committed."""

    def save_failed(self, unit: str, error: Exception) -> None:
        """A checkpoint could not be written; it will be tried again."""

    def restored(self, unit: str, name: str | None, rotten: Sequence[tuple[str, str]], position: int) -> None:
        """A unit begins, from a checkpoint or from nothing; which newer ones could not be used."""

    def begins(self, unit: str, pipeline: Pipeline) -> None:
        """The unit is ours, and learns from now on by this pipeline."""

    def ends(self, unit: str) -> None:
        """The unit is ours no more."""

    def rebalanced(self, kind: str) -> None:
        """Partitions were ``assigned``, ``revoked`` or ``lost``."""

    def role(self, role: str) -> None:
        """``owner`` or ``standby`` from now on."""

    def lag(self, lag: Mapping[Partition, int]) -> None:
        """Records between the next one and the end."""

    def trouble(self, what: str, error: Exception | None) -> None:
        """Brokers or storage do not answer; None: they do again."""

    def told(self, event: str, **facts: Any) -> None:
        """Something that a log line is worth."""
