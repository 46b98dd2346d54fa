"""Telling what is wrong with a model's parameters."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from streamimb.near import meant


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """A validation error as one line that names each key, its value and, for an unknown one, the nearest."""
    parts = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            parts.append(f"{where}.{key}: unknown{meant(key, model.model_fields)}")
        else:
            parts.append(f"{where}.{key}: {item['msg']}, not {item['input']!r}")
    return "; ".join(parts)
