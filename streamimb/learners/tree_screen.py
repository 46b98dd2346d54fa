"""Whether a leaf's split can gain enough to be looked for: nearly all attempts end at a gain that chance explains."""

from __future__ import annotations

from streamimb.kernel import Array, leaf
from streamimb.learners.tree_bounds import SLACK, bound_cuts, left_entropy, share_left
from streamimb.learners.tree_layout import ALL, BOUNDS, CANDIDATES, OFFERED, SHARES, Trees
from streamimb.learners.tree_splits import best_subset, place_candidates, scaled_entropy, span


@leaf
def _may_cut(trees: Trees, t: int, slot: int, f: int, n_classes: int, work: Array, least: float) -> bool:
    """Whether some candidate of a numeric feature may gain ``least`` bits of those rows in which it is known."""
    low, high = span(trees, t, slot, f, n_classes)
    if not low < high:
        return False
    candidates, most_left = int(trees.params[CANDIDATES]), 1e300
    total = place_candidates(trees, t, slot, f, n_classes, low, high, work)
    bound_cuts(work, n_classes, candidates, total)
    for c in range(candidates):
        if work[BOUNDS, c] < least:
            continue
        left = share_left(work, n_classes, c + 1.0)
        if most_left >= 1e300:
            most_left = scaled_entropy(work, ALL, n_classes) - (least - SLACK * n_classes) * total
        if left_entropy(work, SHARES, n_classes, left, total - left) <= most_left:
            return True
    return False


@leaf
def may_split(trees: Trees, t: int, slot: int, n_classes: int, work: Array, least: float) -> bool:
    """Whether some split of a leaf may gain ``least`` bits, as ``best_split`` counts them."""
    for f in range(trees.features.shape[2]):
        known = 0.0
        for k in range(n_classes):
            known += trees.observed[t, slot, k, f]
        if known <= 0.0:
            continue
        wanted = least * max(trees.leaves[t, slot, OFFERED], known) / known
        if trees.buckets[trees.features[t, slot, f]] > 0:
            if best_subset(trees, t, slot, f, n_classes, work, 0.999999 * wanted)[0] >= wanted:
                return True
        elif _may_cut(trees, t, slot, f, n_classes, work, wanted):
            return True
    return False
