"""Class weights from class counts. Every rule gives K weights that average to one over the stream's own events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig

Floats = NDArray[np.float64]


def inverse_frequency(counts: Floats) -> Floats:
    """Weight n / (K n_k): every class counts the same in sum.

    counts: float64 (K,), above 0.

    >>> inverse_frequency(np.array([90.0, 10.0])).round(3).tolist()
    [0.556, 5.0]
    """
    return np.asarray(counts.sum() / (len(counts) * counts))


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


def _average_to_one(weights: Floats, counts: Floats) -> Floats:
    return np.asarray(weights * counts.sum() / (weights * counts).sum())


def class_weights(counts: NDArray[np.int64], config: ControlConfig, costs: Floats | None) -> Floats:
    """The configured rule on the counts of a window, clamped to [1 / weight_max, weight_max].

    A class that the window does not hold counts as half an event, so that its weight is large but finite.
    """
    seen = np.maximum(np.asarray(counts, np.float64), 0.5)
    if config.weights == "none":
        return np.ones(len(seen))
    if config.weights == "effective_number":
        weights = effective_number(seen, config.effective_beta)
    elif config.weights == "cost" and costs is not None:
        weights = cost_sensitive(seen, costs)
    else:
        weights = inverse_frequency(seen)
    return np.clip(weights, 1 / config.weight_max, config.weight_max)
