"""Refused events as NDJSON: one object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from streamimb.batch import Rejected
from streamimb.outcome import Outcome
from streamimb.sinks.atomic import AtomicFile, told_as_output


class RejectsSink:
    """``source``, ``line`` or ``partition`` and ``offset``, ``reason``, ``field``, ``detail`` of each refusal."""

    def __init__(self, path: Path) -> None:
        self._file = AtomicFile(path)
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, outcome: Outcome) -> None:
        if outcome.rejected:
            with told_as_output(self._file.path):
                self._file.file.write(self._encode([_row(r) for r in outcome.rejected]))

    def finish(self) -> None:
        self._file.finish()

    def close(self) -> None:
        self._file.commit()

    def abort(self) -> None:
        self._file.abort()


def _row(rejected: Rejected) -> dict[str, Any]:
    place: dict[str, Any] = {"source": rejected.source}
    if rejected.offset is None:
        place["line"] = rejected.line
    else:
        place |= {"partition": rejected.partition, "offset": rejected.offset}
    return place | {"reason": rejected.reason.value, "field": rejected.field, "detail": rejected.detail}
