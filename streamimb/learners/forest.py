"""A compiled ensemble of Hoeffding trees for streams with rare classes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from streamimb.errors import ConfigError
from streamimb.learners import tree_layout as at
from streamimb.learners.parameters import explain
from streamimb.learners.trees import GrowthParameters, TreeEnsemble
from streamimb.schema import Schema

MEMBERS_MAX: Final = 1_000


class ForestParameters(GrowthParameters):
    """Parameters of :class:`ForestClassifier`, beside those of one tree."""

    #: Standard deviations of chance (a G-test) by which a split's gain must be above it: lower than a tree's, since
    #: votes average out what chance splits off.
    surety: Annotated[float, Field(ge=0, le=1e6)] = 2.0
    #: Trees that vote.
    members: Annotated[int, Field(ge=1, le=MEMBERS_MAX)] = 10
    #: A member learns a lesson of weight w with weight k / bagging, k a Poisson number of mean bagging x w (1: online
    #: bagging, more: members that resemble each other more; 0: no draw).
    bagging: Annotated[float, Field(ge=0, le=30)] = 6.0
    #: Share of the features that a leaf observes, or ``sqrt`` of their number and one.
    features: Annotated[float, Field(gt=0, le=1)] | Literal["sqrt"] = 1.0
    #: Whether those are drawn for a member's whole tree, so that a leaf hands on what it has observed when it splits,
    #: or anew for each leaf, which then begins with its classes alone.
    subspace: Literal["member", "leaf"] = "member"
    #: Confidence at which a member's own error has risen, so that a tree begins to grow beside it.
    warning: Annotated[float, Field(gt=0, lt=1)] = 1e-2
    #: Confidence at which it has risen so far that this tree takes over (0: trees are never replaced).
    drift: Annotated[float, Field(ge=0, lt=1)] = 1e-3
    #: Lessons of a class after which its recall, which a member's vote is weighted by, has forgotten most.
    memory: Annotated[float, Field(ge=1, le=1e9)] = 500.0


class ForestClassifier(TreeEnsemble):
    """Hoeffding trees by online bagging, on subspaces if asked; each watches its own error and is replaced on drift.

    A warning starts a tree in the background, which learns what its member learns; on a drift it takes over. Votes are
    class probabilities, weighted by how far a member's recent mean recall is above chance. Trees as in
    :class:`~streamimb.learners.tree.HoeffdingTreeClassifier`. Gomes et al., Machine Learning 2017; Bifet, Holmes,
    Pfahringer, ECML 2010; Wang, Minku, Yao, TKDE 2015.

    Raises ConfigError for a parameter that is unknown or out of bounds, LearnerError where the trees would not fit
    into memory.

    >>> import numpy as np
    >>> from streamimb.learners.base import LEARN, PREDICT, Tape
    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> forest = ForestClassifier(schema, members=3)
    >>> X = np.arange(1_000, dtype=np.float32)[:, None] % 20
    >>> y = (X[:, 0] > 14).astype(np.int16)
    >>> forest.run(X, y, Tape.only(LEARN, 1_000), np.ones(2)).shape
    (0, 2)
    >>> forest.run(X[[0, 19]], y[:2], Tape.only(PREDICT, 2), np.ones(2))[:, 1].round(2).tolist()
    [0.0, 1.0]
    """

    name = "forest"

    def __init__(self, schema: Schema, *, seed: int = 1, threads: int = 1, **parameters: Any) -> None:
        try:
            p = self.parameters = ForestParameters(**parameters)
        except ValidationError as error:
            raise ConfigError(explain(error, ForestParameters, "learner.parameters")) from None
        settings = {
            at.LAMBDA: p.bagging,
            at.BY_LEAF: float(p.subspace == "leaf"),
            at.WARNING: p.warning,
            at.DRIFT: p.drift,
            at.MEMORY: p.memory,
        }
        observed = observed_features(len(schema.features), p.features)
        super().__init__(schema, p, seed=seed, members=p.members, observed=observed, settings=settings, threads=threads)


def observed_features(d: int, share: float | str) -> int:
    """How many of d features a leaf observes.

    >>> [observed_features(10, share) for share in (0.01, 0.5, 1.0, "sqrt")]
    [1, 5, 10, 5]
    """
    wanted = math.sqrt(d) + 1 if isinstance(share, str) else share * d
    return min(max(math.ceil(wanted), 1), d)
