"""Checkpoints behind the loop's back: pictures are taken between two events, written by another thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Final

from streamimb.checkpoint import Claim, Written
from streamimb.delivery.patience import Patience
from streamimb.delivery.points import Probe
from streamimb.delivery.unit import Picture, Unit
from streamimb.errors import FencedError, StorageError
from streamimb.service_config import StateConfig

#: Seconds between two looks, while a write is waited for, at how long that may last.
LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture that a checkpoint holds now."""

    unit: Unit
    picture: Picture
    written: Written
    seconds: float


class Saver:
    """When a unit's checkpoint is due, and what becomes of it.

    One picture of a unit is under way at a time. Where it cannot be written, what it alone held rides along with the
    next, which is tried after a pause that grows; past ``budget.storage_seconds`` the error is raised. ``failed`` has
    the last failure of each unit that no success of its own has followed; ``fenced``: units that others have claimed.
    """

    def __init__(
        self,
        config: StateConfig,
        patience: Patience,
        *,
        clock: Callable[[], float],
        executor: Executor,
        probe: Probe,
    ) -> None:
        self._config, self._clock, self._executor, self._probe = config, clock, executor, probe
        self.failed: dict[str, StorageError] = {}
        self.fenced: list[tuple[Unit, FencedError]] = []
        self._under_way: dict[str, tuple[Unit, Picture, Future[tuple[Written, float]]]] = {}
        self._last: dict[str, float] = {}
        self.patience = patience
        self._not_before = 0.0

    def started(self, unit: Unit) -> None:
        """Count the time to the next checkpoint from now."""
        self._last[unit.name] = self._clock()

    def is_due(self, unit: Unit) -> bool:
        """Whether a picture should be taken now."""
        now = self._clock()
        if unit.name in self._under_way or now < self._not_before or not unit.unsaved:
            return False
        waited = now - self._last.get(unit.name, now)
        return unit.events >= self._config.every_events or waited >= self._config.every_seconds

    def take(self, unit: Unit) -> None:
        """Take a picture and let it be written."""
        self.started(unit)
        picture = unit.picture()
        self._probe("snapshot")
        assert unit.claim is not None, "a unit is claimed before it learns"
        future = self._executor.submit(self._write, unit.claim, picture)
        self._under_way[unit.name] = unit, picture, future

    def _write(self, claim: Claim, picture: Picture) -> tuple[Written, float]:
        begun = self._clock()
        written = claim.write(picture.state, picture.segments, picture.drop, picture.offsets, picture.meta)
        return written, self._clock() - begun

    @property
    def pause(self) -> float:
        """Seconds until a picture may be tried again."""
        return max(0.0, self._not_before - self._clock())

    def done(self, *, wait: Sequence[Unit] = (), left: Callable[[], float | None] = lambda: None) -> list[Saved]:
        """What has been written since; waits for what is under way of some units.

        left: seconds that may be waited yet, None for as long as it takes; it is asked again and again. A write that
        hangs longer stays under way, and is a failure until it ends. Raises StorageError once failures have lasted too
        long.
        """
        saved = []
        for name, (unit, picture, future) in list(self._under_way.items()):
            if not future.done() and (unit not in wait or self._hangs(unit, future, left)):
                continue
            del self._under_way[name]  # whatever comes of it
            try:
                written, seconds = future.result()
            except StorageError as error:
                self._failed(unit, error)
                continue
            except FencedError as error:
                self.fenced.append((unit, error))
                continue
            unit.written(picture, written.name)
            self._recovered(unit)
            saved.append(Saved(unit, picture, written, seconds))
        return saved

    def _hangs(self, unit: Unit, future: Future[tuple[Written, float]], left: Callable[[], float | None]) -> bool:
        while True:
            seconds = left()
            try:
                future.exception(LOOK_S if seconds is None else min(seconds, LOOK_S))
            except TimeoutError:
                if seconds == 0.0:
                    break
            else:
                return False
        self._failed(unit, StorageError(f"a checkpoint of {unit.name} is being written, and there is no more time"))
        return True

    def _failed(self, unit: Unit, error: StorageError) -> None:
        self._last[unit.name] = -math.inf  # due again, even if nothing comes
        self.failed[unit.name] = error
        self._not_before = self._clock() + self.patience.bear(error)

    def _recovered(self, unit: Unit) -> None:
        self.failed.pop(unit.name, None)
        if not self.failed:
            self.patience.over()
            self._not_before = 0.0

    def forget(self, unit: Unit) -> None:
        """A unit is no longer ours; what is under way of it counts for nothing."""
        self._under_way.pop(unit.name, None)
        self._last.pop(unit.name, None)
        self._recovered(unit)
