"""Sub-groups of each class: a bounded number of centres that follow the stream.

Online k-means (MacQueen 1967) whose centres are opened by chance, as in online facility location (Meyerson, FOCS 2001),
and merged by Ward's criterion (Ward 1963): an event that is far from all becomes a centre with the probability of what
it adds to the squared error over what merging the cheapest two centres adds, and those two become one. So a new group
has its centre after as many events as make it worth one; a small group that is far off keeps it, since merging costs in
proportion to size; and a single outlier's is the cheapest to give up. Only numeric features place an event.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from streamimb.kernel import Array, leaf
from streamimb.rebalance.features import FAR, INVERSE, NUMERIC, Features

#: Events of a class after which what a centre stands for has faded to a third.
MASS_HORIZON_EVENTS: Final = 5_000
#: Farther from a centre than so many times its mean squared distance, an event may open another.
OPEN_SPREADS: Final = 4.0


class Clusters(NamedTuple):
    """centres: float64 (K, C, d), NaN where no value was seen; mass, spread: float64 (K, C), decayed events and mean
    squared distance; used: int64 (K,).
    """

    centres: Array
    mass: Array
    spread: Array
    used: Array


def make_clusters(classes: int, clusters: int, features: int) -> Clusters:
    """No clusters yet, up to so many a class."""
    return Clusters(
        np.zeros((classes, clusters, features)),
        np.zeros((classes, clusters)),
        np.zeros((classes, clusters)),
        np.zeros(classes, np.int64),
    )


@leaf
def assign(clusters: Clusters, features: Features, X: Array, i: int, k: int, chance: float) -> int:
    """Put row i into a cluster of class k, which follows it, or open one; its number. ``chance`` is uniform."""
    used = clusters.used[k]
    best, least = -1, np.inf
    for c in range(used):
        clusters.mass[k, c] *= 1.0 - 1.0 / MASS_HORIZON_EVENTS
        far = _to_row(clusters, features, X, i, k, c)
        if far < least:
            best, least = c, far
    if best >= 0 and least <= OPEN_SPREADS * clusters.spread[k, best]:
        return _follow(clusters, X, i, k, best, least)
    free = used
    if used < clusters.mass.shape[1]:
        clusters.used[k] = used + 1
    else:
        first, second, cost = _cheapest(clusters, features, k)
        mass = clusters.mass[k, best]
        if first < 0 or chance * cost >= least * mass / (mass + 1.0):
            return _follow(clusters, X, i, k, best, least)
        _merge(clusters, features, k, first, second)
        free = first
    clusters.mass[k, free] = 1.0
    clusters.spread[k, free] = 0.0
    for j in range(X.shape[1]):
        clusters.centres[k, free, j] = X[i, j]
    return int(free)


@leaf
def keep_share(clusters: Clusters, k: int, c: int, rate: float) -> float:
    """Share of cluster c that is kept where class k is kept at ``rate``.

    p_c = min(1, λ / sqrt(s_c)) with s_c its share of the class and λ such that the s_c p_c sum to ``rate``: half way,
    in powers, between thinning all alike and keeping as many of each.
    """
    used = clusters.used[k]
    total = 0.0
    for a in range(used):
        total += clusters.mass[k, a]
    whole, level = 0.0, 0.0  # groups of a share up to ``whole`` are kept whole
    for _ in range(used):
        left, roots = rate, 0.0
        for a in range(used):
            share = clusters.mass[k, a] / total
            if share <= whole:
                left -= share
            else:
                roots += np.sqrt(share)
        if roots <= 0.0 or left <= 0.0:
            break
        level = left / roots
        if level * level <= whole:
            break
        whole = level * level
    share = clusters.mass[k, c] / total
    return 1.0 if share <= level * level else level / np.sqrt(share)


@leaf
def _follow(clusters: Clusters, X: Array, i: int, k: int, c: int, far: float) -> int:
    """Move a centre towards a row that is so far off."""
    mass = clusters.mass[k, c] + 1.0
    clusters.mass[k, c] = mass
    clusters.spread[k, c] += (far - clusters.spread[k, c]) / mass
    for j in range(X.shape[1]):
        x = np.float64(X[i, j])
        centre = clusters.centres[k, c, j]
        if np.isnan(centre):
            clusters.centres[k, c, j] = x
        elif not np.isnan(x):
            clusters.centres[k, c, j] = centre + (x - centre) / mass
    return int(c)


@leaf
def _to_row(clusters: Clusters, features: Features, X: Array, i: int, k: int, c: int) -> float:
    far = 0.0
    for j in range(X.shape[1]):
        if features.kinds[j] == NUMERIC:
            z = (np.float64(X[i, j]) - clusters.centres[k, c, j]) * features.scales[INVERSE, j]
            far += 0.0 if np.isnan(z) else min(z * z, FAR)
    return far


@leaf
def _between(clusters: Clusters, features: Features, k: int, a: int, b: int) -> float:
    far = 0.0
    for j in range(clusters.centres.shape[2]):
        if features.kinds[j] == NUMERIC:
            z = (clusters.centres[k, a, j] - clusters.centres[k, b, j]) * features.scales[INVERSE, j]
            far += 0.0 if np.isnan(z) else min(z * z, FAR)
    return far


@leaf
def _cheapest(clusters: Clusters, features: Features, k: int) -> tuple[int, int, float]:
    """The two clusters of class k whose merging adds least to the squared error, and how much; -1 without two."""
    first, second, cost = -1, -1, np.inf
    for a in range(clusters.used[k]):
        for b in range(a):
            mass = clusters.mass[k, a] * clusters.mass[k, b] / (clusters.mass[k, a] + clusters.mass[k, b])
            between = mass * _between(clusters, features, k, a, b)
            if between < cost:
                first, second, cost = a, b, between
    return first, second, cost


@leaf
def _merge(clusters: Clusters, features: Features, k: int, first: int, second: int) -> None:
    """Make one cluster of two, in the place of the second."""
    far = _between(clusters, features, k, first, second)
    one, other = clusters.mass[k, first], clusters.mass[k, second]
    share = one / (one + other)
    clusters.mass[k, second] = one + other
    spread = share * clusters.spread[k, first] + (1.0 - share) * clusters.spread[k, second]
    clusters.spread[k, second] = spread + share * (1.0 - share) * far
    for j in range(clusters.centres.shape[2]):
        mine, theirs = clusters.centres[k, first, j], clusters.centres[k, second, j]
        if np.isnan(theirs):
            clusters.centres[k, second, j] = mine
        elif not np.isnan(mine):
            clusters.centres[k, second, j] = theirs + share * (mine - theirs)
