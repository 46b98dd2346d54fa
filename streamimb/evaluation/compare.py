"""Which of several runs over one stream is better, by how much, and whether that can be told."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.evaluation import blocks
from streamimb.evaluation.estimates import Estimate, difference_of, estimate_of
from streamimb.evaluation.pairs import DeLong, McNemar, delong, holm, mcnemar
from streamimb.evaluation.replicates import LESS_IS_BETTER, OF_SCORES, Goal, Judged, Runs

__all__ = ["Comparison", "Difference", "Goal", "Judged", "compare"]

#: Replicates unless told: as many as so many events read allow, between the bounds.
EVENTS_READ_MAX: Final = 1_500_000_000
REPLICATES_MIN: Final = 200
REPLICATES_MAX: Final = 1_000
#: With fewer events decided differently, not even all of them on one side is below 0.05 in McNemar's exact test.
DISAGREEMENTS_MIN: Final = 6
#: Fewer blocks say nothing of how replicates of a stream differ: of one block, drawn around the end, all are alike.
BLOCKS_MIN: Final = 10

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first run's value less the second's, with its interval; p-values, alone and corrected for all pairs.

    ``better`` is the run that is better where that can be told, else None.
    """

    a: str
    b: str
    value: float
    low: float
    high: float
    p: float
    p_adjusted: float
    better: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`compare` found. Pairs are keyed (a, b) in the order of the runs.

    values: metric -> run -> (value, low, high). differences: metric -> a difference a pair. mcnemar: pair -> class's
    code or None for all -> test. delong: pair -> test of ROC-AUC, for two classes. disagreements: pair -> events that
    were decided differently.
    """

    names: list[str]
    events: int
    support: list[int]
    block_events: int
    replicates: int
    confidence: float
    values: dict[str, dict[str, Estimate]]
    differences: dict[str, list[Difference]]
    mcnemar: dict[tuple[str, str], dict[int | None, McNemar]]
    delong: dict[tuple[str, str], DeLong]
    disagreements: dict[tuple[str, str], int]
    less_is_better: frozenset[str]

    def ordered(self, metric: str) -> list[str]:
        """The runs from the best to the worst; those without a value last, equals in the order given."""
        sign = 1 if metric in self.less_is_better else -1
        values = {name: sign * told[0] for name, told in self.values[metric].items()}
        return sorted(self.names, key=lambda name: math.inf if math.isnan(values[name]) else values[name])

    def between(self, metric: str, a: str, b: str) -> Difference:
        """The difference of two runs, in either order."""
        for d in self.differences[metric]:
            if (d.a, d.b) == (a, b):
                return d
            if (d.a, d.b) == (b, a):
                return Difference(a, b, -d.value, -d.high, -d.low, d.p, d.p_adjusted, d.better)
        raise KeyError(f"no two runs {a!r} and {b!r} were compared")

    def alike(self, metric: str, a: str, b: str) -> bool:
        """Whether the runs decide all events alike; of metrics of scores, whether there is no difference at all."""
        if metric in OF_SCORES:
            return self.between(metric, a, b).value == 0
        return not self.disagreements.get((a, b), self.disagreements.get((b, a)))

    def against_best(self, metric: str) -> list[Difference]:
        """The best run's difference to each other, from the second best on."""
        best, *others = self.ordered(metric)
        return [self.between(metric, best, other) for other in others]

    def verdict(self, metric: str, title: str | None = None) -> str:
        """Which run is better in a metric, by how much and how surely; ``title`` names the metric."""
        return " ".join(self.sentences(metric, title))

    def sentences(self, metric: str, title: str | None = None) -> list[str]:
        """The verdict, a sentence for the best run against each other."""
        return [self._sentence(metric, title or metric, d) for d in self.against_best(metric)]

    def _sentence(self, metric: str, title: str, d: Difference) -> str:
        sign = -1 if metric in self.less_is_better else 1
        low, high = sorted((sign * d.low, sign * d.high))
        told = f"{_figure(abs(d.value))} [{_figure(low)}, {_figure(high)}]"
        if d.better is not None:
            return f"{d.a} is better than {d.b} in {title} by {told}."
        unknown = f"Between {d.a} and {d.b} no difference in {title} can be told"
        if self.alike(metric, d.a, d.b):
            return f"{unknown}: they are alike on every event."
        if math.isnan(d.low):
            return f"{unknown}: it is undefined."
        few = self.disagreements.get((d.a, d.b), self.disagreements.get((d.b, d.a), 0))
        if metric not in OF_SCORES and few < DISAGREEMENTS_MIN:
            return f"{unknown}: they decide {few} event{'s' * (few != 1)} differently."
        return f"{unknown}: {told}."


def _figure(value: float) -> str:
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.005 else f"{value:.1g}"


def compare(
    y: ArrayLike,
    runs: Mapping[str, Judged],
    *,
    positive: int = 1,
    goals: Mapping[str, Goal] | None = None,
    block_events: int | None = None,
    replicates: int | None = None,
    confidence: float = 0.95,
    seed: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare two or more runs' predictions of the same events, in the stream's order.

    y: class codes (n,), all known; runs: name -> :class:`Judged`; goals: further metrics of decisions, by name. Blocks
    of ``block_events`` consecutive events are drawn; unless told, as long as :func:`blocks.block_length` finds the
    differences of any two runs to need, n^(1/3) at least. ``tell`` is called with the replicates done and their
    number. Raises ValueError where the arrays do not fit together, or blocks are longer than :func:`block_max` allows.

    The interval of a difference is the value and as many of its replicates' standard deviations either way as
    Student's quantile says for the blocks, or the events not of the largest class where these are fewer. P-values are
    the levels at which such an interval ends at 0, Student's tails of as many degrees of freedom, corrected by Holm's
    method over the pairs.

    >>> rng = np.random.default_rng(1)
    >>> y = (rng.random(5_000) < 0.1).astype(int)
    >>> def run(noise):
    ...     p = 1 / (1 + np.exp(-4 * (y - 0.5) - noise * rng.normal(size=5_000)))
    ...     return Judged((p > 0.5).astype(int), np.stack([1 - p, p], 1))
    >>> told = compare(y, {"sharp": run(1.5), "blunt": run(2.5)})
    >>> told.between("f1", "sharp", "blunt").better
    'sharp'
    >>> told.verdict("f1")
    'sharp is better than blunt in f1 by 0.254 [0.224, 0.284].'
    """
    labels = _checked(np.ascontiguousarray(y, np.int16), runs)
    prepared = Runs(labels, runs, positive=positive, goals=goals or {})
    block = _checked_block(block_events or _block_length(prepared), len(labels))
    count = replicates or min(REPLICATES_MAX, max(REPLICATES_MIN, EVENTS_READ_MAX // (len(labels) * prepared.passes)))
    values = prepared.measure(np.ones(len(labels), np.int32))
    draws = _draws(prepared, values, block, count, seed, tell)
    support = np.bincount(labels, minlength=prepared.n_classes)
    freedom = max(min(int(support.sum() - support.max()), len(labels) // block) - 1, 1)
    less = LESS_IS_BETTER | {name for name, goal in prepared.goals.items() if not goal.more_is_better}
    disagreements = _disagreements(prepared)
    return Comparison(
        names=prepared.names,
        events=len(labels),
        support=support.tolist(),
        block_events=block,
        replicates=count,
        confidence=confidence,
        values={metric: _estimates(prepared, metric, values, draws, confidence, seed) for metric in values},
        differences=_differences(prepared.names, values, draws, freedom, confidence, disagreements, less),
        mcnemar=_mcnemar(prepared),
        delong=_delong(prepared, runs, confidence),
        disagreements=disagreements,
        less_is_better=frozenset(less),
    )


def block_max(events: int) -> int:
    """The longest block that leaves ``BLOCKS_MIN`` of them in a stream; one event at least."""
    return max(1, events // BLOCKS_MIN)


def _disagreements(prepared: Runs) -> dict[tuple[str, str], int]:
    return {
        (a, b): int(np.count_nonzero(prepared.decisions[i] != prepared.decisions[j]))
        for (i, a), (j, b) in combinations(enumerate(prepared.names), 2)
    }


def _estimates(
    prepared: Runs,
    metric: str,
    values: Mapping[str, Vector],
    draws: Mapping[str, NDArray[np.float64]],
    confidence: float,
    seed: int,
) -> dict[str, Estimate]:
    return {
        name: estimate_of(prepared, i, metric, float(values[metric][i]), draws[metric][:, i], confidence, seed)
        for i, name in enumerate(prepared.names)
    }


def _checked(y: NDArray[np.int16], runs: Mapping[str, Judged]) -> NDArray[np.int16]:
    """The labels, where the runs fit them. Raises ValueError."""
    if len(runs) < 2:
        raise ValueError("a comparison takes two runs or more")
    if not len(y):
        raise ValueError("there are no events to compare")
    classes = {np.shape(run.scores)[1:] for run in runs.values()}
    if len(classes) != 1 or len(next(iter(classes))) != 1:
        raise ValueError("scores must have a row an event and a column a class, the same in all runs")
    (K,) = next(iter(classes))
    for name, run in runs.items():
        if len(run.decision) != len(y) or len(run.scores) != len(y):
            raise ValueError(f"{name}: {len(run.decision)} decisions, {len(run.scores)} scores, {len(y)} labels")
        if not np.isfinite(run.scores).all():
            raise ValueError(f"{name}: a score is not finite")
        if np.min(run.decision) < 0 or np.max(run.decision) >= K:
            raise ValueError(f"{name}: a decision is none of the {K} classes")
    if y.min() < 0 or y.max() >= K:
        raise ValueError(f"a label is none of the {K} classes")
    return y


def _checked_block(block: int, n_events: int) -> int:
    if block > block_max(n_events):
        raise ValueError(f"blocks of {block:,} of {n_events:,} events: {block_max(n_events):,} at most")
    return block


def _block_length(prepared: Runs) -> int:
    pairs = combinations(prepared.series(), 2)
    return max(blocks.block_length(u - v) for a, b in pairs for u, v in zip(a, b, strict=True))


def _draws(
    prepared: Runs,
    values: Mapping[str, Vector],
    block: int,
    replicates: int,
    seed: int,
    tell: Callable[[int, int], None] | None,
) -> dict[str, NDArray[np.float64]]:
    """Metric -> (replicates, runs)."""
    weights = np.empty(len(prepared.y), np.int32)
    draws = {metric: np.empty((replicates, len(prepared.names))) for metric in values}
    for r in range(replicates):
        blocks.draw_blocks(seed, r, block, weights)
        for metric, found in prepared.measure(weights).items():
            draws[metric][r] = found
        if tell is not None:
            tell(r + 1, replicates)
    return draws


def _differences(
    names: list[str],
    values: Mapping[str, Vector],
    draws: Mapping[str, NDArray[np.float64]],
    freedom: int,
    confidence: float,
    disagreements: Mapping[tuple[str, str], int],
    less: set[str] | frozenset[str],
) -> dict[str, list[Difference]]:
    """Of each metric, those of all pairs."""
    pairs = list(combinations(range(len(names)), 2))
    out: dict[str, list[Difference]] = {metric: [] for metric in values}
    for metric, value in values.items():
        drawn = draws[metric]
        found = [
            difference_of(float(value[i] - value[j]), drawn[:, i] - drawn[:, j], freedom, confidence) for i, j in pairs
        ]
        adjusted = holm([p for *_, p in found])
        for (i, j), (difference, low, high, p), corrected in zip(pairs, found, adjusted, strict=True):
            enough = metric in OF_SCORES or disagreements[names[i], names[j]] >= DISAGREEMENTS_MIN
            better = None
            if enough and difference and corrected < 1 - confidence:
                better = names[i] if (difference > 0) != (metric in less) else names[j]
            out[metric].append(Difference(names[i], names[j], difference, low, high, p, corrected, better))
    return out


def _mcnemar(prepared: Runs) -> dict[tuple[str, str], dict[int | None, McNemar]]:
    y, right = prepared.y, [decision == prepared.y for decision in prepared.decisions]
    pairs = list(combinations(range(len(right)), 2))
    out: dict[tuple[str, str], dict[int | None, McNemar]] = {
        (prepared.names[i], prepared.names[j]): {} for i, j in pairs
    }
    for k in (None, *np.unique(y).tolist()):
        of_class = [r if k is None else r[y == k] for r in right]
        tests = [mcnemar(of_class[i], of_class[j]) for i, j in pairs]
        for told, test, p in zip(out.values(), tests, holm([t.p for t in tests]), strict=True):
            told[k] = replace(test, p_adjusted=p)
    return out


def _delong(prepared: Runs, runs: Mapping[str, Judged], confidence: float) -> dict[tuple[str, str], DeLong]:
    if prepared.n_classes > 2:
        return {}
    positive = prepared.y == prepared.positive
    scores = {name: np.asarray(run.scores)[:, prepared.positive] for name, run in runs.items()}
    pairs = list(combinations(prepared.names, 2))
    tests = [delong(positive, scores[a], scores[b], confidence) for a, b in pairs]
    adjusted = holm([t.p for t in tests])
    return {pair: replace(test, p_adjusted=p) for pair, test, p in zip(pairs, tests, adjusted, strict=True)}
