"""How the members of a blend are weighed: a product of their probabilities, whose powers are learned as it goes."""

from __future__ import annotations

import math
from typing import Final

from streamimb.kernel import Array, leaf
from streamimb.learners.base import PREDICT

#: No member's probability is taken for less.
PROBABILITY_MIN: Final = 1e-4
#: Curvature that stands for the first guess, all powers alike.
CURVATURE: Final = 20.0
POWER_MAX: Final = 2.0


@leaf
def mix(member: Array, powers: Array, out: Array) -> None:
    """Class probabilities out_k proportional to the product over members of p_mk to the power a_m.

    member: float64 (M, K), the members' probabilities; powers: float64 (M,); out: float64 (K,).
    """
    top = -math.inf
    for k in range(len(out)):
        z = 0.0
        for m in range(len(powers)):
            z += powers[m] * math.log(max(member[m, k], PROBABILITY_MIN))
        out[k] = z
        top = max(top, z)
    total = 0.0
    for k in range(len(out)):
        out[k] = math.exp(out[k] - top)
        total += out[k]
    for k in range(len(out)):
        out[k] /= total


@leaf
def teach(member: Array, p: Array, label: int, weight: float, memory: float, powers: Array, curvature: Array) -> None:
    """One decayed Newton step of each power down the weighted log-loss of the blend, p float64 (K,)."""
    for m in range(len(powers)):
        mean = square = 0.0
        for k in range(len(p)):
            x = math.log(max(member[m, k], PROBABILITY_MIN))
            mean += p[k] * x
            square += p[k] * x * x
        slope = weight * (math.log(max(member[m, label], PROBABILITY_MIN)) - mean)
        curvature[m] = memory * curvature[m] + weight * max(square - mean * mean, 0.0)
        powers[m] = min(max(powers[m] + slope / (curvature[m] + CURVATURE), 0.0), POWER_MAX)


@leaf
def run_blend(
    kinds: Array, events: Array, rows: Array, y: Array, weights: Array, told: Array, memory: float, powers: Array,
    curvature: Array, last: Array, last_event: Array, p: Array, out: Array,
) -> None:  # fmt: skip
    """Blend the predictions of a tape and learn the powers from its lessons, in tape order.

    told: float64 (predicted, M, K), what the members predicted; last: float64 (M, K) and last_event: int64 (1,), the
    prediction made last and its event, -1 for none: a lesson teaches where it is of the same event; p: float64 (K,),
    scratch; out: float64 (predicted, K).
    """
    j = 0
    for i in range(len(kinds)):
        if kinds[i] == PREDICT:
            for m in range(last.shape[0]):
                for k in range(last.shape[1]):
                    last[m, k] = told[j, m, k]
            last_event[0] = events[i]
            mix(last, powers, p)
            for k in range(len(p)):
                out[j, k] = p[k]
            j += 1
        elif last_event[0] == events[i]:
            if weights[i] > 0.0:
                mix(last, powers, p)
                teach(last, p, y[rows[i]], weights[i], memory, powers, curvature)
            last_event[0] = -1
