"""Where things are, under a store's url.

URL/UNIT/epochs/EPOCH.json                  claims
URL/UNIT/checkpoints/EPOCH-NUMBER.ckpt      names sort by age: a higher epoch's are newer
URL/UNIT/segments/EPOCH-NUMBER-i-TOKEN.seg  what waits for labels; checkpoints name those that they need
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

CHECKPOINTS: Final = "checkpoints"
SEGMENTS: Final = "segments"


def folder_of(unit: str) -> str:
    """A unit's folder: its name, with what a file's name cannot hold written as a url would.

    >>> folder_of("a/b"), folder_of("..")
    ('a%2Fb', '%2E%2E')
    """
    return quote(unit, safe="") if unit.strip(".") else unit.replace(".", "%2E")


def path_of(unit: str, name: str) -> str:
    """Where a checkpoint of a unit is."""
    return f"{folder_of(unit)}/{CHECKPOINTS}/{name}.ckpt"


def segment_path(unit: str, name: str) -> str:
    """Where a segment of a unit is."""
    return f"{folder_of(unit)}/{SEGMENTS}/{name}.seg"
