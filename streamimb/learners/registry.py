"""Learners by the name that the configuration gives."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError
from streamimb.learners.base import Learner
from streamimb.near import meant
from streamimb.schema import Schema

#: The compiled learners, a blend of any apart: where each is, since only the one that is asked for is imported.
COMPILED: Final = {
    "linear": ("streamimb.learners.linear", "LinearClassifier"),
    "tree": ("streamimb.learners.tree", "HoeffdingTreeClassifier"),
    "forest": ("streamimb.learners.forest", "ForestClassifier"),
}


def make_learner(schema: Schema, config: LearnerConfig) -> Learner:
    """The learner that a configuration names, for streams of the given schema. Raises ConfigError, LearnerError.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> type(make_learner(schema, LearnerConfig(model="linear"))).__name__
    'LinearClassifier'
    """
    if config.model == "blend":
        from streamimb.learners.blend import BlendClassifier

        return BlendClassifier(schema, make_learner, seed=config.seed, threads=config.threads, **config.parameters)
    if config.model in COMPILED:
        module, name = COMPILED[config.model]
        make: Callable[..., Learner] = getattr(import_module(module), name)
        threads = {"threads": config.threads} if config.model == "forest" else {}
        return make(schema, seed=config.seed, **threads, **config.parameters)
    if config.model.startswith("river."):
        from streamimb.learners.river import RiverClassifier  # river takes a second to import

        return RiverClassifier(schema, model=config.model, parameters=config.parameters, seed=config.seed)
    raise ConfigError(f"learner.model: unknown model {config.model!r}{meant(config.model, list_models())}")


def list_models() -> list[str]:
    """Every name that :func:`make_learner` takes: the compiled learners, then river's classifiers."""
    from streamimb.learners.river_models import river_models

    return [*COMPILED, "blend", *river_models()]
