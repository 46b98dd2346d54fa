"""The sampler that a configuration asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError
from streamimb.near import hint
from streamimb.rebalance.base import Sampler
from streamimb.rebalance.borderline import BorderlineSmote
from streamimb.rebalance.clean import Clean
from streamimb.rebalance.per_class import PerClassSampler
from streamimb.rebalance.smote import Smote
from streamimb.rebalance.strategy import Strategy, check_features
from streamimb.rebalance.undersample import Undersample
from streamimb.schema import Schema


def make_sampler(schema: Schema, config: SamplesConfig, seed: int = 1) -> Sampler | None:
    """The configured strategies in a row (clean, undersample, SMOTE), or None where there is none.

    Raises ConfigError where the configuration names classes or features that the schema does not have, or buffers do
    not fit into memory.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> config = SamplesConfig(majority="undersample", classes={"fraud": {"minority": "smote", "clean": True}})
    >>> [stage.name for stage in make_sampler(schema, config).stages]
    ['clean', 'undersample', 'smote']
    >>> make_sampler(schema, SamplesConfig()) is None
    True
    """
    check_features(schema, config)
    for name in config.classes:
        if name not in schema.class_names:
            raise ConfigError(f"samples.classes: no class is called {name!r} {hint(name, schema.class_names)}")
    clean, thinned = _having(schema, config, "clean", True), _having(schema, config, "majority", "undersample")
    plain, borderline = (_having(schema, config, "minority", name) for name in ("smote", "borderline_smote"))
    stages: list[Strategy] = []
    if clean.any():
        stages.append(Clean(schema, config, seed=seed, classes=clean))
    if thinned.any():
        stages.append(Undersample(schema, config, seed=seed, classes=thinned))
    if plain.any():
        stages.append(Smote(schema, config, seed=seed, classes=plain | borderline, borderline=borderline))
    elif borderline.any():
        stages.append(BorderlineSmote(schema, config, seed=seed, classes=borderline))
    if len(stages) < 2:
        return stages[0] if stages else None
    return PerClassSampler(stages, schema.n_classes, decay=config.decay)


def _having(schema: Schema, config: SamplesConfig, key: str, wanted: Any) -> NDArray[np.bool_]:
    """The classes for which a key has a value, by themselves or by the default: bool (K,)."""
    chosen = []
    for name in schema.class_names:
        own = getattr(config.classes[name], key) if name in config.classes else None
        chosen.append((getattr(config, key) if own is None else own) == wanted)
    return np.array(chosen, np.bool_)
