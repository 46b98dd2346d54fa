"""A river classifier around any other: rebalanced, watched for drift, its threshold tuned."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError
from river import base, linear_model, naive_bayes, preprocessing

from streamimb.config import ControlConfig, DriftConfig, WindowConfig
from streamimb.control import Objective, parse_objective
from streamimb.control.kinds import ALERTS_AT_MOST, TOP_PER_DAY
from streamimb.control.objectives import MANY
from streamimb.errors import ConfigError
from streamimb.near import meant
from streamimb.outcome import Action, Signal
from streamimb.rebalance.weights import OF_SHARES
from streamimb.river.classes import (
    GUESS_LABELS,
    Classes,
    checked_frame,
    checked_labels_of,
    checked_seed,
    checked_weight,
    checked_weights_of,
    require_none,
)
from streamimb.river.columns import checked_samples
from streamimb.river.costs import Costs
from streamimb.river.learner import DictLearner, obeys_weights
from streamimb.river.loop import Loop
from streamimb.river.values import event_or_text
from streamimb.river.wrapped import last_step, not_finite, require_classifier

if TYPE_CHECKING:
    import pandas as pd

STRATEGIES: Final = ("adaptive", "inverse_frequency", "effective_number", "cost", "oob", "uob", "hybrid", "none")
REACTIONS: Final = ("adjust", "replace", "reset", "tell", "none")
#: The bound of weights that are made of shares alone, unless told otherwise.
SHARES_WEIGHT_MAX: Final = 10.0
Told = TypeVar("Told", Signal, Action)


class RebalancedClassifier(base.Wrapper, base.MiniBatchClassifier):  # type: ignore[misc]  # river's types are not followed
    """Learns a rare class with a river model: weights its lessons, corrects its probabilities, tunes its decisions.

    ``predict_proba_one`` gives probabilities under the stream's own class shares, whatever the model was weighted to;
    ``predict_one`` decides by the tuned thresholds. Test-then-train: an event's own decision is the one that
    ``predict_one`` would have given just before ``learn_one``. Classes and features may appear later; a binary model
    takes any two labels, which it is told as False and True.

    Parameters
    ----------
    model
        A river classifier or pipeline, as a pattern: copies of it learn. Where it does not obey ``learn_one``'s ``w``,
        lessons are repeated instead.
    strategy
        How lessons are weighted: one of ``STRATEGIES``.
    drift
        What is done when a class's share moved or a class's recall fell: ``adjust`` (shorten windows, re-weight),
        ``replace`` (a new copy takes over if it is better on the same events), ``reset``, ``tell``, or ``none``.
        None: as ``streamimb.Pipeline`` does, ``adjust`` for a share and ``replace`` for a recall.
    objective
        What thresholds are tuned for, as ``f1``, ``g_mean`` or ``cost:FN=50,FP=1``. One that is for two classes refuses
        the label of a third. Alerts a day are refused: the loop has no times.
    every
        Events between two Plans.
    weight_max
        Bound of a class's weight. None: what a configuration has where ``control.weight_max`` is not set, which is 100
        for ``cost``, ``oob``, ``uob`` and ``hybrid``, but SHARES_WEIGHT_MAX for the others. 3, as there, is less than
        river's trees want, which split on what lessons weigh (G-mean 0.72 for 0.77 at 2 %; others are level).
    seed
        Rounds repeated lessons: a whole number, never None, for the same seed gives the same result.
    positive
        The label of the class that the objective is about. None: True where the first label is a boolean, else the
        rarest class, guessed anew with each class that appears and fixed once GUESS_LABELS labels were seen.
    costs
        What missing each class costs, by label, for the strategy ``cost``; a class that it does not name costs 1. One
        for a label that is no class is told once the classes are known: refused where there are two, else warned of
        once after GUESS_LABELS labels, since it may still come.

    samples
        Which rows are learned in place of the stream's own, with the keys of a configuration's table ``[samples]`` but
        for ``classes``: ``{"minority": "smote", "majority": "undersample", "clean": True}``. An event is learned with
        its own values, a synthetic one with numbers, booleans and texts; values of other kinds it is without. The
        buffers begin anew with a class that appears, and with new features after a while. A feature that is named and
        does not appear in GUESS_LABELS labels is warned of. None: every event is learned once.

    A class that appears, or another guess of the positive one, leaves all that is known of the others: weights,
    calibration, detectors, trials, what was done about drifts. Thresholds are tuned anew for more classes; the
    detectors of what was not watched before begin anew.

    Raises ConfigError where a parameter names nothing that is known, TypeError where the model is no river classifier.

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

    With synthetic events of what is rare, and fewer of what is not:

    >>> from river import naive_bayes
    >>> model = RebalancedClassifier(
    ...     naive_bayes.GaussianNB(), strategy="none", samples={"minority": "smote", "majority": "undersample"}
    ... )
    >>> for i in range(2000):
    ...     y = uniform(1, i, 0) < 0.02
    ...     model.learn_one({"a": uniform(1, i, 1) + 0.8 * y, "b": uniform(1, i, 2)}, y)
    >>> taught = model.taught
    >>> taught[True]["labels"] < taught[True]["lessons"], taught[False]["labels"] > taught[False]["lessons"]
    (True, True)

    """

    def __init__(
        self,
        model: base.Classifier,
        strategy: str = "adaptive",
        drift: str | None = None,
        objective: str = "f1",
        every: int = 250,
        weight_max: float | None = None,
        seed: int = 1,
        positive: Any = None,
        costs: Mapping[Hashable, float] | None = None,
        samples: Mapping[str, Any] | None = None,
    ) -> None:
        require_classifier(model)
        _require_known("strategy", strategy, STRATEGIES)
        if drift is not None:
            _require_known("drift", drift, REACTIONS)
        chosen = _checked_objective(objective)
        self._costs, self._samples = Costs(strategy, costs), checked_samples(samples)
        self.model = model
        self.strategy = strategy
        self.drift = drift
        self.objective = objective
        self.every = every
        self.weight_max = weight_max
        self.seed = checked_seed(seed)
        self.positive = positive
        self.costs = costs
        self.samples = samples
        self._why_two = "" if chosen.name in MANY else _why_two(chosen)
        try:
            self._classes = Classes(binary=not self._knows_many, positive=positive, two=self._why_two)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"positive: {error}") from None
        self._loop: Loop | None = None
        self._undefined_told = False
        self._configs = self._settings()
        self._learner = DictLearner(model.clone, self._classes.inner, native=obeys_weights(model), seed=seed)
        self._fit_loop()

    @property
    def _wrapped_model(self) -> base.Classifier:
        return self.model

    @property
    def _knows_many(self) -> bool:
        return bool(last_step(self.model)._multiclass)  # a pipeline says no, whatever it ends in

    @property
    def _multiclass(self) -> bool:
        return self._knows_many and not self._why_two

    @property
    def _labels(self) -> list[Hashable]:
        return self._classes.labels

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"model": preprocessing.StandardScaler() | linear_model.LogisticRegression(), "every": 50}
        yield {"model": naive_bayes.GaussianNB(), "strategy": "oob", "drift": "replace", "every": 50}
        yield {"model": naive_bayes.GaussianNB(), "samples": {"minority": "smote", "clean": True}, "every": 50}

    def _settings(self) -> tuple[ControlConfig, DriftConfig, WindowConfig]:
        detector = {} if self.drift is None else {"action": self.drift}
        if self.drift == "none":
            detector = {"detector": "none"}
        bound = SHARES_WEIGHT_MAX if self.weight_max is None and self.strategy in OF_SHARES else self.weight_max
        bounded = {} if bound is None else {"weight_max": bound}
        try:
            control = ControlConfig.model_validate(
                {"weights": self.strategy, "objective": self.objective, "every": self.every, **bounded}
            )
        except ValidationError as error:
            raise ConfigError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
        return control, DriftConfig.model_validate({"share": detector, "recall": detector}), WindowConfig()

    def _fit_loop(self) -> None:
        """Let there be a loop of as many classes as are known, and of the class that is positive now."""
        k, positive = len(self._labels), self._classes.positive
        if k < 2:
            self._loop = None
        elif self._loop is None:
            self._loop = Loop(
                self._learner, k, positive, *self._configs, costs=self._cost_of, samples=self._samples, seed=self.seed
            )
        elif self._is_outgrown(self._loop):
            self._loop.rebuild(k, positive)

    def _cost_of(self, code: int) -> float:
        return self._costs.of(self._labels[code])

    def learn_one(self, x: dict[Any, Any], y: Any, w: float = 1.0, **unknown: Any) -> None:
        """Learn an event: its features and its class; ``w`` multiplies the lesson's weight.

        Raises ValueError where the label is missing, not finite or one class too many, or the weight is negative or
        not finite, TypeError where one of the three is of another kind; then nothing has changed. What the model raises
        is raised; then the event was not learned, and leaves no trace but in the model.
        """
        require_none(unknown)
        weight = checked_weight(w)
        self._learn(event_or_text(x), self._checked([y])[0], weight)

    def _checked(self, labels: Sequence[Any]) -> list[Hashable]:
        """The labels as they are to be taken, in order; nothing changes.

        Raises what ``Classes.check`` does, and ConfigError where they complete the classes and a cost is of none.
        """
        found = self._classes.check(labels)
        wrong = self._costs.of_none(complete) if (complete := self._classes.complete_with(found)) else ""
        if wrong:
            raise ConfigError(wrong)
        return found

    def _learn(self, x: dict[Any, Any], label: Hashable, weight: float) -> None:
        loop, standing, take_back = self._loop, None, self._classes.reversal(label)
        try:
            code = self._classes.take(label)
            if loop is not None and self._is_outgrown(loop):
                standing = loop.kept()
            self._fit_loop()
            if self._loop is None:
                self._learner.learn(x, code, weight)  # one class so far: there is nothing to balance
            else:
                self._loop.learn(x, code, weight)
        except (
            BaseException
        ):  # a lesson that failed was none: its label is not counted, a class that it brought not known
            take_back()
            self._loop = loop
            if loop is not None and standing is not None:
                loop.take_back(standing)
            raise
        self._tell_undefined()
        self._tell_misspelt()

    def _is_outgrown(self, loop: Loop) -> bool:
        return (loop.n_classes, loop.positive) != (len(self._labels), self._classes.positive)

    def _tell_undefined(self) -> None:
        """Warn, once, of a model whose probabilities are not finite: even ones in their place look like an answer."""
        if self._loop is None or self._undefined_told or not self._loop.undefined:
            return
        self._undefined_told = True
        warnings.warn(not_finite(self.model, self._classes.seen), RuntimeWarning, stacklevel=4)

    def _tell_misspelt(self) -> None:
        """Warn, once, of what was named and has not come."""
        if self._classes.seen != GUESS_LABELS:
            return
        wrong = [self._costs.of_none(self._labels)]
        if self._samples and self._loop is not None and self._loop.columns is not None:
            wrong.append(self._loop.columns.missing(self._samples))
        for found in filter(None, wrong):
            warnings.warn(f"{found}: it has not come in {GUESS_LABELS:,} labels", stacklevel=4)

    def predict_proba_one(self, x: dict[Any, Any], **unknown: Any) -> dict[Any, float]:
        """Probabilities under the stream's own class shares; of no class before one was seen."""
        require_none(unknown)
        if self._loop is None:
            return dict.fromkeys(self._labels, 1.0)
        scores = self._loop.score(event_or_text(x)).scores.astype(float)
        return dict(zip(self._labels, (scores / scores.sum()).tolist(), strict=True))

    def predict_one(self, x: dict[Any, Any], **unknown: Any) -> Any:
        """The class decided by the thresholds in force; None before a class was seen."""
        require_none(unknown)
        if self._loop is None:
            return self._labels[0] if self._labels else None
        return self._labels[self._loop.score(event_or_text(x)).decision]

    def learn_many(self, X: pd.DataFrame, y: pd.Series, w: float | pd.Series = 1.0, **unknown: Any) -> None:
        """Learn a frame of events in order, as ``learn_one`` would one by one; ``w`` is one weight or one a row.

        Raises what it raises, TypeError where X is no frame, and ValueError where y or w has another length; then
        nothing has changed. What the model raises is raised; the rows before are learned.
        """
        require_none(unknown)
        labels = self._checked(checked_labels_of(checked_frame(X), y))
        weights = checked_weights_of(X, w)
        for x, label, weight in zip(X.to_dict("records"), labels, weights, strict=True):
            self._learn(x, label, weight)

    def predict_proba_many(self, X: pd.DataFrame, **unknown: Any) -> pd.DataFrame:
        """Probabilities of a frame of events, a column a class."""
        import pandas as pd

        require_none(unknown)
        rows = [self.predict_proba_one(x) for x in checked_frame(X).to_dict("records")]
        return pd.DataFrame(rows, index=X.index, columns=self._labels)

    def predict_many(self, X: pd.DataFrame, **unknown: Any) -> pd.Series:
        """Decisions of a frame of events."""
        import pandas as pd

        require_none(unknown)
        return pd.Series(
            [self.predict_one(x) for x in checked_frame(X).to_dict("records")], index=X.index, dtype="object"
        )

    @property
    def signals(self) -> list[Signal]:
        """Drifts told so far, the last thousand; positions count events from 0, ``class_`` is the label as learned."""
        return [] if self._loop is None else [self._named(signal) for signal in self._loop.signals]

    @property
    def actions(self) -> list[Action]:
        """What was done about them, and whether it helped; ``class_`` as of a signal."""
        return [] if self._loop is None else [self._named(action) for action in self._loop.reactor.actions]

    def _named(self, told: Told) -> Told:
        """With the user's own label, a boolean as a boolean, where the loop knows the class's place."""
        label: Any = None if told.class_ is None else self._labels[int(told.class_)]
        return replace(told, class_=label)

    @property
    def taught(self) -> dict[Hashable, dict[str, int]]:
        """Of each class how many labels came and how many lessons were given for them, since two classes are known.

        Lessons are calls of the model's ``learn_one``: a repeated one counts as often as it was repeated.
        """
        if self._loop is None:
            return {}
        labels, lessons = self._loop.rebalancer.taught[0].tolist(), self._loop.lessons.tolist()
        return {k: {"labels": n, "lessons": m} for k, n, m in zip(self._labels, labels, lessons, strict=True)}

    @property
    def classes(self) -> list[Hashable]:
        """The classes seen so far, in order of appearance; those of a binary model are False and True until a label
        says otherwise.
        """
        return list(self._labels)

    @property
    def positive_class(self) -> Hashable:
        """The class that the objective is about, as far as it is known now; None before a class was seen."""
        return self._labels[self._classes.positive] if self._labels else None

    @property
    def thresholds(self) -> dict[Hashable, float]:
        """The decision threshold of each class."""
        if self._loop is None:
            return {}
        return dict(zip(self._labels, self._loop.controller.plan.thresholds.tolist(), strict=True))


def _checked_objective(text: Any) -> Objective:
    if not isinstance(text, str):
        raise ConfigError(f"objective: {text!r} is a {type(text).__name__}: a name is wanted, as 'f1'")
    objective = parse_objective(text)
    if any(objective.amounts):
        raise ConfigError(f"objective: {text!r}: amounts of features serve streamimb.Pipeline only")
    if objective.kind in (ALERTS_AT_MOST, TOP_PER_DAY):
        raise ConfigError(
            f"objective: {text!r} counts alerts a day, and a river loop has no times: take 'precision>=0.5' or another "
            "bound, or streamimb.Pipeline, which has"
        )
    return objective


def _why_two(objective: Objective) -> str:
    return (
        f"the objective {objective.name!r} is for two classes: tell the model only whether an event is of the positive "
        f"one, or take one of {', '.join(MANY)}"
    )


def _require_known(name: str, value: Any, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        near = meant(str(value), [k for k in known if k != "none"])  # nobody is sent to what turns a thing off
        raise ConfigError(f"{name}: {value!r} is not one of {', '.join(known)}{near}")
