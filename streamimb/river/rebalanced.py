"""A river classifier around any other: rebalanced, watched for drift, its threshold tuned."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from river import base, linear_model, naive_bayes, preprocessing

from streamimb.config import ControlConfig, DriftConfig, WindowConfig
from streamimb.control import parse_objective
from streamimb.errors import ConfigError
from streamimb.learners.parameters import nearest
from streamimb.outcome import Action, Signal
from streamimb.river.learner import DictLearner, obeys_weights
from streamimb.river.loop import Loop

if TYPE_CHECKING:
    import pandas as pd

STRATEGIES: Final = ("inverse_frequency", "effective_number", "oob", "uob", "hybrid", "none")
REACTIONS: Final = ("adjust", "replace", "reset", "tell", "none")


class RebalancedClassifier(base.Wrapper, base.MiniBatchClassifier):  # type: ignore[misc]  # river's types are not followed
    """Learns a rare class with a river model: weights its lessons, corrects its probabilities, tunes its decisions.

    ``predict_proba_one`` gives probabilities under the stream's own class shares, whatever the model was weighted to;
    ``predict_one`` decides by the tuned thresholds. Test-then-train: an event's own decision is the one that
    ``predict_one`` would have given just before ``learn_one``. Classes and features may appear later.

    Parameters
    ----------
    model
        A river classifier or pipeline. Where it does not obey ``learn_one``'s ``w``, lessons are repeated instead.
    strategy
        How lessons are weighted: one of ``STRATEGIES``.
    drift
        What is done when a class's share moved or a class's recall fell: ``adjust`` (shorten windows, re-weight),
        ``replace`` (a new copy takes over if it is better on the same events), ``reset``, ``tell``, or ``none``.
    objective
        What thresholds are tuned for, as ``f1``, ``g_mean`` or ``cost:FN=50,FP=1``.
    every
        Events between two Plans.
    weight_max
        Bound of a lesson's weight.
    seed
        Rounds repeated lessons.

    Raises ConfigError where a parameter names nothing that is known.

    Examples
    --------
    >>> from river import linear_model
    >>> from streamimb.kernel import uniform
    >>> model = RebalancedClassifier(linear_model.LogisticRegression(), objective="g_mean", every=100)
    >>> found = []
    >>> for i in range(4000):
    ...     y = uniform(1, i, 0) < 0.02
    ...     x = {"a": uniform(1, i, 1) + 0.8 * y, "b": uniform(1, i, 2)}
    ...     found += [model.predict_one(x)] if y and i >= 2000 else []
    ...     model.learn_one(x, y)
    >>> sum(found), len(found)
    (31, 37)

    """

    def __init__(
        self,
        model: base.Classifier,
        strategy: str = "inverse_frequency",
        drift: str = "adjust",
        objective: str = "f1",
        every: int = 250,
        weight_max: float = 10.0,
        seed: int = 1,
    ) -> None:
        for name, value, known in (("strategy", strategy, STRATEGIES), ("drift", drift, REACTIONS)):
            if value not in known:
                raise ConfigError(f"{name}: {value!r} is none of {', '.join(known)}{nearest(value, known)}")
        if any(parse_objective(objective).amounts):
            raise ConfigError(f"objective: {objective!r}: amounts of features serve streamimb.Pipeline only")
        self.model = model
        self.strategy = strategy
        self.drift = drift
        self.objective = objective
        self.every = every
        self.weight_max = weight_max
        self.seed = seed
        self._labels: list[Hashable] = [] if self._multiclass else [False, True]
        self._codes: dict[Hashable, int] = {label: i for i, label in enumerate(self._labels)}
        self._loop: Loop | None = None
        self._configs = self._settings()
        self._learner = DictLearner(model.clone, self._labels, native=obeys_weights(model), seed=seed)
        if not self._multiclass:
            self._loop = self._start()

    @property
    def _wrapped_model(self) -> base.Classifier:
        return self.model

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"model": preprocessing.StandardScaler() | linear_model.LogisticRegression(), "every": 50}
        yield {"model": naive_bayes.GaussianNB(), "strategy": "oob", "drift": "replace", "every": 50}

    def _settings(self) -> tuple[ControlConfig, DriftConfig, WindowConfig]:
        detector = {"detector": "none"} if self.drift == "none" else {"action": self.drift}
        bounded = {"weight_max": self.weight_max}
        try:
            control = ControlConfig.model_validate(
                {"weights": self.strategy, "objective": self.objective, "every": self.every, **bounded}
            )
        except ValidationError as error:
            raise ConfigError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
        return control, DriftConfig.model_validate({"share": detector, "recall": detector}), WindowConfig()

    def _start(self) -> Loop:
        return Loop(self._learner, len(self._labels), *self._configs)

    def learn_one(self, x: dict[Any, Any], y: Any, **kwargs: Any) -> None:  # noqa: ARG002  # river's
        """Learn an event: its features and its class."""
        if y not in self._codes:
            self._codes[y] = len(self._labels)
            self._labels.append(y)
            if self._loop is not None:
                self._loop.grow()
            elif len(self._labels) == 2:
                self._loop = self._start()
        if self._loop is None:
            self._learner.model.learn_one(x, y)  # one class so far: there is nothing to balance
        else:
            self._loop.learn(x, self._codes[y])

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:  # noqa: ARG002  # river's
        """Probabilities under the stream's own class shares; of no class before one was seen."""
        if self._loop is None:
            return dict.fromkeys(self._labels, 1.0)
        scores = self._loop.score(x).scores.astype(float)
        return dict(zip(self._labels, (scores / scores.sum()).tolist(), strict=True))

    def predict_one(self, x: dict[Any, Any], **kwargs: Any) -> Any:  # noqa: ARG002  # river's
        """The class decided by the thresholds in force; None before a class was seen."""
        if self._loop is None:
            return self._labels[0] if self._labels else None
        return self._labels[self._loop.score(x).decision]

    def learn_many(self, X: pd.DataFrame, y: pd.Series, **kwargs: Any) -> None:  # noqa: ARG002  # river's
        """Learn a frame of events in order, as ``learn_one`` would one by one."""
        for x, label in zip(X.to_dict("records"), y, strict=True):
            self.learn_one(x, label)

    def predict_proba_many(self, X: pd.DataFrame, **kwargs: Any) -> pd.DataFrame:  # noqa: ARG002  # river's
        """Probabilities of a frame of events, a column a class."""
        import pandas as pd

        rows = [self.predict_proba_one(x) for x in X.to_dict("records")]
        return pd.DataFrame(rows, index=X.index, columns=self._labels)

    def predict_many(self, X: pd.DataFrame, **kwargs: Any) -> pd.Series:  # noqa: ARG002  # river's
        """Decisions of a frame of events."""
        import pandas as pd

        return pd.Series([self.predict_one(x) for x in X.to_dict("records")], index=X.index, dtype="object")

    @property
    def signals(self) -> list[Signal]:
        """Drifts told so far, the last thousand; positions count events from 0, a class is its place in ``classes``."""
        return [] if self._loop is None else list(self._loop.signals)

    @property
    def actions(self) -> list[Action]:
        """What was done about them, and whether it helped."""
        return [] if self._loop is None else list(self._loop.reactor.actions)

    @property
    def classes(self) -> list[Hashable]:
        """The classes seen so far, in order of appearance; those of a binary model are False and True."""
        return list(self._labels)

    @property
    def thresholds(self) -> dict[Hashable, float]:
        """The decision threshold of each class."""
        if self._loop is None:
            return {}
        return dict(zip(self._labels, self._loop.controller.plan.thresholds.tolist(), strict=True))
