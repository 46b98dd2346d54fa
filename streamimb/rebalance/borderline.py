"""Filling a minority up where it meets the other classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamimb.config import SamplesConfig
from streamimb.rebalance.smote import Smote
from streamimb.schema import Schema


class BorderlineSmote(Smote):
    """SMOTE of those events alone that are in danger: half or more of their neighbours are of other classes, not all.

    Borderline-SMOTE1 (Han, Wang, Mao, ICIC 2005, section 3) on a stream: the neighbours are the nearest
    DANGER_NEIGHBOURS among as many buffered lessons of every class, which so meet as if they were equally frequent; an
    event with neighbours of other classes only counts as noise. Events in danger are multiplied for the safe ones too,
    up to ``max_per_event``, so that the class comes as near to its target as by :class:`Smote`. While the class's
    buffer holds fewer than DANGER_NEIGHBOURS events every event is multiplied.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="a")], label=Label(classes=[0, 1]))
    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(4_000) < 0.05).astype(np.int16)
    >>> X = rng.normal(3.0 * y)[:, None].astype(np.float32)
    >>> out = BorderlineSmote(schema).sample(X, y, np.arange(4_000), np.ones(4_000))
    >>> late = out.synthetic & (out.origin > 2_000)
    >>> f"{X[out.origin[late]].max():.2f} is in danger, {X[2_000:][y[2_000:] == 1].max():.2f} is not"
    '1.31 is in danger, 5.03 is not'
    """

    name = "borderline_smote"

    def __init__(
        self, schema: Schema, config: SamplesConfig | None = None, *, seed: int = 1,
        classes: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        every = np.ones(schema.n_classes, np.bool_)
        super().__init__(schema, config, seed=seed, classes=classes, borderline=every)
