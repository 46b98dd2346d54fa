"""River's classes by dotted path, and models built from plain tables of parameters."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from typing import Any

import river
from river import base, compose, preprocessing

from streamimb.errors import ConfigError
from streamimb.near import meant

#: Packages that hold no classifier, and read files or the network when imported.
SKIPPED = frozenset({"api", "checks", "datasets", "stream", "time_series", "bandit", "reco"})


@functools.cache
def river_models() -> tuple[str, ...]:
    """Dotted paths of river's classifiers, in order, the pipeline included."""
    found = {"river.compose.Pipeline"}
    for info in pkgutil.iter_modules(river.__path__):
        if info.name in SKIPPED or info.name.startswith("_"):
            continue
        module = importlib.import_module(f"river.{info.name}")
        for name in getattr(module, "__all__", ()):
            member = getattr(module, name, None)
            if inspect.isclass(member) and issubclass(member, base.Classifier) and not inspect.isabstract(member):
                found.add(f"river.{info.name}.{name}")
    return tuple(sorted(found))


def build(spec: dict[str, Any], seed: int, where: str) -> Any:
    """A model from ``{model, parameters}``. Raises ConfigError, naming the nearest that exists.

    >>> build({"model": "river.tree.HoeffdingTreeClassifier", "parameters": {"grace_period": 50}}, 1, "x").grace_period
    50
    """
    path, parameters = spec["model"], dict(spec.get("parameters", {}))
    cls = _find(path, f"{where}.model", classifier=where == "learner")
    if cls is compose.Pipeline:
        steps = parameters.pop("steps", None)
        if not isinstance(steps, list) or not steps or parameters:
            raise ConfigError(
                f"{where}.parameters: a pipeline takes steps, a list of {{model, parameters}}, and no more"
            )
        return compose.Pipeline(*[_nested(s, seed, f"{where}.parameters.steps.{i}") for i, s in enumerate(steps)])
    known = inspect.signature(cls.__init__).parameters
    for key, value in parameters.items():
        if key not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            raise ConfigError(f"{where}.parameters.{key}: {path} has no such parameter{meant(key, known)}")
        parameters[key] = _nested(value, seed, f"{where}.parameters.{key}")
    if "seed" in known:
        parameters.setdefault("seed", seed)
    try:
        return cls(**parameters)
    except Exception as error:  # constructors check their arguments in their own ways
        raise ConfigError(f"{where}.parameters: {path} refuses them: {error}") from error


def scaled(model: Any, *, categorical: bool) -> Any:
    """The model behind a StandardScaler for numbers and, where there is text, a OneHotEncoder."""
    scaler = preprocessing.StandardScaler()
    if not categorical:
        return scaler | model
    return (
        (compose.SelectType((int, float)) | scaler) + (compose.SelectType(str) | preprocessing.OneHotEncoder())
    ) | model


def has_probabilities(model: Any) -> bool:
    """Whether a model (a pipeline: its last step) predicts more than a class."""
    last = list(model.steps.values())[-1] if isinstance(model, compose.Pipeline) else model
    method = getattr(type(last), "predict_proba_one", None)
    return method is not None and method is not base.Classifier.predict_proba_one


def _nested(value: Any, seed: int, where: str) -> Any:
    if isinstance(value, dict) and str(value.get("model", "")).startswith("river."):
        if set(value) - {"model", "parameters"}:
            raise ConfigError(f"{where}: a nested model has model and parameters, and no more")
        return build(value, seed, where)
    if isinstance(value, list):
        return [_nested(v, seed, f"{where}.{i}") for i, v in enumerate(value)]
    return value


def _find(path: str, where: str, *, classifier: bool) -> Any:
    package, _, name = path.rpartition(".")
    found = None
    if package.startswith("river.") and all(part.isidentifier() for part in path.split(".")):
        try:
            found = getattr(importlib.import_module(package), name, None)
        except ImportError:
            found = None
    if not inspect.isclass(found) or not str(found.__module__).startswith("river."):
        raise ConfigError(f"{where}: river has no {path!r}{meant(path, river_models())}")
    if inspect.isabstract(found):
        raise ConfigError(f"{where}: {path} is abstract{meant(path, river_models())}")
    if classifier and found is not compose.Pipeline and not issubclass(found, base.Classifier):
        raise ConfigError(f"{where}: {path} is no classifier{meant(path, river_models())}")
    return found
