"""From version 6 of the pipeline's state to version 7: the numbers of a tree's leaves lie in another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.config import Config
from streamimb.errors import StateError
from streamimb.learners.base import State
from streamimb.schema import Schema

#: Numbers of a Gaussian, of which every leaf has room for now; the last is a logarithm, and this where there is none.
GAUSSIAN_WIDTH: Final = 5
UNSEEN: Final = -1e300
#: Parameters whose defaults were others, of the models that have them.
CHANGED: Final = {"forest": ("surety", "features", "subspace"), "tree": ("grace",)}


def from_6_to_7(state: State, schema: Schema, config: Config) -> State:
    """The same state, of version 7. Raises StateError for trees that were grown with what were defaults then."""
    for model, given in _grown(config):
        lacking = [name for name in CHANGED[model] if name not in given]
        if lacking:
            raise StateError(
                f"the state has version 6, when a {model} had other defaults of learner.parameters "
                f"({', '.join(lacking)}): its splits do not go on under these; learn anew (`replay --save-state` into "
                "a new state.url)"
            )
    numeric = np.array([feature.type == "numeric" for feature in schema.features])
    n_classes, succession = len(schema.class_names), state["succession"]
    learners = {name: laid_out(succession[name], n_classes, numeric) for name in ("learner", "challenger")}
    reactor = {"heard": [], "waiting": [], **state["reactor"]}
    return {**state, "version": 7, "succession": {**succession, **learners}, "reactor": reactor}


def laid_out(learner: State, n_classes: int, numeric: NDArray[np.bool_]) -> State:
    """A learner's state with its trees, or those of the members of a blend, in the new order; numeric: bool (d,).

    observed: float64 (T, L, K F W), a feature's numbers together, becomes (T, L, K, W F), the same number of all
    features together; ranges: (T, L, F, 2) becomes (T, L, 2, F). A class without values of a feature says so now.
    """
    found = dict(learner)
    for key, observed in learner.items():
        if key.rpartition(".")[2] != "observed" or observed.ndim != 3:  # builds between the two wrote the new order
            continue
        member = key.removesuffix("observed")
        features = learner[f"{member}features"]
        trees, leaves, n = features.shape
        apart = observed.reshape(trees, leaves, n_classes, n, -1)
        apart = np.pad(apart, [(0, 0)] * 4 + [(0, max(GAUSSIAN_WIDTH - apart.shape[-1], 0))])
        empty = (apart[..., 0] <= 0) & numeric[features][:, :, np.newaxis]
        apart[..., GAUSSIAN_WIDTH - 1][empty] = UNSEEN
        found[key] = np.ascontiguousarray(apart.swapaxes(3, 4)).reshape(trees, leaves, n_classes, -1)
        found[f"{member}ranges"] = np.ascontiguousarray(learner[f"{member}ranges"].swapaxes(2, 3))
    return found


def _grown(config: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each forest and tree, and the parameters that it is given, alone or in a blend whose members are named."""
    given = config.learner.parameters
    members: list[Mapping[str, Any]] = [{"model": config.learner.model, "parameters": given}]
    if config.learner.model == "blend":
        members = given.get("members", [])
    for member in members:
        if member.get("model") in CHANGED:
            yield member["model"], member.get("parameters", {})
