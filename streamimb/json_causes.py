"""Why a record cannot be read: from what the JSON library says to a reason, the field, and what was wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from streamimb.batch import Reason

#: Brackets within brackets; far below the interpreter's own limit, so that refusing never depends on the caller.
DEPTH_MAX: Final = 200
TOO_DEEP: Final = f"nested deeper than {DEPTH_MAX}"
#: Messages of the library whose causes are kept, and how long they are at most.
MISFITS_MAX: Final = 256
MISFIT_CHARS_MAX: Final = 256
#: The reason, the field or None, and the detail.
Cause = tuple[Reason, str | None, str]

_PATH = re.compile(r" - at `\$\.?(.*)`$")
_BYTE = re.compile(r"\(byte (\d+)\)")
_TOKEN = re.compile(rb"-?(NaN|Infinity)")
_LAST_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$')


class Causes:
    """Tells causes for records of one schema.

    kinds: why each field, by its path, is refused where its type does not fit.

    >>> causes = Causes({"amount": Reason.WRONG_TYPE})
    >>> causes.of(b"{", ValueError(), "Input data was truncated")
    (<Reason.NOT_JSON: 'not_json'>, None, 'Input data was truncated')
    """

    def __init__(self, kinds: Mapping[str, Reason]) -> None:
        self._kinds = kinds
        self._ends = _by_ending(kinds)
        self._misfits: dict[str, Cause] = {}

    def of(self, record: bytes | None, error: Exception, message: str) -> Cause:
        """Why a record could not be read; ``message``: the text of ``error``."""
        if not record or record.isspace():
            return Reason.EMPTY, None, "nothing in it"
        if isinstance(error, msgspec.ValidationError):
            return self._misfit(message)
        if isinstance(error, RecursionError):
            return Reason.TOO_DEEP, None, TOO_DEEP
        if isinstance(error, UnicodeDecodeError):
            return Reason.NOT_UTF8, None, "text that is not Unicode"
        at = _BYTE.search(message)
        token = None if at is None else _TOKEN.match(record, max(0, int(at[1]) - 1)) or _TOKEN.match(record, int(at[1]))
        if token is not None:
            key = _LAST_KEY.search(record, 0, token.start())
            name = None if key is None else self._named(key[1].decode(errors="replace"))
            return Reason.NOT_FINITE, name, f"{token[0].decode()} is no number of JSON"
        return Reason.NOT_JSON, None, message.removeprefix("JSON is malformed: ")

    def _misfit(self, message: str) -> Cause:
        """The cause that a message of the library tells: nothing else is asked, so that it is worked out once."""
        cause = self._misfits.get(message)
        if cause is None:
            cause = self._cause_of(message)
            if len(message) <= MISFIT_CHARS_MAX:
                if len(self._misfits) >= MISFITS_MAX:
                    self._misfits.clear()
                self._misfits[message] = cause
        return cause

    def _cause_of(self, message: str) -> Cause:
        at = _PATH.search(message)
        detail = (message if at is None else message[: at.start()] + message[at.end() :]).replace("`", "")
        if "unknown field" in message:
            name = message.partition("`")[2].partition("`")[0]
            parent = "" if at is None else f"{at[1]}."
            return Reason.UNKNOWN_FIELD, parent + name, "the schema does not name it"
        if at is None or not at[1]:
            return Reason.NOT_OBJECT, None, detail
        reason = self._kinds.get(at[1], Reason.WRONG_TYPE)
        if "out of range" in detail and reason is Reason.WRONG_TYPE:
            reason = Reason.OUT_OF_RANGE
        return reason, at[1], detail

    def _named(self, key: str) -> str:
        ends = self._ends.get(key, ())
        return ends[0] if len(ends) == 1 else key


def _by_ending(paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths by each of their endings that begins a key: what a key, whole or dotted, may be the end of.

    >>> _by_ending(["a.b", "b"])
    {'a.b': ['a.b'], 'b': ['a.b', 'b']}
    """
    ends: dict[str, list[str]] = {}
    for path in paths:
        keys = path.split(".")
        for i in range(len(keys)):
            ends.setdefault(".".join(keys[i:]), []).append(path)
    return ends
