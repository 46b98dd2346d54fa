"""What the page draws over time: a column each, and the metric that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from streamimb.metrics.values import Key, Values
from streamimb.outcome import Metric

#: The window that the page tells of.
WINDOW: Final = "rarest"
#: Columns that come from no metric: where the row stands, events a second, microseconds an event, records behind.
OWN: Final = ("position", "time", "wall", "rate", "event_us", "delay_s", "lag")
POSITIVE: Final = {
    "share": "class_ratio", "reference": "class_ratio_reference", "trained": "trained_class_ratio",
    "weight": "class_weight", "threshold": "decision_threshold",
    "recall": "recall", "recall_low": "recall_low", "recall_high": "recall_high",
    "precision": "precision", "precision_low": "precision_low", "precision_high": "precision_high",
}  # fmt: skip
OTHERS: Final = ("weight", "recall", "precision")
#: Of two classes the other one's are what is left of the positive one's.
OF_MANY: Final = (*OTHERS, "share", "reference", "trained", "threshold")
OVERALL: Final = ("g_mean", "pr_auc")
SUFFIXES: Final = ("", "_low", "_high")


class Column(NamedTuple):
    """A column's name (``recall/fraud``: of a class), its metric and that one's labels."""

    name: str
    metric: str
    key: Key


def columns_of(classes: Sequence[str], positive: str) -> list[Column]:
    """All columns that come from metrics, the positive class's with intervals; of more than two, all have a share."""
    others = OTHERS if len(classes) <= 2 else OF_MANY
    found = [Column(name, name, ()) for name in OVERALL]
    for of in classes:
        for name in POSITIVE if of == positive else others:
            metric = POSITIVE[name]
            found.append(Column(f"{name}/{of}", metric, (of, WINDOW) if metric == "class_ratio" else (of,)))
    return found


def from_values(columns: Iterable[Column], values: Values) -> list[float]:
    """The columns as the metrics stand now; NaN where there is no such series."""
    return [values.numbers[column.metric].get(column.key, float("nan")) for column in columns]


def from_rows(columns: Iterable[Column], rows: Iterable[Metric]) -> list[float]:
    """The columns as they were measured at one position."""
    found: dict[tuple[str, Key], float] = {}
    for row in rows:
        if row.window not in (WINDOW, "now"):
            continue
        key: Key = () if row.class_ is None else (row.class_,)
        if row.metric == "class_ratio":
            key = (*key, WINDOW)
        for suffix, value in zip(SUFFIXES, (row.value, row.low, row.high), strict=True):
            found[row.metric + suffix, key] = value
    return [found.get((column.metric, column.key), float("nan")) for column in columns]


def by_position(rows: Iterable[Metric]) -> Mapping[int, list[Metric]]:
    """Measured rows together that were measured together, in order."""
    found: dict[int, list[Metric]] = {}
    for row in rows:
        found.setdefault(row.position, []).append(row)
    return found
