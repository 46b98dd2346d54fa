"""Whether a model learns its copies and synthetic rows by heart."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.kernel import Array, leaf, part
from streamimb.rebalance import tape

#: A probability of nothing costs no more than this one's logarithm.
PROBABILITY_MIN: Final = 1e-12

# Columns of ``losses`` of each kind and class: rows (decayed), and their mean loss.
ROWS, LOSS, COLUMNS = range(3)
FRESH, MADE = 0, 1


class MemorisationGauge:
    """Mean log-loss on copies and synthetic rows beside that on new events, of each class, decayed by ``decay`` a row.

    Each row's loss is taken just before it is learned. A model that generalises finds both about as hard; one that
    memorises knows the rows that it has seen the like of, and not the new ones: ``ratio`` grows above 1.

    >>> gauge = MemorisationGauge(2)
    >>> gauge.update(np.array([0.5, 0.9, 0.99]), np.array([False, True, True]), np.array([1, 1, 1], np.int16))
    >>> gauge.fresh.round(3), gauge.made.round(3), gauge.ratio.round(1)
    (array([  nan, 0.693]), array([  nan, 0.057]), array([ nan, 12.1]))
    >>> gauge.support.round(2).tolist()
    [[0.0, 0.0], [1.0, 1.99]]
    """

    def __init__(self, n_classes: int, *, decay: float = 0.99) -> None:
        if not 0.0 < decay < 1.0:
            raise ValueError(f"decay {decay!r} is not between 0 and 1")
        self._decay = decay
        self._losses = np.zeros((2, n_classes, COLUMNS))

    def update(self, probability: NDArray[np.float64], made: NDArray[np.bool_], y: NDArray[np.int16]) -> None:
        """Take in rows in order: the probability that each one's own class had, (n,); whether it is a copy or
        synthetic, bool (n,); its class, int16 (n,). Raises ValueError, changing nothing, for what is none.
        """
        p = np.ascontiguousarray(probability, np.float64)
        if not len(p) == len(made) == len(y):
            raise ValueError(f"{len(p)} probabilities, {len(made)} kinds, {len(y)} classes")
        if len(p) and not ((p >= 0) & (p <= 1)).all():
            raise ValueError("a probability is not within 0 and 1")
        if len(p) and not 0 <= y.min() <= y.max() < self._losses.shape[1]:
            raise ValueError(f"a class is not one of 0 to {self._losses.shape[1] - 1}: {y.min()} to {y.max()}")
        _update(p, np.ascontiguousarray(made, np.bool_), np.ascontiguousarray(y, np.int16), self._losses, self._decay)

    def hear(self, P: NDArray[np.float64], probes: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.float64]:
        """Take in probes among predictions P, float64 (·, K), as ``tape`` lays them out; return P[own], float64 (o, K).

        Raises ValueError, changing nothing, where a probe's probability is not finite.
        """
        out = np.empty((len(own), P.shape[1]))
        if not _hear(P, probes, own, out, self._losses, self._decay):
            raise ValueError("a probability is not within 0 and 1")
        return out

    @property
    def fresh(self) -> NDArray[np.float64]:
        """Mean log-loss on new events of each class, in nats: float64 (K,); NaN without any."""
        return self._mean(FRESH)

    @property
    def made(self) -> NDArray[np.float64]:
        """Mean log-loss on copies and synthetic rows of each class: float64 (K,); NaN without any."""
        return self._mean(MADE)

    @property
    def ratio(self) -> NDArray[np.float64]:
        """``fresh`` by ``made``, float64 (K,): above 1 where made rows are known better; NaN where either is."""
        return self.fresh / np.maximum(self.made, PROBABILITY_MIN)

    @property
    def support(self) -> NDArray[np.float64]:
        """Rows behind ``fresh`` and ``made``, float64 (K, 2), decayed: at most 1 / (1 - decay)."""
        rows: NDArray[np.float64] = self._losses[:, :, ROWS].T.copy()
        return rows

    def state(self) -> dict[str, Any]:
        """Everything that the next row's treatment depends on, copied."""
        return {"losses": self._losses.copy(), "decay": self._decay}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a gauge that was made with the same arguments. Raises StateError."""
        saved = state.get("losses")
        if (
            not isinstance(saved, np.ndarray)
            or (saved.shape, saved.dtype) != (self._losses.shape, np.float64)
            or state.get("decay") != self._decay
        ):
            raise StateError(f"memorisation gauge: the state does not fit {self._losses.shape[1]} classes")
        if not (np.isfinite(saved) & (saved >= 0)).all():
            raise StateError("memorisation gauge: saved losses are negative or not finite")
        self._losses[:] = saved

    def _mean(self, kind: int) -> NDArray[np.float64]:
        rows, loss = self._losses[kind, :, ROWS], self._losses[kind, :, LOSS]
        return np.where(rows > 0, loss, np.nan)


@part
def _add(p: float, kind: int, k: int, losses: Array, decay: float) -> None:
    """Take in one row's probability of its own class k."""
    loss = -np.log(max(p, PROBABILITY_MIN))
    n = losses[kind, k, ROWS] * decay + 1.0
    losses[kind, k, ROWS] = n
    losses[kind, k, LOSS] += (loss - losses[kind, k, LOSS]) / n


@leaf
def _update(p: Array, made: Array, y: Array, losses: Array, decay: float) -> None:
    for i in range(len(p)):
        _add(p[i], MADE if made[i] else FRESH, y[i], losses, decay)


@leaf
def _hear(P: Array, probes: Array, own: Array, out: Array, losses: Array, decay: float) -> bool:
    for i in range(len(probes)):
        if not np.isfinite(P[probes[i, tape.PLACE], probes[i, tape.CLASS]]):
            return False
    for i in range(len(probes)):
        p = P[probes[i, tape.PLACE], probes[i, tape.CLASS]]
        kind = MADE if probes[i, tape.MADE] > 0 else FRESH
        _add(min(max(p, 0.0), 1.0), kind, probes[i, tape.CLASS], losses, decay)
    for i in range(len(own)):
        for k in range(P.shape[1]):
            out[i, k] = P[own[i], k]
    return True
