"""A compiled Hoeffding tree for streams with rare classes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from streamimb.errors import ConfigError
from streamimb.learners.parameters import explain
from streamimb.learners.trees import GrowthParameters, TreeEnsemble
from streamimb.schema import Schema


class TreeParameters(GrowthParameters):
    """Parameters of :class:`HoeffdingTreeClassifier`.

    ``grace``: weight that a leaf learns between two attempts to split, and a share of what it has learned at least
    (more than in a forest: attempts at every ten cost a sixth of the time and make one tree no better); ``delta``: the
    probability with which a split may be the wrong one by Hoeffding's bound, which counts as many lessons as the
    weights are worth; ``tie``: below this bound, in bits, the best split is taken though the second may be as good;
    ``surety``: standard deviations of chance (a G-test) by which a split's gain must be above it; ``carry``: weight
    that two new leaves take over from their parent at most, its Gaussians and counts as the split divides them;
    ``horizon``: a leaf that holds more weight forgets half of it; ``candidates``: cuts that are tried of a numeric
    feature; ``buckets``: a categorical feature's codes are counted modulo so many; ``depth_max``: deepest leaf.

    Memory is bounded from the start: a tree has at most ``leaves_max`` leaves, fewer where all trees of a learner
    would be over ``bytes_max``. When they are all in use, leaves split no more; they go on learning.
    """

    grace: Annotated[float, Field(ge=1, le=1e6)] = 30.0


class HoeffdingTreeClassifier(TreeEnsemble):
    """A Hoeffding tree with naive Bayes adaptive leaves, on numeric, boolean and categorical features, any missing.

    Splits are binary: a numeric feature's at a cut, a categorical one's between two sets of buckets. A missing value
    follows the branch that had more weight, and no leaf counts it. A lesson's weight is the weight it is counted with.
    Domingos, Hulten, KDD 2000; leaves: Gama, Rocha, Medas, KDD 2003.

    Raises ConfigError for a parameter that is unknown or out of bounds, LearnerError where the tree would not fit into
    memory.

    >>> import numpy as np
    >>> from streamimb.learners.base import LEARN, PREDICT, Tape
    >>> from streamimb.schema import Feature, Label, Schema
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> tree = HoeffdingTreeClassifier(schema, grace=50)
    >>> X = np.arange(400, dtype=np.float32)[:, None] % 20
    >>> y = ((X[:, 0] > 4) & (X[:, 0] < 15)).astype(np.int16)
    >>> tree.run(X, y, Tape.only(LEARN, 400), np.ones(2)).shape
    (0, 2)
    >>> tree.run(X[[0, 10, 19]], y[:3], Tape.only(PREDICT, 3), np.ones(2)).argmax(axis=1).tolist()
    [0, 1, 0]
    """

    name = "tree"

    def __init__(self, schema: Schema, *, seed: int = 1, **parameters: Any) -> None:
        try:
            self.parameters = TreeParameters(**parameters)
        except ValidationError as error:
            raise ConfigError(explain(error, TreeParameters, "learner.parameters")) from None
        super().__init__(schema, self.parameters, seed=seed)
