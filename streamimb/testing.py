"""Aids for tests of streams and of one's own parts; a public part of the library."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def digest(state: Any) -> str:
    """A SHA-256 of a state of arrays and plain data: equal for equal states, whatever was done to reach them.

    A river model is not such a state: the bytes of its pickle differ between equal runs, as those of GaussianNB and
    the Hoeffding tree do. Compare what two of them predict.

    >>> digest({"a": np.zeros(2)}) == digest({"a": np.zeros(2)}) != digest({"a": np.ones(2)})
    True
    """
    sha = hashlib.sha256()
    _feed(sha, state)
    return sha.hexdigest()


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, dict):
        for key in sorted(value):
            sha.update(f"{key}:".encode())
            _feed(sha, value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(sha, item)
    elif isinstance(value, np.ndarray):
        sha.update(f"{value.dtype}{value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    else:
        sha.update(f"{type(value).__name__}{value!r};".encode())
