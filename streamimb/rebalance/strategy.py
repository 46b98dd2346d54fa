"""What the sample strategies share: checks of what goes in, the count of what comes out, and their state."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError, StateError
from streamimb.kernel import Array
from streamimb.near import hint, listed
from streamimb.rebalance import buffers
from streamimb.rebalance.base import Sampled, State
from streamimb.rebalance.buffers import Rings
from streamimb.rebalance.features import NUMERIC, Features, features_of
from streamimb.rebalance.sizes import per_lesson, tally
from streamimb.schema import Schema

#: Seeds are used up to here.
SEED_MAX: Final = (1 << 63) - 1
#: Arrays of the state that hold features' values, which may be missing.
_MAY_MISS: Final = ("values", "centres")


class Strategy(abc.ABC):
    """A sampler whose whole state is arrays; ``classes``: bool (K,), those that it acts on, or None for all.

    Raises ConfigError where the configuration names features that the schema does not have, or buffers do not fit.

    >>> from streamimb.schema import Feature, Label
    >>> class Halve(Strategy):
    ...     '''Leaves out every other event of the stream.'''
    ...
    ...     name = "halve"
    ...
    ...     def _sample(self, X, y, events, weights):
    ...         return weighed(X, y, events, np.where(events % 2, -1.0, weights))
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> halve = Halve(schema, SamplesConfig())
    >>> rows = halve.sample(np.ones((4, 1), np.float32), np.array([0, 0, 1, 0], np.int16), np.arange(4), np.ones(4))
    >>> rows.y, rows.origin, halve.trained.round(2)
    (array([0, 1], dtype=int16), array([0, 2]), array([0.25, 0.25]))
    """

    name: str

    def __init__(
        self, schema: Schema, config: SamplesConfig, *, seed: int = 1, classes: NDArray[np.bool_] | None = None
    ) -> None:
        check_features(schema, config)
        self.schema, self.config = schema, config
        self.classes = np.ones(schema.n_classes, np.bool_) if classes is None else classes.copy()
        self._seed = (seed ^ (sum(self.name.encode()) << 32)) & SEED_MAX  # strategies with one seed draw apart
        self._features: Features = features_of(schema, config.fixed, config.bounds)
        self._trained = np.zeros(schema.n_classes)
        self._lessons = np.zeros(1)
        self._arrays: dict[str, Array] = {
            "scales": self._features.scales,
            "trained": self._trained,
            "lessons": self._lessons,
        }
        self._rings: Rings | None = None

    def sample(
        self, X: NDArray[np.float32], y: NDArray[np.int16], events: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Sampled:
        check_lessons(X, y, events, weights, self.schema)
        sampled = self._sample(*(_plain(a) for a in (X, y, events, weights)))
        tally(sampled.y, sampled.weights, sampled.origin, len(y), self.config.decay, self._trained, self._lessons)
        return sampled

    def forget(self, before: int | None = None) -> None:
        if self._rings is not None:
            buffers.forget(self._rings, before)

    def reversal(self) -> Callable[[], None]:
        rings = self._rings
        whole = {
            name: array.copy() for name, array in self._arrays.items() if rings is None or name not in Rings._fields
        }
        held = None if rings is None else buffers.overwritten(rings)

        def take_back() -> None:
            for name, array in whole.items():
                self._arrays[name][:] = array
            if rings is not None and held is not None:
                buffers.put_back(rings, held)

        return take_back

    @property
    def trained(self) -> NDArray[np.float64]:
        return per_lesson(self._trained, self._lessons)

    def state(self) -> State:
        return {"name": self.name, **{name: array.copy() for name, array in self._arrays.items()}}

    def restore(self, state: State) -> None:
        if state.get("name") != self.name:
            raise StateError(f"{self.name}: the state is one of {state.get('name')!r}")
        for name, array in self._arrays.items():
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != array.shape or saved.dtype != array.dtype:
                raise StateError(f"{self.name}: the saved {name} does not fit a sampler of this schema and these sizes")
            if np.isinf(saved).any() or (name not in _MAY_MISS and np.isnan(saved).any()):
                raise StateError(f"{self.name}: the saved {name} holds values that are not finite")
        if self._rings is not None and not buffers.possible(state, self._rings):
            raise StateError(f"{self.name}: the saved buffers are not possible")
        for name, array in self._arrays.items():
            array[:] = state[name]

    def _hold(self, rings: Rings) -> Rings:
        """Make rings a part of the state."""
        self._rings = rings
        self._arrays |= rings._asdict()
        return rings

    @abc.abstractmethod
    def _sample(self, X: Array, y: Array, events: Array, weights: Array) -> Sampled:
        """The rows for lessons that have been checked."""


def weighed(X: Array, y: Array, events: Array, weights: Array) -> Sampled:
    """The lessons themselves with new weights; those of a weight below 0 are left out."""
    origin = np.flatnonzero(weights >= 0).astype(np.int64)
    return Sampled(X[origin], y[origin], weights[origin], origin, np.zeros(len(origin), np.bool_), events[origin])


def check_lessons(X: Array, y: Array, events: Array, weights: Array, schema: Schema) -> None:
    """Raise ValueError where lessons are not what :meth:`Sampler.sample` asks for."""
    m, d = len(y), len(schema.features)
    if X.shape != (m, d) or events.shape != (m,) or weights.shape != (m,):
        raise ValueError(f"{m} lessons of {d} features: X {X.shape}, events {events.shape}, weights {weights.shape}")
    for name, array in (("X", X), ("events", events), ("weights", weights)):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds numbers, not {array.dtype}")
    if m and (y.dtype.kind not in "biu" or not 0 <= y.min() <= y.max() < schema.n_classes):
        raise ValueError(_no_class(y, schema))
    if np.isinf(X).any():
        raise ValueError("a feature is infinite")
    if not np.isfinite(weights).all() or weights.min(initial=0.0) < 0:
        raise ValueError("a weight is negative or not finite")


def _no_class(y: Array, schema: Schema) -> str:
    whole = y.dtype.kind in "biu"
    wrong = (y[(y < 0) | (y >= schema.n_classes)] if whole else y).tolist()[0]
    names = listed(f"{k}: {name}" for k, name in enumerate(schema.class_names))
    return f"y: {wrong!r} is no class: y holds their places in the schema, whole numbers ({names})"


def check_features(schema: Schema, config: SamplesConfig) -> None:
    """Raise ConfigError where ``fixed`` or ``bounds`` name what is no feature, or bound what is no number."""
    names = [f.name for f in schema.features]
    kinds = features_of(schema).kinds
    for name in config.fixed:
        if name not in names:
            raise ConfigError(f"samples.fixed: no feature is called {name!r} {hint(name, names)}")
    for name in config.bounds:
        if name not in names:
            raise ConfigError(f"samples.bounds: no feature is called {name!r} {hint(name, names)}")
        if kinds[names.index(name)] != NUMERIC:
            raise ConfigError(f"samples.bounds.{name}: only a numeric feature has bounds")
    check_bounds(config)


def check_bounds(config: SamplesConfig) -> None:
    """Raise ConfigError where a feature's lowest value is above its highest, or one of them is NaN."""
    for name, (low, high) in config.bounds.items():
        if not low <= high:
            raise ConfigError(f"samples.bounds.{name} = [{low}, {high}]: the first must not be above the second")


def _plain(array: Array) -> Array:
    """Contiguous and writable: a kernel is compiled again for any other kind of array."""
    return array if array.flags.carray else np.array(array, order="C")
