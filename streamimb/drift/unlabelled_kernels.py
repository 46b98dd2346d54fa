"""Histograms of columns, and how far two of them are apart."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from streamimb.kernel import Array, kernel, leaf, mix64, part

#: Bins of a histogram: sixteen, found in four comparisons.
BINS: Final = 16
EDGES: Final = BINS - 1
#: Values that a numeric column's bins are made from.
SAMPLE_VALUES: Final = 512
#: Bins of which fewer events are expected are counted together.
EXPECTED_MIN: Final = 5.0


@part
def _sampled(j: int, x: float, sample: Array, sampled: Array) -> bool:
    """Put a value into a column's sample; whether that is full now."""
    if np.isfinite(x):
        sample[j, sampled[j]] = x
        sampled[j] += 1
        return bool(sampled[j] == SAMPLE_VALUES)
    return False


@part
def _count(j: int, x: Any, categorical: bool, edges: Array, recent: Array) -> None:
    """Count a column's value by bin."""
    if not np.isfinite(x):
        return
    if categorical:
        recent[j, np.int64(mix64(np.uint64(max(x, np.float32(0.0)))) % np.uint64(BINS))] += 1
        return
    bin_ = 8 * int(x > edges[j, 7])
    bin_ += 4 * int(x > edges[j, bin_ + 3])
    bin_ += 2 * int(x > edges[j, bin_ + 1])
    bin_ += int(x > edges[j, bin_])
    recent[j, bin_] += 1


@kernel
def _bin(sample: Array, edges: Array) -> None:
    """Edges at the sample's quantiles, each value once, and one just below the least: a constant may move both ways."""
    values = np.sort(sample)
    edges[:] = np.inf
    edges[0] = np.nextafter(np.float64(values[0]), -np.inf)
    n = 1
    for q in range(EDGES - 1):
        value = np.float64(values[q * (SAMPLE_VALUES - 1) // (EDGES - 2)])
        if value > edges[n - 1]:
            edges[n] = value
            n += 1


@kernel
def count(
    X: Array, rows: Array, scores: Array, decision: Array, positive: int, categorical: Array, sample: Array,
    sampled: Array, edges: Array, recent: Array, shares: Array,
) -> None:  # fmt: skip
    """Count the events X[rows], X float32 (any, d).

    Into ``recent`` each column's values by bin, scores last; into ``shares`` how many are there and missing, last how
    many are no alerts and alerts.

    While a numeric column has no bins its values go to the sample; when that is full they are made, from its quantiles.
    """
    d = X.shape[1]
    for j in range(d):
        missing, binned = 0, categorical[j] or sampled[j] == SAMPLE_VALUES
        for i in range(len(rows)):
            x = X[rows[i], j]
            missing += 0 if np.isfinite(x) else 1
            if binned:
                _count(j, x, categorical[j], edges, recent)
            elif _sampled(j, x, sample, sampled):
                _bin(sample[j], edges[j])
                binned = True
        shares[j, 0] += len(rows) - missing
        shares[j, 1] += missing
    for i in range(len(rows)):
        if sampled[d] == SAMPLE_VALUES:
            _count(d, scores[i], False, edges, recent)
        elif _sampled(d, scores[i], sample, sampled):
            _bin(sample[d], edges[d])
        shares[d, 1 if decision[i] == positive else 0] += 1


@kernel
def apart(old: Array, new: Array) -> tuple[Array, Array, Array]:
    """G, the population stability index and the degrees of freedom, (c,) each, of c pairs of histograms (c, bins).

    G = 2 Σ O ln(O / E) over both (Wilks 1938); PSI = Σ (q - p) ln(q / p), p and q with half an event more in each bin
    (Siddiqi, Credit risk scorecards, 2006).
    """
    g, psi, freedom = np.zeros(len(old)), np.zeros(len(old)), np.zeros(len(old), np.int64)
    for j in range(len(old)):
        g[j], psi[j], freedom[j] = _apart(j, old, new)
    return g, psi, freedom


@leaf
def _apart(j: int, old: Array, new: Array) -> tuple[float, float, int]:
    n0, n1 = 0.0, 0.0
    for b in range(old.shape[1]):
        n0 += old[j, b]
        n1 += new[j, b]
    if n0 <= 0.0 or n1 <= 0.0:
        return 0.0, 0.0, 0
    g, psi, used = 0.0, 0.0, 0
    rest0, rest1 = 0.0, 0.0
    for b in range(old.shape[1]):
        k0, k1 = old[j, b], new[j, b]
        if min(n0, n1) * (k0 + k1) / (n0 + n1) < EXPECTED_MIN:
            rest0, rest1 = rest0 + k0, rest1 + k1
        else:
            g, psi, used = g + _g(k0, k1, n0, n1), psi + _psi(k0, k1, n0, n1), used + 1
    if rest0 + rest1 > 0.0:
        g, psi, used = g + _g(rest0, rest1, n0, n1), psi + _psi(rest0, rest1, n0, n1), used + 1
    return g, psi, used - 1


@leaf
def _g(k0: float, k1: float, n0: float, n1: float) -> float:
    share, g = (k0 + k1) / (n0 + n1), 0.0
    if k0 > 0.0:
        g += k0 * math.log(k0 / (n0 * share))
    if k1 > 0.0:
        g += k1 * math.log(k1 / (n1 * share))
    return 2.0 * g


@leaf
def _psi(k0: float, k1: float, n0: float, n1: float) -> float:
    p, q = (k0 + 0.5) / (n0 + 0.5), (k1 + 0.5) / (n1 + 0.5)
    return (q - p) * math.log(q / p)
