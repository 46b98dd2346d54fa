"""River models as bytes: the only place where pickle is used, and an unpickler that admits named classes only.

A checkpoint is a file that others may write to. So loading admits river's own model classes and the few containers,
generators and array parts that river's models consist of; whatever else a pickle names is refused, and so is every
way of reaching it through what is admitted.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import LearnerError, StateError

PROTOCOL: Final = 5
BYTES_MAX: Final = 1 << 31

#: River's packages whose classes may be in a model; those that reach files or the network are not among them.
RIVER_PACKAGES: Final = frozenset(
    {
        "_river_rust",
        "active",
        "anomaly",
        "base",
        "cluster",
        "compose",
        "covariance",
        "drift",
        "dummy",
        "ensemble",
        "facto",
        "feature_extraction",
        "feature_selection",
        "forest",
        "imblearn",
        "linear_model",
        "metrics",
        "misc",
        "model_selection",
        "multiclass",
        "multioutput",
        "naive_bayes",
        "neighbors",
        "neural_net",
        "optim",
        "preprocessing",
        "proba",
        "rules",
        "sketch",
        "stats",
        "tree",
        "utils",
    }
)

ADMITTED: Final[Mapping[str, frozenset[str]]] = {
    "builtins": frozenset(
        {
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
        }
    ),
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "copy": frozenset({"deepcopy"}),
    "copyreg": frozenset({"_reconstructor"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "functools": frozenset({"partial"}),
    "numpy": frozenset({"dtype", "ndarray"}),
    "numpy._core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy._core.numeric": frozenset({"_frombuffer"}),
    "numpy.core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy.core.numeric": frozenset({"_frombuffer"}),
    "numpy.random._mt19937": frozenset({"MT19937"}),
    "numpy.random._pcg64": frozenset({"PCG64"}),
    "numpy.random._pickle": frozenset({"__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"}),
    "numpy.random.bit_generator": frozenset({"SeedSequence", "__pyx_unpickle_SeedSequence"}),
    "random": frozenset({"Random"}),
}


def to_bytes(model: object) -> NDArray[np.uint8]:
    """A model as bytes, uint8 (n,). Raises LearnerError where it cannot be saved."""
    try:
        data = pickle.dumps(model, protocol=PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise LearnerError(f"{type(model).__name__} cannot be saved: {error}") from error
    return np.frombuffer(data, np.uint8).copy()


def from_bytes(data: NDArray[np.uint8]) -> Any:
    """The model that :func:`to_bytes` saved. Raises StateError for a pickle that is broken or names what it may not."""
    if len(data) > BYTES_MAX:
        raise StateError(f"the saved model has {len(data)} bytes, over {BYTES_MAX}")
    try:
        return _Unpickler(io.BytesIO(data.tobytes())).load()
    except StateError:
        raise
    except Exception as error:  # a rotten pickle raises whatever its bytes happen to spell
        raise StateError(f"the saved model cannot be read: {type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "builtins" and name == "getattr":
            return _member
        if name in ADMITTED.get(module, ()):
            return super().find_class(module, name)
        if _is_river(module) and not any(part.startswith("__") for part in name.split(".")):
            found = super().find_class(module, name)
            # a module also holds what it imported: only what river defined itself may pass
            if _is_river(getattr(found, "__module__", None)) and _is_part(found):
                return found
        raise StateError(f"the saved model names {module}.{name}, which is not admitted")


def _is_river(module: object) -> bool:
    parts = module.split(".") if isinstance(module, str) else []
    return len(parts) > 1 and parts[0] == "river" and parts[1] in RIVER_PACKAGES


def _is_part(found: object) -> bool:
    """Whether it is a class, a function private to one (a factory of defaults), or compiled."""
    if isinstance(found, FunctionType):
        return "." in found.__qualname__ and "<" not in found.__qualname__
    return isinstance(found, type) or type(found).__name__ == "builtin_function_or_method"


def _member(owner: object, name: str) -> Any:
    """What a pickle gets for ``getattr``: public or private methods of river's own objects."""
    kind = owner if isinstance(owner, type) else type(owner)
    if not _is_river(kind.__module__) or name.startswith("__"):
        raise StateError(f"the saved model reaches for {kind.__name__}.{name}, which is not admitted")
    return getattr(owner, name)
