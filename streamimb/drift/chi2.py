"""Chi-squared, from its other end: the value that is exceeded so often."""

from __future__ import annotations

import math
from statistics import NormalDist


def chi2_upper(significance: float, freedom: int) -> float:
    """The value that chi-squared with ``freedom`` degrees of freedom exceeds with this probability.

    By Wilson and Hilferty, The distribution of chi-square, PNAS 1931: its cube root is nearly normal. For one degree of
    freedom exactly, as the square of a normal. Far out in the tail of few degrees it is up to 15 % too large.

    >>> round(chi2_upper(0.05, 1), 3), round(chi2_upper(0.05, 10), 2)
    (3.841, 18.29)
    """
    if not 0 < significance < 1 or freedom < 1:
        raise ValueError(f"chi-squared with {freedom} degrees of freedom at {significance}")
    if freedom == 1:
        return NormalDist().inv_cdf(significance / 2) ** 2
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread - NormalDist().inv_cdf(significance) * math.sqrt(spread)) ** 3
