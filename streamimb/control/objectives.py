"""What a decision threshold is tuned for: the user's business, in one line of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.control.binary import value_of
from streamimb.control.kinds import (
    ALERTS_AT_MOST,
    BALANCED_ACCURACY,
    COST,
    COST_OF_AMOUNTS,
    F_BETA,
    G_MEAN,
    G_MEAN_KAPPA,
    KAPPA,
    PRECISION_AT_LEAST,
    RECALL_AT_LEAST,
    TOP_PER_DAY,
)
from streamimb.errors import ConfigError
from streamimb.near import meant

_PLAIN = {"g_mean": G_MEAN, "kappa": KAPPA, "balanced_accuracy": BALANCED_ACCURACY, "g_mean+kappa": G_MEAN_KAPPA}
_FORMS = [
    "f1", "f_beta:2", *_PLAIN, "cost:FN=50,FP=1", "cost:FN=amount,FP=1", "recall>=0.9", "precision>=0.5",
    "alerts<=100/day", "precision@100/day",
]  # fmt: skip
#: A form less like what was written than this is not offered; what was written is short, and forms hold numbers.
NEAR_FORM: Final = 0.3
_NUMBER = r"(\d+(?:\.\d+)?)"
NAN: Final = float("nan")
#: A cost is a number or a feature's name, which may hold spaces.
_COST = r"\s*cost\s*:\s*FN\s*=\s*(\S.*?)\s*,\s*FP\s*=\s*(\S.*?)\s*"
_PER_DAY = {"day": 1.0, "hour": 24.0, "week": 1 / 7}

#: Objectives that are shown beside the chosen one, for two classes.
SHOWN: Final = ("f1", "f_beta:2", "g_mean", "kappa", "g_mean+kappa", "balanced_accuracy")
#: Objectives for more than two classes.
MANY: Final = ("f1", "g_mean", "kappa", "g_mean+kappa", "balanced_accuracy")


@dataclass(frozen=True, slots=True)
class Objective:
    """A parsed objective: its kind and one or two numbers (beta; cost of FN and FP; a bound; alerts a day).

    ``amounts``: the features that hold what a false negative and a false positive cost, None where it is a number.

    >>> objective = parse_objective("cost:FN=50,FP=1")
    >>> objective.a, objective.b, round(objective.start, 4)
    (50.0, 1.0, 0.0196)
    """

    name: str
    kind: int
    a: float = 0.0
    b: float = 0.0
    amounts: tuple[str | None, str | None] = (None, None)

    @property
    def start(self) -> float:
        """The threshold before anything was seen: 1 / (1 + c) for costs FN:FP = c, else one half."""
        return min(max(self.b / (self.a + self.b), 1e-6), 1 - 1e-6) if self.kind == COST else 0.5

    @property
    def alerts_per_day(self) -> int | None:
        """How many alerts a day are asked for, where the objective is precision among so many."""
        return int(self.a) if self.kind == TOP_PER_DAY else None

    @property
    def is_of_all(self) -> bool:
        """Whether it counts all classes alike, where others are about the positive one."""
        return self.kind in (G_MEAN, BALANCED_ACCURACY, KAPPA, G_MEAN_KAPPA)

    @property
    def prior_power(self) -> float:
        """Where to cut while nothing can be tuned: at the classes' shares to this power.

        1 is the best cut of calibrated scores for balanced accuracy, 0 for accuracy; F-measures and kappa lie between,
        and so, for want of knowledge, do costs of amounts.
        """
        if self.kind in (G_MEAN, BALANCED_ACCURACY):
            return 1.0
        return 0.5 if self.kind in (F_BETA, KAPPA, G_MEAN_KAPPA, COST_OF_AMOUNTS) else 0.0


def parse_objective(text: str) -> Objective:
    """Read an objective. Raises ConfigError naming the nearest valid form.

    >>> parse_objective("f_beta:2")
    Objective(name='f_beta:2', kind=0, a=2.0, b=0.0, amounts=(None, None))
    >>> parse_objective("cost:FN=50,FP=1").start
    0.0196078431372549
    >>> parse_objective("cost:FN=amount,FP=1").amounts
    ('amount', None)
    """
    name = text.replace(" ", "")
    if name == "f1":
        return Objective(name, F_BETA, 1.0)
    if name in _PLAIN:
        return Objective(name, _PLAIN[name])
    if found := re.fullmatch(rf"f_beta:{_NUMBER}", name):
        return Objective(name, F_BETA, _above_zero(text, found[1]))
    if found := re.fullmatch(_COST, text):
        return _cost(text, found[1], found[2])
    if found := re.fullmatch(rf"(recall|precision)>={_NUMBER}", name):
        if not 0 < float(found[2]) <= 1:
            raise ConfigError(f"control.objective: {text!r}: {found[1]} lies above 0 and at most at 1")
        return Objective(name, RECALL_AT_LEAST if found[1] == "recall" else PRECISION_AT_LEAST, float(found[2]))
    if found := re.fullmatch(rf"alerts<={_NUMBER}/(day|hour|week)", name):
        return Objective(name, ALERTS_AT_MOST, _above_zero(text, found[1]) * _PER_DAY[found[2]])
    if found := re.fullmatch(r"precision@(\d+)/day", name):
        return Objective(name, TOP_PER_DAY, _above_zero(text, found[1]))
    if name.startswith("cost:"):
        raise ConfigError(
            f"control.objective: {text!r}: {_cost_lacks(name)}: write cost:FN=50,FP=1, each a number or a"
            " feature's name"
        )
    hint = meant(name, _FORMS, NEAR_FORM)
    raise ConfigError(f"control.objective: {text!r} is not known{hint}. Known are {', '.join(_FORMS)}")


def _cost(text: str, *sides: str) -> Objective:
    numbers = [float(side) if re.fullmatch(rf"[-+]?{_NUMBER}(?:[eE][-+]?\d+)?", side) else None for side in sides]
    a, b = (0.0 if n is None else _above_zero(text, side) for n, side in zip(numbers, sides, strict=True))
    fn, fp = (side if n is None else None for n, side in zip(numbers, sides, strict=True))
    name = f"cost:FN={sides[0]},FP={sides[1]}"
    return Objective(name, COST if fn is fp is None else COST_OF_AMOUNTS, a, b, (fn, fp))


def _cost_lacks(name: str) -> str:
    """What a text that begins like a cost and is none lacks."""
    missing = [side for side in ("FN", "FP") if not re.search(rf"[:,]{side}=[^,]", name)]
    return (
        f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing"
        if missing
        else "a cost is of FN, then of FP"
    )


def _above_zero(text: str, number: str) -> float:
    if not 0 < float(number) < float("inf"):
        raise ConfigError(f"control.objective: {text!r}: {number} must be above 0 and finite")
    return float(number)


def tuned_objectives(chosen: Objective, n_classes: int, *, has_time: bool) -> list[Objective]:
    """The chosen objective first, then those shown beside it. Raises ConfigError where the chosen one cannot be."""
    if n_classes > 2 and chosen.name not in MANY:
        raise ConfigError(
            f"control.objective: {chosen.name!r} is for two classes and there are {n_classes}: take one of "
            f"{', '.join(MANY)}"
        )
    if chosen.kind in (ALERTS_AT_MOST, TOP_PER_DAY) and not has_time:
        raise ConfigError(f"control.objective: {chosen.name!r} needs event times: declare [schema.time]")
    shown = SHOWN if n_classes == 2 else ()
    return [chosen, *(parse_objective(s) for s in shown if s != chosen.name)]


def value_at(objective: Objective, confusion: NDArray[np.int64], lost: float = NAN) -> dict[str, float]:
    """An objective's value, recall and precision from counts.

    confusion: int64 (2, 2), rows the truth, columns the decision, negative first; lost: what the
    wrong decisions cost. A bound (``recall>=0.9``) has as its value the quantity that it leaves free: precision,
    recall, recall; so many alerts a day have their precision; a cost is negative, an event's. Undefined is NaN.
    """
    (tn, fp), (fn, tp) = confusion.astype(float).tolist()
    recall = tp / (tp + fn) if tp + fn else NAN
    precision = tp / (tp + fp) if tp + fp else NAN
    free = {RECALL_AT_LEAST: precision, PRECISION_AT_LEAST: recall, ALERTS_AT_MOST: recall, TOP_PER_DAY: precision}
    both = tp + fn > 0 and tn + fp > 0
    value = NAN
    if objective.kind in free:
        value = free[objective.kind]
    elif both and objective.kind == COST_OF_AMOUNTS:
        value = float(-lost / (tp + fn + tn + fp))
    elif both:
        value = value_of(objective.kind, objective.a, objective.b, tp, fp, tp + fn, tn + fp)
    return {"value": value, "recall": recall, "precision": precision}
