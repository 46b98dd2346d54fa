"""Hoeffding trees as a learner: the arrays of one tree or of many, and how a tape runs over them."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamimb.config import THREADS_MAX
from streamimb.errors import LearnerError, StateError
from streamimb.lanes import WIDTH
from streamimb.learners import forest_drift, forest_kernels
from streamimb.learners import tree_layout as at
from streamimb.learners.base import PREDICT, State, Tape
from streamimb.learners.threads import Divided, carry_out
from streamimb.learners.tree_parts import tree_parts
from streamimb.learners.tree_rows import columns, read
from streamimb.learners.tree_state import impossible
from streamimb.schema import Feature, Schema, Strict

#: What a member does for an operation apart from its densities is worth so many of them.
MEMBER_NUMBERS: Final = 10
#: A part of a tape is worth another thread from so many densities.
PART_NUMBERS_MIN: Final = 20_000
#: Votes that are kept apart until all members have voted at most; beyond it one thread votes: 64 MB.
VOTES_MAX: Final = 1 << 23

#: The arrays that grow with lessons; the others of ``Trees`` follow from schema and parameters.
KEPT: Final = ("nodes", "cuts", "leaves", "observed", "ranges", "features", "sizes")


class GrowthParameters(Strict):
    """What every tree has, alone or in a forest.

    Memory is bounded from the start: when all leaves are in use, they split no more; they go on learning.
    """

    #: Weight that a leaf learns between two attempts to split, and a share of what it has learned at least.
    grace: Annotated[float, Field(ge=1, le=1e6)] = 10.0
    #: The probability with which a split may be the wrong one by Hoeffding's bound, which counts as many lessons as the
    #: weights are worth.
    delta: Annotated[float, Field(gt=0, lt=1)] = 0.9
    #: Below this bound, in bits, the best split is taken though the second may be as good.
    tie: Annotated[float, Field(ge=0, le=1)] = 0.05
    #: Standard deviations of chance (a G-test) by which a split's gain must be above it.
    surety: Annotated[float, Field(ge=0, le=1e6)] = 6.0
    #: Weight that two new leaves take over from their parent at most, its Gaussians and counts as the split divides
    #: them.
    carry: Annotated[float, Field(ge=0, le=1e9)] = 20.0
    #: A leaf that holds more weight forgets half of it.
    horizon: Annotated[float, Field(ge=10, le=1e12)] = 2_000.0
    #: Cuts that are tried of a numeric feature.
    candidates: Annotated[int, Field(ge=1, le=100)] = 10
    #: A categorical feature's codes are counted modulo so many.
    buckets: Annotated[int, Field(ge=2, le=at.BUCKETS_MAX)] = 32
    #: Deepest leaf.
    depth_max: Annotated[int, Field(ge=1, le=1_000)] = 30
    #: Leaves of a tree at most.
    leaves_max: Annotated[int, Field(ge=2, le=1 << 20)] = 512
    #: Bytes of all trees of a learner at most: there are fewer leaves where they would be over it.
    bytes_max: Annotated[int, Field(ge=1 << 12, le=1 << 36)] = 1 << 28


class TreeEnsemble:
    """M members of one tree each, or of two where a tree may grow in the background.

    Each member carries out the whole tape before the next one does, so that its arrays stay in the processor's cache.
    Raises LearnerError where not even two leaves a tree fit into ``growth.bytes_max``.

    >>> from streamimb.learners.base import LEARN
    >>> from streamimb.schema import Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> trees = TreeEnsemble(schema, GrowthParameters(grace=50), seed=1, members=3)
    >>> X = np.arange(400, dtype=np.float32)[:, None] % 20
    >>> y = ((X[:, 0] > 4) & (X[:, 0] < 15)).astype(np.int16)
    >>> trees.run(X, y, Tape.only(LEARN, 400), np.ones(2)).shape
    (0, 2)
    >>> trees.leaves.tolist()
    [3, 3, 3]
    >>> trees.run(X[[0, 10, 19]], y[:3], Tape.only(PREDICT, 3), np.ones(2)).argmax(axis=1).tolist()
    [0, 1, 0]
    """

    name = "trees"

    def __init__(
        self,
        schema: Schema,
        growth: GrowthParameters,
        *,
        seed: int,
        members: int = 1,
        observed: int | None = None,
        settings: dict[int, float] | None = None,
        threads: int = 1,
    ) -> None:
        """``observed``: features that each leaf observes, default all; ``settings``: more of ``Trees.params``;
        ``threads``: cores that share the members, which changes no bit.
        """
        self.schema, self.seed, self.threads = schema, seed, threads
        self.notes: list[str] = []
        k, d = schema.n_classes, len(schema.features)
        buckets = np.array([*(_buckets(f, growth.buckets) for f in schema.features), 0], np.int64)
        observed = d if observed is None else observed
        kinds = {at.CATEGORIES: float((buckets[:d] > 0).any()), at.NUMBERS: float((buckets[:d] == 0).any())}
        params = _pack(growth, seed, {**kinds, at.OBSERVED: float(observed), **(settings or {})})
        planted, observed = members * (2 if params[at.DRIFT] > 0 else 1), columns(observed)
        # A Gaussian's at least: densities of all features are read before those of categories are dropped.
        width = max(at.GAUSSIAN_WIDTH, at.FIRST_BUCKET + int(buckets.max()))
        leaves = self._leaves_within(growth, planted, observed, width)
        self.trees = at.Trees(
            nodes=np.zeros((planted, 2 * leaves - 1, at.NODE_COLUMNS), np.int64),
            cuts=np.zeros((planted, 2 * leaves - 1)),
            leaves=np.zeros((planted, leaves, at.COUNTS + columns(k))),
            observed=np.zeros((planted, leaves, k, width * observed)),
            ranges=np.zeros((planted, leaves, 2, observed)),
            features=np.zeros((planted, leaves, observed), np.int64),
            sizes=np.zeros((planted, at.SIZE_COLUMNS), np.int64),
            buckets=buckets,
            params=params,
        )
        self._roles = np.zeros((members, forest_kernels.ROLE_COLUMNS), np.int64)
        self._skill = np.zeros((planted, forest_kernels.RECALL + 2 * k))
        self._window = np.zeros((members, forest_drift.WINDOW_COLUMNS))
        self._spare: deque[at.Scratch] = deque(maxlen=THREADS_MAX)  # each is taken by one thread at a time
        self._work_columns = max(k, at.BUCKETS_MAX, growth.candidates + WIDTH)
        self.reset("start")
        if threads > 1:  # so that a service's warming up meets it: short tapes are not divided
            forest_kernels.add_votes(np.zeros((0, 0, k)), np.zeros((1, 0, k)))

    def _leaves_within(self, growth: GrowthParameters, planted: int, observed: int, width: int) -> int:
        """How many leaves each tree may have."""
        k = self.schema.n_classes
        numbers = at.COUNTS + columns(k) + k * observed * width + 3 * observed + 2 * (at.NODE_COLUMNS + 1)
        fit = growth.bytes_max // (planted * 8 * numbers)
        if fit < 2:
            raise LearnerError(
                f"{self.name}: {planted} trees of two leaves, {8 * numbers} bytes each, are over bytes_max"
                f" {growth.bytes_max}: raise it, or have fewer members, features or buckets"
            )
        return min(growth.leaves_max, fit)

    def reset(self, cause: str) -> None:  # noqa: ARG002
        """Forget all that was learned."""
        self.trees.sizes[:] = 0
        forest_kernels.plant_forest(self.trees, self._roles, self._skill, self._window)

    def run(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        jobs, finish = self.divide(X, y, tape, weights, self.threads)
        carry_out(jobs, self.threads)
        return finish()

    def divide(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64], parts: int
    ) -> Divided:
        """What ``run`` does, in at most so many ranges of members: in one where the tape is not worth more."""
        members, k = len(self._roles), self.schema.n_classes
        predicted = int(np.count_nonzero(tape.kinds == PREDICT))
        numbers = members * (MEMBER_NUMBERS + int(self.trees.params[at.OBSERVED]) * k)
        parts = max(min(parts, members, len(tape) * numbers // PART_NUMBERS_MIN), 1)
        if members * predicted * k > VOTES_MAX:
            parts = 1
        lessons, kinds = _plain(tape.lesson_weights(y, weights)), _plain(tape.kinds)
        none = np.empty(len(lessons))
        forest_kernels.chances_of_none(kinds, lessons, self.trees.params, none)
        steps = forest_kernels.Steps(_plain(tape.rows), kinds, _plain(tape.events), lessons, none)
        rows, y = read(_plain(X), self.trees.buckets), _plain(y)
        edges = [members * i // parts for i in range(parts + 1)]
        votes = [np.zeros((last - first if first else 1, predicted, k)) for first, last in pairwise(edges)]

        def job(part: int) -> None:
            scratch = self._room()
            forest_kernels.run_members(
                edges[part], edges[part + 1], self.trees, self._roles, self._skill, self._window, rows, y, steps,
                scratch, votes[part],
            )  # fmt: skip
            self._spare.append(scratch)

        def finish() -> NDArray[np.float64]:
            for each in votes[1:]:
                forest_kernels.add_votes(each, votes[0])
            forest_kernels.normalise(votes[0])
            told: NDArray[np.float64] = votes[0][0]
            return told

        return Divided([partial(job, part) for part in range(parts)], finish)

    def _room(self) -> at.Scratch:
        """Scratch that no other thread uses: predictions may be asked for in several at once."""
        with suppress(IndexError):
            return self._spare.pop()
        classes, observed = columns(self.schema.n_classes), self.trees.features.shape[2]
        return at.Scratch(
            values=np.full(observed, np.nan),
            places=np.zeros((2, observed), np.uint64),
            priors=np.zeros(observed),
            held=np.zeros(1, np.int64),
            logs=np.zeros(classes),
            shares=np.ones(classes),
            votes=np.zeros(classes),
            work=np.zeros((at.WORK_ROWS, self._work_columns)),
        )

    def split(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the class probabilities, float64 (n, d + 1, K), the base last; X: (n, d)."""
        out = np.zeros((len(X), X.shape[1] + 1, self.schema.n_classes))
        tree_parts(self.trees, self._roles, self._skill, read(_plain(X), self.trees.buckets), out)
        return out

    @property
    def leaves(self) -> NDArray[np.int64]:
        """How many leaves each member's tree has, int64 (M,)."""
        m = len(self._roles)
        found: NDArray[np.int64] = self.trees.sizes[np.arange(m) + m * self._roles[:, forest_kernels.ACTIVE], at.LEAVES]
        return found

    @property
    def drifts(self) -> int:
        """How often a member's tree was replaced."""
        return int(self._roles[:, forest_kernels.DRIFTS].sum())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {name: getattr(self.trees, name) for name in KEPT}
        return {**arrays, "roles": self._roles, "skill": self._skill, "window": self._window}

    def state(self) -> State:
        return {name: array.copy() for name, array in self._arrays().items()}

    def restore(self, state: State) -> None:
        for name, array in self._arrays().items():
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != array.shape or saved.dtype != array.dtype:
                raise StateError(
                    f"{self.name}: the saved {name} does not fit a learner of this schema and these parameters"
                )
            if not np.isfinite(saved).all():
                raise StateError(f"{self.name}: the saved {name} holds values that are not finite")
        wrong = impossible(state, len(self.schema.features), self.schema.n_classes)
        if wrong is not None:
            raise StateError(f"{self.name}: the saved trees are not possible: {wrong}")
        for name, array in self._arrays().items():
            array[:] = state[name]


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous and writable: a kernel is compiled again for any other kind of array."""
    return array if array.flags.carray else np.array(array, order="C")


def _buckets(feature: Feature, most: int) -> int:
    """Buckets of a feature's categories; 0 for a numeric one."""
    if feature.type == "numeric":
        return 0
    if feature.type == "boolean":
        return 2
    return most if feature.categories is None else min(max(len(feature.categories), 2), most)


def _pack(growth: GrowthParameters, seed: int, settings: dict[int, float]) -> NDArray[np.float64]:
    params = np.zeros(at.N_PARAMS)
    params[at.GRACE] = growth.grace
    params[at.LOG_DELTA] = -math.log(growth.delta)
    params[at.TIE] = growth.tie
    params[at.CARRY] = growth.carry
    params[at.HORIZON] = growth.horizon
    params[at.DEPTH_MAX] = growth.depth_max
    params[at.CANDIDATES] = growth.candidates
    params[at.SURETY] = growth.surety
    params[at.SEED], params[at.MEMORY] = seed, 500.0
    for place, value in settings.items():
        params[place] = value
    return params
