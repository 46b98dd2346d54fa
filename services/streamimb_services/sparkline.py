"""A series as a line of eighth blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
UNDEFINED: Final = "·"


def sparkline(points: Sequence[float], width: int) -> str:
    """The series between its own extremes, resampled to at most ``width`` cells; a dot where nothing is defined.

    >>> sparkline([0, 1, 2, 3, math.nan, 7], 6)
    '▁▂▃▄·█'
    >>> sparkline([5.0, 5.0], 4)
    '▅▅'
    """
    cells = [_mean(part) for part in _split(points, width)]
    defined = [c for c in cells if not math.isnan(c)]
    if not defined:
        return UNDEFINED * len(cells)
    low, high = min(defined), max(defined)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return "".join(UNDEFINED if math.isnan(c) else BLOCKS[len(BLOCKS) // 2] for c in cells)
    top = len(BLOCKS) - 1
    return "".join(UNDEFINED if math.isnan(c) else BLOCKS[round((c - low) / (high - low) * top)] for c in cells)


def _split(points: Sequence[float], parts: int) -> list[Sequence[float]]:
    parts = min(parts, len(points))
    return [points[len(points) * i // parts : len(points) * (i + 1) // parts] for i in range(parts)]


def _mean(points: Sequence[float]) -> float:
    defined = [p for p in points if not math.isnan(p)]
    return sum(defined) / len(defined) if defined else math.nan
