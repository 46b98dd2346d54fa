"""A compiled linear classifier for streams: logistic for two classes, multinomial for more."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from streamimb.errors import ConfigError, LearnerError, StateError
from streamimb.learners import linear_kernels as kernels
from streamimb.learners.base import State, Tape
from streamimb.learners.linear_growth import move_slots, widened
from streamimb.learners.linear_parts import linear_parts
from streamimb.learners.parameters import explain
from streamimb.schema import Schema, Strict

#: Weights of all slots and classes together: bounds the memory at 16 bytes each.
WEIGHTS_MAX: Final = 1 << 24
#: Pairs grow with the square of the features: more are not crossed.
CROSSED_FEATURES_MAX: Final = 16


class LinearParameters(Strict):
    """Parameters of :class:`LinearClassifier`."""

    #: Step of the updates.
    rate: Annotated[float, Field(gt=0, le=10)] = 0.3
    #: Lessons after which a weight's step size has forgotten most, times the largest class weight (so that with
    #: inverse-frequency weights of K classes it holds horizon / K lessons of the rarest class).
    horizon: Annotated[float, Field(ge=10, le=1e9)] = 500.0
    #: Hat functions for each numeric feature, so that curved effects can be fitted (0: none).
    bins: Annotated[int, Field(ge=0, le=64)] = 12
    #: Parts of a numeric feature's range that are crossed with those of every other feature, so that effects of two
    #: together can be fitted (0: none; none without bins or beyond 16 features).
    crosses: Annotated[int, Field(ge=0, lt=kernels.CELLS_MAX)] = 4
    #: Values after which a feature's scale has forgotten most.
    scale_horizon: Annotated[float, Field(ge=10, le=1e9)] = 10_000.0
    #: Bound of a standardised value.
    clip: Annotated[float, Field(gt=0, le=100)] = 5.0
    #: Share of a weight that a step of rate 1 takes away (L2).
    shrink: Annotated[float, Field(ge=0, lt=0.1)] = 1e-4
    #: Squared gradients that each weight counts as seen, so that weights stop growing where classes are told apart
    #: perfectly, and can turn round.
    damping: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    #: The focal loss's gamma (0: log-loss).
    focal: Annotated[float, Field(ge=0, le=10)] = 0.0
    #: Weights shared by all categories that the schema does not list.
    slots: Annotated[int, Field(ge=16, le=1 << 22)] = 1 << 16


class LinearClassifier:
    """Learns numeric, boolean and categorical features, any of which may be missing.

    Raises ConfigError for a parameter that is unknown or out of bounds, LearnerError where the weights would not fit
    into memory.

    >>> from streamimb.learners.base import LEARN, PREDICT
    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> linear = LinearClassifier(schema)
    >>> X = np.arange(400, dtype=np.float32)[:, None] % 20
    >>> y = (X[:, 0] > 14).astype(np.int16)
    >>> linear.run(X, y, Tape.only(LEARN, 400), np.ones(2)).shape
    (0, 2)
    >>> linear.run(X[[0, 19]], y[:2], Tape.only(PREDICT, 2), np.ones(2))[:, 1].round(2).tolist()
    [0.01, 0.95]
    """

    def __init__(self, schema: Schema, *, seed: int = 1, **parameters: Any) -> None:
        self.schema = schema
        self.seed, self._n_classes = seed, schema.n_classes
        self.notes: list[str] = []
        try:
            self.parameters = LinearParameters(**parameters)
        except ValidationError as error:
            raise ConfigError(explain(error, LinearParameters, "learner.parameters")) from None
        self._layout, self._slots = _lay_out(schema, self.parameters)
        self._params = _pack(self.parameters)
        if self.parameters.bins and self.parameters.crosses and len(schema.features) <= CROSSED_FEATURES_MAX:
            numeric = all(f.type != "categorical" for f in schema.features)
            side = self.parameters.crosses + 1 if numeric else kernels.CELLS_MAX
            self._params[kernels.CROSSES] = self.parameters.crosses
            self._params[[kernels.CROSS_BASE, kernels.CELLS]] = self._slots, side
            self._slots += math.comb(len(schema.features), 2) * side**2
        self.reset("start")

    def reset(self, cause: str) -> None:  # noqa: ARG002
        """Forget all that was learned, scales included."""
        d = len(self._layout)
        columns = 1 if self.schema.n_classes == 2 else self.schema.n_classes
        if self._slots * columns > WEIGHTS_MAX:
            raise LearnerError(
                f"linear: {self._slots} slots for {columns} classes are over {WEIGHTS_MAX} weights: lower slots"
            )
        self._arrays = {
            "table": np.zeros((self._slots, 2 * columns)),
            "stats": np.zeros((d, kernels.STATS_COLUMNS)),
            "recent": np.zeros((d, kernels.RECENT_VALUES)),
            "knots": np.zeros((d, 2 * self.parameters.bins)),
        }

    def run(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        out = np.empty((len(tape) - int(np.count_nonzero(tape.kinds)), self._n_classes))
        a = self._arrays
        kernels.run_tape(
            _plain(X),
            _plain(y),
            _plain(tape.rows),
            _plain(tape.kinds),
            _plain(tape.lesson_weights(y, weights)),
            float(weights.max()),
            self._layout,
            self._params,
            a["table"],
            a["stats"],
            a["recent"],
            a["knots"],
            out,
        )
        return out

    def split(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the classes' margins, float64 (n, d + 1, K), the bias last; X: (n, d)."""
        out, a = np.zeros((len(X), X.shape[1] + 1, self.schema.n_classes)), self._arrays
        linear_parts(_plain(X), self._layout, self._params, a["table"], a["stats"], a["knots"], out)
        return out

    def take_over(self, older: LinearClassifier, lessons: int) -> None:
        """Go on from a learner of the first of these features and classes, ``lessons`` lessons old.

        Rows without the new features get the older one's answers, unless features are crossed no more.
        Raises ValueError where the parameters are others or the older one has features or classes that this has not.
        """
        d, k = len(older.schema.features), older.schema.n_classes
        if (
            older.parameters != self.parameters
            or older.schema.features != self.schema.features[:d]
            or k > self._n_classes
        ):
            raise ValueError("linear: the older learner is none of the first of these features and classes")
        mine, before = self._arrays, older._arrays
        columns = before["table"].shape[1] // 2
        table = widened(before["table"], columns, self._n_classes, lessons)
        move_slots(table, mine["table"], (older._layout, self._layout), (older._params, self._params))
        for name in ("stats", "recent", "knots"):
            mine[name][:d] = before[name]

    def state(self) -> State:
        return {name: array.copy() for name, array in self._arrays.items()}

    def restore(self, state: State) -> None:
        for name, array in self._arrays.items():
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != array.shape or saved.dtype != array.dtype:
                raise StateError(f"linear: the saved {name} does not fit a learner of this schema and these parameters")
            if not np.isfinite(saved).all():
                raise StateError(f"linear: the saved {name} holds values that are not finite")
        self._arrays = {name: np.ascontiguousarray(state[name]).copy() for name in self._arrays}


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous and writable: a kernel is compiled again for any other kind of array."""
    return array if array.flags.carray else np.array(array, order="C")


def _lay_out(schema: Schema, parameters: LinearParameters) -> tuple[NDArray[np.int64], int]:
    """Where each feature's weights are, and the number of slots; slot 0 is the bias."""
    layout = np.zeros((len(schema.features), kernels.LAYOUT_COLUMNS), np.int64)
    slot = 1
    hashed = []
    for j, feature in enumerate(schema.features):
        if feature.type != "categorical":
            layout[j] = kernels.NUMERIC, slot, slot + 2, parameters.bins
            slot += 2 + parameters.bins
        elif feature.categories is not None:
            layout[j] = kernels.LISTED, slot, slot + 1, len(feature.categories)
            slot += 1 + len(feature.categories)
        else:
            layout[j] = kernels.HASHED, slot, 0, parameters.slots
            slot += 1
            hashed.append(j)
    layout[hashed, kernels.BASE] = slot
    return layout, slot + (parameters.slots if hashed else 0)


def _pack(parameters: LinearParameters) -> NDArray[np.float64]:
    params = np.zeros(kernels.N_PARAMS)
    params[kernels.RATE] = parameters.rate
    params[kernels.FORGET] = 1.0 / parameters.horizon
    params[kernels.SHRINK] = parameters.shrink
    params[kernels.CLIP] = parameters.clip
    params[kernels.GAMMA] = parameters.focal
    params[kernels.SCALE_RATE] = 1.0 / parameters.scale_horizon
    params[kernels.DAMPING] = parameters.damping
    params[kernels.BINS] = parameters.bins
    return params
