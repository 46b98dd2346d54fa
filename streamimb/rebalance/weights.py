"""Class weights from class counts: what the Plan says each class's lessons count, constant between two renewals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig
from streamimb.errors import ConfigError

Floats = NDArray[np.float64]

#: The share of the smaller of two classes below which ``adaptive`` weights fade: of 0.03, 0.05 and 0.1 the best on real
#: streams (docs/strategies.md).
FADES_BELOW: Final = 0.05
#: Rules whose weights are made of shares alone.
OF_SHARES: Final = ("adaptive", "inverse_frequency", "effective_number")
#: The bound of weights that are made of shares alone: beyond it they cost more in ranking than they give in recall.
WEIGHT_MAX: Final = 3.0
#: The bound of what a person asks for in so many words: a cost, a target ratio, classes trained on evenly.
ASKED_MAX: Final = 100.0


def inverse_frequency(counts: Floats) -> Floats:
    """Weight n / (K n_k): every class counts the same in sum.

    counts: float64 (K,), above 0.

    >>> inverse_frequency(np.array([90.0, 10.0])).round(3).tolist()
    [0.556, 5.0]
    """
    return np.asarray(counts.sum() / (len(counts) * counts))


def fade(weights: Floats, counts: Floats) -> Floats:
    """Of two classes, weights to the power of the smaller one's share by ``FADES_BELOW``, 1 at most.

    A lesson of a class of one in a hundred that weighs many times another makes the learner follow single events, which
    costs ranking; and its share is put back into the scores anyway.

    >>> fade(np.array([0.5, 3.0]), np.array([990.0, 10.0])).round(3).tolist()
    [0.871, 1.246]
    >>> fade(np.array([0.5, 3.0]), np.array([900.0, 100.0])).tolist()
    [0.5, 3.0]
    """
    if len(counts) != 2:
        return weights
    return np.asarray(weights ** min(counts.min() / counts.sum() / FADES_BELOW, 1.0), np.float64)


def effective_number(counts: Floats, beta: float) -> Floats:
    """Weight (1 - beta) / (1 - beta^n_k): between none and inverse frequency (Cui et al., CVPR 2019, eq. 4).

    >>> effective_number(np.array([90.0, 10.0]), 0.99).round(3).tolist()
    [0.657, 4.089]
    """
    return _average_to_one((1 - beta) / -np.expm1(counts * np.log(beta)), counts)


def cost_sensitive(counts: Floats, costs: Floats) -> Floats:
    """Weight the cost of missing class k, normalised (Elkan, IJCAI 2001, section 2).

    >>> cost_sensitive(np.array([90.0, 10.0]), np.array([1.0, 50.0])).round(3).tolist()
    [0.169, 8.475]
    """
    return _average_to_one(costs, counts)


def hybrid(counts: Floats, target: float) -> Floats:
    """Raise every class to ``target`` times the largest, then scale all to a mean of one.

    >>> hybrid(np.array([90.0, 10.0]), 0.5).round(3).tolist()
    [0.741, 3.333]
    """
    raised: Floats = np.asarray(np.maximum(counts, target * counts.max()) / counts, np.float64)
    return _average_to_one(raised, counts)


def _average_to_one(weights: Floats, counts: Floats) -> Floats:
    return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float64)


def rules_of(class_names: Sequence[str], config: ControlConfig) -> list[str]:
    """The rule of each class, in order. Raises ConfigError where ``control.class_rules`` names no class."""
    unknown = sorted(set(config.class_rules) - set(class_names))
    if unknown:
        raise ConfigError(f"control.class_rules: {unknown[0]!r} is none of the classes {', '.join(class_names)}")
    return [config.class_rules.get(name, config.weights) for name in class_names]


def bound_of(rule: str, config: ControlConfig) -> float:
    """The largest weight of a class under a rule; the smallest is one over it.

    >>> bound_of("oob", ControlConfig()), bound_of("inverse_frequency", ControlConfig())
    (100.0, 3.0)
    """
    if config.weight_max is not None:
        return config.weight_max
    return WEIGHT_MAX if rule in OF_SHARES else ASKED_MAX


def class_weights(
    counts: NDArray[np.int64],
    config: ControlConfig,
    costs: Floats | None,
    rules: Sequence[str],
    *,
    fades: bool = False,
) -> Floats:
    """Each class's rule on the counts of a window, clamped to [1 / b, b], b its rule's bound.

    fades: whether ``adaptive`` weights of a rare class fade, as the objective has it.

    For the rules that follow every event (OOB, UOB, hybrid) these are what their rates are about. A class that the
    window does not hold counts as half an event, so that its weight is large but finite.
    """
    seen = np.maximum(np.asarray(counts, np.float64), 0.5)
    weights = _weights(rules[0], seen, config, costs)
    for other in set(rules) - {rules[0]}:
        theirs = _weights(other, seen, config, costs)
        weights = np.where([rule == other for rule in rules], theirs, weights)
    bounds = np.array([bound_of(rule, config) for rule in rules])
    weights = np.asarray(np.minimum(np.maximum(weights, 1 / bounds), bounds), np.float64)
    if fades and "adaptive" in rules:
        weights = np.where([rule == "adaptive" for rule in rules], fade(weights, seen), weights)
    return weights


def _weights(rule: str, seen: Floats, config: ControlConfig, costs: Floats | None) -> Floats:
    if rule in ("adaptive", "inverse_frequency"):
        return inverse_frequency(seen)
    if rule == "effective_number":
        return effective_number(seen, config.effective_beta)
    if rule == "cost" and costs is not None:
        return cost_sensitive(seen, costs)
    if rule == "hybrid":
        return hybrid(seen, config.hybrid_target)
    if rule == "oob":
        return np.asarray(seen.max() / seen, np.float64)
    if rule == "uob":
        return np.asarray(seen.min() / seen, np.float64)
    return np.ones(len(seen))
