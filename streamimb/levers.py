"""Levers: what a person does to a running pipeline, each at its place in the stream, so that it can be repeated.

A lever's place is a row: how many rows of batches the pipeline had taken in when it was pulled. Rows count what came
past the decoder, whether an event, a label or a duplicate, so that the place is between two of them however the stream
was cut into batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import msgspec
import numpy as np

from streamimb.errors import ConfigError, InputError, StateError
from streamimb.learners.base import State

FREEZE: Final = "freeze"
RESUME: Final = "resume"
PIN: Final = "pin"
UNPIN: Final = "unpin"
RESET: Final = "reset"
ROLLBACK: Final = "rollback"
Kind = Literal["freeze", "resume", "pin", "unpin", "reset", "rollback"]
KINDS: Final[tuple[Kind, ...]] = (FREEZE, RESUME, PIN, UNPIN, RESET, ROLLBACK)

#: Levers that a state remembers; beyond, the oldest are forgotten, and the run cannot be repeated from its beginning.
LEVERS_MAX: Final = 1_000
#: A lever's line in a file is no longer.
LINE_BYTES_MAX: Final = 10_000
#: The name of a checkpoint that a lever carries is no longer.
NAME_CHARS_MAX: Final = 500


class Lever(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One pull.

    number: counts from 1; row: rows that the pipeline had taken in; position: events it had accepted; time: the
    latest event time then; threshold: of the positive class (``pin``); to_row, to_number: the rows and the levers
    that the state rolled back to had seen, and its checkpoint's name (``rollback``).
    """

    number: int
    kind: Kind
    row: int
    position: int
    time: int = 0
    threshold: float | None = None
    to_row: int = -1
    to_number: int = -1
    checkpoint: str = ""


class LeverBook:
    """What levers were pulled, and what of them is in force.

    ``gaps`` are the numbers of mature events that rollbacks took out of the windows, as (first, one after the last).
    """

    def __init__(self) -> None:
        self.rows = self.pulled = 0
        self.frozen = False
        self.levers: deque[Lever] = deque(maxlen=LEVERS_MAX)
        self.gaps: list[tuple[int, int]] = []

    def record(self, lever: Lever) -> None:
        self.pulled = lever.number
        self.levers.append(lever)

    def number(self, number: int) -> int:
        """The number that the windows know a mature event by; -1 where they know it no more.

        >>> book = LeverBook()
        >>> book.gaps = [(10, 15)]
        >>> book.number(9), book.number(12), book.number(15)
        (9, -1, 10)
        """
        gone = 0
        for first, stop in self.gaps:
            if number < first:
                break
            if number < stop:
                return -1
            gone += stop - first
        return number - gone

    def state(self) -> State:
        return {
            "rows": self.rows,
            "pulled": self.pulled,
            "frozen": self.frozen,
            "gaps": np.array(self.gaps, np.int64).reshape(-1, 2),
            "levers": [msgspec.to_builtins(lever) for lever in self.levers],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state. Raises StateError."""
        try:
            levers = [msgspec.convert(lever, Lever) for lever in state["levers"]]
        except msgspec.ValidationError as error:
            raise StateError(f"levers: a saved one is none: {error}") from None
        self.rows, self.pulled, self.frozen = int(state["rows"]), int(state["pulled"]), bool(state["frozen"])
        self.gaps = [(int(first), int(stop)) for first, stop in state["gaps"]]
        self.levers = deque(levers, LEVERS_MAX)


def check_threshold(threshold: float | None) -> float:
    """A threshold that can be pinned. Raises ConfigError.

    >>> check_threshold(0.25)
    0.25
    """
    if threshold is None or not 0 < threshold < 1:
        raise ConfigError(f"pin: the threshold {threshold} is not between 0 and 1")
    return float(threshold)


def write_levers(levers: Iterable[Lever]) -> bytes:
    r"""Levers as NDJSON, a line each.

    >>> write_levers([Lever(number=1, kind="pin", row=12, position=10, threshold=0.5)])
    b'{"number":1,"kind":"pin","row":12,"position":10,"threshold":0.5}\n'
    """
    return msgspec.json.Encoder().encode_lines(list(levers))


def read_levers(content: bytes, source: str) -> list[Lever]:
    """Levers of an export, in order. Raises InputError, naming the line."""
    decoder, levers = msgspec.json.Decoder(Lever), list[Lever]()
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            lever = decoder.decode(line[:LINE_BYTES_MAX])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{source}: line {number} is no lever: {error}") from None
        before = levers[-1] if levers else None
        if before is not None and (lever.number != before.number + 1 or lever.row < before.row):
            raise InputError(
                f"{source}: line {number}: lever {lever.number} at row {lever.row} does not follow lever "
                f"{before.number} at row {before.row}: export them again, whole"
            )
        levers.append(lever)
    return levers
