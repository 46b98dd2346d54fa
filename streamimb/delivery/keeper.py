"""What was learned is kept: outputs acknowledged, a picture taken and written, its offsets committed; in this order.

With transactions the pictures of all units are written before the one transaction that holds the outputs of all of
them is committed, with the offsets of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from streamimb.delivery.observer import Observer
from streamimb.delivery.outgoing import Outgoing
from streamimb.delivery.ownership import Ownership
from streamimb.delivery.points import Probe
from streamimb.delivery.saving import Saved, Saver
from streamimb.delivery.trouble import Trouble
from streamimb.delivery.unit import NotFiniteError, Unit
from streamimb.errors import FencedError, StateError, StreamimbError
from streamimb.sources.log import Committed

#: What is told, as an error, where a unit goes back to its last checkpoint.
NOT_FINITE: Final = "learner not finite"


class Keeper:
    """Saves what is due, and everything when it is to be given up. ``owned`` is set before the first of it."""

    owned: Ownership

    def __init__(
        self,
        saver: Saver,
        outgoing: Outgoing,
        trouble: Trouble,
        *,
        observer: Observer,
        sleep: Callable[[float], None],
        probe: Probe,
    ) -> None:
        self._saver, self._outgoing, self._trouble = saver, outgoing, trouble
        self._observer, self._sleep, self._probe = observer, sleep, probe
        self._uncommitted: dict[str, Saved] = {}
        self._went_back: set[str] = set()  # units that went back to their checkpoint, and have written none since

    def look(self) -> None:
        """Commit what has been written since the last look, and save what is due."""
        self._settle()
        units = list(self.owned.units.values())
        due = [unit for unit in units if self._saver.is_due(unit)]
        if self._outgoing.transactional:
            if due:
                self._save([unit for unit in units if unit.unsaved], wait=True)
            return
        for unit in due:
            self._save([unit], wait=False)

    def save_now(self, unit: Unit) -> StreamimbError | None:
        """Save and commit a unit, whether or not that is due; None once a checkpoint holds it.

        What is returned is borne: storage that fails and is tried again, a unit that another has claimed, or one that
        went back to its last checkpoint instead. Raises what ends the process.
        """
        units = list(self.owned.units.values()) if self._outgoing.transactional else [unit]
        self._settle(wait=units)
        self._save(units, wait=True)
        if unit.name in self._saver.failed:
            return self._saver.failed[unit.name]
        if self.owned.units.get(unit.name, unit) is not unit:
            return StateError(f"{unit.name} was not saved: it went back to its last checkpoint, without what was asked")
        return FencedError(f"{unit.name} belongs to another now") if unit.unsaved else None

    def release(self, units: Sequence[Unit]) -> None:
        """Send, save and commit everything of these units, or raise what stands in the way.

        Where that is to be done in time (``Trouble.within``), a write that hangs is waited for no longer.
        """
        if self._outgoing.transactional:
            units = list(self.owned.units.values())
        self._settle(wait=units)
        self._be_in_time()
        while left := [u for u in units if u.whole and u.unsaved and self.owned.units.get(u.name) is u]:
            self._save(left, wait=True)
            self._be_in_time()
            if self._saver.failed:
                self._sleep(self._saver.pause)

    def _be_in_time(self) -> None:
        """Raise what could not be saved once there is no more time."""
        if self._saver.failed and self._trouble.late:
            raise next(iter(self._saver.failed.values()))

    def release_if_possible(self) -> None:
        """Release everything on the way out, and tell what stands in the way."""
        try:
            self.release(list(self.owned.units.values()))
        except StreamimbError as error:
            self._observer.told("the last checkpoint was not written", error=str(error))

    def last_words(self) -> None:
        """A last checkpoint while no broker answers; not one that would hold events whose outputs are unsent."""
        if self._outgoing.unsent or self._outgoing.transactional:
            return
        for unit in self.owned.units.values():
            try:
                self._saver.done(wait=[unit])
                if unit.whole and unit.unsaved:
                    self._saver.take(unit)
                    self._saver.done(wait=[unit])
                if unit.unsaved:
                    raise self._saver.failed.get(unit.name) or StreamimbError("the unit belongs to another")
            except StreamimbError as error:
                self._observer.told("the last checkpoint was not written", unit=unit.name, error=str(error))

    def forget(self, unit: Unit) -> bool:
        """Drop what is under way of a unit; whether the outputs of every other went with it, in a transaction."""
        self._saver.forget(unit)
        self._uncommitted.pop(unit.name, None)
        if not self._outgoing.uncommitted:
            return False
        self._outgoing.abort()
        return True

    def _save(self, units: Sequence[Unit], *, wait: bool) -> None:
        """Take pictures once all outputs so far are acknowledged; wait until they are written and committed, or not."""
        self._outgoing.flush()
        for unit in units:
            if self.owned.units.get(unit.name) is not unit:
                continue  # it went back with another, whose transaction held its outputs
            try:
                self._trouble.timed("snapshot", lambda unit=unit: self._saver.take(unit))  # type: ignore[misc]
            except NotFiniteError as error:
                self._go_back(unit, error)
        if wait:
            self._trouble.timed("save", lambda: self._settle(wait=units))

    def _go_back(self, unit: Unit, error: NotFiniteError) -> None:
        """Let a unit go on from its last checkpoint, once; raise the error where that has not helped."""
        self._observer.save_failed(unit.name, error)
        if unit.name in self._went_back:
            for each in self.owned.units.values() if self._outgoing.transactional else [unit]:
                each.whole = False  # nor may its outputs be committed with others'
            raise error
        self._went_back.add(unit.name)
        self._observer.told(NOT_FINITE, unit=unit.name, error=str(error))
        self.owned.go_back(unit)

    def _settle(self, wait: Sequence[Unit] = ()) -> None:
        """Commit what has been written since the last look."""
        before = dict(self._saver.failed)
        for saved in self._saver.done(wait=wait, left=lambda: self._trouble.left):
            self._probe("written")
            self._uncommitted[saved.unit.name] = saved
            self._went_back.discard(saved.unit.name)
        for name, error in self._saver.failed.items():
            if before.get(name) is not error:
                self._observer.save_failed(name, error)
                self._observer.trouble("storage", error)
        if before and not self._saver.failed:
            self._observer.trouble("storage", None)
        while self._saver.fenced:
            self._fenced(*self._saver.fenced.pop())
        self._commit_all()

    def _commit_all(self) -> None:
        """With transactions all or, while any unit cannot be saved, none: the transaction holds its outputs too."""
        if not self._uncommitted or (self._outgoing.transactional and self._saver.failed):
            return
        waiting, self._uncommitted = list(self._uncommitted.values()), {}
        for group in [waiting] if self._outgoing.transactional else [[saved] for saved in waiting]:
            self._commit(group)

    def _commit(self, group: list[Saved]) -> None:
        mine = [saved for saved in group if self.owned.units.get(saved.unit.name) is saved.unit]
        offsets = {
            partition: Committed(offset, saved.written.name)
            for saved in mine
            for partition, offset in saved.picture.offsets.items()
            if partition in self.owned.partitions
        }
        try:
            if offsets:
                self._outgoing.commit(offsets)
            for saved in mine:
                saved.unit.commits(saved.written.name)
        except FencedError as error:
            if self._outgoing.transactional:
                raise
            # The group went on without us. What was written stays: whoever owns the unit now restores it.
            for saved in mine:
                self._observer.told("membership lost", unit=saved.unit.name, error=str(error))
                self.owned.drop_unit(saved.unit)
        self._probe("committed")
        for s in group:
            self._observer.saved(s.unit.name, s.written.name, s.written.bytes, s.seconds, s.picture.position)

    def _fenced(self, unit: Unit, error: FencedError) -> None:
        """Another claimed the unit: where it is the whole topic there is nothing left to do here."""
        if unit.name == self.owned.whole:
            raise error
        self._observer.told("unit lost", unit=unit.name, error=str(error))
        self.owned.drop_unit(unit)
