"""What each feature is to a sampler, its running scale, and how far two events are apart.

The distance is HEOM's (Wilson, Martinez, JAIR 1997, section 2.3) with standard deviations in place of ranges: squared,
a number's difference counts its squared z-score, up to ``FAR``; two categories count 1 where they differ; where one of
two numbers is missing it counts 2, what two standardised values differ by in the mean; where both are, nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from streamimb.kernel import Array, leaf
from streamimb.schema import Schema

#: A single feature's difference counts no more than three standard deviations.
FAR: Final = 9.0
MISSING: Final = 2.0
MISMATCH: Final = 1.0
#: Values after which a feature's scale has forgotten most.
SCALE_HORIZON_VALUES: Final = 10_000

# Kinds of a feature: numbers are interpolated, categories and booleans are voted on.
NUMERIC, VOTED = 0, 1
# Rows of ``Features.scales``.
COUNT, MEAN, SQUARES, INVERSE, SCALES = range(5)


class Features(NamedTuple):
    """kinds: int8 (d,); fixed: bool (d,), never changed; bounds: float64 (2, d), of float32 values; scales: float64
    (SCALES, d).
    """

    kinds: Array
    fixed: Array
    bounds: Array
    scales: Array


def features_of(
    schema: Schema, fixed: tuple[str, ...] = (), bounds: dict[str, tuple[float, float]] | None = None
) -> Features:
    """The features of a schema; names are the schema's. Without bounds a feature's are infinite.

    Values are float32, so bounds are the least and the largest float32 within those written.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a"), Feature(name="b", type="boolean")], label=Label(classes=[0, 1]))
    >>> f = features_of(schema, fixed=("b",), bounds={"a": (0.0, 9.0)})
    >>> f.kinds, f.fixed, f.bounds
    (array([0, 1], dtype=int8), array([False,  True]), array([[  0., -inf],
           [  9.,  inf]]))
    """
    names = [f.name for f in schema.features]
    limits = np.repeat([[-np.inf], [np.inf]], len(names), axis=1)
    for name, (low, high) in (bounds or {}).items():
        limits[:, names.index(name)] = _float32_within(low, high)
    return Features(
        np.array([NUMERIC if f.type == "numeric" else VOTED for f in schema.features], np.int8),
        np.array([name in fixed for name in names], np.bool_),
        limits,
        np.zeros((SCALES, len(names))),
    )


def _float32_within(low: float, high: float) -> tuple[float, float]:
    """The least and the largest float32 from ``low`` to ``high``; where there is none, the one nearest to ``low``.

    >>> _float32_within(0.1, 0.3), _float32_within(0.5, 1e39), _float32_within(0.7, 0.7)
    ((0.10000000149011612, 0.29999998211860657), (0.5, 3.4028234663852886e+38), (0.699999988079071, 0.699999988079071))
    """
    with np.errstate(over="ignore"):
        nearest, least, most = np.float32(low), np.float32(low), np.float32(high)
    # As Python's numbers: numpy would round the bound before it compares.
    if float(least) < low:
        least = np.nextafter(least, np.float32(np.inf))
    if float(most) > high:
        most = np.nextafter(most, np.float32(-np.inf))
    return (float(nearest), float(nearest)) if least > most else (float(least), float(most))


@leaf
def observe(features: Features, X: Array, i: int) -> None:
    """Take row i into the scales: decayed mean and variance (West 1979's updates with a decay)."""
    scales = features.scales
    keep = 1.0 - 1.0 / SCALE_HORIZON_VALUES
    for j in range(X.shape[1]):
        x = np.float64(X[i, j])
        if np.isnan(x):
            continue
        n = scales[COUNT, j] * keep + 1.0
        off = x - scales[MEAN, j]
        scales[COUNT, j] = n
        scales[MEAN, j] += off / n
        squares = scales[SQUARES, j] * keep + off * (x - scales[MEAN, j])
        scales[SQUARES, j] = squares
        scales[INVERSE, j] = np.sqrt(n / squares) if squares > 0.0 else 0.0


@leaf
def distances(features: Features, X: Array, i: int, values: Array, ring: int, count: int, out: Array) -> None:
    """Squared distances of row i of X to the first ``count`` rows of a ring, ``values`` float32 (R, d, B), into out."""
    for b in range(count):
        out[b] = 0.0
    for j in range(X.shape[1]):
        x = np.float64(X[i, j])
        if np.isnan(x):
            gone = MISSING if features.kinds[j] == NUMERIC else MISMATCH
            for b in range(count):
                out[b] += 0.0 if np.isnan(values[ring, j, b]) else gone
        elif features.kinds[j] == NUMERIC:
            inverse = features.scales[INVERSE, j]
            for b in range(count):  # without branches, so that it is done several at a time
                z = (np.float64(values[ring, j, b]) - x) * inverse
                square = z * z
                square = square if square < FAR else FAR
                out[b] += MISSING if np.isnan(z) else square
        else:
            for b in range(count):
                out[b] += 0.0 if values[ring, j, b] == X[i, j] else MISMATCH
