"""Kinds of objectives, as the kernels know them."""

from typing import Final

F_BETA: Final = 0
G_MEAN: Final = 1
KAPPA: Final = 2
BALANCED_ACCURACY: Final = 3
G_MEAN_KAPPA: Final = 4
COST: Final = 5
RECALL_AT_LEAST: Final = 6
PRECISION_AT_LEAST: Final = 7
ALERTS_AT_MOST: Final = 8
TOP_PER_DAY: Final = 9
COST_OF_AMOUNTS: Final = 10
