"""Telling what is wrong with a model's parameters."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from streamimb.near import listed, meant

#: Parameters are short words of the same few letters: less alike than this, one is hardly the other misspelt.
NEAR: Final = 0.7


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """A validation error as one line that names each key, its value and, for an unknown one, those that there are."""
    parts = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _known_at(model, item["loc"][:-1])
            near = meant(str(item["loc"][-1]), known, NEAR)
            parts.append(f"{where}.{key}: unknown{near}: there is {listed(known)}")
        else:
            parts.append(f"{where}.{key}: {item['msg']}, not {item['input']!r}")
    return "; ".join(parts)


def _known_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys of a model, or of the one inside it that a path of keys and places in lists leads to."""
    for name in place:
        if isinstance(name, str):
            kinds: list[Any] = [model.model_fields[name].annotation]
            kinds += get_args(kinds[0])
            model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
