"""Elements of HTML, in which text is escaped unless it is markup already, so that no data can become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

#: What neither HTML nor XML may hold: control characters, lone surrogates, two that are no characters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is markup: it has been escaped, or was written by us."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]


def text(value: object) -> Markup:
    """Anything as escaped text; characters that no page may hold become U+FFFD.

    >>> text("<b> & " + chr(0)) == "&lt;b&gt; &amp; " + chr(0xFFFD)
    True
    """
    if isinstance(value, Markup):
        return value
    return Markup(escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def el(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element; attributes that are None are left out, ``class_`` is class, and ``aria_label`` is aria-label.

    >>> el("p", "1 < 2", [el("b", "so"), None], class_="x")
    '<p class="x">1 &lt; 2<b>so</b></p>'
    >>> el("br")
    '<br/>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = join(children)
    return Markup(f"<{name}{told}>{inner}</{name}>" if inner or name not in _VOID else f"<{name}{told}/>")


_VOID = {"br", "meta", "col", "line", "path", "rect", "circle", "polyline", "polygon"}


def join(children: Iterable[Child]) -> Markup:
    """Children in a row, nested ones flattened, None left out."""
    parts = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, str | int | float):
            parts.append(text(child))
        else:
            parts.append(join(child))
    return Markup("".join(parts))


def table(
    head: list[str], rows: Iterable[list[Child]], *, caption: str | None = None, numbers: Iterable[int] = ()
) -> Markup:
    """A table that scrolls sideways by itself. A row's first cell is its head; ``numbers``: columns aligned right."""
    right = set(numbers)

    def classed(i: int) -> str | None:
        return "n" if i in right else None

    heads = el("tr", [el("th", h, scope="col", class_=classed(i)) for i, h in enumerate(head)])
    body = [
        el("tr", [el("th" if i == 0 else "td", c, scope="row" if i == 0 else None, class_=classed(i))
                  for i, c in enumerate(row)])
        for row in rows
    ]  # fmt: skip
    inner = el("table", el("caption", caption) if caption else None, el("thead", heads), el("tbody", body))
    return el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or ", ".join(head))


def folded(title: str, *children: Child) -> Markup:
    """What is shown when it is asked for."""
    return el("details", el("summary", title), children)
