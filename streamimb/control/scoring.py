"""From the learner's raw output to score and decision.

raw p_s -> r_k = log p_s,k - log pi_s,k (the shares trained on taken out) -> u_k = a (r_k + log pi_k) + b_k (the
present shares put in, calibrated) -> score = softmax(u), decision = argmax score_k / threshold_k.
Prior correction: Saerens, Latinne, Decaestecker 2002, eq. 2.4; calibration: Platt 1999, and temperature scaling.
"""

from __future__ import annotations

import math

import numpy as np

from streamimb.kernel import Array, leaf
from streamimb.labels import layout as at

#: Probabilities of the learner are kept this far from 0 before their logarithm is taken.
PROBABILITY_MIN = 1e-7
#: How much evidence calibration asks for before it leaves the identity, in units of curvature.
CURVATURE_A = 50.0
CURVATURE_B = 10.0
BIAS_MAX = 5.0
TEMPERATURE_MIN = 0.2
TEMPERATURE_MAX = 5.0
# Rows of a plan's parameters, float64 (ROWS, K).
TAKE_OUT, PUT_IN, BIAS, THRESHOLD, TEMPERATURE, ROWS = 0, 1, 2, 3, 4, 5


@leaf
def lay_parameters(
    thresholds: Array, shares: Array, trained_shares: Array, temperature: float, bias: Array, corrects_prior: bool,
    rows: Array,
) -> None:  # fmt: skip
    """Write a plan's parameters as :func:`score_rows` reads them, float64 (ROWS, K)."""
    for k in range(len(bias)):
        rows[BIAS, k], rows[THRESHOLD, k], rows[TEMPERATURE, k] = bias[k], thresholds[k], temperature
        rows[TAKE_OUT, k] = -math.log(trained_shares[k]) if corrects_prior else 0.0
        rows[PUT_IN, k] = math.log(shares[k]) if corrects_prior else 0.0


@leaf
def score_rows(
    P: Array, ops: Array, plan: Array, cuts: Array, raw: Array, scores: Array, notes: Array, u: Array, positive: int,
    at_row: int, out_position: Array, out_scores: Array, out_decision: Array,
    out_threshold: Array,
) -> None:  # fmt: skip
    """Score the predictions of a segment in tape order.

    P: float64 (predicted, K); ops: int64 (t, 4); plan: float64 (ROWS, K); cuts: float64 (S,), where each objective
    would cut the positive class's probability; u: float64 (K,), scratch; the outputs are filled from ``at_row`` on.
    """
    n_classes = P.shape[1]
    j = 0
    for i in range(len(ops)):
        slot = ops[i, 0]
        if ops[i, 1] > at.PREDICT:
            continue
        top = -np.inf
        for k in range(n_classes):
            r = math.log(max(P[j, k], PROBABILITY_MIN)) + plan[TAKE_OUT, k]
            raw[slot, k] = r
            u[k] = plan[TEMPERATURE, k] * (raw[slot, k] + plan[PUT_IN, k]) + plan[BIAS, k]
            top = max(top, u[k])
        j += 1
        if ops[i, 1] == at.AGAIN:
            continue
        total = 0.0
        for k in range(n_classes):
            u[k] = math.exp(u[k] - top)
            total += u[k]
        best, best_value = 0, -1.0
        for k in range(n_classes):
            scores[slot, k] = u[k] / total
            value = scores[slot, k] / plan[THRESHOLD, k]
            if value > best_value:
                best, best_value = k, value
            out_scores[at_row, k] = scores[slot, k]
        if n_classes == 2:  # the same rule, in the figures that are written, so that a reader comes to the same
            above = scores[slot, positive] > np.float32(plan[THRESHOLD, positive])
            best = positive if above else 1 - positive
        shadow = 0
        for s in range(len(cuts)):
            if scores[slot, positive] > np.float32(cuts[s]):
                shadow |= 1 << s
        notes[slot, at.DECISION], notes[slot, at.SHADOWS] = best, shadow
        out_position[at_row], out_decision[at_row] = ops[i, 2], best
        out_threshold[at_row] = plan[THRESHOLD, positive if n_classes == 2 else best]
        at_row += 1


@leaf
def calibrate(raw: Array, y: Array, plan: Array, fit: Array, u: Array, memory: float) -> None:
    """Learn temperature and bias from mature events, a decayed Newton step each.

    raw: float32 (m, K); y: (m,); fit: float64 (2, K + 1): the parameters (a, b_1 .. b_K) and, for two classes, the
    2 x 2 curvature (in row 1: h_aa, h_ab, h_bb), else a diagonal one; u: float64 (K,), scratch.
    """
    n_classes = raw.shape[1]
    for i in range(len(y)):
        top = -np.inf
        for k in range(n_classes):
            u[k] = fit[0, 0] * (raw[i, k] + plan[PUT_IN, k]) + fit[0, k + 1]
            top = max(top, u[k])
        total = 0.0
        for k in range(n_classes):
            u[k] = math.exp(u[k] - top)
            total += u[k]
        if n_classes == 2:
            x = (raw[i, 1] + plan[PUT_IN, 1]) - (raw[i, 0] + plan[PUT_IN, 0])
            p = u[1] / total
            error = (y[i] == 1) - p
            spread = max(p * (1 - p), 1e-6)
            fit[1, 0] = memory * fit[1, 0] + spread * x * x
            fit[1, 1] = memory * fit[1, 1] + spread * x
            fit[1, 2] = memory * fit[1, 2] + spread
            aa, bb = fit[1, 0] + CURVATURE_A, fit[1, 2] + CURVATURE_B
            determinant = aa * bb - fit[1, 1] * fit[1, 1]
            fit[0, 0] += (bb * x - fit[1, 1]) * error / determinant
            fit[0, 2] += (aa - fit[1, 1] * x) * error / determinant
            fit[0, 2] = min(max(fit[0, 2], -BIAS_MAX), BIAS_MAX)
        else:
            mean = square = gradient = 0.0
            for k in range(n_classes):
                x = raw[i, k] + plan[PUT_IN, k]
                p = u[k] / total
                mean += p * x
                square += p * x * x
                error = (y[i] == k) - p
                gradient += error * x
                fit[1, k + 1] = memory * fit[1, k + 1] + p * (1 - p)
                fit[0, k + 1] += error / (fit[1, k + 1] + CURVATURE_B)
                fit[0, k + 1] = min(max(fit[0, k + 1], -BIAS_MAX), BIAS_MAX)
            fit[1, 0] = memory * fit[1, 0] + square - mean * mean
            fit[0, 0] += gradient / (fit[1, 0] + CURVATURE_A)
        fit[0, 0] = min(max(fit[0, 0], TEMPERATURE_MIN), TEMPERATURE_MAX)
