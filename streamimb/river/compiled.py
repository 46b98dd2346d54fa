"""The compiled learners as river estimators: features and classes may appear later."""

from __future__ import annotations

import warnings
from collections import Counter, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from river import base

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError
from streamimb.learners.base import LEARN, Learner, Tape
from streamimb.learners.blend import BlendClassifier
from streamimb.learners.linear import LinearClassifier
from streamimb.learners.registry import make_learner
from streamimb.river.classes import (
    Classes,
    checked_frame,
    checked_labels_of,
    checked_seed,
    checked_weight,
    checked_weights_of,
)
from streamimb.river.values import checked_event, code_of, fits, is_known, is_value, type_of
from streamimb.schema import Feature, Label, Schema

if TYPE_CHECKING:
    import pandas as pd

#: Events that are kept where a learner cannot grow, to be learned again where a feature or a class appears.
REMEMBERED_EVENTS: Final = 5_000
#: A new feature waits until the learner has had so large a share of the remembered events since it was made.
GROWTH_SHARE: Final = 0.25
#: Features beyond these are ignored.
FEATURES_MAX: Final = 1_000
#: After so many values of another type than a feature's, if they are most of its values, a warning tells of it.
OTHER_TYPE_WARN: Final = 100


class CompiledClassifier(base.MiniBatchClassifier):  # type: ignore[misc]  # river's types are not followed
    """A compiled learner of streamimb by its name, for river.

    Numbers are numeric features, booleans boolean ones, text categorical ones; what is missing or not finite, or a
    whole number too large for a float, is missing. A feature keeps the type that it had at first: text in a numeric
    feature is missing, and so is a number in a categorical one, as where a column's first value was ``"?"``.
    ``other_type`` counts them, and a UserWarning tells once of a feature that has more of them than of its own type,
    and at least OTHER_TYPE_WARN. Where a feature or a class appears, ``linear`` grows and
    keeps what it learned (but for its pairs of features, once there are too many to cross). The others are made anew
    and taught the last REMEMBERED_EVENTS again, for a class at once, for features once GROWTH_SHARE as many events
    were learned since the last time, so that features that appear one by one cost a few times the learning at most.

    Parameters
    ----------
    learner
        The learner's name, as in ``learner.model``: ``linear`` and the other compiled ones.
    parameters
        The learner's parameters.
    seed
        The learner's seed: a whole number, never None, for the same seed gives the same result.

    Raises ConfigError for a learner or a parameter that is not known, or one of them of another kind.

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
        if not isinstance(learner, str):
            raise ConfigError(f"learner: {learner!r} is a {type(learner).__name__}: a name is wanted, as 'linear'")
        if parameters is not None and not (isinstance(parameters, Mapping) and all(map(_is_text, parameters))):
            raise ConfigError(f"parameters: {parameters!r}: values by name are wanted, as {{'rate': 0.2}}")
        self.learner = learner
        self.parameters = parameters
        self.seed = checked_seed(seed)
        if learner.startswith("river."):
            raise ConfigError(f"learner: {learner!r} is river's own: use it as it is")
        self._features: dict[Hashable, Feature] = {}
        self._own_type: Counter[Hashable] = Counter()
        self._other_type: Counter[Hashable] = Counter()
        self._warned: set[Hashable] = set()
        self._classes = Classes(binary=False)
        self._seen = self._made_at = 0
        self._learner: Learner | None = None
        self._width = self._learner_classes = 0  # of the learner: the first of the features known, and the classes
        made = self._made([Feature(name="x")], 2)  # what is wrong with the parameters is told now
        #: Lessons after which the learner has forgotten most; None where it does not say so.
        self.horizon = made.parameters.horizon if isinstance(made, LinearClassifier) else None
        self._grows = self.horizon is not None
        self._recent: deque[tuple[NDArray[np.float32], int, float]] = deque(
            maxlen=0 if self._grows else REMEMBERED_EVENTS
        )

    @property
    def _multiclass(self) -> bool:
        return True

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"learner": "linear"}

    @property
    def _labels(self) -> list[Hashable]:
        return self._classes.labels

    def _made(self, features: list[Feature], n_classes: int) -> Learner:
        schema = Schema(features=tuple(features), label=Label(classes=tuple(str(i) for i in range(n_classes))))
        config = LearnerConfig(model=self.learner, parameters=self.parameters or {}, seed=self.seed)
        return make_learner(schema, config)

    def learn_one(self, x: dict[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn an event: its features and its class, with weight ``w``.

        Raises ValueError where the label is missing, not finite or one class too many, or the weight is negative or not
        finite, TypeError where one of them or a feature's value is of another kind, LearnerError where the learner
        would not fit into memory with another class or feature; then nothing has changed.
        """
        weight = checked_weight(w)
        self._learn([x], self._classes.check([y]), [weight])

    def learn_many(self, X: pd.DataFrame, y: pd.Series, w: float | pd.Series = 1.0) -> None:
        """Learn a frame of events in order, as ``learn_one`` would one by one; ``w`` is one weight or one a row.

        Raises what it raises, TypeError where X is no frame, and ValueError where y or w has another length; then
        nothing has changed, but for a LearnerError: the rows before the one that it is about are learned.
        """
        labels = self._classes.check(checked_labels_of(checked_frame(X), y))
        self._learn(X.to_dict("records"), labels, checked_weights_of(X, w))

    def _learn(self, rows: list[dict[Any, Any]], labels: list[Hashable], weights: list[float]) -> None:
        _require_values(rows)
        for x, label, weight in zip(rows, labels, weights, strict=True):
            code = self._room_for(x, label)
            row = np.array(self._encoded(x), np.float32)
            if self._recent.maxlen:
                self._recent.append((row, code, weight))
            if self._learner is not None:
                self._teach(self._learner, row[None, : self._width], [code], self._seen, [weight])
            self._seen += 1
            self._count_types(x)

    def _room_for(self, x: dict[Any, Any], label: Hashable) -> int:
        """Take in an event's features and its class, whose code is returned; let the learner grow where that is due.

        Raises LearnerError where it would not fit into memory; then nothing has changed.
        """
        known, take_back = len(self._features), self._classes.reversal(label)
        try:
            self._take_in(x)
            code = self._classes.take(label)
            if self._is_due():
                self._grow()
        except BaseException:
            take_back()
            while len(self._features) > known:
                self._features.popitem()
            raise
        return code

    def _take_in(self, x: dict[Any, Any]) -> None:
        """Take in new features, in an order that is no accident of the dict."""
        new = [k for k, v in x.items() if k not in self._features and is_known(v)]
        for name in sorted(new, key=repr) if new else []:
            if len(self._features) < FEATURES_MAX:
                self._features[name] = Feature(name=f"x{len(self._features)}", type=type_of(x[name]))

    def _count_types(self, x: dict[Any, Any]) -> None:
        for name, value in x.items():
            if name not in self._features or not is_known(value):
                continue
            if fits(self._features[name], value):
                self._own_type[name] += 1
                continue
            self._other_type[name] += 1
            others = self._other_type[name]
            if others >= OTHER_TYPE_WARN and others > self._own_type[name] and name not in self._warned:
                self._warned.add(name)
                warnings.warn(
                    f"feature {name!r} is {self._features[name].type}, as its first value was: {others:,} values of "
                    f"another type, and {self._own_type[name]:,} of its own; the former count as missing: clean the "
                    "column, or give them another name",
                    stacklevel=4,
                )

    @property
    def other_type(self) -> dict[Hashable, int]:
        """How many values learned of each feature counted as missing for being of another type than the feature."""
        return dict(self._other_type)

    @property
    def _n_classes(self) -> int:
        return max(len(self._labels), 2)

    def _is_due(self) -> bool:
        """Whether the learner is to grow now."""
        if self._learner is None or self._learner_classes < self._n_classes:
            return bool(self._features)
        waits = 0.0 if self._grows else GROWTH_SHARE * len(self._recent)
        return len(self._features) > self._width and self._seen - self._made_at >= waits

    def _grow(self) -> None:
        features, before = list(self._features.values()), self._learner
        learner = self._made(features, self._n_classes)
        if isinstance(learner, LinearClassifier):
            if isinstance(before, LinearClassifier):
                # a new class was in none of the lessons that it remembers
                learner.take_over(before, min(self._seen, int(learner.parameters.horizon)))
        elif self._recent:
            X = np.full((len(self._recent), len(features)), np.nan, np.float32)
            for into, (row, _, _) in zip(X, self._recent, strict=True):
                into[: len(row)] = row
            _, codes, weights = zip(*self._recent, strict=True)
            self._teach(learner, X, codes, self._seen - len(X), weights)
        self._learner, self._width, self._learner_classes = learner, len(features), self._n_classes
        self._made_at = self._seen

    def _teach(
        self, learner: Learner, X: NDArray[np.float32], codes: Sequence[int], first: int, weights: Sequence[float]
    ) -> None:
        """Let a learner learn rows; a blend predicts each just before, as its powers follow what its members said."""
        blend = isinstance(learner, BlendClassifier)
        tape = Tape.interleaved(len(X), first) if blend else Tape.only(LEARN, len(X), first)
        counts = np.repeat(np.array(weights, np.float64), 2 if blend else 1)
        learner.run(X, np.array(codes, np.int16), replace(tape, weights=counts), np.ones(self._n_classes))

    def _encoded(self, x: dict[Any, Any]) -> list[float]:
        return [code_of(feature, x.get(name)) for name, feature in self._features.items()]

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        """Probabilities of the classes seen so far. Raises TypeError for a feature's value of another kind."""
        return self._probabilities([x])[0]

    def _probabilities(self, rows: list[dict[Any, Any]]) -> list[dict[Any, float]]:
        _require_values(rows)
        if not rows or self._learner is None or len(self._labels) < 2:
            return [dict.fromkeys(self._labels, 1.0) for _ in rows]
        X = np.array([self._encoded(row)[: self._width] for row in rows], np.float32)
        asked = Tape.asked(len(rows))  # whose label comes later, or never: nothing of them is remembered
        P = self._learner.run(X, np.zeros(len(rows), np.int16), asked, np.ones(self._n_classes))
        return [dict(zip(self._labels, p, strict=True)) for p in P.tolist()]

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """Probabilities of a frame of events, a column a class."""
        import pandas as pd

        return pd.DataFrame(
            self._probabilities(checked_frame(X).to_dict("records")), index=X.index, columns=self._labels
        )

    def predict_many(self, X: pd.DataFrame) -> pd.Series:
        """The most probable class of each event of a frame; None before a class was seen."""
        import pandas as pd

        rows = self._probabilities(checked_frame(X).to_dict("records"))
        return pd.Series([max(p, key=p.__getitem__, default=None) for p in rows], index=X.index, dtype="object")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _require_values(rows: Sequence[dict[Any, Any]]) -> None:
    for x in rows:
        for name, value in checked_event(x).items():
            if not is_value(value):
                kind = type(value).__name__
                raise TypeError(f"feature {name!r}: {value!r} is a {kind}: a value is text, a bool, an int or a float")
