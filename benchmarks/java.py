"""Trees, and OOB and UOB over trees, beside MOA's in Java and river's: how good and how fast, stream by stream.

    python benchmarks/java.py [--streams DIR] [--only NAME ...] [--groups NAME ...] [--events N] [--repeats N] [--river]
                              [--threads N] [--batch N] [--also MOA ...]

Without ``--streams`` on generated ones (``streamimb generate --list``). All predict an event and then learn it, on one
core; those of a group take turns, and what is timed is the processor time of the loop alone, data in memory, code
compiled. G-mean and kappa are means over windows of 500 events, decisions the likeliest class. ``--river`` adds river's
models, whose forest takes a minute a stream; ``--also`` more of MOA's, by its command line, such as ``OOB -l
(trees.HoeffdingTree -b)``, whose splits are binary. Needs Maven and a JDK; the first run fetches MOA's jar.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from java_peers import Peers, fetch, write_stream
from numpy.typing import NDArray
from speed_table import one_core
from streams import BATCH_EVENTS, run, schema_of

from streamimb.config import Config
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.registry import make_learner
from streamimb.rebalance.rates import Rates
from streamimb.rebalance.weights import bound_of
from streamimb.settings import load_settings
from streamimb.streams import generate

HERE = Path(__file__).parent
Stream = dict[str, NDArray[Any]]
#: Runs over a stream; decisions int64 (n,) and processor seconds.
Runner = Callable[[Stream], tuple[NDArray[np.int64], float]]

GENERATED = ("static", "ramp", "flip", "concept", "borderline", "rules", "rotate")
WINDOW_EVENTS = 500
#: Trees of every forest; of our OOB five and of our UOB four, as their files have it.
MEMBERS = 10
#: What thresholds are tuned for where the whole pipeline runs.
OBJECTIVE = "g_mean+kappa"
#: What each group is held against, by the name that MOA's command line has for it.
MOA = {
    "tree": {"MOA HoeffdingTree": "trees.HoeffdingTree"},
    "forest": {
        "MOA AdaptiveRandomForest": f"meta.AdaptiveRandomForest -s {MEMBERS}",
        "MOA LeveragingBag": f"meta.LeveragingBag -s {MEMBERS}",
    },
    "oob": {"Java OOB": "OOB"},
    "uob": {"Java UOB": "UOB"},
}


@dataclass(frozen=True)
class Way:
    """How our learners run: in so many threads, on batches of so many events."""

    threads: int = 1
    batch: int = BATCH_EVENTS

    def clock(self) -> float:
        """Processor seconds, or elapsed ones where threads share the work."""
        return time.process_time() if self.threads == 1 else time.perf_counter()


ONE_CORE = Way()

# ---------------------------------------------------------------------------------------------------- learners


def alone(spec: dict[str, Any], rule: str = "none", rate_max: float = 1.0, way: Way = ONE_CORE) -> Runner:
    """A learner with nothing but the rates of its lessons."""

    def over(stream: Stream) -> tuple[NDArray[np.int64], float]:
        X, y, schema = stream["X"], stream["y"], schema_of(stream)
        config = Config.model_validate({
            "learner": {**spec, "threads": way.threads}, "control": {"weights": rule, "weight_max": rate_max}
        })  # fmt: skip
        learner, rates = make_learner(schema, config.learner), Rates(schema.class_names, config.control)
        ones, out = np.ones(schema.n_classes), []
        start = way.clock()
        for first in range(0, len(y), way.batch):
            part = slice(first, first + way.batch)
            out.append(learner.run(X[part], y[part], _tape(y[part], first, rates, ones), ones))
        seconds = way.clock() - start
        return np.concatenate(out).argmax(axis=1), seconds

    return over


def _tape(y: NDArray[np.int16], first: int, rates: Rates, ones: NDArray[np.float64]) -> Tape:
    """Test-then-train over some events, each lesson weighed by those before it."""
    n = len(y)
    tape = Tape.interleaved(n, first)
    rows = np.arange(n)
    lessons = np.stack([rows, np.ones(n, np.int64), rows, rows], axis=1)
    matured = np.stack([rows, *[y.astype(np.int64)] * 4], axis=1)
    weights = np.repeat(rates.weigh(lessons, y, matured, ones), 2)
    assert tape.kinds[0] == PREDICT and tape.kinds[1] == LEARN
    return Tape(tape.rows, tape.kinds, tape.events, weights)


def piped(config: Config, way: Way = ONE_CORE) -> Runner:
    """The whole pipeline."""
    config = config.model_copy(update={"learner": config.learner.model_copy(update={"threads": way.threads})})

    def over(stream: Stream) -> tuple[NDArray[np.int64], float]:
        start = way.clock()
        decisions = run(stream, config, way.batch)[1]
        return decisions.astype(np.int64), way.clock() - start

    return over


def river(make: Callable[[list[str]], Any]) -> Runner:
    """The loop that river's own users write, on dicts made before."""

    def over(stream: Stream) -> tuple[NDArray[np.int64], float]:
        names = [f"x{j}" for j in range(stream["X"].shape[1])]
        pairs = [(dict(zip(names, x, strict=True)), k) for x, k in
                 zip(stream["X"].tolist(), stream["y"].tolist(), strict=True)]  # fmt: skip
        model = make([name for name, categorical in zip(names, stream["categorical"], strict=True) if categorical])
        out = np.zeros((len(pairs), int(stream["n_classes"])))
        start = time.process_time()
        for i, (x, label) in enumerate(pairs):
            for k, p in model.predict_proba_one(x).items():
                out[i, k] = p
            model.learn_one(x, label)
        return out.argmax(axis=1), time.process_time() - start

    return over


def ours(group: str, way: Way = ONE_CORE) -> dict[str, Runner]:
    """Our rows of a group."""
    if group in ("tree", "forest"):
        return {group: alone({"model": group}, way=way)}
    config = load_settings(HERE / f"{group}.toml").config
    config = config.model_copy(update={"control": config.control.model_copy(update={"objective": OBJECTIVE})})
    spec = config.learner.model_dump()
    return {
        f"{group.upper()} over trees": alone(spec, group, bound_of(group, config.control), way),
        f"{group}.toml, whole pipeline": piped(config, way),
    }


def rivers(group: str) -> dict[str, Runner]:
    """River's rows of a group."""
    from river import forest, tree

    if group == "tree":
        return {"river HoeffdingTree": river(lambda names: tree.HoeffdingTreeClassifier(nominal_attributes=names))}
    if group == "forest":
        return {"river ARF": river(lambda names: forest.ARFClassifier(
            n_models=MEMBERS, seed=1, nominal_attributes=names))}  # fmt: skip
    return {}


# ---------------------------------------------------------------------------------------------------- measures


def quality(y: NDArray[np.int64], q: NDArray[np.int64], n_classes: int) -> tuple[float, float]:
    """G-mean of the classes that a window holds, and kappa: means over whole windows of WINDOW_EVENTS."""
    g_means, kappas = [], []
    for i in range(0, len(y) - WINDOW_EVENTS + 1, WINDOW_EVENTS):
        a, b = y[i : i + WINDOW_EVENTS], q[i : i + WINDOW_EVENTS]
        table = np.bincount(a * n_classes + b, minlength=n_classes**2).reshape(n_classes, n_classes) / len(a)
        held = table.sum(axis=1) > 0
        recalls = np.diag(table)[held] / table.sum(axis=1)[held]
        chance, right = float(table.sum(axis=1) @ table.sum(axis=0)), float(np.trace(table))
        g_means.append(float(np.prod(recalls) ** (1 / held.sum())))
        kappas.append((right - chance) / (1 - chance) if chance < 1 else float(right == 1))
    return statistics.mean(g_means), statistics.mean(kappas)


def streams(folder: Path | None, only: list[str] | None, events: int) -> Iterator[tuple[str, Stream]]:
    """The folder's streams, or generated ones, cut off after so many events."""
    if folder is None:
        for name in only or GENERATED:
            made = generate(name, n=events, seed=1)
            categorical = np.array([f.type != "numeric" for f in made.schema.features])
            yield name, {"X": made.X, "y": made.y, "categorical": categorical,
                         "n_classes": np.array(made.schema.n_classes)}  # fmt: skip
        return
    for path in sorted(folder.glob("*.npz")):
        if not only or path.stem in only:
            with np.load(path) as file:
                stream = dict(file)
            yield path.stem, {**stream, "X": stream["X"][:events], "y": stream["y"][:events]}


def measure(
    stream: Stream,
    group: str,
    theirs: dict[str, str],
    peers: Peers,
    path: Path,
    repeats: int,
    with_river: bool,
    way: Way = ONE_CORE,
) -> dict[str, tuple[float, float, list[float]]]:
    """Of each learner of a group: G-mean, kappa, and microseconds an event of each round. River's run once."""
    y, n_classes = stream["y"].astype(np.int64), int(stream["n_classes"])
    n, rows = len(y), ours(group, way)
    found: dict[str, tuple[float, float, list[float]]] = {}
    for name, runner in rows.items():
        found[name] = *quality(y, runner(stream)[0], n_classes), []
    for name, learner in theirs.items():
        found[name] = *quality(y, peers.decide(learner, path, n_classes), n_classes), []
    for _ in range(repeats):
        for name, runner in rows.items():
            found[name][2].append(runner(stream)[1] / n * 1e6)
        for name, learner in theirs.items():
            found[name][2].append(peers.run(learner, path, elapsed=way.threads > 1) / n * 1e6)
    for name, runner in (rivers(group) if with_river else {}).items():
        decisions, seconds = runner(stream)
        found[name] = *quality(y, decisions, n_classes), [seconds / n * 1e6]
    return found


def tell(name: str, found: dict[str, tuple[float, float, list[float]]]) -> None:
    """A line for each learner; its time over that of the first is the median over the rounds."""
    first = next(iter(found.values()))[2]
    for who, (g_mean, kappa, taken) in found.items():
        ratio = statistics.median(t / f for t, f in zip(taken, first, strict=False))
        print(f"| {name} | {who} | {g_mean:.3f} | {kappa:.3f} | {1e6 / statistics.median(taken):,.0f} | x{ratio:.1f} |",
              flush=True)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Print a table for each group, and its means."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--streams", type=Path)
    cli.add_argument("--only", nargs="*")
    cli.add_argument("--groups", nargs="*", choices=list(MOA), default=list(MOA))
    cli.add_argument("--events", type=int, default=50_000)
    cli.add_argument("--repeats", type=int, default=3)
    cli.add_argument("--river", action="store_true")
    cli.add_argument("--also", nargs="*", default=[])
    cli.add_argument("--threads", type=int, default=1)
    cli.add_argument("--batch", type=int, default=BATCH_EVENTS)
    args = cli.parse_args(arguments)
    way = Way(args.threads, args.batch)
    fetch()
    with one_core() if way.threads == 1 else contextlib.nullcontext(), tempfile.TemporaryDirectory() as folder:
        peers, path = Peers(), Path(folder) / "stream"
        for group in args.groups:
            print(f"\n| stream | {group} | G-mean | kappa | events/s | time, beside ours |\n|{'---|' * 6}")
            every: dict[str, list[tuple[float, float, list[float]]]] = {}
            for name, stream in streams(args.streams, args.only, args.events):
                path = Path(folder) / f"{group}-{name}"
                write_stream(path, stream)
                theirs = {**MOA[group], **{name: name for name in args.also}}
                found = measure(stream, group, theirs, peers, path, args.repeats, args.river, way)
                tell(name, found)
                for who, row in found.items():
                    every.setdefault(who, []).append(row)
                path.unlink()
            tell("mean", {who: _mean(rows) for who, rows in every.items()})
        peers.close()


def _mean(rows: list[tuple[float, float, list[float]]]) -> tuple[float, float, list[float]]:
    """Means over streams; of times, round by round."""
    times = [statistics.mean(each) for each in zip(*(taken for _, _, taken in rows), strict=True)]
    return statistics.mean(r[0] for r in rows), statistics.mean(r[1] for r in rows), times


if __name__ == "__main__":
    main()
