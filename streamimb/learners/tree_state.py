"""Whether saved trees could be: what kernels take for a place, a link or a count, before one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamimb.learners import forest_drift, forest_kernels
from streamimb.learners import tree_layout as at
from streamimb.learners.base import State


def impossible(state: State, d: int, n_classes: int) -> str | None:
    """The first array of a saved state that no trees of d columns could have, and what it holds; None where all could.

    The arrays have the shapes and types of ``Trees``, ``roles``, ``skill`` and ``window``.
    """
    return next((f"{name}: {what}" for name, what, possible in _checks(state, d, n_classes) if not possible), None)


def _checks(state: State, d: int, n_classes: int) -> Iterator[tuple[str, str, bool]]:
    """Arrays, what is wrong with each and whether it is right; each may rely on those before."""
    nodes, sizes, roles = state["nodes"], state["sizes"], state["roles"]
    used, leaves = sizes[:, at.NODES], sizes[:, at.LEAVES]
    yield "sizes", "leaves that there is no room for", _within(leaves, 1, state["leaves"].shape[1])
    yield "sizes", "other than one node less than twice the leaves", bool((used == 2 * leaves - 1).all())
    yield "sizes", "a tree that was never planted", _within(sizes[:, at.PLANTED], 1)

    numbers = np.arange(nodes.shape[1])
    there = numbers < used[:, np.newaxis]
    inner = there & (nodes[:, :, at.FEATURE] != at.LEAF)
    left, slot, feature = nodes[:, :, at.LEFT], nodes[:, :, at.SLOT], nodes[:, :, at.FEATURE]
    # Nothing is added to what was read: a sum that is over the integers' end is a small one.
    forward = (left > numbers) & (left < used[:, np.newaxis] - 1)
    yield "nodes", "a split by no column", _within(feature[inner], 0, d - 1)
    yield "nodes", "a child that is outside its tree or before its parent", bool(forward[inner].all())
    yield "nodes", "a split that sends no number right", bool(((nodes[inner, at.MASK] >> at.NUMERIC) & 1).all())
    yield "nodes", "a leaf without a place", bool(((slot >= 0) & (slot < leaves[:, np.newaxis]))[there & ~inner].all())
    yield "nodes", "a depth that no tree has", _within(nodes[there, at.DEPTH], 0, nodes.shape[1])
    yield "features", "a column that is none", _within(state["features"], 0, d)

    most = 1 if len(sizes) == 2 * len(roles) else 0
    yield "roles", "a tree that is not the member's", _within(roles[:, forest_kernels.ACTIVE], 0, most)
    yield "roles", "a tree in the background where there is none", _within(roles[:, forest_kernels.GROWING], 0, most)
    yield "roles", "a negative count", _within(roles[:, [forest_kernels.WARNINGS, forest_kernels.DRIFTS]], 0)
    yield "skill", "a negative count of lessons", _within(state["skill"][:, forest_kernels.RECALL + n_classes :], 0)

    window = state["window"]
    lessons = window[:, forest_drift.OPEN_LESSONS]
    buckets = window[:, forest_drift.HEAD :: forest_drift.ROW_COLUMNS]
    yield "window", "lessons that no open block has", _whole(lessons, forest_drift.BLOCK_LESSONS - 1)
    yield "window", "buckets that no row has", _whole(buckets, forest_drift.PER_ROW)


def _within(values: NDArray[Any], least: int, most: int | None = None) -> bool:
    return bool((values >= least).all() and (most is None or (values <= most).all()))


def _whole(counts: NDArray[np.float64], most: int) -> bool:
    """Whether these could be counts, from 0 to ``most``."""
    return _within(counts, 0, most) and bool((counts == np.floor(counts)).all())
