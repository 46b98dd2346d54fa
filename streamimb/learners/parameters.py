"""Telling what is wrong with a model's parameters."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from streamimb import near


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known name that resembles most, else nothing."""
    meant = near.nearest(name, known)
    return "" if meant is None else f" (did you mean {meant!r}?)"


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
