"""From false alarms as they are wanted to the significance of one look at the data, where a detector has one."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: A look is no surer and no bolder than this.
SIGNIFICANCE_MIN: Final = 1e-12
SIGNIFICANCE_MAX: Final = 0.05


def significance(looks: ArrayLike) -> NDArray[np.float64]:
    """The significance of a look, where so many are to pass between two false alarms: one over them, within bounds.

    Looks at one window over and over hang together, and most tests' significance is a bound: so false alarms come at
    most as often as that, and mostly more rarely. looks: any shape, above 0.

    >>> significance([100.0, 1e6, 1e20]).tolist()
    [0.01, 1e-06, 1e-12]
    """
    return np.asarray(np.clip(1.0 / np.asarray(looks, np.float64), SIGNIFICANCE_MIN, SIGNIFICANCE_MAX))
