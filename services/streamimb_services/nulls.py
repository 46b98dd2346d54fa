"""What JSON has no number for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def undefined_as_null(value: Any) -> Any:
    """Plain data for JSON: NaN and infinities as None, NumPy scalars as Python's."""
    if isinstance(value, dict):
        return {str(k): undefined_as_null(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [undefined_as_null(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
