"""The texts of categories that no schema lists, so that a person reads a word where the features hold a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.kernel import Array, leaf, mix64
from streamimb.schema import Feature
from streamimb.text import Spelled, Text

#: Texts that are kept in all, of one feature, and characters of one; those that come later stay codes.
TEXTS_MAX: Final = 16_384
TEXTS_OF_FEATURE_MAX: Final = 4_096
TEXT_CHARS_MAX: Final = 60
#: Codes are whole numbers below 2 to this power.
CODE_BITS: Final = 24
EMPTY: Final = -1

State = dict[str, Any]


@leaf
def note_new(X: Array, rows: Array, columns: Array, known: Array, counts: Array, most: int, new: Array) -> int:
    """Enter the codes in X[rows] that are seen for the first time; return how many.

    columns: int64 (c,), the features that are read; known: int64, an open hash of place among columns and code;
    counts: int64 (c,), how many of each are known, at most ``most``; new: int64 (·, 3) gets place, code and row.
    """
    mask, n = len(known) - 1, 0
    for i in range(len(rows)):
        for k in range(len(columns)):
            value = X[rows[i], columns[k]]
            if counts[k] >= most or np.isnan(value):
                continue
            code = np.int64(value)
            entry = (np.int64(k) << CODE_BITS) | code
            at = np.int64(mix64(entry)) & mask
            while known[at] != EMPTY and known[at] != entry:
                at = (at + 1) & mask
            if known[at] == EMPTY:
                known[at] = entry
                counts[k] += 1
                new[n, 0], new[n, 1], new[n, 2] = k, code, rows[i]
                n += 1
    return n


class Spelling:
    """Remembers the texts of the categories seen first, for features whose categories the schema does not list.

    An event costs a look-up for each such feature until ``TEXTS_OF_FEATURE_MAX`` (or its part of ``TEXTS_MAX``) are
    known. Memory: under 6 MB, that of ``TEXTS_MAX`` texts.

    >>> spelling = Spelling((Feature(name="shop", type="categorical"),))
    >>> X = np.array([[7.0], [9.0], [7.0]], np.float32)  # codes, as the decoder makes them
    >>> spelling.update(X, np.arange(3), Spelled.of({0: ["toys", "food", "toys"]}, 3))
    >>> spelling.texts()
    {0: {7: 'toys', 9: 'food'}}
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self._features = features
        open_ = [j for j, f in enumerate(features) if f.type == "categorical" and f.categories is None]
        self._most = min(TEXTS_OF_FEATURE_MAX, TEXTS_MAX // max(len(open_), 1))
        self._columns = np.array(open_, np.int64)
        room = self._most * len(open_)
        self._known = np.full(1 << (2 * room).bit_length(), EMPTY, np.int64)
        self._new = np.zeros((room, 3), np.int64)
        self._counts = np.zeros(len(open_), np.int64)
        self._codes: list[tuple[int, int]] = []
        self._texts: list[str] = []

    def update(self, X: NDArray[np.float32], rows: NDArray[np.int64], spelled: Spelled | None) -> None:
        """Take in events as they come: X float32 (n, d), rows int64 (m,); ``spelled``: the texts of all n."""
        if spelled is None or len(self._texts) >= len(self._new):
            return
        n = note_new(X, rows, self._columns, self._known, self._counts, self._most, self._new)
        for k, code, row in self._new[:n].tolist():
            j = int(self._columns[k])
            text = spelled.text(row, j)
            self._codes.append((k, code))
            if text is None:  # such an event has the default's code
                text = str(self._features[j].default or "")
            self._texts.append(_readable(text))

    def texts(self) -> dict[int, Mapping[int, str]]:
        """Feature -> code -> text, of what is known."""
        told: dict[int, dict[int, str]] = {int(j): {} for j in self._columns}
        for (k, code), text in zip(self._codes, self._texts, strict=True):
            told[int(self._columns[k])][code] = text
        return dict(told)

    def state(self) -> State:
        """What is known, in the order in which it came: codes int64 (m, 2), UTF-8 bytes and their offsets."""
        text = Text.of(self._texts)
        return {
            "codes": np.array(self._codes, np.int64).reshape(-1, 2),
            "data": text.data.copy(),
            "offsets": text.offsets.copy(),
        }

    def restore(self, state: State) -> None:
        """Go on from a state of the same features. Raises StateError on a misfit."""
        codes = np.asarray(state["codes"])
        text = Text(np.asarray(state["data"], np.uint8), np.asarray(state["offsets"], np.int64))
        counts = np.bincount(codes[:, 0], minlength=len(self._columns)) if len(codes) else np.zeros_like(self._counts)
        if len(codes) != len(text) or len(counts) != len(self._counts) or (counts > self._most).any():
            raise StateError(f"spelling: {len(codes):,} saved texts do not fit {len(self._columns)} features")
        self._known[:] = EMPTY
        self._counts[:] = 0
        self._codes, self._texts = [(k, code) for k, code in codes.tolist()], text.tolist()
        # Each saved code as an event of its own, which enters it.
        X = np.full((len(codes), len(self._features)), np.nan, np.float32)
        X[np.arange(len(codes)), self._columns[codes[:, 0]]] = codes[:, 1]
        note_new(X, np.arange(len(codes)), self._columns, self._known, self._counts, self._most, self._new)


def _readable(text: str) -> str:
    """One line of a terminal: what cannot be printed as a question mark, cut where it is long."""
    shown = "".join(c if c.isprintable() else "?" for c in text[: TEXT_CHARS_MAX + 1])
    return shown if len(shown) <= TEXT_CHARS_MAX else f"{shown[: TEXT_CHARS_MAX - 1]}…"
