"""Where candidates of a cut lie, when rounding has left a spread a little below zero."""

import numpy as np
import pytest

from streamimb.learners import tree_layout as at
from streamimb.learners.base import LEARN, Tape
from streamimb.learners.tree import HoeffdingTreeClassifier
from streamimb.learners.tree_splits import span
from streamimb.schema import Feature, Label, Schema


@pytest.mark.parametrize("first", [0, 1])
def test_a_spread_below_zero_is_none(first):
    """The class of one value reaches no further than it, whichever class it is."""
    schema = Schema(features=[Feature(name="x")], label=Label(classes=[0, 1]))
    tree = HoeffdingTreeClassifier(schema, grace=1e6)
    X = np.array([[1.0], [1.0], [3.0], [3.0]], np.float32)
    y = np.array([first, first, 1 - first, 1 - first], np.int16)
    tree.run(X, y, Tape.only(LEARN, 4), np.ones(2))
    trees = tree.trees
    spread = 0, 0, first, at.SPREAD * trees.features.shape[2]
    before = span(trees, 0, 0, 0, 2)
    assert trees.observed[spread] == 0.0
    trees.observed[spread] = -2e-16
    assert span(trees, 0, 0, 0, 2) == before == (1.0, 3.0)
