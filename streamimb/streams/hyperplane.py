from __future__ import annotations

from typing import Final

import numpy as np

from streamimb.streams.families import Labels, Rows, concept_generator, names, numeric


class Hyperplane:
    """Classes are K bands between parallel hyperplanes through a Gaussian cloud; a concept turns their normal.

    In the tradition of Hulten, Spencer and Domingos (KDD 2001), but drawn given the class: a point's part along the
    normal is uniform in its class's band, and blurred, so that neighbours overlap a little.

    >>> family = Hyperplane(seed=1, classes=2)
    >>> X = family.draw(np.random.default_rng(1), np.array([0, 1]), concept=0)
    >>> (X @ family.normal(0) > 0).tolist()
    [False, True]
    """

    FEATURES: Final = 10
    #: Bands fill this range along the normal.
    REACH: Final = 2.0
    BLUR: Final = 0.15

    def __init__(self, seed: int, classes: int) -> None:
        self._seed = seed
        self.features = numeric(self.FEATURES)
        self.class_names = names(classes)

    def normal(self, concept: int) -> Rows:
        """The unit normal of a concept, float64 (d,): it points from the first class to the last."""
        direction = concept_generator(self._seed, concept).normal(size=self.FEATURES)
        return np.asarray(direction / np.sqrt((direction**2).sum()))

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        normal = self.normal(concept)
        cloud = rng.normal(size=(len(y), self.FEATURES))
        band = 2 * self.REACH / len(self.class_names)
        along = -self.REACH + band * (y + rng.random(len(y))) + rng.normal(0, self.BLUR, len(y))
        now = (cloud * normal).sum(axis=1)
        return np.asarray(cloud + (along - now)[:, None] * normal)
