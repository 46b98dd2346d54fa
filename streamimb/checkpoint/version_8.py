"""From version 7 of the pipeline's state to version 8: trees take four features at once, their nodes are shorter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import Config
from streamimb.errors import StateError
from streamimb.learners.base import State
from streamimb.schema import Schema

#: Features and classes are padded to a multiple of this.
LANES: Final = 4
#: Buckets of a categorical feature at most, unless ``buckets`` says otherwise, and what each counts as seen.
BUCKETS: Final = 32
BUCKET_PRIOR: Final = 0.5
# Numbers of a Gaussian, the last one a logarithm, and what says that there are no values.
GAUSSIAN_WIDTH: Final = 5
UNSEEN: Final = -1e300
NOTHING_SEEN: Final = 4e38
#: Arrays whose second axis is a tree's leaves.
BY_LEAF: Final = ("leaves", "observed", "ranges", "features")
# Columns of a node in version 7, and the codes for which its mask has bits now.
FEATURE, LEFT, HEAVY, SLOT, MASK, DEPTH = range(6)
NUMERIC, MISSING = 62, 63
# Numbers of a leaf before those of its classes, of which the lessons are no longer kept; of its node, now.
COUNTS, LESSONS = 8, 3
NODE_COLUMNS: Final = 4
#: Defaults of what bounds a learner's leaves.
LEAVES_MAX, BYTES_MAX = 512, 1 << 28


def from_7_to_8(state: State, schema: Schema, config: Config) -> State:
    """The same state, of version 8."""
    succession = state["succession"]
    learners = {name: padded(succession[name], schema, config) for name in ("learner", "challenger")}
    return {**state, "version": 8, "succession": {**succession, **learners}}


def padded(learner: State, schema: Schema, config: Config) -> State:
    """A learner's state with its trees, or those of the members of a blend, laid out in the new way.

    Raises StateError where they do not fit into memory any more.
    """
    found = dict(learner)
    for key in learner:
        if key.rpartition(".")[2] == "observed":
            prefix = key.removesuffix("observed")
            parameters = _parameters(prefix, config)
            trees = {name: learner[prefix + name] for name in (*BY_LEAF, "nodes", "cuts", "sizes")}
            trees |= _relaid(trees, _buckets(schema, int(parameters.get("buckets", BUCKETS))))
            found.update({prefix + name: array for name, array in _fitted(trees, parameters).items()})
    return found


def _fitted(trees: State, parameters: Mapping[str, Any]) -> State:
    """As many leaves as fit into memory now. Raises StateError where more are in use."""
    planted, _, classes, numbers = trees["observed"].shape
    a_leaf = trees["leaves"].shape[2] + classes * numbers + 3 * trees["features"].shape[2] + 2 * (NODE_COLUMNS + 1)
    bound = int(parameters.get("bytes_max", BYTES_MAX))
    fit = min(int(parameters.get("leaves_max", LEAVES_MAX)), bound // (planted * 8 * a_leaf))
    used = int(trees["sizes"][:, 1].max())
    if used > fit:
        raise StateError(
            f"a tree of the saved state has {used} leaves, of which {fit} fit into learner.parameters.bytes_max "
            f"{bound} now: learn anew (`replay --save-state` into a new state.url), with more of it if need be"
        )
    for name in (*BY_LEAF, "nodes", "cuts"):
        wanted = fit if name in BY_LEAF else 2 * fit - 1
        array = trees[name][:, :wanted]
        trees[name] = np.pad(array, [(0, 0), (0, wanted - array.shape[1]), *[(0, 0)] * (array.ndim - 2)])
    return trees


def _relaid(trees: State, buckets: NDArray[np.int64]) -> State:
    features, leaves = trees["features"], np.delete(trees["leaves"], LESSONS, axis=2)
    extra = -features.shape[2] % LANES
    wider = (*[(0, 0)] * 2, (0, -(leaves.shape[2] - COUNTS + 1) % LANES))
    ranges = np.pad(trees["ranges"], [(0, 0)] * 3 + [(0, extra)])
    ranges[..., features.shape[2] :] = np.array([[NOTHING_SEEN], [-NOTHING_SEEN]])
    return {
        "nodes": _nodes(trees["nodes"]),
        "leaves": np.pad(leaves, wider),
        "observed": _observed(trees["observed"], buckets[features], extra),
        "ranges": ranges,
        "features": np.pad(features, [(0, 0)] * 2 + [(0, extra)], constant_values=len(buckets)),
    }


def _nodes(old: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (T, N, 6) becomes (T, N, 4): a leaf's slot where others have their child; missing values in the mask."""
    inner = old[..., FEATURE] >= 0
    missing_left = np.where(old[..., HEAVY] == 0, np.int64(-1) << MISSING, np.int64(0))
    mask = old[..., MASK] | (np.int64(1) << NUMERIC) | missing_left
    return np.stack([
        old[..., FEATURE], np.where(inner, old[..., LEFT], old[..., SLOT]), np.where(inner, mask, 0), old[..., DEPTH]
    ], axis=-1)  # fmt: skip


def _observed(old: NDArray[np.float64], buckets: NDArray[np.int64], extra: int) -> NDArray[np.float64]:
    """Numbers of a feature, float64 (T, L, K, W F): a category's shares are multiplied by one that comes second now.

    buckets: int64 (T, L, F), of each feature that a leaf observes, 0 for numeric ones.
    """
    trees, leaves, n = buckets.shape
    apart = old.reshape(trees, leaves, old.shape[2], -1, n)
    of = buckets[:, :, None, None, :]
    numbers, counts = np.where(of == 0, apart, 0.0), np.where(of > 0, apart, 0.0)
    inverse = np.where(of > 0, 1.0 / (counts[..., :1, :] + np.maximum(BUCKET_PRIOR * of, BUCKET_PRIOR)), 0.0)
    shifted = np.concatenate([counts[..., :1, :], inverse, counts[..., 1:, :]], axis=3)
    width = max(GAUSSIAN_WIDTH, 2 + int(buckets.max()))
    shifted[..., : apart.shape[3], :] += numbers
    new = np.pad(shifted[..., :width, :], [(0, 0)] * 4 + [(0, extra)])
    new[..., GAUSSIAN_WIDTH - 1, n:] = UNSEEN
    return np.ascontiguousarray(new).reshape(trees, leaves, old.shape[2], -1)


def _buckets(schema: Schema, most: int) -> NDArray[np.int64]:
    """Buckets of each feature's categories, 0 for a numeric one: int64 (d,)."""
    found: list[Any] = []
    for feature in schema.features:
        listed = feature.categories
        if feature.type == "numeric":
            found.append(0)
        elif feature.type == "boolean":
            found.append(2)
        else:
            found.append(most if listed is None else min(max(len(listed), 2), most))
    return np.array(found, np.int64)


def _parameters(prefix: str, config: Config) -> Mapping[str, Any]:
    """What is given of the learner's parameters, or of those of the member that a prefix like ``1.`` names."""
    parameters: Any = config.learner.parameters
    if prefix:
        members = parameters.get("members", [])
        place = int(prefix.rstrip("."))
        parameters = members[place].get("parameters", {}) if place < len(members) else {}
    found: Mapping[str, Any] = parameters
    return found
