"""How trees lie in memory: an ensemble is a handful of arrays, the tree's number being their first axis.

A node is a leaf (its feature is below 0) or sends a row to one of two neighbouring nodes. A leaf owns a slot, in which
it counts its classes and observes its features: for each class and observed feature WIDTH numbers, a Gaussian
(weight, mean, sum of squares, and what densities need) or the weight, what shares are multiplied by, and a count for
each bucket of categories. The same number of all features lies together, so that four features are taken at once: there
are so many of them, the last ones of no column and always missing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from streamimb.kernel import Array

# Columns of ``nodes``, int64 (T, N, NODE_COLUMNS): the column split on (LEAF: none); the left child (the right one is
# the next), or a leaf's slot; the codes that go left, a bit for each; the depth.
FEATURE, LEFT, MASK, DEPTH = 0, 1, 2, 3
SLOT: Final = LEFT
NODE_COLUMNS: Final = 4
LEAF: Final = -1

# Columns of ``leaves``, float64 (T, L, COUNTS + K): the weight learned here, its squares, the weight since the last
# attempt to split, how often the majority class and naive Bayes were right, the weight of its classes and the weight
# that its observers were offered, and each class's weight.
LEARNED, SQUARES, SINCE, PLAIN, BAYES, TOTAL, OFFERED, COUNTS = 0, 1, 2, 3, 4, 5, 6, 7

# Places among an observer's numbers: its weight; then a Gaussian's, or the counts of the buckets.
WEIGHT, MEAN, SPREAD, SCALE, LOG = 0, 1, 2, 3, 4
GAUSSIAN_WIDTH: Final = 5
INVERSE: Final = 1
FIRST_BUCKET: Final = 2
#: Buckets of a categorical feature at most: a split's mask has a bit for each, and for these two.
BUCKETS_MAX: Final = 32
# Codes beside buckets: a numeric value, which its cut sends right, and a missing value, which follows the heavier side.
NUMERIC, MISSING = 62, 63

# Columns of ``sizes``, int64 (T, SIZE_COLUMNS): nodes and leaves in use, and how often the tree was planted anew.
NODES, LEAVES, PLANTED = 0, 1, 2
SIZE_COLUMNS: Final = 3

# Places in ``params``, float64 (N_PARAMS,); CATEGORIES, NUMBERS: whether any feature is categorical, or numeric;
# OBSERVED: how many columns a leaf observes, of the F that it has room for.
(GRACE, LOG_DELTA, TIE, CARRY, HORIZON, BY_LEAF, DEPTH_MAX, SEED, LAMBDA, WARNING, DRIFT, MEMORY,
 CANDIDATES, SURETY, CATEGORIES, NUMBERS, OBSERVED) = range(17)  # fmt: skip
N_PARAMS: Final = 17

#: Each side of a cut holds more than this share of the weight.
BRANCH_MIN: Final = 0.01
# Rows of ``work``, float64 (WORK_ROWS, max(K, BUCKETS_MAX, candidates + WIDTH)): the classes left of a cut and all of
# them, by weight; the buckets in the order of a class's share in them, and that share, or what bounds take to lie left;
# where a feature's candidates begin, in each class's standard deviations, and how far apart they are; how much each
# bucket weighs; of each candidate what lies left of it, and what it gains at most.
LEFT_OF, ALL, ORDER, SHARES, CLASS_START, CLASS_STEP, BUCKET, LEFTS, BOUNDS = range(9)
WORK_ROWS: Final = 9

#: In the place of a Gaussian's logarithm: its class has no values.
UNSEEN: Final = -1e300

#: Finite stands for "no value seen": beyond every float32.
NOTHING_SEEN: Final = 4e38


class Trees(NamedTuple):
    """T trees of at most L leaves and N = 2 L - 1 nodes each, for K classes and F observed features of d columns.

    nodes: int64 (T, N, NODE_COLUMNS); cuts: float64 (T, N), values up to it go left; leaves: float64
    (T, L, COUNTS + C), C not less than K and a multiple of lanes.WIDTH; observed: float64 (T, L, K, W F), number c of
    feature f at c F + f; ranges: float64 (T, L, 2, F), least and largest value;
    features: int64 (T, L, F), the columns that a leaf observes, d where there is none; sizes: int64 (T, SIZE_COLUMNS);
    buckets: int64 (d + 1,), of each categorical column, 0 for a numeric one and for none; params: float64 (N_PARAMS,).
    """

    nodes: Array
    cuts: Array
    leaves: Array
    observed: Array
    ranges: Array
    features: Array
    sizes: Array
    buckets: Array
    params: Array


class Rows(NamedTuple):
    """What n rows are to every tree.

    numbers: float32 (n, D), the values of numeric columns, NaN where one is missing, categorical or none; codes: int8
    (n, D), the bucket of each category, else NUMERIC or MISSING. D > d, a multiple of lanes.WIDTH.
    """

    numbers: Array
    codes: Array


class Scratch(NamedTuple):
    """Room for one thread.

    values: float64 (F,), a row's numbers as a leaf observes them; places: uint64 (2, F), where among an observer's
    numbers the counts of a row's categories are, and which observed features they are; priors: float64 (F,), what the
    latter count beside; held: int64 (1,), how many of these; logs, shares, votes: float64 (C,), a number for each
    class; work: float64 (WORK_ROWS, as many as the longest row needs).
    """

    values: Array
    places: Array
    priors: Array
    held: Array
    logs: Array
    shares: Array
    votes: Array
    work: Array
