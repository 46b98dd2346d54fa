"""A bootstrap over blocks of consecutive events, so that what comes in bursts is drawn in bursts.

Blocks begin anywhere and run around the end to the beginning, so that every event is as often drawn: the circular
block bootstrap (Politis and Romano 1992). All runs share a replicate's blocks, so that differences are of pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamimb.evaluation.metrics import overall
from streamimb.kernel import Array, kernel, leaf, uniform

#: Blocks are no longer than lets so many of them make up the stream.
BLOCKS_MIN: Final = 30
#: Marks of a ranked event: it is of the class; it is the last of those with its score.
OF_CLASS: Final = 1
LAST_OF_SCORE: Final = 2


def block_length(series: NDArray[np.float64]) -> int:
    """Events a block should have for the mean of a series, (n,): at least n^(1/3), more where it is autocorrelated.

    Politis and White 2004, section 3.2, with the correction of Patton, Politis and White 2009 for the circular
    bootstrap: b = (2 G^2 / D)^(1/3) n^(1/3), from autocovariances under a flat-top window up to the lag beyond which
    none is significant. Never more than n / ``BLOCKS_MIN``.

    >>> block_length(np.zeros(1_000_000))
    100
    >>> block_length(np.repeat(np.random.default_rng(1).normal(size=2_000), 50)) > 100
    True
    """
    n = len(series)
    least, most = math.ceil(round(math.cbrt(n), 9)), max(1, n // BLOCKS_MIN)
    centred = series - series.mean() if n else series
    if not centred.any():
        return max(1, min(least, most))
    checked = max(5, math.ceil(math.sqrt(math.log10(n))))
    R = autocovariances(centred, min(n - 1, math.ceil(math.sqrt(n)) + checked))
    significant = np.flatnonzero(np.abs(R[1:]) >= 2 * math.sqrt(math.log10(n) / n) * R[0]) + 1
    # the first lag that is followed by ``checked`` lags without significance
    gaps = np.diff(np.concatenate([[0], significant, [len(R) + checked]])) > checked
    last = int(np.concatenate([[0], significant])[gaps.argmax()])
    M = min(2 * max(last, 1), len(R) - 1)
    k = np.arange(1, M + 1)
    window = np.minimum(1.0, 2 * (1 - k / M))
    G, spectrum = 2 * (window * k * R[k]).sum(), R[0] + 2 * (window * R[k]).sum()
    if spectrum <= 0:
        return max(1, min(least, most))
    wanted = math.cbrt(2 * G**2 / (4 / 3 * spectrum**2) * n)
    return max(1, min(max(least, math.ceil(min(wanted, n))), most))


def autocovariances(centred: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Of a series with mean 0, (lags + 1,): sum_t x_t x_(t + k) / n."""
    size = 1 << (2 * len(centred) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    return np.asarray(np.fft.irfft(power, size)[: lags + 1] / len(centred), np.float64)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Events from the highest score of a class down: order int32 (n,), and marks uint8 (n,) in that order."""

    order: NDArray[np.int32]
    marks: NDArray[np.uint8]


def ranking(of_class: NDArray[np.bool_], score: NDArray[np.float32]) -> Ranking:
    """Sort once what every replicate reads; of_class: bool (n,); score: (n,)."""
    order = np.argsort(-score, kind="stable").astype(np.int32)
    marks = of_class[order].astype(np.uint8) * np.uint8(OF_CLASS)
    held = score[order]
    last = np.ones(len(score), np.bool_)
    last[:-1] = held[1:] != held[:-1]
    marks[last] |= np.uint8(LAST_OF_SCORE)
    return Ranking(order, marks)


@kernel
def draw_blocks(seed: int, replicate: int, block: int, weights: Array) -> None:
    """Write how often each event is drawn to weights int32 (n,): n events in all, in blocks (the last one cut)."""
    n = len(weights)
    weights[:] = 0
    before = 0  # what reaches around the end counts from the first event on
    left, number = n, 0
    while left > 0:
        length = min(block, left)
        start = min(int(uniform(seed, replicate, number) * n), n - 1)
        stop = start + length
        weights[start] += 1
        if stop < n:
            weights[stop] -= 1
        else:
            before += 1
            if stop - n < n:
                weights[stop - n] -= 1
        left -= length
        number += 1
    held = before
    for i in range(n):
        held += weights[i]
        weights[i] = held


@kernel
def weigh_decisions(weights: Array, y: Array, decision: Array, margins: Array) -> None:
    """Write a weighted confusion's rows, columns and diagonal to margins float64 (3, K)."""
    margins[:] = 0.0
    for i in range(len(y)):
        w = weights[i]
        margins[0, y[i]] += w
        margins[1, decision[i]] += w
        if y[i] == decision[i]:
            margins[2, y[i]] += w


@leaf
def weigh_ranking(weights: Array, order: Array, marks: Array, out: Array) -> None:
    """Write the weighted ROC-AUC and average precision to out (2,); NaN with one class."""
    tp, fp, pos, neg, pairs, gained = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(order)):
        w, mark = weights[order[i]], marks[i]
        if mark & OF_CLASS:
            pos += w
        else:
            neg += w
        if mark & LAST_OF_SCORE:
            pairs += neg * (tp + 0.5 * pos)
            tp += pos
            fp += neg
            if pos > 0:
                gained += pos * tp / (tp + fp)
            pos, neg = 0.0, 0.0
    out[0] = pairs / (tp * fp) if tp > 0 and fp > 0 else np.nan
    out[1] = gained / tp if tp > 0 and fp > 0 else np.nan


@leaf
def weigh_mean(weights: Array, values: Array) -> float:
    """Weighted mean of values (n,)."""
    total, n = 0.0, 0.0
    for i in range(len(values)):
        total += weights[i] * values[i]
        n += weights[i]
    return total / n


@kernel
def overall_of(margins: Array, out: Array) -> None:
    """The overall metrics (m, 5) of m confusions' margins, float64 (m, 3, K)."""
    for i in range(len(margins)):
        overall(margins[i, 0], margins[i, 1], margins[i, 2], out[i])
