"""What errors say of a name that is not known: the one that was meant, else what there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: A name less like another than this is not taken for it misspelt.
NEAR: Final = 0.5
#: Names that are listed at most where none is near.
LISTED_MAX: Final = 20


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the given one may have been meant for, None where none is like it.

    >>> nearest("gradul", ["sudden", "gradual"]), nearest("amount", ["x1", "x2"])
    ('gradual', None)
    """
    found = get_close_matches(name, list(known), 1, NEAR)
    return found[0] if found else None


def listed(known: Iterable[str]) -> str:
    """The names that there are, as many as a person reads.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    names = list(known)
    more = f" and {len(names) - LISTED_MAX} more" if len(names) > LISTED_MAX else ""
    return (", ".join(names[:LISTED_MAX]) or "none") + more
