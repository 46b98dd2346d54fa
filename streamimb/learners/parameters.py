"""Telling what is wrong with a model's parameters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known name that resembles most, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """A validation error as one line that names each key, its value and, for an unknown one, the nearest."""
    parts = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            parts.append(f"{where}.{key}: unknown{nearest(key, model.model_fields)}")
        else:
            parts.append(f"{where}.{key}: {item['msg']}, not {item['input']!r}")
    return "; ".join(parts)
