"""Which decisions tell of a recall: a minority's, under a rule that stands still while the Plan's moves."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.errors import StateError
from streamimb.kernel import Array, leaf

#: A class is a minority from a share below 1 / K on, and until its share is above this many times that.
MAJORITY_FROM: Final = 1.2
#: A held rule is given up where the Plan's lies further off than this, in log odds, ...
APART_MAX: Final = 1.0
#: ... and has done so for so many events of the class: a fall of its recall would have been told by then.
APART_EVENTS: Final = 200
ARRAYS: Final = ("rule", "watched", "apart", "since")


class HeldRules:
    """For each class that is a minority now, the rule of decision that its recall is read under.

    A rule is an offset a class, (K,), in log odds: decided is the class of the largest ``raw + offset``
    (``Plan.offsets``), which for two classes is a cut. Raw scores know nothing of shares, calibration and thresholds,
    so that a decision under a held rule changes only where the learner or the events do. A class's rule is the Plan's
    when it is first watched; it is renewed, and its recall watched anew, where the Plan's has stood ``APART_MAX`` from
    it for ``APART_EVENTS`` events of the class. A class that becomes a minority begins anew, one that is none any more
    is not watched.

    >>> held = HeldRules(2)
    >>> held.renew(np.array([0.0, 1.0]), np.array([0.9, 0.1]))
    [1]
    >>> raw = np.array([[0, -2], [0, -0.5], [0, -0.5]], np.float32)
    >>> decision = np.array([0, 1, 1], np.int16)
    >>> held.decide(raw, np.array([1, 1, 0], np.int16), decision)
    >>> decision.tolist()  # of the majority nothing is told
    [0, 1, -1]
    """

    def __init__(self, n_classes: int) -> None:
        self._rule = np.zeros((n_classes, n_classes))
        self._watched = np.zeros(n_classes, np.bool_)
        self._apart = np.zeros(n_classes, np.bool_)  # whether the Plan's rule is far from the held one
        self._since = np.zeros(n_classes, np.int64)  # events of the class since it was

    def renew(self, offsets: NDArray[np.float64], shares: NDArray[np.float64]) -> list[int]:
        """Compare with the next Plan's rule and shares, float64 (K,) each; the classes whose recall begins anew."""
        fair, anew = 1.0 / len(shares), []
        for k, share in enumerate(shares.tolist()):
            was = bool(self._watched[k])
            self._watched[k] = share < (fair * MAJORITY_FROM if was else fair)
            if not self._watched[k]:
                continue
            moved = offsets - offsets[k] - (self._rule[k] - self._rule[k, k])
            self._apart[k] = was and np.abs(moved).max() > APART_MAX
            if not self._apart[k]:
                self._since[k] = 0
            if not was or self._since[k] >= APART_EVENTS:
                self._rule[k], self._apart[k], self._since[k] = offsets, False, 0
                anew.append(k)
        return anew

    def decide(self, raw: NDArray[np.float32], y: NDArray[np.int16], decision: NDArray[np.int16]) -> None:
        """Put in place of each decision, int16 (m,), what tells of its class's recall; -1 stays, and is nothing.

        raw: float32 (m, K), scores before shares and calibration; y: int16 (m,).
        """
        _decide(raw, y, self._rule, self._watched, self._apart, self._since, decision)

    def inherit(self, old: HeldRules, offsets: NDArray[np.float64]) -> None:
        """Go on from the rules of fewer classes, which are the first of these.

        offsets: float64 (K,), the Plan's now: in each held rule a class that is new lies as far from the rule's own.
        """
        k = len(old._watched)
        for name in ("watched", "apart", "since"):
            getattr(self, f"_{name}")[:k] = getattr(old, f"_{name}")
        self._rule[:k, :k] = old._rule
        self._rule[:k, k:] = (offsets[k:] - offsets[:k, np.newaxis]) + old._rule.diagonal()[:, np.newaxis]

    def forget(self) -> None:
        """Another learner or another rule decides: watch every class anew."""
        self._watched[:] = self._apart[:] = False
        self._since[:] = 0

    def state(self) -> dict[str, Any]:
        """Everything that the next event's treatment depends on, copied."""
        return {name: getattr(self, f"_{name}").copy() for name in ARRAYS}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of as many classes. Raises StateError."""
        for name in ARRAYS:
            mine, saved = getattr(self, f"_{name}"), state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype:
                raise StateError(f"held rules: {name} does not fit {len(self._watched)} classes")
        if not np.isfinite(state["rule"]).all():
            raise StateError("held rules: a saved rule is not finite")
        for name in ARRAYS:
            getattr(self, f"_{name}")[:] = state[name]


@leaf
def _decide(raw: Array, y: Array, rule: Array, watched: Array, apart: Array, since: Array, decision: Array) -> None:
    for i in range(len(y)):
        k = y[i]
        if decision[i] < 0:
            continue
        if not watched[k]:
            decision[i] = -1
            continue
        if apart[k]:
            since[k] += 1
        best = 0
        for j in range(1, rule.shape[0]):
            if raw[i, j] + rule[k, j] > raw[i, best] + rule[k, best]:
                best = j
        decision[i] = best
