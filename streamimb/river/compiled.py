"""The compiled learners as river estimators: features and classes may appear later."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from river import base

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError
from streamimb.learners.base import LEARN, PREDICT, Learner, Tape
from streamimb.learners.registry import make_learner
from streamimb.schema import CATEGORY_CODE_MAX, NUMBER_ABS_MAX, Feature, Label, Schema
from streamimb.text import Text

if TYPE_CHECKING:
    import pandas as pd

#: Events that are kept, to be learned again where a feature or a class appears.
REMEMBERED_EVENTS: Final = 500
#: Features beyond these are ignored.
FEATURES_MAX: Final = 1_000


class CompiledClassifier(base.MiniBatchClassifier):  # type: ignore[misc]  # river's types are not followed
    """A compiled learner of streamimb by its name, for river.

    Numbers are numeric features, booleans boolean ones, text categorical ones; what is missing or not finite is
    missing. A feature keeps the type that it had at first; where a feature or a class appears, the learner is made
    anew and taught the last REMEMBERED_EVENTS again.

    Parameters
    ----------
    learner
        The learner's name, as in ``learner.model``: ``linear`` and the other compiled ones.
    parameters
        The learner's parameters.
    seed
        The learner's seed.

    Raises ConfigError for a learner or a parameter that is not known.

    Examples
    --------
    >>> from streamimb.kernel import uniform
    >>> model = CompiledClassifier("linear")
    >>> hits = 0
    >>> for i in range(1000):
    ...     x = {"a": uniform(1, i, 0), "b": uniform(1, i, 1)}
    ...     y = x["a"] > x["b"]
    ...     hits += model.predict_one(x) == y
    ...     model.learn_one(x, y)
    >>> bool(hits > 850)
    True

    """

    def __init__(self, learner: str = "linear", parameters: dict[str, Any] | None = None, seed: int = 1) -> None:
        self.learner = learner
        self.parameters = parameters
        self.seed = seed
        if learner.startswith("river."):
            raise ConfigError(f"learner: {learner!r} is river's own: use it as it is")
        self._features: dict[Hashable, Feature] = {}
        self._labels: list[Hashable] = []
        self._codes: dict[Hashable, int] = {}
        self._seen = 0
        self._recent: deque[tuple[dict[Hashable, Any], int]] = deque(maxlen=REMEMBERED_EVENTS)
        self._learner: Learner | None = None
        self._made([Feature(name="x")], ("a", "b"))  # what is wrong with the parameters is told now

    @property
    def _multiclass(self) -> bool:
        return True

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"learner": "linear"}

    def _made(self, features: list[Feature], classes: tuple[str, ...]) -> Learner:
        schema = Schema(features=tuple(features), label=Label(classes=classes))
        config = LearnerConfig(model=self.learner, parameters=self.parameters or {}, seed=self.seed)
        return make_learner(schema, config)

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn an event: its features and its class."""
        self._learn([dict(x)], [y])

    def learn_many(self, X: pd.DataFrame, y: pd.Series) -> None:
        """Learn a frame of events in order, as ``learn_one`` would one by one."""
        self._learn(X.to_dict("records"), list(y))

    def _learn(self, rows: list[dict[Any, Any]], labels: list[Any]) -> None:
        for x, y in zip(rows, labels, strict=True):
            if self._is_new(x, y):
                self._grow(x, y)
            code = self._codes[y]
            self._recent.append((x, code))
            if self._learner is not None:
                self._run(LEARN, [x], [code], self._seen)
            self._seen += 1

    def _is_new(self, x: dict[Any, Any], y: Any) -> bool:
        if y not in self._codes:
            return True
        return len(self._features) < FEATURES_MAX and any(k not in self._features for k, v in x.items() if _known(v))

    def _grow(self, x: dict[Any, Any], y: Any) -> None:
        """Take in a new class and new features, in an order that is no accident of the dict."""
        if y not in self._codes:
            self._codes[y] = len(self._labels)
            self._labels.append(y)
        for name in sorted((k for k, v in x.items() if k not in self._features and _known(v)), key=repr):
            if len(self._features) < FEATURES_MAX:
                self._features[name] = Feature(name=f"x{len(self._features)}", type=_type(x[name]))
        if not self._features:
            return
        classes = tuple(str(i) for i in range(max(len(self._labels), 2)))
        self._learner = self._made(list(self._features.values()), classes)
        if self._recent:
            again = list(self._recent)
            self._run(LEARN, [row for row, _ in again], [code for _, code in again], self._seen - len(again))

    def _run(self, kind: int, rows: list[dict[Any, Any]], codes: list[int], first: int) -> NDArray[np.float64]:
        assert self._learner is not None
        X = np.array([self._encoded(row) for row in rows], np.float32)
        weights = np.ones(max(len(self._labels), 2))
        return self._learner.run(X, np.array(codes, np.int16), Tape.only(kind, len(rows), first), weights)

    def _encoded(self, x: dict[Any, Any]) -> list[float]:
        return [_code(feature, x.get(name)) for name, feature in self._features.items()]

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        """Probabilities of the classes seen so far."""
        return self._probabilities([x])[0]

    def _probabilities(self, rows: list[dict[Any, Any]]) -> list[dict[Any, float]]:
        if self._learner is None or len(self._labels) < 2:
            return [dict.fromkeys(self._labels, 1.0) for _ in rows]
        P = self._run(PREDICT, rows, [0] * len(rows), self._seen)
        return [dict(zip(self._labels, p, strict=True)) for p in P.tolist()]

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """Probabilities of a frame of events, a column a class."""
        import pandas as pd

        return pd.DataFrame(self._probabilities(X.to_dict("records")), index=X.index, columns=self._labels)


def _known(value: Any) -> bool:
    """Whether a value is there: text, or a number that is finite."""
    if value is None:
        return False
    return isinstance(value, str) or math.isfinite(float(value))


def _type(value: Any) -> Any:
    if isinstance(value, str):
        return "categorical"
    return "boolean" if isinstance(value, bool | np.bool_) else "numeric"


def _code(feature: Feature, value: Any) -> float:
    """A value as the learner takes it; NaN where it is missing or of another type than the feature."""
    if not _known(value) or isinstance(value, str) != (feature.type == "categorical"):
        return math.nan
    if isinstance(value, str):
        return float(Text.of([value]).hashes()[0] % np.uint64(CATEGORY_CODE_MAX))
    return min(max(float(value), -NUMBER_ABS_MAX), NUMBER_ABS_MAX)
