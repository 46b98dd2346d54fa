"""River's dicts as rows of arrays and back, for samplers, which compare events feature by feature."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError
from streamimb.learners.parameters import explain
from streamimb.near import hint
from streamimb.rebalance.strategy import check_bounds
from streamimb.river.values import checked_event, code_of, is_known, is_value, type_of
from streamimb.schema import Feature

#: Features beyond these are not compared; a synthetic event is without them.
FEATURES_MAX: Final = 1_000
#: Texts of categories that are remembered, those read last; a synthetic event is without one that is not.
TEXTS_MAX: Final = 100_000
#: New features wait until so large a share of the events came since a sampler was made, ...
WAIT_SHARE: Final = 0.25
#: ... and no longer than so many.
WAIT_MAX: Final = 20_000


class Columns:
    """Features in order of appearance, each of the type of its first value; what is of another type is missing.

    >>> columns = Columns()
    >>> columns.take({"amount": 20, "shop": "toys", "new": True})
    >>> row = columns.encoded({"amount": 21.5, "shop": "toys"}, 3)
    >>> columns.decoded(row)
    {'amount': 21.5, 'shop': 'toys'}
    """

    def __init__(self) -> None:
        self._features: dict[Hashable, Feature] = {}
        self._texts: dict[tuple[Hashable, float], str] = {}

    def __len__(self) -> int:
        return len(self._features)

    @property
    def features(self) -> tuple[Feature, ...]:
        """As a schema has them, by names of their own: ``x0`` and so on."""
        return tuple(self._features.values())

    def take(self, x: Mapping[Hashable, Any]) -> None:
        """Take in an event's features, new ones in an order that is no accident of the dict, and its texts."""
        new = [k for k, v in checked_event(x).items() if k not in self._features and is_value(v) and is_known(v)]
        for name in sorted(new, key=repr)[: FEATURES_MAX - len(self)]:
            self._features[name] = Feature(name=f"x{len(self)}", type=type_of(x[name]))
        for name, value in x.items():
            if isinstance(value, str) and name in self._features:
                key = name, float(np.float32(code_of(self._features[name], value)))
                self._texts.pop(key, None)
                self._texts[key] = value
                if len(self._texts) > TEXTS_MAX:
                    del self._texts[next(iter(self._texts))]

    def take_back(self, known: int) -> None:
        """Know the first so many features alone; a text stays, since it says no more than what its code stands for."""
        while len(self) > known:
            self._features.popitem()

    def encoded(self, x: Mapping[Hashable, Any], width: int) -> NDArray[np.float32]:
        """The first ``width`` features of an event, float32 (1, width), NaN where missing."""
        row = np.full((1, max(width, 1)), np.nan, np.float32)
        for j, (name, feature) in enumerate(list(self._features.items())[:width]):
            value = x.get(name)
            row[0, j] = code_of(feature, value) if is_value(value) else np.nan
        return row

    def decoded(self, row: NDArray[np.float32]) -> dict[Any, Any]:
        """The dict of a row, float32 (1, width) or (width,), without what is missing."""
        x: dict[Any, Any] = {}
        for (name, feature), value in zip(self._features.items(), row.ravel().tolist(), strict=False):
            if feature.type == "categorical":
                if (text := self._texts.get((name, value))) is not None:
                    x[name] = text
            elif value == value:  # not NaN
                x[name] = value >= 0.5 if feature.type == "boolean" else value
        return x

    def is_due(self, width: int, made_at: int, seen: int) -> bool:
        """Whether a sampler of ``width`` features, made after ``made_at`` events, gives way to one of all of them."""
        return len(self) > width and seen - made_at >= min(WAIT_SHARE * seen, WAIT_MAX)

    def named(self, config: SamplesConfig) -> SamplesConfig:
        """The configuration with features by their names here; those that have not appeared are left out."""
        fixed = [self._features[name].name for name in config.fixed if name in self._features]
        numeric = {k: f for k, f in self._features.items() if f.type == "numeric"}
        bounds = {numeric[name].name: pair for name, pair in config.bounds.items() if name in numeric}
        return config.model_copy(update={"fixed": tuple(fixed), "bounds": bounds})

    def missing(self, config: SamplesConfig) -> str:
        """What is wrong where the configuration names a feature that has not appeared; else empty."""
        numeric = [str(k) for k, f in self._features.items() if f.type == "numeric"]
        for key, wanted, known in (
            ("fixed", config.fixed, list(map(str, self._features))),
            ("bounds", config.bounds, numeric),
        ):
            for name in wanted:
                if name not in known:
                    kind = "numeric feature" if key == "bounds" else "feature"
                    return f"samples.{key}: no {kind} is called {name!r} {hint(name, known)}"
        return ""


def checked_samples(samples: Any) -> SamplesConfig | None:
    """What is asked for, as in the table ``[samples]`` of a configuration; None where nothing is.

    Raises ConfigError where a key or a value is not known, no strategy is named, or classes are: those come later.

    >>> checked_samples({"minority": "smote"}).minority
    'smote'
    """
    if samples is None:
        return None
    if not isinstance(samples, Mapping):
        raise ConfigError(f"samples: {samples!r}: strategies by what they do are wanted, as {{'minority': 'smote'}}")
    try:
        config = SamplesConfig.model_validate(dict(samples))
    except ValidationError as error:
        raise ConfigError(explain(error, SamplesConfig, "samples")) from None
    check_bounds(config)
    if config.classes:
        raise ConfigError("samples.classes: for streamimb.Pipeline only, which knows its classes from the start")
    if (config.minority, config.majority, config.clean) == ("none", "none", False):
        raise ConfigError("samples: neither minority, majority nor clean asks for anything: leave samples out")
    return config
