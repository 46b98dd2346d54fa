"""Actions as NDJSON: what was done about signals and what came of it, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from streamimb.outcome import Action, Outcome, told_row
from streamimb.sinks.atomic import AtomicFile, told_as_output

#: Actions that are held until they are measured; beyond, the oldest are written as they are.
ACTIONS_HELD_MAX: Final = 10_000


class ActionsSink:
    """``number``, ``position``, ``time``, ``action``, ``signal``, ``class``, ``before``, ``after``, ``helped``,
    ``measured_at`` of each action, as known at the end; undefined is null.
    """

    def __init__(self, path: Path, *, has_time: bool) -> None:
        self._file, self._has_time = AtomicFile(path), has_time
        self._held: dict[int, Action] = {}
        self._encode = msgspec.json.Encoder().encode_lines
        self._written = 0

    def write(self, outcome: Outcome) -> None:
        for action in outcome.actions:
            if action.number > self._written:
                self._held[action.number] = action
        if len(self._held) > ACTIONS_HELD_MAX:
            self._flush(len(self._held) - ACTIONS_HELD_MAX)

    def _flush(self, n: int) -> None:
        numbers = sorted(self._held)[:n]
        rows = [told_row(self._held.pop(number), has_time=self._has_time) for number in numbers]
        with told_as_output(self._file.path):
            self._file.file.write(self._encode(rows))
        self._written = numbers[-1]

    def finish(self) -> None:
        if self._held:
            self._flush(len(self._held))
        self._file.finish()

    def close(self) -> None:
        self.finish()
        self._file.commit()

    def abort(self) -> None:
        self._file.abort()
