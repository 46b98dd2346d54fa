"""A state as plain JSON and named arrays, and back: a tree of dicts and lists whose leaves are data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError

Arrays = dict[str, NDArray[Any]]

#: Types of arrays that a file holds, by the names that safetensors gives them.
DTYPES: Final = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "U64": "uint64", "I32": "int32",
    "U32": "uint32", "I16": "int16", "U16": "uint16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
#: A dict with this key stands for what JSON has no word for; no state's own dict may have it.
MARK: Final = "$"
#: Trees are nested no deeper: a state is written by hand.
DEPTH_MAX: Final = 50


def flatten(tree: Any) -> tuple[Any, Arrays]:
    """The tree as JSON data, and its arrays by their path in it. Raises StateError for what is no plain data.

    >>> flatten({"a": np.zeros(2), "b": [1, float("nan")]})[0]
    {'a': {'$': 'array'}, 'b': [1, {'$': 'float', 'value': 'nan'}]}
    >>> sorted(flatten({"a": {"b": np.zeros(2)}})[1])
    ['/a/b']
    """
    arrays: Arrays = {}
    return _plain(tree, "", arrays, 0), arrays


def _plain(value: Any, path: str, arrays: Arrays, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise StateError(f"the state is nested deeper than {DEPTH_MAX} levels at {path}")
    if isinstance(value, np.ndarray):
        if value.dtype.name not in DTYPES.values():
            raise StateError(f"the state at {path} is an array of {value.dtype}, which no checkpoint holds")
        arrays[path] = value
        return {MARK: "array"}
    if isinstance(value, np.generic):
        return {MARK: "scalar", "dtype": value.dtype.name, "value": _plain(value.item(), path, arrays, depth)}
    if isinstance(value, float) and not math.isfinite(value):
        return {MARK: "float", "value": repr(value)}
    if isinstance(value, Mapping):
        return _plain_dict(value, path, arrays, depth)
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{path}/{i}", arrays, depth + 1) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {MARK: "tuple", "items": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise StateError(f"the state at {path} is a {type(value).__name__}, which is no plain data")


def _plain_dict(value: Mapping[Any, Any], path: str, arrays: Arrays, depth: int) -> dict[str, Any]:
    odd = [key for key in value if not isinstance(key, str) or key == MARK]
    if odd:
        raise StateError(f"the state at {path} has the key {odd[0]!r}, which no checkpoint holds")
    return {key: _plain(item, f"{path}/{_escaped(key)}", arrays, depth + 1) for key, item in value.items()}


def unflatten(plain: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The tree that :func:`flatten` was given. Raises StateError where an array of it is not there."""
    return _tree(plain, "", arrays)


def _tree(value: Any, path: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_tree(item, f"{path}/{i}", arrays) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kind = value.get(MARK)
    if kind is None:
        return {key: _tree(item, f"{path}/{_escaped(key)}", arrays) for key, item in value.items()}
    if kind == "array" and path in arrays:
        return arrays[path]
    if kind == "tuple":
        return tuple(_tree(item, f"{path}/{i}", arrays) for i, item in enumerate(value["items"]))
    if kind == "float":
        return float(value["value"])
    if kind == "scalar" and value["dtype"] in DTYPES.values():
        return np.dtype(value["dtype"]).type(_tree(value["value"], path, arrays))
    raise StateError(f"the saved state at {path} is no array that the file holds, but {kind!r}")


def _escaped(key: str) -> str:
    """A key as a part of a path (RFC 6901), so that no two paths are the same."""
    return key.replace("~", "~0").replace("/", "~1")
