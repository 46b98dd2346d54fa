from __future__ import annotations

from typing import Final

import numpy as np

from streamimb.streams.families import Labels, Rows, concept_generator, names, numeric


class Clusters:
    """Each class is a few Gaussian clusters in the unit cube, as in random radial basis function generators.

    A concept places all centres anew, each class's from its own random numbers, so that one class can be redefined
    and the others stay. K classes, eight numeric features.

    >>> family = Clusters(seed=1, classes=3)
    >>> family.draw(np.random.default_rng(1), np.array([0, 1, 2]), concept=0).shape
    (3, 8)
    """

    FEATURES: Final = 8
    CLUSTERS: Final = 3
    #: Standard deviation of each feature in a cluster; two centres are 1.15 apart on average.
    SPREAD: Final = 0.25

    def __init__(self, seed: int, classes: int) -> None:
        self._seed = seed
        self.features = numeric(self.FEATURES)
        self.class_names = names(classes)

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        centres = np.stack([self._centres(k, concept) for k in range(len(self.class_names))])
        own = centres[y, rng.integers(self.CLUSTERS, size=len(y))]
        return np.asarray(own + rng.normal(0, self.SPREAD, own.shape))

    def _centres(self, k: int, concept: int) -> Rows:
        return concept_generator(self._seed, concept, k).random((self.CLUSTERS, self.FEATURES))
