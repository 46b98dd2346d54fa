"""Run a pipeline over labelled benchmark streams and write its predictions for their scorer.

    python benchmarks/streams.py STREAMS_DIR OUT_DIR [--config C.toml] [--objective NAME] [--only NAME ...]

A stream is an .npz with ``X`` float32 (n, d), ``y`` int16 (n,), ``categorical`` bool (d,) and ``n_classes``. For each,
OUT_DIR gets ``<stream>.npy``, the scores (n, K), and ``<stream>.decision.npy``, the decisions (n,), made before the
row's label was used. The streams' own ``score.py OUT_DIR`` then holds them against the peers.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from streamimb.batch import Batch
from streamimb.config import Config
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.settings import load_settings

BATCH_EVENTS = 1_000


def schema_of(stream: dict[str, np.ndarray]) -> Schema:
    """The contract of a stream: columns by number, categories by their codes."""
    features = [
        Feature(name=f"x{i}", type="categorical" if categorical else "numeric")
        for i, categorical in enumerate(stream["categorical"])
    ]
    n_classes = int(stream["n_classes"])
    rare = int(np.bincount(stream["y"], minlength=n_classes).argmin()) if n_classes > 2 else 1
    return Schema(features=features, label=Label(classes=range(n_classes), positive=rare))


def run(
    stream: dict[str, np.ndarray], config: Config, batch_events: int = BATCH_EVENTS
) -> tuple[np.ndarray, np.ndarray, float]:
    """Scores float32 (n, K), decisions int16 (n,), seconds."""
    pipeline = Pipeline(schema_of(stream), config)
    scores, decisions = [], []
    start = time.perf_counter()
    for i in range(0, len(stream["y"]), batch_events):
        rows = slice(i, i + batch_events)
        predictions = pipeline.process(Batch.of(stream["X"][rows], stream["y"][rows])).predictions
        scores.append(predictions.scores)
        decisions.append(predictions.decision)
    return np.concatenate(scores), np.concatenate(decisions), time.perf_counter() - start


def main() -> None:
    """Run every stream of the folder."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("streams", type=Path)
    cli.add_argument("out", type=Path)
    cli.add_argument("--config", type=Path)
    cli.add_argument("--objective", default="g_mean+kappa")
    cli.add_argument("--only", nargs="*")
    args = cli.parse_args()
    config = Config() if args.config is None else load_settings(args.config).config
    config = config.model_copy(update={"control": config.control.model_copy(update={"objective": args.objective})})
    args.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(args.streams.glob("*.npz")):
        if args.only and path.stem not in args.only:
            continue
        with np.load(path) as file:
            stream = dict(file)
        scores, decisions, seconds = run(stream, config)
        np.save(args.out / f"{path.stem}.npy", scores)
        np.save(args.out / f"{path.stem}.decision.npy", decisions)
        print(f"{path.stem:12} {len(decisions) / seconds:12,.0f} events/s")


if __name__ == "__main__":
    main()
