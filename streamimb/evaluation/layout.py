"""How a prequential evaluation's arrays are laid out, for its kernels and for who reads them.

``ring_labels`` int16 (capacity, 2), true and decided, and ``ring_scores`` float32 (capacity, K) hold event number i in
row i & (capacity - 1). ``ints`` is [COUNT, START, SHORT, BLOCK | seen (K) | sizes in the rarest window (K) | confusions
(4, K, K) | histogram (P, 2, bins)], ``floats`` is [sums | calibration (bins, 4) | what decays]. What
decays, in growing weights, is [confusion (K, K) | losses (4) | calibration (bins, 4) | histogram (P, 2, fewer bins)].
P, the
number of one-vs-rest rankings, is one for two classes (the positive's) and K for more; the histogram's rows are
the rest and the class.
"""

from __future__ import annotations

from typing import Final

#: Scalars of ``ints``: events counted; the rarest window's first event; classes short of ``rarest`` in it; the first
#: event of the block (of the consecutive windows, the one that is open). SEEN is where the arrays begin.
COUNT: Final = 0
START: Final = 1
SHORT: Final = 2
BLOCK: Final = 3
SEEN: Final = 4

#: Confusion matrices of ``ints``.
IN_ALL: Final = 0
IN_RAREST: Final = 1
IN_EVENTS: Final = 2
IN_BLOCK: Final = 3

#: Scalars of ``floats``: sums and sums of squares of the losses, the weight of the next event in what decays (it grows;
#: dividing by it is the decay), then (blocks, sum, sum of squares) of each block metric.
BRIER_SUM: Final = 0
LOSS_SUM: Final = 2
GROWTH: Final = 4
BLOCK_SUMS: Final = 5
SUMS: Final = 17
GROWTH_MAX: Final = 1e200

#: Rows of ``setup``.
CLASSES: Final = 0
POSITIVE: Final = 1
RAREST_LEAST: Final = 2
EVENTS_MIN: Final = 3
EVENTS_MAX: Final = 4
EVENTS_PLAIN: Final = 5
MANTISSA_BITS: Final = 6
CALIBRATION_BINS: Final = 7
DECAYED_BITS: Final = 8

#: Octaves of odds that the histogram tells apart on either side of one half: scores from 2^-25 to 1 - 2^-24.
OCTAVES: Final = 24
#: Above so many classes, the consecutive windows are not ranked: it would cost more than all the rest.
CLASSES_RANKED_MAX: Final = 32
