"""A compiled Hoeffding tree for streams with rare classes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from streamimb.errors import ConfigError
from streamimb.learners.parameters import explain
from streamimb.learners.trees import GrowthParameters, TreeEnsemble
from streamimb.schema import Schema


class TreeParameters(GrowthParameters):
    """Parameters of :class:`HoeffdingTreeClassifier`."""

    #: Weight that a leaf learns between two attempts to split, and a share of what it has learned at least (more than
    #: in a forest: attempts at every ten cost a sixth of the time and make one tree no better).
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
