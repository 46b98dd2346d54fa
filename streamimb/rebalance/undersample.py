"""Thinning out the majority without losing its sub-groups."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError, StateError
from streamimb.kernel import Array, kernel, leaf, uniform
from streamimb.rebalance.base import Sampled, State
from streamimb.rebalance.buffers import HELD, Rings, make_rings, push
from streamimb.rebalance.clusters import Clusters, assign, keep_share, make_clusters
from streamimb.rebalance.features import Features, distances, observe
from streamimb.rebalance.sizes import SIZES, count, keep_rate, largest
from streamimb.rebalance.strategy import Strategy, weighed
from streamimb.schema import Schema

#: Bounds the memory of all classes' cluster centres at 128 MB.
CENTRE_VALUES_MAX: Final = 1 << 24
#: Events of a class after which the usual distance to the minority has forgotten most.
NEAR_HORIZON_EVENTS: Final = 1_000
_DROPPED: Final = -1.0

# Columns of ``near``: events of a class (decayed), mean squared distance to the minority, mean of what prefers.
EVENTS, SQUARED, PREFERRED, NEAR = range(4)


class Undersample(Strategy):
    """Keeps a share of each class that is large now, and of its weight what ``target`` leaves or all of it.

    Class k is kept at rate q = w_min / (target w_k), at least ``keep_min`` (random undersampling). Within it, an event
    of sub-group c (online clusters, see ``clusters``) is kept with probability p = q_c f: q_c so that small sub-groups
    survive (:func:`~streamimb.rebalance.clusters.keep_share`; after Yen and Lee, Expert Systems with Applications 2009,
    who sample from each cluster), f so that events near the minority are preferred (after NearMiss-1, Zhang and Mani
    2003): f = 1 - b + b g / mean(g), b = ``boundary``, g = (m / (m + d))^2, d the squared distance to the nearest of
    the last ``buffer`` events of smaller classes, m its mean in class k. What is kept weighs q / p times as much as it
    did (``weigh = "target"``: the class as a whole q times as much, its inside unmoved), or 1 / p times (``unbiased``).

    Memory: the buffer, and 8 (d + 2) bytes for each of ``clusters`` sub-groups of each class.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(20_000) < 0.01).astype(np.int16)
    >>> X = rng.normal(2.0 * y)[:, None].astype(np.float32)
    >>> sampler = Undersample(schema, SamplesConfig())
    >>> kept = sampler.sample(X, y, np.arange(20_000), np.ones(20_000))
    >>> len(kept), np.bincount(kept.y, kept.weights).round().tolist(), int(y.sum())
    (1277, [1047.0, 185.0], 185)
    """

    name = "undersample"

    def __init__(
        self, schema: Schema, config: SamplesConfig | None = None, *, seed: int = 1,
        classes: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(schema, config or SamplesConfig(), seed=seed, classes=classes)
        own = self.config.undersample
        n_classes, d = schema.n_classes, len(schema.features)
        if n_classes * own.clusters * d > CENTRE_VALUES_MAX:
            most = CENTRE_VALUES_MAX // (n_classes * d)
            raise ConfigError(f"samples.undersample.clusters = {own.clusters}: memory holds {most} a class")
        self._pool = self._hold(make_rings(1, d, self.config.buffer))
        self._clusters = make_clusters(n_classes, own.clusters, d)
        self._sizes = np.zeros((SIZES, n_classes))
        self._near = np.zeros((n_classes, NEAR))
        self._arrays |= {**self._clusters._asdict(), "sizes": self._sizes, "near": self._near}
        self._targets = np.where(self.classes, own.target, 0.0)

    def forget(self, before: int | None = None) -> None:
        super().forget(before)
        for array in (*self._clusters, self._near):
            array[:] = 0

    def restore(self, state: State) -> None:
        used = state.get("used")
        most = self.config.undersample.clusters
        if isinstance(used, np.ndarray) and not ((used >= 0) & (used <= most)).all():
            raise StateError(f"{self.name}: the state has more than {most} clusters a class")
        super().restore(state)

    def _sample(self, X: Array, y: Array, events: Array, weights: Array) -> Sampled:
        own, out = self.config.undersample, np.empty(len(y))
        _thin_out(
            X, y, events, weights, self._seed, self._targets, own.keep_min, own.boundary, own.weigh == "target",
            self.config.decay, self._features, self._pool, self._clusters, self._sizes, self._near, out,
        )  # fmt: skip
        return weighed(X, y, events, out)


@kernel
def _thin_out(
    X: Array, y: Array, events: Array, weights: Array, seed: int, targets: Array, least: float, boundary: float,
    to_target: bool, decay: float, features: Features, pool: Rings, clusters: Clusters, sizes: Array, near: Array,
    out: Array,
) -> None:  # fmt: skip
    """Write each lesson's weight to out, float64 (m,), below 0 where it is not kept."""
    distance = np.empty(pool.events.shape[1])
    for i in range(len(y)):
        k, w = int(y[i]), weights[i]
        out[i] = w
        if w <= 0.0:
            continue
        observe(features, X, i)
        count(sizes, k, w, decay)
        rate = keep_rate(sizes, k, targets[k], least)
        if rate < 1.0:
            group = assign(clusters, features, X, i, k, uniform(seed, events[i], 1))
            p = keep_share(clusters, k, group, rate)
            if boundary > 0.0:
                p *= 1.0 - boundary + boundary * _preferred(features, X, i, k, pool, near, distance)
            p = min(max(p, 0.25 * least), 1.0)
            kept = (rate if to_target else 1.0) * w / p
            out[i] = kept if uniform(seed, events[i], 0) < p else _DROPPED
        elif k != largest(sizes):
            push(pool, 0, X, i, events[i], k)


@leaf
def _preferred(features: Features, X: Array, i: int, k: int, pool: Rings, near: Array, distance: Array) -> Any:
    """By how much row i of class k is nearer to other classes' buffered events than its class is; 1 in the mean."""
    held = pool.marks[0, HELD]
    distances(features, X, i, pool.values, 0, held, distance)
    least = np.inf
    for b in range(held):
        if pool.labels[0, b] != k and distance[b] < least:
            least = distance[b]
    if least == np.inf:
        return 1.0
    n = near[k, EVENTS] * (1.0 - 1.0 / NEAR_HORIZON_EVENTS) + 1.0
    near[k, EVENTS] = n
    near[k, SQUARED] += (least - near[k, SQUARED]) / n
    usual = near[k, SQUARED]
    close = usual / (usual + least) if usual + least > 0.0 else 0.5
    near[k, PREFERRED] += (close * close - near[k, PREFERRED]) / n
    return close * close / near[k, PREFERRED] if near[k, PREFERRED] > 0.0 else 1.0
