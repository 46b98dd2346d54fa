from __future__ import annotations

from typing import Final

import numpy as np

from streamimb.schema import Feature
from streamimb.streams.families import Labels, Rows, concept_generator


class Payments:
    """Card payments, some of them fraud: numeric, categorical and boolean features. Imaginary, but of the usual shape.

    Customers do not change; a concept is a way of fraud of its own: its merchants, its channel, its hour, its amounts.

    >>> [feature.name for feature in Payments(seed=1).features][:4]
    ['amount', 'hour', 'minutes_since_last', 'distance_km']
    """

    MERCHANTS: Final = ("grocery", "fuel", "travel", "games", "jewellery", "electronics", "restaurant", "gifts")
    CHANNELS: Final = ("chip", "contactless", "web", "phone")
    #: How often customers use each.
    MERCHANT_SHARES: Final = (0.34, 0.18, 0.05, 0.08, 0.02, 0.08, 0.2, 0.05)
    CHANNEL_SHARES: Final = (0.35, 0.4, 0.2, 0.05)
    #: A fraud goes to the concept's own merchants and channel with this probability, else wherever customers go.
    OWN_WAY: Final = 0.7
    #: Of customers and of fraud: a payment abroad, a device never seen before.
    ABROAD: Final = (0.03, 0.35)
    NEW_DEVICE: Final = (0.05, 0.3)

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.class_names = ("legit", "fraud")
        self.features = (
            *(Feature(name=name) for name in ("amount", "hour", "minutes_since_last", "distance_km")),
            Feature(name="merchant", type="categorical", categories=self.MERCHANTS),
            Feature(name="channel", type="categorical", categories=self.CHANNELS),
            Feature(name="abroad", type="boolean"),
            Feature(name="new_device", type="boolean"),
        )

    def draw(self, rng: np.random.Generator, y: Labels, concept: int) -> Rows:
        m, fraud = len(y), y == 1
        way = concept_generator(self._seed, concept)
        amount, hour, haste, distance = (way.uniform(*span) for span in ((3, 6), (0, 24), (1, 3), (2, 5)))
        merchants, channel = way.permutation(len(self.MERCHANTS))[:2], way.integers(len(self.CHANNELS))
        own = fraud & (rng.random(m) < self.OWN_WAY)
        z = rng.normal(size=(m, 4))
        columns = [
            np.exp(np.where(fraud, amount, 3.2) + np.where(fraud, 0.6, 1.0) * z[:, 0]),
            np.where(own, hour + 2 * z[:, 1], 14 + 4.5 * z[:, 1]) % 24,
            np.exp(np.where(own, haste, 6.0) + 1.2 * z[:, 2]),
            np.exp(np.where(own, distance, 1.0) + 1.0 * z[:, 3]),
            np.where(own, merchants[rng.integers(2, size=m)], _chosen(rng.random(m), self.MERCHANT_SHARES)),
            np.where(own, channel, _chosen(rng.random(m), self.CHANNEL_SHARES)),
            rng.random(m) < np.array(self.ABROAD)[y],
            rng.random(m) < np.array(self.NEW_DEVICE)[y],
        ]
        return np.column_stack(columns).astype(np.float64)


def _chosen(u: Rows, shares: tuple[float, ...]) -> Labels:
    """Places chosen with the given shares, int64 (m,), from uniform numbers (m,)."""
    return np.searchsorted(np.cumsum(shares)[:-1], u, side="right")
