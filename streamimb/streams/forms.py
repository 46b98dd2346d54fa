"""How schedules are written as text: the small pieces that every form shares."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from streamimb.errors import ConfigError
from streamimb.near import hint

#: Chunks are numbered by 32 bits; nobody waits for more events than this.
POSITION_MAX: Final = 1 << 44
#: Pieces that one text may have.
PIECES_MAX: Final = 10_000

_WHOLE = re.compile(r"[0-9][0-9_]*")


def head_of(text: str, names: Iterable[str], key: str, plain: str = "") -> tuple[str, str]:
    """The form's name and what follows its colon. Raises ConfigError for a name that is none of ``names``.

    plain: what may stand alone, without a form's name.

    >>> head_of("ramp:0.5->0.01", ["ramp", "step"], "ratio")
    ('ramp', '0.5->0.01')
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name not in names:
        also = f"; or {plain}" if plain else ""
        raise ConfigError(f"{key}: {text!r} begins with {name!r}, which is no form {hint(name, names)}{also}")
    return name, rest


def pieces(text: str, between: str, key: str) -> list[str]:
    """The text cut at a separator. Raises ConfigError where there are too many pieces or one is empty."""
    found = [piece.strip() for piece in text.split(between)]
    if len(found) > PIECES_MAX:
        raise ConfigError(f"{key}: {len(found):,} pieces are more than {PIECES_MAX:,}")
    if not all(found):
        raise ConfigError(f"{key}: something is missing in {text!r}")
    return found


def share(text: str, key: str) -> float:
    """A share between 0 and 1. Raises ConfigError."""
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{key}: {text.strip()!r} is no number between 0 and 1") from None
    return checked_share(value, key)


def checked_share(value: float, key: str) -> float:
    """The same value, if it is a share. Raises ConfigError."""
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ConfigError(f"{key}: {value} is not between 0 and 1")
    return value


def position(text: str, key: str) -> int:
    """A place in the stream, counted from 0. Raises ConfigError."""
    if not _WHOLE.fullmatch(text.strip()) or (value := int(text)) > POSITION_MAX:
        raise ConfigError(f"{key}: {text.strip()!r} is no position: a whole number of events from 0 on")
    return value


def rising(positions: Iterable[int], key: str) -> None:
    """Raises ConfigError where positions do not rise from 0."""
    before = -1
    for at in positions:
        if at <= before:
            raise ConfigError(f"{key}: position {at} does not come after {before if before >= 0 else 'the beginning'}")
        before = at


def written(value: float) -> str:
    """A number as a form writes it: as short as reads back the same.

    >>> written(0.5), written(1.0)
    ('0.5', '1')
    """
    return repr(value).removesuffix(".0")
