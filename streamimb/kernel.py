"""How hot code is compiled: one decorator, so that every kernel keeps the laws.

No fastmath and no parallel loops: the same events give the same bits however they are cut into batches.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar, cast

import numpy as np
from numba import njit
from numba.core import event as numba_event
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
#: An array whose item type the docstring names.
Array = NDArray[Any]
LOAD_GLOBAL, EXTENDED_ARG = dis.opmap["LOAD_GLOBAL"], dis.opmap["EXTENDED_ARG"]


def kernel(function: F) -> F:
    """Compile a function on flat arrays: cached on disk, without the interpreter lock."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(_named_for_its_parts(function)))


def leaf(function: F) -> F:
    """Compile a kernel that allocates no array and takes no view of one.

    Without reference counting, whose atomic operations at every call between kernels cost five times as much as the
    work of the small ones (measured on ``labels.advance``: 0.60 against 0.10 microseconds an event).
    """
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(_named_for_its_parts(function)))


def part(function: F) -> F:
    """Compile a leaf into its callers: what takes many arrays costs more to call than to do.

    Measured on the forest, whose kernels take nine arrays each: 140,000 against 90,000 events a second.
    """
    inlined = njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)
    return cast(F, inlined(_named_for_its_parts(function)))


def _named_for_its_parts(function: F) -> F:
    """Put a digest of the kernels and constants that a function uses into its name, by which numba caches it.

    Numba itself compiles anew only when the function's own file changes: a kernel would go on with the old code of a
    callee in another file. A callee that its own file defines further down cannot be looked at yet; whatever that is
    made of is in this file or has been imported by now, so then all that the file holds so far is taken in.
    """
    sha = hashlib.blake2b(digest_size=4)
    known, used = function.__globals__, set(function.__code__.co_names)
    if _globals_of(function) - known.keys() - vars(builtins).keys() - {function.__name__}:
        used |= known.keys()
    for name in sorted(used):
        value = known.get(name)
        if isinstance(value, Dispatcher):
            code = value.py_func.__code__
            sha.update(f"{value.py_func.__qualname__}{code.co_names}{code.co_consts}".encode() + code.co_code)
        elif isinstance(value, ModuleType) and value.__name__.startswith("streamimb."):
            sha.update(Path(str(value.__file__)).read_bytes())
        elif isinstance(value, int | float | np.generic):
            sha.update(f"{name}={value!r};".encode())
        elif isinstance(value, np.ndarray):  # a table, which numba takes for a constant
            sha.update(name.encode() + value.tobytes())
    function.__qualname__ = f"{function.__qualname__}_{sha.hexdigest()}"
    return function


def _globals_of(function: F) -> set[str]:
    """Names that a function reads from its module: the code is read here, since ``dis`` takes ten times as long."""
    code, names, high, found = function.__code__.co_code, function.__code__.co_names, 0, set()
    for opcode, argument in zip(code[::2], code[1::2], strict=True):
        if opcode == LOAD_GLOBAL:  # the lowest bit of its argument says whether a call follows
            found.add(names[(high | argument) >> 1])
        high = (high | argument) << 8 if opcode == EXTENDED_ARG else 0
    return found


def without_blas() -> None:
    """Keep numba from loading scipy's BLAS: that takes it a third of a second, and no kernel may use it.

    For processes that are ours alone: ``np.dot`` in anybody's compiled function would not compile any more.
    """
    name = "scipy.linalg" if "scipy" in sys.modules else "scipy"
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # nobody can import it
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


class Compiling:
    """How long kernels were compiled since this was made, because no cached code fitted; ends as a context."""

    def __init__(self, tell: Callable[[], None]) -> None:
        class Listener(numba_event.TimingListener):  # type: ignore[misc]  # numba ships no types
            def on_start(self, event: object) -> None:
                if not (self.done or self._depth):
                    tell()
                super().on_start(event)

        self._listener = Listener()
        numba_event.register("numba:compile", self._listener)

    @property
    def seconds(self) -> float:
        """Seconds until now, of what has been compiled whole."""
        return float(self._listener.duration) if self._listener.done else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Listen no more."""
        numba_event.unregister("numba:compile", self._listener)


def on_first_compile(tell: Callable[[], None]) -> Compiling:
    """Call ``tell`` once, when a kernel is about to be compiled because no cached code fits; it is measured, too."""
    return Compiling(tell)


@leaf
def mix64(z: Any) -> Any:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): every input bit moves every output bit."""
    z = np.uint64(z)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@leaf
def uniform(seed: Any, event: Any, member: Any) -> float:
    """A number in [0, 1) that belongs to (seed, event, member), whatever was drawn before."""
    z = mix64(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = mix64(z ^ (np.uint64(event) * np.uint64(0xD1B54A32D192ED03)))
    z = mix64(z + np.uint64(member) * np.uint64(0x9E3779B97F4A7C15))
    return float(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)
