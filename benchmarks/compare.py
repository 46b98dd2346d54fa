"""How often the intervals and tests of a comparison say that equally good runs do not differ: docs/compare.md's table.

python benchmarks/compare.py [TRIALS]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamimb.evaluation.compare import Judged, compare

METRICS = ("g_mean", "kappa", "f1", "pr_auc", "roc_auc")
REPLICATES = 200
#: Name, events, share of the rare class, events that an error lasts.
CASES = (("independent errors", 1_000, 0.1, 1), ("errors last 100 events", 4_000, 0.05, 100))


def run(rng: np.random.Generator, y: NDArray[Any], shared: NDArray[Any], burst: int) -> Judged:
    """Scores of the truth, a part that all runs share, and one of this run's own that lasts a burst."""
    own = rng.normal(size=len(y))
    if burst > 1:
        own = np.repeat(rng.normal(size=len(y) // burst), burst) + 0.5 * own
    p = 1 / (1 + np.exp(-5 * (y - 0.5) - shared - 1.5 * own))
    return Judged((p > 0.5).astype(np.int16), np.stack([1 - p, p], 1).astype(np.float32))


def coverage(n: int, rare: float, burst: int, trials: int) -> list[float]:
    """Shares of the trials in which nothing was found: by each metric's interval, McNemar's test, DeLong's."""
    rng = np.random.default_rng(1)
    held = np.zeros(len(METRICS) + 2)
    for trial in range(trials):
        y, shared = (rng.random(n) < rare).astype(np.int16), rng.normal(size=n)
        runs = {name: run(rng, y, shared, burst) for name in "ab"}
        told = compare(y, runs, replicates=REPLICATES, seed=trial)
        intervals = [told.between(metric, "a", "b") for metric in METRICS]
        held[:-2] += [d.low <= 0 <= d.high for d in intervals]
        held[-2:] += [told.mcnemar["a", "b"][None].p > 0.05, told.delong["a", "b"].p > 0.05]
    return [float(share) for share in held / trials]


def main(trials: int) -> None:
    """Print the table."""
    print("| | G-mean | kappa | F1 | PR-AUC | ROC-AUC | McNemar | DeLong |\n|---|---|---|---|---|---|---|---|")
    for name, n, rare, burst in CASES:
        print(f"| {name} | " + " | ".join(f"{share:.3f}" for share in coverage(n, rare, burst, trials)) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
