"""Replay real streams from their files and hold the pipeline against its own learner left alone and against river.

    python benchmarks/real.py DATA_DIR [--quick] [--only NAME ...] [--objective NAME] [--json FILE]

Every ``DATA_DIR/*.csv.xz`` is read by a contract inferred from it. Every ``DATA_DIR/jit_defects/*.csv.xz`` is first
taken apart into commits and the moments at which some of them were found defective: the table's first row of such a
project scores what the pipeline was told, its twin named "final truth" what turned out to be true in the end.
"""

from __future__ import annotations

import argparse
import json
import lzma
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streamimb.batch import Batch, Kind
from streamimb.config import Config
from streamimb.evaluation.prequential import Prequential
from streamimb.infer import infer_schema
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb_services.feed import Feed

QUICK_EVENTS = 20_000
#: River's models see at most so many events of a stream, for they see under 2,000 a second.
RIVER_EVENTS = 200_000
BATCH_EVENTS = 4_096
#: What is compiled or imported at first use is so before a clock runs.
WARM_UP_EVENTS = 2_000

#: What is known of a stream beside its columns.
SETTINGS: dict[str, dict[str, Any]] = {"fraud_transactions": {"label": {"delay": "7d"}}}
#: A commit counts as clean after 90 days, and can still be found defective after twelve years.
JIT_SETTINGS = {"label": {"wait": "90d", "expires_as": "clean", "remember": "4400d"}}
JIT_FEATURES = ("fix", "ns", "nd", "nf", "entrophy", "la", "ld", "lt", "ndev", "age", "nuc", "exp", "rexp", "sexp")
JIT_TIME, JIT_REVELATION = "author_date_unix_timestamp", "3"

#: Of the whole run, but the windowed one: a mean over windows of 500 events.
METRICS = ("g_mean", "windowed_pr_auc", "pr_auc", "roc_auc", "kappa", "f1")
ALONE = {"weights": "none", "threshold": 0.5}
#: Told only of streams that are longer than what river's models see.
AS_MANY = "streamimb, as many"
#: River's own scores, as a user of river would see them.
RIVER_ALONE = {**ALONE, "prior_correction": False, "calibration": False}


@dataclass(frozen=True)
class Stream:
    """Files of events and of labels, and what they mean; ``truth`` int16 (n,) where it is known better than told."""

    name: str
    events: Path
    schema: Schema
    settings: dict[str, Any]
    labels: Path | None = None
    truth: NDArray[np.int16] | None = None


@dataclass(frozen=True)
class Model:
    """A row of the table for each stream: a learner, the control over it, and how many events it is given.

    ``parts``: other tables of the configuration.
    """

    name: str
    control: dict[str, Any] = field(default_factory=dict)
    learner: dict[str, Any] = field(default_factory=dict)
    events_max: int | None = None
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What came of one replay; every metric is [value, low, high]."""

    stream: str
    model: str
    events: int
    positive_share: float
    metrics: dict[str, list[float]]
    labels: dict[str, int]
    seconds: float


def models(*, river: bool) -> list[Model]:
    """The pipeline, its learner alone, river's models, and the pipeline over no more events than river's see."""
    own = [
        Model("streamimb"),
        Model("the same, no rebalancing, 1/2", ALONE),
        Model("streamimb, learner linear", learner={"model": "linear"}),
    ]
    if not river:
        return own
    linear = {"model": "river.linear_model.LogisticRegression", "parameters": {"scaler": True}}
    forest = {"model": "river.forest.ARFClassifier", "parameters": {"n_models": 10}}
    return [
        *own,
        Model(AS_MANY, events_max=RIVER_EVENTS),
        Model("river logistic, 1/2", RIVER_ALONE, linear, RIVER_EVENTS),
        Model("river logistic under streamimb", {}, linear, RIVER_EVENTS),
        Model("river ARF (10), 1/2", RIVER_ALONE, forest, RIVER_EVENTS),
    ]


def streams(folder: Path, scratch: Path, only: list[str] | None) -> Iterator[Stream]:
    """The streams of a folder, the jit_defects projects last; their two files are written to ``scratch``."""
    for path in sorted(folder.glob("*.csv.xz")):
        name = path.name.removesuffix(".csv.xz")
        if not only or name in only:
            schema, _ = infer_schema(path)
            yield Stream(name, path, schema, SETTINGS.get(name, {}))
    for path in sorted((folder / "jit_defects").glob("*.csv.xz")):
        name = "jit " + path.name.removesuffix(".csv.xz")
        if not only or name in only or "jit" in only:
            yield take_apart(path, name, scratch)


def take_apart(path: Path, name: str, scratch: Path) -> Stream:
    """Commits with ids and times, and revelations as labels of the latest commit like them that had none yet.

    Commits and revelations have no id in common but their features, as text. A revelation that fits no commit is left
    out. ``contains_bug`` goes to ``truth`` only.
    """
    frame = pl.read_csv(lzma.decompress(path.read_bytes()), infer_schema=False)
    revealed = frame["commit_type"] == JIT_REVELATION
    commits = frame.filter(~revealed).with_row_index("id")
    waiting: dict[tuple[str, ...], list[int]] = {}
    labels: list[tuple[int, str]] = []
    n_commits = 0
    rows = zip(frame.select(JIT_FEATURES).iter_rows(), frame[JIT_TIME], revealed, strict=True)
    for features, moment, revelation in rows:
        if not revelation:
            waiting.setdefault(features, []).append(n_commits)
            n_commits += 1
        elif waiting.get(features):
            labels.append((waiting[features].pop(), moment))
    events_path, labels_path = (scratch / f"{name.replace(' ', '_')}.{part}.csv" for part in ("events", "labels"))
    commits.select("id", pl.col(JIT_TIME).alias("time"), *JIT_FEATURES).write_csv(events_path)
    pl.DataFrame(
        {"id": [c for c, _ in labels], "label": ["defect"] * len(labels), "time": [t for _, t in labels]}
    ).write_csv(labels_path)
    truth = (commits["contains_bug"] == "True").to_numpy().astype(np.int16)
    return Stream(name, events_path, jit_schema(), JIT_SETTINGS, labels_path, truth)


def jit_schema() -> Schema:
    """A commit: fourteen numbers known when it is made."""
    features = [Feature(name=f, type="boolean" if f == "fix" else "numeric") for f in JIT_FEATURES]
    label = Label(classes=("clean", "defect"), positive="defect")
    return Schema(features=tuple(features), label=label, time=Time(name="time", unit="s"), id=Identity(name="id"))


def replay(stream: Stream, model: Model, objective: str, events_max: int | None) -> list[Row]:
    """Replay a stream, decoding included; a second row where the truth is known better than the labels told."""
    control = {"objective": objective, **model.control}
    config = Config.model_validate({**stream.settings, **model.parts, "control": control, "learner": model.learner})
    labels = None if stream.labels is None else str(stream.labels)
    pipeline = Pipeline(stream.schema, config)
    feed = Feed(
        stream.schema,
        config,
        [str(stream.events)],
        labels,
        batch_events=BATCH_EVENTS,
        accepted=lambda: pipeline.store.next_position,
    )
    truth, seen, scored = stream.truth, 0, Prequential(2, 1, window=config.window, config=config.evaluation)
    start = time.perf_counter()
    for batch in limited(feed, events_max):
        made = pipeline.process(batch).predictions
        if truth is not None:
            scored.update(truth[seen : seen + len(made)], made.decision, made.scores)
        seen += len(made)
    seconds = time.perf_counter() - start
    summary, positive = pipeline.summary(), stream.schema.class_names[stream.schema.positive]
    rows = [_row(stream.name, model, seen, summary, positive, summary["labels"], seconds)]
    if truth is not None:
        rows.append(_row(f"{stream.name}, final truth", model, seen, scored.totals(), 1, summary["labels"], seconds))
    return rows


def limited(feed: Feed, events_max: int | None) -> Iterator[Batch]:
    """The batches of a feed up to a number of events; refused ones raise, for these files hold none."""
    left = events_max
    for batch, rejected in feed.batches():
        if rejected:
            raise ValueError(f"refused: {rejected[0]}")
        features = np.flatnonzero(batch.kind != Kind.LABEL)
        if left is not None and len(features) >= left:
            yield batch.slice(0, int(features[left - 1]) + 1)
            return
        yield batch
        left = None if left is None else left - len(features)


def _row(
    name: str, model: Model, n: int, totals: dict[str, Any], positive: str | int, labels: dict[str, int], seconds: float
) -> Row:
    support = {k: c["support"] for k, c in totals["classes"].items()}
    metrics = {m: totals["metrics"][m] for m in METRICS[:-1]} | {"f1": totals["classes"][positive]["f1"]}
    share = support[positive] / max(sum(support.values()), 1)
    return Row(name, model.name, n, share, metrics, labels, seconds)


def told(row: Row) -> list[str]:
    """The cells of a row: percentages with their intervals."""
    values = [f"{100 * v:.1f} ({100 * low:.1f}–{100 * high:.1f})" for v, low, high in row.metrics.values()]  # noqa: RUF001
    rate = row.events / row.seconds
    return [row.stream, row.model, f"{row.events:,}", f"{row.positive_share:.2%}", *values, f"{rate:,.0f}"]


HEAD = [
    "stream",
    "model",
    "events",
    "positive",
    "G-mean",
    "PR-AUC windowed",
    "PR-AUC",
    "ROC-AUC",
    "kappa",
    "F1",
    "events/s",
]
WIDTHS = [28, 30, 8, 8, 17, 17, 17, 17, 17, 17, 9]


def line(cells: list[str]) -> str:
    """A line of a table that is also Markdown."""
    sides = [f"{c:<{w}}" if i < 2 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(cells, WIDTHS, strict=True))]
    return f"| {' | '.join(sides)} |"


def main(arguments: list[str] | None = None) -> None:
    """Print the table, a line a replay."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("data", type=Path)
    cli.add_argument("--quick", action="store_true", help=f"only the first {QUICK_EVENTS:,} events of each")
    cli.add_argument("--only", nargs="*", help="streams by name; jit: all of jit_defects")
    cli.add_argument("--objective", default="g_mean+kappa")
    cli.add_argument("--no-river", action="store_true", help="streamimb only: a tenth of the time")
    cli.add_argument("--json", type=Path, help="write the rows here, too")
    args = cli.parse_args(arguments)
    if not args.data.is_dir():
        cli.error(f"{args.data}: no such folder; it is where the real streams are")
    warnings.filterwarnings("ignore", module="river")
    begun, n_streams = time.perf_counter(), 0
    rows: list[Row] = []
    print(line(HEAD), line([("-" * w) for w in WIDTHS]), sep="\n")
    with tempfile.TemporaryDirectory() as scratch:
        for stream in streams(args.data, Path(scratch), args.only):
            if not n_streams:
                replay(stream, Model("warms up"), args.objective, WARM_UP_EVENTS)
            n_streams += 1
            for model in models(river=not args.no_river):
                if model.name == AS_MANY and rows[-1].events <= RIVER_EVENTS:
                    continue
                most = [n for n in (model.events_max, QUICK_EVENTS if args.quick else None) if n is not None]
                for row in replay(stream, model, args.objective, min(most, default=None)):
                    rows.append(row)
                    print(line(told(row)), flush=True)
    if not rows:
        raise SystemExit(f"{args.data}: holds none of the streams asked for")
    print(f"\n{n_streams} streams in {time.perf_counter() - begun:,.0f} seconds")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
