"""Columns of text as flat arrays, so that ids pass through without an object each, and what codes stood for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array, kernel, mix64

FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


@dataclass(frozen=True, slots=True)
class Text:
    """n strings: ``data`` uint8, all UTF-8 bytes in a row; ``offsets`` int64 (n + 1,).

    >>> Text.of(["a", "übel"])[1]
    'übel'
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, values: Sequence[str]) -> Text:
        """Lay out a sequence of strings."""
        joined = "".join(values)
        data = joined.encode()
        if len(data) == len(joined):  # all ASCII: a character is a byte
            lengths = np.fromiter(map(len, values), np.int64, len(values))
        else:
            lengths = np.fromiter((len(v.encode()) for v in values), np.int64, len(values))
        offsets = np.zeros(len(values) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(np.frombuffer(data, np.uint8), offsets)

    @classmethod
    def concat(cls, parts: Iterable[Text]) -> Text:
        """One column from several, in order."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        offsets = [np.zeros(1, np.int64)]
        base = 0
        for part in parts:
            offsets.append(part.offsets[1:] - part.offsets[0] + base)
            base = int(offsets[-1][-1]) if len(part) else base
        data = [p.data[p.offsets[0] : p.offsets[-1]] for p in parts]
        return cls(np.concatenate(data) if data else np.zeros(0, np.uint8), np.concatenate(offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> str:
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes().decode()

    def slice(self, start: int, stop: int) -> Text:
        """Rows start to stop, sharing the bytes."""
        return Text(self.data, self.offsets[start : stop + 1])

    def take(self, rows: NDArray[np.int64]) -> Text:
        """The given rows, copied."""
        return Text(*_take(_read_only(self.data), self.offsets, np.asarray(rows, np.int64)))

    def tolist(self) -> list[str]:
        """The strings as Python objects."""
        whole, offsets = self.data.tobytes(), self.offsets.tolist()
        return [whole[a:b].decode() for a, b in pairwise(offsets)]

    def hashes(self) -> NDArray[np.uint64]:
        """64-bit hashes, uint64 (n,): FNV-1a finished with SplitMix64's mixer; the same on every machine."""
        return np.asarray(_hashes(_read_only(self.data), self.offsets))


@dataclass(frozen=True, slots=True)
class Cells:
    """n texts of which some are absent, which is not to be empty: ``texts``, and ``absent``, bool (n,).

    >>> cells = Cells(Text.of(["a", "", ""]), np.array([False, False, True]))
    >>> cells[1], cells[2]
    ('', None)
    """

    texts: Text
    absent: NDArray[np.bool_]

    def __getitem__(self, i: int) -> str | None:
        return None if self.absent[i] else self.texts[i]


#: A column of texts as a decoder had it.
Column = Cells | Sequence[str | None]


def _read_only(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes as a kernel takes them: it is compiled again for bytes that may be written."""
    view = data.view()
    view.flags.writeable = False
    return view


#: A row of a block of rows is one number: the block's, and the row's in it below so many bits.
BLOCK_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Spelled:
    """The texts behind the codes of n rows, kept as the decoder had them, so that they cost nothing until asked for.

    blocks: feature -> the column of a decoded block, its texts or None; rows: int64 (n,), each row's block and its row
    there, as ``BLOCK_BITS`` says.

    >>> Spelled.of({3: ["food", None]}, 2).take(np.array([1, 0])).text(1, 3)
    'food'
    """

    blocks: tuple[Mapping[int, Column], ...]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Mapping[int, Column], n: int) -> Spelled | None:
        """The n rows of one block; None where it has no column of texts."""
        return cls((columns,), np.arange(n)) if columns else None

    @classmethod
    def concat(cls, parts: Sequence[Spelled | None], sizes: Sequence[int]) -> Spelled | None:
        """Several as one, in order; parts of ``sizes`` rows, None where nothing is known of them."""
        if all(part is None for part in parts):
            return None
        blocks: list[Mapping[int, Column]] = []
        rows = []
        for part, size in zip(parts, sizes, strict=True):
            first = len(blocks) << BLOCK_BITS
            blocks += ({},) if part is None else part.blocks
            rows.append(np.full(size, first) if part is None else part.rows + first)
        return cls(tuple(blocks), np.concatenate(rows))

    def take(self, rows: NDArray[np.int64] | slice) -> Spelled:
        """The given rows; the texts are shared."""
        return Spelled(self.blocks, self.rows[rows])

    def text(self, row: int, feature: int) -> str | None:
        """What the row's code of a feature stood for; None where it had no text."""
        block, place = divmod(int(self.rows[row]), 1 << BLOCK_BITS)
        column = self.blocks[block].get(feature)
        return None if column is None else column[place]


@kernel
def _take(data: Array, offsets: Array, rows: Array) -> tuple[Array, Array]:
    out_offsets = np.zeros(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        out_offsets[i + 1] = out_offsets[i] + offsets[rows[i] + 1] - offsets[rows[i]]
    out = np.empty(out_offsets[-1], np.uint8)
    for i in range(len(rows)):
        start = offsets[rows[i]]
        for j in range(out_offsets[i + 1] - out_offsets[i]):
            out[out_offsets[i] + j] = data[start + j]
    return out, out_offsets


@kernel
def _hashes(data: Array, offsets: Array) -> Array:
    out = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        h = FNV_OFFSET
        for j in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[j])) * FNV_PRIME
        out[i] = mix64(h)
    return out
