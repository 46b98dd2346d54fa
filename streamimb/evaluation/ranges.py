"""Ranges of features that hold far more of the false positives than of all events.

Subgroup discovery: a range's merit is its share of the false positives less its share of all events, which is the
weighted relative accuracy (Lavrac, Flach, Zupan 1999) up to a factor. All intervals between quantiles are tried, then
the best are crossed with the other features' (a beam search of depth two).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.kernel import Array
from streamimb.schema import Feature

#: A range holds so many false positives at least.
SUPPORT_MIN: Final = 20
#: Intervals begin and end at so many quantiles of the false positives and of all events, rounded to so many digits.
QUANTILES: Final = 12
DIGITS: Final = 3
#: And holds so many times their share of all events' at least.
LIFT_MIN: Final = 1.5
#: The chance that any range at all is told where there is nothing to tell.
ERROR: Final = 0.01
#: Categories that one range names at most.
CATEGORIES_MAX: Final = 3
#: Ranges that are crossed, features that they are crossed with, ranges told.
BEAM: Final = 4
CROSSED_MAX: Final = 12
FOUND_MAX: Final = 10
#: A second feature must hold this much more merit, and ranges that share this part of their false positives are one.
GAIN_MIN: Final = 0.03
SAME: Final = 0.8

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tables:
    """Features of false positives, of true positives, and of a sample of all events: float32 (n, d) each.

    texts: feature -> code -> text, of categories that the schema does not list.
    """

    false: Array
    true: Array
    every: Array
    texts: Mapping[int, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A range, and what it holds of false positives and of all events.

    ``precision`` is of the alerts in the range; ``support`` its false positives; ``lift`` the two shares' ratio, NaN
    where no event of the sample lies in it.
    """

    feature: str
    range: str
    false_share: float
    event_share: float
    precision: float
    support: int

    @property
    def lift(self) -> float:
        return self.false_share / self.event_share if self.event_share else float("nan")

    def row(self) -> dict[str, Any]:
        """The range under the names of the summary."""
        return {
            "feature": self.feature,
            "range": self.range,
            "false_positive_share": self.false_share,
            "event_share": self.event_share,
            "lift": self.lift,
            "precision": self.precision,
            "support": self.support,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """A range of one feature or of two as which rows of each table lie in it."""

    feature: str
    text: str
    false: Mask
    true: Mask
    every: Mask

    @property
    def merit(self) -> float:
        return float(self.false.mean() - self.every.mean())

    def __and__(self, other: Part) -> Part:
        return Part(
            f"{self.feature} & {other.feature}", f"{self.text} & {other.text}",
            self.false & other.false, self.true & other.true, self.every & other.every,
        )  # fmt: skip


def find_ranges(features: tuple[Feature, ...], tables: Tables) -> list[Found]:
    """The ranges with the most merit, best first, at most FOUND_MAX.

    Told are ranges with SUPPORT_MIN false positives and a lift of LIFT_MIN whose merit is no chance: a z-test of both
    shares, at ERROR over all intervals that were tried. Ranges that hold nearly the same false positives are told once.
    """
    if min(len(tables.false), len(tables.every)) < SUPPORT_MIN:
        return []
    whole = [np.ones(len(t), bool) for t in (tables.false, tables.true, tables.every)]
    singles = sorted((best_range(features, tables, j, *whole) for j in range(len(features))), key=_order)
    parts = list(singles)
    for part in singles[:BEAM]:
        for other in singles[:CROSSED_MAX]:
            j = next(j for j, f in enumerate(features) if f.name == other.feature)
            crossed = part & best_range(features, tables, j, part.false, part.true, part.every)
            if other is not part and crossed.merit >= max(part.merit, other.merit) + GAIN_MIN:
                parts.append(crossed)
    kept: list[Part] = []
    for part in sorted(parts, key=_order):
        if len(kept) < FOUND_MAX and _certain(part, len(features)) and not any(_same(part, k) for k in kept):
            kept.append(part)
    return [_found(part) for part in kept]


def best_range(features: tuple[Feature, ...], tables: Tables, j: int, false: Mask, true: Mask, every: Mask) -> Part:
    """The range of feature j with the most merit among the rows that the masks let through."""
    columns = tables.false[:, j], tables.true[:, j], tables.every[:, j]
    shown = [c[m] for c, m in zip(columns, (false, true, every), strict=True)]
    sizes = len(columns[0]), len(columns[2])
    if features[j].type == "categorical":
        inside, text = _best_categories(features[j], shown[0], shown[2], sizes, tables.texts.get(j, {}))
    else:
        inside, text = _best_interval(features[j], shown[0], shown[2], sizes)
    missing = (np.isnan(shown[0]).sum() / sizes[0], np.isnan(shown[2]).sum() / sizes[1])
    merit = inside(shown[0]).sum() / sizes[0] - inside(shown[2]).sum() / sizes[1]
    if missing[0] - missing[1] > merit:
        inside, text = np.isnan, f"{features[j].name} missing"
    return Part(features[j].name, text, *(inside(c) for c in columns))


def _best_interval(feature: Feature, false: Array, every: Array, sizes: tuple[int, int]) -> tuple[Any, str]:
    edges = _edges(false, every)
    shares = []
    for values, n in ((false, sizes[0]), (every, sizes[1])):
        known = values[~np.isnan(values)]
        counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
        shares.append(np.r_[0.0, np.cumsum(counts) / n])
    rise = shares[0] - shares[1]  # the merit of an interval is the difference of its ends'
    merits = rise[None, :] - rise[:, None]
    merits[np.tril_indices(len(rise))] = -np.inf
    merits[0, -1] = -np.inf  # everything
    first, last = np.unravel_index(int(np.argmax(merits)), merits.shape) if len(edges) else (0, 1)
    low = edges[first - 1] if first > 0 else -np.inf
    high = edges[last - 1] if last <= len(edges) else np.inf

    def inside(values: Array) -> Mask:
        return np.asarray((values >= low) & (values < high))

    within = np.unique(np.r_[false[inside(false)], every[inside(every)]])
    return inside, _interval_text(feature, float(low), float(high), within)


def _edges(false: Array, every: Array) -> Array:
    """Where intervals may begin and end: between the values where there are few, else at round quantiles."""
    known = np.r_[false[~np.isnan(false)], every[~np.isnan(every)]].astype(np.float64)
    distinct = np.unique(known)
    if len(distinct) <= 2 * QUANTILES:
        return distinct[1:]
    steps = np.linspace(0, 1, QUANTILES + 1)[1:-1]
    places = [np.quantile(v[~np.isnan(v)], steps) for v in (false, every) if not np.isnan(v).all()]
    rounded = np.unique([float(f"{edge:.{DIGITS}g}") for edge in np.concatenate(places)])
    return np.asarray(rounded[(rounded > distinct[0]) & (rounded <= distinct[-1])])


def _interval_text(feature: Feature, low: float, high: float, within: Array) -> str:
    name = feature.name
    if len(within) == 1:
        value = float(within[0])
        return f"{name} = {str(value > 0).lower() if feature.type == 'boolean' else f'{value:.7g}'}"
    if low == -np.inf and high == np.inf:
        return f"{name} known"
    if high == np.inf:
        return f"{name} >= {low:.7g}"
    return f"{name} < {high:.7g}" if low == -np.inf else f"{low:.7g} <= {name} < {high:.7g}"


def _best_categories(
    feature: Feature, false: Array, every: Array, sizes: tuple[int, int], texts: Mapping[int, str]
) -> tuple[Callable[[Array], Mask], str]:
    codes, places = np.unique(np.r_[false, every], return_inverse=True)
    codes = codes[~np.isnan(codes)]
    counts = [np.bincount(p, minlength=len(codes) + 1)[: len(codes)] for p in np.split(places, [len(false)])]
    merits = counts[0] / sizes[0] - counts[1] / sizes[1]
    order = np.argsort(-merits, kind="stable")[:CATEGORIES_MAX]
    chosen = codes[order[(merits[order] > 0) & (counts[0][order] >= SUPPORT_MIN)]]
    names = [_category(feature, int(code), texts) for code in chosen]
    return lambda values: np.isin(values, chosen), f"{feature.name} = {' or '.join(names)}"


def _category(feature: Feature, code: int, texts: Mapping[int, str]) -> str:
    return feature.categories[code] if feature.categories is not None else texts.get(code, f"#{code}")


def _certain(part: Part, n_features: int) -> bool:
    a, b = part.false, part.every
    if a.sum() < SUPPORT_MIN or a.mean() < LIFT_MIN * b.mean():
        return False
    tried = n_features * (2 * QUANTILES) ** 2 / 2 * (1 if " & " not in part.feature else BEAM)
    pooled = (a.sum() + b.sum()) / (len(a) + len(b))
    spread = (pooled * (1 - pooled) * (1 / len(a) + 1 / len(b))) ** 0.5
    return bool(part.merit > NormalDist().inv_cdf(1 - ERROR / tried) * spread)


def _same(part: Part, other: Part) -> bool:
    return bool((part.false & other.false).sum() >= SAME * (part.false | other.false).sum())


def _order(part: Part) -> tuple[float, str]:
    return -part.merit, part.text


def _found(part: Part) -> Found:
    false, true = int(part.false.sum()), int(part.true.sum())
    return Found(
        part.feature, part.text, float(part.false.mean()), float(part.every.mean()), true / (false + true), false
    )
