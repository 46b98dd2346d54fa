"""Every strategy with every learner, over benchmark streams beside the peers and over real ones: means, as Markdown.

    python benchmarks/strategies.py [--streams DIR] [--data DIR] [--learners NAME ...] [--strategies NAME ...]
                                    [--only NAME ...] [--events N] [--objective NAME]

DIR of ``--streams`` is as benchmarks/streams.py reads it, and holds ``score.py`` and, perhaps, ``peers.json``; that of
``--data`` as benchmarks/real.py reads it. ``--events`` cuts the real streams off.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import real
from streams import run, schema_of

from streamimb.config import Config
from streamimb.schema import Schema

LEARNERS = ("linear", "forest", "blend")
#: The objective of every row; what the controller may do beside the strategy is the same in all.
OBJECTIVE = "g_mean+kappa"
#: What missing the positive class costs in the strategy ``cost``.
COST = 10.0
SCORES = ("g_mean", "kappa", "auc", "average_precision")
REAL_SCORES = ("windowed_pr_auc", "g_mean", "kappa", "f1")
NAMES = {
    "g_mean": "G-mean", "kappa": "kappa", "auc": "AUC", "average_precision": "average precision",
    "windowed_pr_auc": "windowed PR-AUC", "f1": "F1",
}  # fmt: skip

Scorer = Callable[..., dict[str, float]]


@dataclass(frozen=True)
class Strategy:
    """A row for each of its learners: what it sets in the tables [control], [samples] and [drift]."""

    name: str
    control: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    learners: tuple[str, ...] = LEARNERS


def strategies() -> list[Strategy]:
    """Rates, then samples without rates, then what is done when recall falls."""
    rules = ("none", "inverse_frequency", "effective_number", "cost", "oob", "uob", "hybrid")
    samples: dict[str, dict[str, Any]] = {
        "smote": {"minority": "smote"},
        "borderline_smote": {"minority": "borderline_smote"},
        "undersample": {"majority": "undersample"},
        "smote and undersample": {"minority": "smote", "majority": "undersample"},
        "clean": {"clean": True},
    }
    return [
        *(Strategy(rule, {"weights": rule}) for rule in rules),
        *(Strategy(name, {"weights": "none"}, {"samples": s}) for name, s in samples.items()),
        *(
            Strategy(f"recall falls: {action}", {}, {"drift": {"recall": {"action": action}}}, ("blend",))
            for action in ("tell", "adjust", "replace", "reset")
        ),
    ]


def control_of(strategy: Strategy, schema: Schema) -> dict[str, Any]:
    """The table [control], with costs where the strategy asks for them."""
    if strategy.control.get("weights") != "cost":
        return strategy.control
    return {**strategy.control, "costs": {schema.class_names[schema.positive]: COST}}


def scorer_of(folder: Path) -> Scorer:
    """The function ``score`` of the folder's own score.py."""
    spec = importlib.util.spec_from_file_location("score", folder / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder}: holds no score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Scorer = module.score
    return found


def on_streams(
    folder: Path, only: list[str] | None, strategy: Strategy, learner: str, objective: str
) -> Iterable[dict[str, float]]:
    """The scores of each benchmark stream, and its events and seconds."""
    score = scorer_of(folder)
    for path in sorted(folder.glob("*.npz")):
        if only and path.stem not in only:
            continue
        with np.load(path) as file:
            stream = dict(file)
        control = {"objective": objective, **control_of(strategy, schema_of(stream))}
        config = Config.model_validate({**strategy.parts, "control": control, "learner": {"model": learner}})
        scores, decisions, seconds = run(stream, config)
        yield {**score(stream["y"].astype(int), scores, decisions), "events": len(decisions), "seconds": seconds}


def on_data(
    found: list[real.Stream], strategy: Strategy, learner: str, objective: str, events_max: int | None
) -> Iterable[dict[str, float]]:
    """The scores of each real stream, by the labels that were told."""
    for stream in found:
        control = control_of(strategy, stream.schema)
        model = real.Model(strategy.name, control, {"model": learner}, parts=strategy.parts)
        row = real.replay(stream, model, objective, events_max)[0]
        values = {name: row.metrics[name][0] for name in REAL_SCORES}
        yield {**values, "events": row.events, "seconds": row.seconds}


def cells(name: str, learner: str, rows: list[dict[str, float]], metrics: tuple[str, ...]) -> str:
    """A line of a table: means over the streams for which a metric is defined, and events a second over all."""
    means = [f"{np.nanmean([r[m] for r in rows if m in r] or [np.nan]):.3f}" for m in metrics]
    rate = sum(r["events"] for r in rows) / sum(r["seconds"] for r in rows)
    return f"| {name} | {learner} | {' | '.join(means)} | {rate:,.0f} |"


def head(metrics: tuple[str, ...]) -> str:
    """The head of a table."""
    names = ["strategy", "learner", *(NAMES[m] for m in metrics), "events/s"]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def tell_peers(folder: Path, only: list[str] | None) -> None:
    """The peers' means over the same streams; one that lacks some of them says over how many."""
    path = folder / "peers.json"
    peers = json.loads(path.read_text()) if path.exists() else {}
    names = [p.stem for p in sorted(folder.glob("*.npz")) if not only or p.stem in only]
    for peer, table in peers.items():
        some = [table[name] for name in names if name in table]
        if some:
            who = peer if len(some) == len(names) else f"{peer} ({len(some)} streams)"
            means = [f"{np.mean([r[m] for r in some if m in r] or [np.nan]):.3f}" for m in SCORES]
            print(f"| {who} | its authors' | {' | '.join(means)} | |")


def main(arguments: list[str] | None = None) -> None:
    """Print a table for each of the folders."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--streams", type=Path)
    cli.add_argument("--data", type=Path)
    cli.add_argument("--learners", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    cli.add_argument("--strategies", nargs="+", choices=[s.name for s in strategies()])
    cli.add_argument("--only", nargs="+", help="streams by name; jit: all of jit_defects")
    cli.add_argument("--events", type=int, help="of each real stream, at most")
    cli.add_argument("--objective", default=OBJECTIVE)
    args = cli.parse_args(arguments)
    chosen = [s for s in strategies() if not args.strategies or s.name in args.strategies]
    pairs = [(s, learner) for learner in args.learners for s in chosen if learner in s.learners]
    begun = time.perf_counter()
    if args.streams is not None:
        print(head(SCORES))
        for s, learner in pairs:
            rows = list(on_streams(args.streams, args.only, s, learner, args.objective))
            print(cells(s.name, learner, rows, SCORES), flush=True)
        tell_peers(args.streams, args.only)
    if args.data is not None:
        with tempfile.TemporaryDirectory() as scratch:
            found = list(real.streams(args.data, Path(scratch), args.only))
            print(head(REAL_SCORES))
            for s, learner in pairs:
                rows = list(on_data(found, s, learner, args.objective, args.events))
                print(cells(s.name, learner, rows, REAL_SCORES), flush=True)
    print(f"\n{len(pairs)} rows in {time.perf_counter() - begun:,.0f} seconds")


if __name__ == "__main__":
    main()
