"""The demo's figures beside the same learner left alone, and beside river's same model.

    python benchmarks/demo.py [FLIGHTS.parquet]

Replays the flights of ``make demo`` (made first where they are not there): as the demo does; with no rebalancing and a
threshold of one half; with the blend, which is the default elsewhere; and as the second, but with a model of river that
takes categories as they are, as its users would run it, which takes a quarter of an hour. (River's logistic
regression needs its categories one-hot: with 4,000 tail numbers, hours.)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from streamimb.config import Config, ControlConfig
from streamimb.pipeline import Pipeline
from streamimb.settings import load_settings
from streamimb.sources.files import FileSource
from streamimb_services import flights

HERE = Path(__file__).parent
BATCH_EVENTS = 4_096
ALONE: dict[str, Any] = {"weights": "none", "threshold": 0.5}
TREE = {"model": "river.tree.HoeffdingTreeClassifier"}
METRICS = ("g_mean", "windowed_g_mean", "pr_auc", "windowed_pr_auc", "kappa")


def variants(base: Config) -> dict[str, Config]:
    """The demo's configuration, and what it is held against."""
    alone = base.control.model_copy(update=ALONE)
    return {
        "streamimb": base,
        "its learner alone": base.model_copy(update={"control": alone}),
        "streamimb, blend": _with_model(base, base.control, {"model": "blend"}),
        "river's Hoeffding tree": _with_model(base, alone, TREE),
    }


def _with_model(base: Config, control: ControlConfig, model: dict[str, Any]) -> Config:
    return base.model_copy(update={"control": control, "learner": base.learner.model_copy(update=model)})


def replay(path: Path, config: Config) -> tuple[dict[str, Any], float]:
    """The summary of a run, and its seconds."""
    assert config.schema_ is not None
    pipeline = Pipeline(config.schema_, config)
    start = time.perf_counter()
    for batch, _ in FileSource(config.schema_, config.limits, [str(path)], batch_events=BATCH_EVENTS).batches():
        pipeline.process(batch)
    return pipeline.summary(), time.perf_counter() - start


def main() -> None:
    """Print a row a variant: value and interval."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("flights", type=Path, nargs="?", default=HERE.parent / ".demo" / "flights.parquet")
    path = cli.parse_args().flights
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        flights.main([str(path)])
    base = load_settings(HERE / "flights.toml").config
    print("| | " + " | ".join([*METRICS, "F1 (disrupted)", "events/s"]) + " |")
    print("|---" * (len(METRICS) + 3) + "|")
    for name, config in variants(base).items():
        summary, seconds = replay(path, config)
        rows = [summary["metrics"][m] for m in METRICS] + [summary["classes"]["disrupted"]["f1"]]
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in rows]
        print("| " + " | ".join([name, *cells, f"{summary['events'] / seconds:,.0f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
