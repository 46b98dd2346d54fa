"""Which checkpoints stay: the newest ones, and of older ones so few that one can still go back by hours and days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streamimb.checkpoint.files import Entry
from streamimb.service_config import StateConfig

#: Generations that are kept at least: an owner that lost its place unawares may remove one more than it should.
KEEP_MIN: Final = 2
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Retention:
    """The ``newest`` so many, the last one of each of so many ``hours``, and of so many ``days``, all of them together.

    Hours and days are those of UTC in which the storage took a checkpoint; others do not count, so that a service that
    stood still, or a clock that jumped, loses none.
    """

    newest: int = 5
    hours: int = 0
    days: int = 0

    @classmethod
    def of(cls, state: StateConfig) -> Retention:
        """As the configuration says."""
        return cls(state.keep, state.keep_hours, state.keep_days)

    def kept(self, entries: Sequence[Entry]) -> set[str]:
        """Names of those that stay; entries: a unit's checkpoints, oldest first.

        >>> entries = [Entry(name, 1, hour * 3600.0) for name, hour in zip("abcdef", (1, 1.5, 2, 30, 30.2, 30.4))]
        >>> sorted(Retention(2, hours=1, days=7).kept(entries)), sorted(Retention(2).kept(entries))
        (['c', 'e', 'f'], ['e', 'f'])
        """
        stay = {entry.name for entry in entries[-max(self.newest, KEEP_MIN) :]}
        dated = [entry for entry in entries if entry.modified == entry.modified]
        for seconds, count in ((HOUR_S, self.hours), (DAY_S, self.days)):
            last = {int(entry.modified // seconds): entry.name for entry in dated}
            stay.update(last[span] for span in sorted(last)[len(last) - min(count, len(last)) :])
        return stay
