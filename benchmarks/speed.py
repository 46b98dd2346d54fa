"""Events a second on one core: decoding, each learner, the river adapter, the whole pipeline, and its parts.

    python benchmarks/speed.py [--quick] [--json FILE] [--only GROUP ...] [--events N] [--repeats N]

Cases that are compared take turns (A B A B ...) in one process, pinned to one core, and are timed by the processor time
that they use; each figure is the median of its repeats, each ratio the median of the ratios of its rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from speed_data import PLAIN, batches_of, contract, events, tapes
from speed_learners import DELAY, MANY, SLOW, SLOWEST, adapter, learner_case, linear, river_bagging, river_case, trees
from speed_table import HEAD, WIDTHS, Case, Row, line, one_core, rounds, row, told

from streamimb import pipeline as pipeline_module
from streamimb.config import Config
from streamimb.decode import JsonDecoder
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema
from streamimb.settings import load_settings
from streamimb.sources.files import FileSource

HERE = Path(__file__).parent
#: Events decoded in one call, as the file source does.
PIECE = 8_192
#: The batches of the pipeline, in events.
BATCHES = (1, 64, 256, 1_000, 10_000)
#: The pipeline that is timed: of the learners the linear one, and no second one on trial beside it.
PIPELINE: dict[str, Any] = {
    "learner": {"model": "linear"},
    "control": {"objective": "f1"},
    "drift": {"recall": {"action": "adjust"}},
}
#: The same as it comes, where a fall of recall brings a trial: a second learner beside the one in force.
WITH_TRIALS = {**PIPELINE, "drift": {}}
#: The default learner.
WITH_BLEND = {**PIPELINE, "learner": {"model": "blend"}}


# ---------------------------------------------------------------------------------------------------- decoding


def decoding(n: int, repeats: int) -> list[Row]:
    """NDJSON as records and as a file, with bad events among them, and none that is plain; CSV and Parquet files."""
    X, y = events(n)
    columns = np.round(X.astype(np.float64), 5).T
    frame = pl.DataFrame({f"x{i}": columns[i] for i in range(PLAIN.features)} | {"label": y})
    told = frame.with_columns(id=pl.int_range(n).cast(pl.String), time=pl.int_range(n) + 1_700_000_000_000_000)
    escaped = told.with_columns(id="\t" + pl.col("id")).write_ndjson().encode().splitlines()
    lines = frame.write_ndjson().encode().splitlines()
    cases: dict[str, tuple[int, Case]] = {
        "NDJSON records": (n, _records(lines, contract())),
        "  1 % of them bad": (n, _records(_spoilt(lines, 100), contract())),
        "  10 % of them bad": (n, _records(_spoilt(lines, 10), contract())),
        "  with id and time": (n, _records(told.write_ndjson().encode().splitlines(), contract(id_and_time=True))),
        "  ... ids with escapes": (n, _records(escaped, contract(id_and_time=True))),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("ndjson", frame.write_ndjson), ("csv", frame.write_csv), ("parquet", frame.write_parquet)):
            path = Path(folder) / f"events.{name}"
            write(path)
            cases[f"{name.upper() if name != 'parquet' else 'Parquet'} file"] = (n, _file(path))
        taken = rounds(cases, repeats)
    first, *others = cases
    aims = {"  1 % of them bad": 1.5, "  10 % of them bad": 2.0}
    return [
        row("decoding", first, taken, at_least=300_000),
        *(row("decoding", name, taken, first, ratio_max=aims.get(name)) for name in others),
    ]


def _spoilt(lines: list[bytes], every: int) -> list[bytes]:
    """Each so many-th record cut off, of a wrong type, or not finite."""
    bad = (b'{"x0": 1.0, "x1":', b'{"x0": "many", "label": 0}', b'{"x0": NaN, "label": 0}', b"[1, 2]")
    return [bad[i // every % len(bad)] if i % every == 0 else line for i, line in enumerate(lines)]


def _records(lines: list[bytes], schema: Schema) -> Case:
    def run() -> None:
        decoder = JsonDecoder(schema, Config().limits)
        for i in range(0, len(lines), PIECE):
            decoder.decode(lines[i : i + PIECE], source="records", offsets=i)

    return lambda: run


def _file(path: Path) -> Case:
    def run() -> None:
        for _ in FileSource(contract(), Config().limits, [path]).batches():
            pass

    return lambda: run


# ---------------------------------------------------------------------------------------------------- the pipeline


def _pipeline(
    n: int, size: int, schema: Schema, delay: int | str | None = None, settings: dict[str, Any] = PIPELINE
) -> Case:
    return _configured(n, size, schema, Config.model_validate({**settings, "label": {"delay": delay}}))


def _configured(n: int, size: int, schema: Schema, config: Config) -> Case:
    batches = batches_of(n, size, schema)

    def ready() -> Callable[[], object]:
        made = Pipeline(schema, config)

        def run() -> None:
            for batch in batches:
                made.process(batch)

        return run

    return ready


def whole(n: int, repeats: int) -> list[Row]:
    """The pipeline at several batches, what it costs beside its learner, and with late labels."""
    X, y = events(n)
    plain, full = contract(), contract(id_and_time=True)
    rows = []
    for size in BATCHES:
        m = n if size > 1 else n // SLOW
        name, alone = f"batches of {size:,}", f"learner alone, {size:,} a call"
        plan = tapes(m, size, 0, blocks=False)
        taken = rounds(
            {name: (m, _pipeline(m, size, plain)), alone: (m, learner_case({"model": "linear"}, X, y, plan))}, repeats
        )
        overhead = statistics.median(a - b for a, b in zip(taken[name], taken[alone], strict=True))
        aimed = size >= 256
        rows += [row("pipeline", name, taken), row("pipeline", alone, taken)]
        rows.append(
            Row(
                *("pipeline", f"  overhead at {size:,}", None, overhead),
                aim="under 1 µs" if aimed else "",
                met=overhead < 1.0 if aimed else None,
            )
        )
    for size in (256, 10_000):
        base, late = f"batches of {size:,}, no label late", f"batches of {size:,}, every label late"
        told = f"batches of {size:,}, ids and times"
        told_late = f"batches of {size:,}, ids and times, late"
        trials, blend = f"batches of {size:,}, with trials", f"batches of {size:,}, the blend"
        taken = rounds(
            {
                base: (n, _pipeline(n, size, plain)),
                trials: (n, _pipeline(n, size, plain, settings=WITH_TRIALS)),
                blend: (n, _pipeline(n, size, plain, settings=WITH_BLEND)),
                late: (n, _pipeline(n, size, plain, DELAY)),
                told: (n, _pipeline(n, size, full)),
                told_late: (n, _pipeline(n, size, full, f"{DELAY}s")),
            },
            repeats,
        )
        rows += [row("late labels", base, taken), row("late labels", late, taken, base, ratio_max=1.25)]
        rows += [row("late labels", told, taken, base), row("late labels", told_late, taken, told, ratio_max=1.25)]
        rows += [row("other learners", trials, taken, base), row("other learners", blend, taken, base)]
    return rows


def bagging(n: int, repeats: int) -> list[Row]:
    """OOB and UOB over trees as their files have them, whole and learner alone, beside river's online bagging.

    The learner alone is given weights of one: under UOB's rates it learns less, under OOB's more.
    """
    X, y = events(n)
    plan, few = tapes(n, MANY, 0, blocks=False), max(n // SLOWEST, 1)
    cases: dict[str, tuple[int, Case]] = {}
    for name in ("oob", "uob"):
        config = load_settings(HERE / f"{name}.toml").config
        spec = config.learner.model_dump()
        cases[f"{name}.toml, batches of 1,000"] = n, _configured(n, 1_000, contract(), config)
        cases[f"{name}.toml, learner alone"] = n, learner_case(spec, X, y, plan)
    theirs = "river's online bagging, bare loop"
    cases[theirs] = few, river_case(river_bagging, X[:few], y[:few])
    taken = rounds(cases, repeats)
    return [row("bagging", name, taken, "" if name != theirs else "uob.toml, batches of 1,000") for name in cases]


#: Where the pipeline's time goes: part, attribute of the pipeline, methods.
PARTS = (
    ("labels", "store", ("advance",)),
    ("rebalancing", "rebalancer", ("lessons", "hear")),
    ("learner", "succession", ("run",)),
    ("windows", "windows", ("update", "shorten", "counts", "shares")),
    ("evaluation", "evaluation", ("update", "update_early")),
    ("queue, false positives", "queue", ("update",)),
    ("queue, false positives", "false_positives", ("update",)),
    ("measuring", "", ("measure",)),
    ("drift", "monitor", ("update",)),
    ("drift without labels", "unlabelled", ("update",)),
    ("control, observe", "controller", ("observe",)),
    ("control, renew", "controller", ("renew",)),
)


@contextlib.contextmanager
def watched(pipeline: Pipeline) -> Iterator[dict[str, float]]:
    """Seconds spent in each part while the block runs; what wraps them costs 0.1 microseconds a call."""
    spent: dict[str, float] = defaultdict(float)

    def wrap(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **named)
            spent[part] += time.perf_counter() - start
            return result

        return timed

    for part, attribute, methods in PARTS:
        owner = getattr(pipeline, attribute) if attribute else pipeline
        for method in methods:
            setattr(owner, method, wrap(part, getattr(owner, method)))
    module: Any = pipeline_module
    score = module.score_rows
    module.score_rows = wrap("score", score)
    try:
        yield spent
    finally:
        module.score_rows = score


def parts(n: int, repeats: int) -> list[Row]:
    """Time by part of the pipeline, wall clock; the rest is the Python between them."""
    rows = []
    config = Config.model_validate(PIPELINE)
    for size in (256, 10_000):
        batches, taken = batches_of(n, size, contract()), defaultdict(list)
        for _ in range(repeats + 1):  # the first compiles
            made = Pipeline(contract(), config)
            with watched(made) as spent:
                start = time.perf_counter()
                for batch in batches:
                    made.process(batch)
                total = time.perf_counter() - start
            for part, seconds in {**spent, "the rest": total - sum(spent.values()), "all": total}.items():
                taken[part].append(seconds / n * 1e6)
        medians = {part: statistics.median(times[1:]) for part, times in taken.items()}
        for part, each in sorted(medians.items(), key=lambda item: -item[1]):
            share = each / medians["all"]
            rows.append(Row("parts", f"batches of {size:,}: {part}", None, each, share, f"batches of {size:,}: all"))
    return rows


# ---------------------------------------------------------------------------------------------------- the table

GROUPS: dict[str, tuple[Callable[[int, int], list[Row]], int]] = {
    "decoding": (decoding, 100_000),
    "linear": (linear, 200_000),
    "river": (adapter, 10_000),
    "trees": (trees, 100_000),
    "bagging": (bagging, 100_000),
    "pipeline": (whole, 100_000),
    "parts": (parts, 100_000),
}


def main(arguments: list[str] | None = None) -> None:
    """Print the table, a part a group."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--quick", action="store_true", help="a fifth of the events, two repeats")
    cli.add_argument("--only", nargs="*", choices=list(GROUPS))
    cli.add_argument("--events", type=int, help="events of a case")
    cli.add_argument("--repeats", type=int)
    cli.add_argument("--json", type=Path, help="write the rows here, too")
    args = cli.parse_args(arguments)
    warnings.filterwarnings("ignore", module="river")
    repeats = args.repeats or (2 if args.quick else 7)
    with one_core() as core:
        print(f"{platform.machine()}, {os.cpu_count()} cores, all on {core}; Python {platform.python_version()}; "
              f"load {os.getloadavg()[0]:.2f}; {repeats} repeats")  # fmt: skip
        rows: list[Row] = []
        for name in args.only or GROUPS:
            measure, n = GROUPS[name]
            print(f"\n{name}\n\n{line(HEAD)}\n{line(tuple('-' * w for w in WIDTHS))}", flush=True)
            for made in measure(args.events or (n // 5 if args.quick else n), repeats):
                print(line(told(made)), flush=True)
                rows.append(made)
    missed = [f"{r.group}: {r.what.strip()}" for r in rows if r.met is False]
    print(f"\n{sum(r.met is True for r in rows)} aims met, {len(missed)} missed" + "".join(f"\n  {m}" for m in missed))
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
