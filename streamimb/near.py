"""What errors say of a name that is not known: the one that was meant, else what there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: A name less like another than this is not taken for it misspelt.
NEAR: Final = 0.5
#: Names that are listed at most where none is near.
LISTED_MAX: Final = 20


def nearest(name: str, known: Iterable[str], bound: float = NEAR) -> str | None:
    """The known name that the given one may have been meant for, None where none is like it.

    bound: how like it is at least, from 0 to 1 (``difflib``'s ratio).

    >>> nearest("gradul", ["sudden", "gradual"]), nearest("amount", ["x1", "x2"]), nearest("f", ["f_beta:2"], 0.2)
    ('gradual', None, 'f_beta:2')
    """
    found = get_close_matches(name, list(known), 1, bound)
    return found[0] if found else None


def hint(name: str, known: Iterable[str], bound: float = NEAR) -> str:
    """In brackets, as errors say it: the known name that was meant, else what there is.

    >>> hint("gradul", ["sudden", "gradual"]), hint("c9", ["rest", "rare"])
    ("(did you mean 'gradual'?)", '(there is rest, rare)')
    """
    names = list(known)
    return meant(name, names, bound).lstrip() or f"(there is {listed(names)})"


def meant(name: str, known: Iterable[str], bound: float = NEAR) -> str:
    """The same after a space, where what there is would be too much to say: empty where no name is near.

    >>> meant("gradul", ["sudden", "gradual"]), meant("c9", ["rest", "rare"])
    (" (did you mean 'gradual'?)", '')
    """
    near = nearest(name, known, bound)
    return "" if near is None else asked(near)


def asked(near: str) -> str:
    """The question itself, after a space.

    >>> asked("control.every")
    " (did you mean 'control.every'?)"
    """
    return f" (did you mean {near!r}?)"


def listed(known: Iterable[str]) -> str:
    """The names that there are, as many as a person reads.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    names = list(known)
    more = f" and {len(names) - LISTED_MAX} more" if len(names) > LISTED_MAX else ""
    return (", ".join(names[:LISTED_MAX]) or "none") + more
