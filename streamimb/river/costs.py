"""What missing each class costs, where a river estimator weights its lessons by that."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from streamimb.config import COST_MAX
from streamimb.errors import ConfigError
from streamimb.near import listed, meant
from streamimb.river.classes import checked_label


class Costs:
    """Costs by label, for the strategy ``cost``; a class that is not named costs 1.

    Raises ConfigError where the strategy needs costs and there are none, or takes none, or one of them is no number
    above 0 and at most COST_MAX, or of what can be no label.

    >>> costs = Costs("cost", {"fraud": np.int64(50), "abuse": 5})
    >>> costs.of("fraud"), costs.of("legit")
    (50.0, 1.0)
    >>> costs.of_none(["legit", "fraud", "abused"])
    "costs: 'abuse' is none of the classes legit, fraud, abused (did you mean 'abused'?)"
    """

    def __init__(self, strategy: str, costs: Any) -> None:
        if (costs is None) != (strategy != "cost"):
            raise ConfigError(
                f"costs: strategy {strategy!r} " + ("needs {label: cost}" if costs is None else "takes none")
            )
        if costs is not None and (not isinstance(costs, Mapping) or not costs):
            raise ConfigError(f"costs: {costs!r}: what missing each label costs is wanted, as {{'fraud': 50}}")
        self._costs = {_label(label): _number(label, cost) for label, cost in (costs or {}).items()}

    def of(self, label: Hashable) -> float:
        """What missing a class costs."""
        return self._costs.get(label, 1.0)

    def of_none(self, classes: Iterable[Hashable]) -> str:
        """What is wrong where a cost is of none of the classes; empty where each is of one."""
        known = list(classes)
        for label in self._costs:
            if label not in known:
                names = [str(k) for k in known]
                return f"costs: {label!r} is none of the classes {listed(names)}{meant(str(label), names)}"
        return ""


def _label(label: Any) -> Hashable:
    try:
        return checked_label(label)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"costs: {error}") from None


def _number(label: Any, cost: Any) -> float:
    number = isinstance(cost, int | float | np.integer | np.floating) and not isinstance(cost, bool)
    if not number or not 0 < cost <= COST_MAX:
        raise ConfigError(f"costs: {label!r}: {cost!r}: a cost is a number above 0 and at most {COST_MAX:g}")
    return float(cost)
