"""Names and texts of others as a terminal may get them: shown, never obeyed."""

from __future__ import annotations

import re
from typing import Final

#: Control characters, separators of lines and marks that turn the direction of writing round: what a terminal obeys.
#: And halves of characters, as a path has that is no UTF-8: nothing can write them.
_OBEYED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, keep: str = "") -> str:
    r"""The text with what a terminal obeys written out, but for the characters of ``keep``.

    From DEL on it is written with four digits, as JSON and TOML read it inside their texts, where it may stand raw.

    >>> print(visible("\x1b[31mred\n\x9b"), visible("a\nb", keep="\n"))
    \x1b[31mred\n\u009b a
    b
    """
    return _OBEYED.sub(lambda found: found[0] if found[0] in keep else _written(found[0]), text)


def _written(char: str) -> str:
    return repr(char)[1:-1] if char < "\x7f" else f"\\u{ord(char):04x}"
